"""Two ranks on CPU: what is global is global, and one rank's mistake is everyone's message."""

import two_ranks


def test_threshold_is_global(root):
    two_ranks.run(two_ranks.threshold, str(root / 'tests/data/golden/corrmatch/thresh.npz'))


def test_gate_is_global():
    two_ranks.run(two_ranks.gate)


def test_one_rank_s_bad_loss_stops_all():
    two_ranks.run(two_ranks.finite)
