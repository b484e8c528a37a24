"""A measurement as a record and as a table."""

import os
import platform
import statistics
import sys

import torch
from tabulate import tabulate

from mmseg_plugins.results.environment import device_name, git_state, versions

from .measurement import Measurement, median_and_iqr
from .trial import Trial
from .watch import APART, NETWORK


def record_of(trial: Trial, found: Measurement, images: int, share: float | None) -> dict:
    """The numbers of a variant.

    Args:
        trial (Trial): The variant.
        found (Measurement): Its measurement.
        images (int): Images that its loader yields for a step.
        share (float, optional): What passes the first gate, see ``passing``.

    Returns:
        dict: Ready for JSON; times in milliseconds, memory in MiB.
    """
    step, iqr = median_and_iqr(found.steps())
    over, over_iqr = median_and_iqr(found.overheads())
    names = sorted({name for parts in found.parts for name in parts}, key=_place)
    parts = {name: [1e3 * p.get(name, 0.0) for p in found.parts] for name in names}
    record = dict(
        name=trial.name,
        overhead=over,
        overhead_iqr=over_iqr,
        step_ms=1e3 * step,
        step_iqr_ms=1e3 * iqr,
        images_per_s=images / step,
        peak_mib=found.kept_mib + found.rise_mib,
        rise_mib=found.rise_mib,
        part_rise_mib=found.part_rise_mib,
        pseudo_label_mib=max(_logic(found.part_rise_mib).values(), default=0.0),
        syncs=found.syncs(),
        syncs_by=found.waits,
        syncs_counted=found.counted,
        passing=share,
        parts_ms={name: statistics.median(values) for name, values in parts.items()},
        parts_iqr_ms={name: median_and_iqr(values)[1] for name, values in parts.items()},
    )
    if found.bare:
        bare, bare_iqr = median_and_iqr(found.bare)
        inner = record['step_ms'] - sum(record['parts_ms'].get(name, 0.0) for name in APART)
        record.update(
            bare_ms=1e3 * bare,
            bare_iqr_ms=1e3 * bare_iqr,
            over_bare=statistics.median(found.over_bare()),
            over_bare_of_medians=inner / (1e3 * bare) - 1,
            bare_rise_mib=found.bare_rise_mib,
            extra_mib=found.rise_mib - found.bare_rise_mib,
        )
    return record


def ratios(first: tuple[dict, Measurement], other: tuple[dict, Measurement]) -> dict:
    """How much another variant costs of what the first one does.

    Args:
        first (tuple[dict, Measurement]): Record and measurement.
        other (tuple[dict, Measurement]): Likewise.

    Returns:
        dict[str, float | None]: Other by first; of times the median over steps made in turn. None
        where one of them is 0 or less.
    """
    (a, found), (b, found_b) = first, other

    def paired(seconds) -> float:
        pairs = zip(map(seconds, found.parts), map(seconds, found_b.parts), strict=True)
        return statistics.median(y / x for x, y in pairs)

    def share(key) -> float | None:
        return b[key] / a[key] if min(a.get(key, 0), b.get(key, 0)) > 0 else None

    return dict(
        name=b['name'],
        step=paired(lambda parts: sum(parts.values())),
        pseudo_label_part=paired(lambda parts: sum(_logic(parts).values())),
        maps=paired(lambda parts: parts.get('maps', 0.0)) if 'maps' in a['parts_ms'] else None,
        peak_mib=share('peak_mib'),
        extra_mib=share('extra_mib'),
        pseudo_label_mib=share('pseudo_label_mib'),
    )


def surroundings(device: torch.device, config: str) -> dict:
    """Where and with what was measured."""
    commit, dirty = git_state(__file__, config)
    return dict(
        device=device_name(device),
        host=platform.platform(),
        threads=torch.get_num_threads(),
        load=os.getloadavg()[0] if hasattr(os, 'getloadavg') else None,
        tf32_convolutions=torch.backends.cudnn.allow_tf32 if device.type == 'cuda' else None,
        versions=versions(),
        commit=commit,
        dirty=dirty,
        command=' '.join(sys.argv),
    )


def table_of(record: dict) -> str:
    """A variant's numbers for the eye."""
    rows = [
        (
            name,
            _kind(name),
            f'{ms:.2f}',
            f'{record["parts_iqr_ms"][name]:.2f}',
            f'{100 * ms / record["step_ms"]:.1f} %',
        )
        for name, ms in record['parts_ms'].items()
    ]
    rows.append(('step', '', f'{record["step_ms"]:.2f}', f'{record["step_iqr_ms"]:.2f}', '100.0 %'))
    if 'bare_ms' in record:
        bare = record['bare_ms']
        rows.append(('bare passes', 'floor', f'{bare:.2f}', f'{record["bare_iqr_ms"]:.2f}', ''))
    lines = [record['name'], tabulate(rows, ('part', '', 'ms', 'IQR', 'of the step'))]
    lines.append(f'overhead {100 * record["overhead"]:.2f} % of the network passes')
    if 'bare_ms' in record:
        lines[-1] += f', {100 * record["over_bare"]:.2f} % over the bare passes'
    lines.append(
        f'{record["images_per_s"]:.1f} images/s, peak {record["peak_mib"]:.0f} MiB, of it '
        f'{record["rise_mib"]:.0f} within a step'
        + (f' (bare passes {record["bare_rise_mib"]:.0f})' if 'bare_ms' in record else '')
        + f', {record["pseudo_label_mib"]:.0f} within the overhead alone'
    )
    lines.append(f'{record["syncs"]} waits ({record["syncs_counted"]}, without the optimiser)')
    lines += [f'  {count} x {name}' for name, count in record['syncs_by'].items()]
    if record['passing'] is not None:
        lines.append(f'{100 * record["passing"]:.0f} % pass the first gate')
    return '\n'.join(lines)


def _logic(parts: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in parts.items() if _kind(name) == 'overhead'}


def _kind(name: str) -> str:
    return 'network' if name in NETWORK else 'apart' if name in APART else 'overhead'


def _place(name: str) -> int:
    order = ('data', *NETWORK[:-1], 'maps', 'pseudo label', 'losses', 'rest', 'backward')
    order += ('optimiser', 'EMA')
    return order.index(name) if name in order else len(order)
