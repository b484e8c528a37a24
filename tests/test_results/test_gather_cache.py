"""A gathering remembers what it read, and never more than is still so."""

import json
import os

import pytest

from mmseg_plugins.results import runs as reader
from mmseg_plugins.results.gather_cache import GatherCache
from mmseg_plugins.results.run import Run

OLD = (1e9, 1e9)


@pytest.fixture
def reads(monkeypatch):
    """The scalars that are read."""
    seen = []
    whole = Run.points.func

    def points(run):
        seen.extend(path for path, _ in run.parts)
        return whole(run)

    monkeypatch.setattr(Run, 'points', property(points))
    return seen


def gather(root, path):
    cache = GatherCache(path)
    found = reader.gather([root], cache=cache)
    cache.save()
    return found


def test_what_is_unchanged_is_not_read_again(tmp_path, make_run, reads):
    scalars = make_run(tmp_path / 'a') / 'vis_data' / 'scalars.json'
    broken = make_run(tmp_path / 'b', seed=1) / 'vis_data' / 'scalars.json'
    broken.write_text('no\n')
    cache = tmp_path / 'cache.json'
    gather(tmp_path, cache)
    gather(tmp_path, cache)
    assert len(reads) == 4 and not cache.exists()  # they changed a moment ago, and may again
    for path in (scalars, broken):
        os.utime(path, OLD)
    first = gather(tmp_path, cache)
    reads.clear()
    again = gather(tmp_path, cache)
    assert not reads and again.broken == first.broken and len(again.runs) == 2
    # One of the same size and another content.
    scalars.write_text(scalars.read_text().replace('"mIoU": 40.0', '"mIoU": 99999'[:12]))
    assert 'outside 0 to 100' in gather(tmp_path, cache).broken[0][1] and reads == [scalars]


@pytest.mark.parametrize(
    'content', ['', '[]', '{"code": 1}', '\xff', '{"code": "CODE", "checked": [], "written": 3}']
)
def test_a_cache_that_is_none_is_left_aside(tmp_path, make_run, reads, content):
    scalars = make_run(tmp_path) / 'vis_data' / 'scalars.json'
    os.utime(scalars, OLD)
    cache = tmp_path / 'cache.json'
    cache.write_text(content.replace('CODE', GatherCache().code), encoding='latin-1')
    assert len(gather(tmp_path, cache).runs) == 1 and reads == [scalars]
    assert json.loads(cache.read_text())['code'] == GatherCache().code
    reads.clear()
    stale = cache.read_text().replace(GatherCache().code, 'another')
    cache.write_text(stale)  # the code that reads has changed
    gather(tmp_path, cache)
    assert reads == [scalars]


def test_a_curve_file_that_changed_is_written_again(tmp_path, make_run):
    folder = make_run(tmp_path / 'a')
    os.utime(folder / 'vis_data' / 'scalars.json', OLD)
    cache, out = GatherCache(), tmp_path / 'out.csv'
    (run,) = reader.gather([tmp_path], cache=cache).runs
    assert not cache.is_written(run, out)
    out.write_text('curve')
    cache.wrote(run, out)
    assert cache.is_written(run, out)
    out.write_text('edited')
    assert not cache.is_written(run, out)
    cache.wrote(run, out)
    run.parts = ((run.parts[0][0], 100),)  # resumed since
    assert not cache.is_written(run, out)


def test_scalars_that_changed_after_the_reading_are_not_taken_for_written(tmp_path, make_run):
    scalars = make_run(tmp_path / 'a') / 'vis_data' / 'scalars.json'
    os.utime(scalars, OLD)
    cache, out = GatherCache(), tmp_path / 'out.csv'
    (run,) = reader.gather([tmp_path], cache=cache).runs
    out.write_text('the curve of what was read')
    scalars.write_text(scalars.read_text()[::-1])
    os.utime(scalars, OLD)  # a copy that keeps the times
    cache.wrote(run, out)
    assert not cache.is_written(run, out)
    # Of the same size and the same time of change, and still told apart.
    assert reader.gather([tmp_path], cache=cache).broken[0][0] == scalars
