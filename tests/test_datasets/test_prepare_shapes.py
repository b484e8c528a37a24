"""The generator of "shapes", its lists, and how a prepared data set is kept."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from mmseg_plugins.datasets.prepare import scene, shapes, splits, store
from mmseg_plugins.errors import UserError

SMALL = dict(counts=(10, 3), labelled=(3, 6), size=48)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_pinned_scenes():
    # Pixels, not files: another zlib may pack the same PNG differently.
    digest = hashlib.sha256()
    for split, index in (('train', 0), ('train', 7), ('val', 0)):
        for array in scene.render_scene(0, split, index):
            digest.update(array.tobytes())
    assert digest.hexdigest() == (
        'd1b43c409973da41041c5f6b4ee991642e22364a02f3a43eca3fffbd21654166'
    )


def test_scene_depends_on_seed_split_and_index_alone():
    first = scene.render_scene(3, 'train', 5)
    scene.render_scene(3, 'train', 4)
    assert all(map(np.array_equal, first, scene.render_scene(3, 'train', 5)))
    for other in ((4, 'train', 5), (3, 'val', 5), (3, 'train', 6)):
        assert not np.array_equal(first[0], scene.render_scene(*other)[0])


def test_borders_part_all_classes():
    for index in range(10):
        image, mask = scene.render_scene(0, 'train', index)
        assert image.shape == (128, 128, 3) and image.dtype == mask.dtype == np.uint8
        assert set(np.unique(mask)) <= {*range(len(scene.CLASSES)), scene.IGNORE}
        for a, b in ((mask[:, 1:], mask[:, :-1]), (mask[1:], mask[:-1])):
            assert not ((a != b) & (a != scene.IGNORE) & (b != scene.IGNORE)).any()


def test_two_runs_are_bit_identical(tmp_path):
    for name in ('a', 'b'):
        assert shapes.prepare(tmp_path / name, **SMALL)
    assert contents(tmp_path / 'a') == contents(tmp_path / 'b')


def test_layout(tmp_path):
    shapes.prepare(tmp_path, **SMALL)
    base = tmp_path / 'shapes'
    train = (base / 'ImageSets/Segmentation/train.txt').read_text()
    assert train == ''.join(f'shape_{k:04d}\n' for k in range(1, 11))
    assert (base / 'ImageSets/Segmentation/val.txt').read_text().split()[0] == 'shape_0011'
    mask = Image.open(base / 'SegmentationClass/shape_0001.png')
    assert mask.mode == 'P' and mask.size == (48, 48)
    assert tuple(mask.getpalette()[3:6]) == scene.PALETTE[1]
    for n in (3, 6):
        labeled, unlabeled = (
            (tmp_path / f'splits/shapes_{n}/{kind}.txt').read_text().split()
            for kind in ('labeled', 'unlabeled')
        )
        assert len(labeled) == n and sorted(labeled + unlabeled) == train.split()
    assert (tmp_path / 'splits/shapes_10/labeled.txt').read_text() == train
    assert not (tmp_path / 'splits/shapes_10/unlabeled.txt').exists()
    readme = (base / 'README.txt').read_text()
    assert 'seed 0' in readme and 'stratified' in readme and f'version {scene.VERSION}' in readme
    assert sorted(p.name for p in tmp_path.iterdir()) == ['shapes', 'splits']


@pytest.mark.parametrize('seed', range(5))
def test_stratified_lists_are_nested_and_hold_every_class(seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(1, 900, (200, 6)) * (rng.uniform(size=(200, 6)) < 0.4)
    pixels[:, 0] = 9000
    ids = [f'{k:03d}' for k in range(200)]
    lists = splits.nested_stratified(ids, pixels, (12, 24, 48), seed)
    assert set(lists[12]) < set(lists[24]) < set(lists[48])
    assert [len(chosen) for chosen in lists.values()] == [12, 24, 48]
    shown = (pixels[[int(name) for name in lists[12]]] > 0).mean(axis=0)
    assert np.abs(shown - (pixels > 0).mean(axis=0)).max() < 0.15


def test_a_complete_set_is_left_alone(tmp_path):
    shapes.prepare(tmp_path, **SMALL)
    before = (tmp_path / 'shapes/manifest.json').stat().st_mtime_ns
    assert not shapes.prepare(tmp_path, **SMALL)
    assert (tmp_path / 'shapes/manifest.json').stat().st_mtime_ns == before
    assert store.verify(tmp_path, 'shapes') == len(contents(tmp_path)) - 1


def test_another_seed_needs_force(tmp_path):
    shapes.prepare(tmp_path, **SMALL)
    before = contents(tmp_path)
    with pytest.raises(UserError, match='made with seed 0, asked for 1; pass --force'):
        shapes.prepare(tmp_path, seed=1, **SMALL)
    assert contents(tmp_path) == before
    assert shapes.prepare(tmp_path, seed=1, force=True, **SMALL)
    assert contents(tmp_path) != before
    assert sorted(p.name for p in tmp_path.iterdir()) == ['shapes', 'splits']


def test_damage_is_named(tmp_path):
    shapes.prepare(tmp_path, **SMALL)
    (tmp_path / 'shapes/SegmentationClass/shape_0002.png').write_bytes(b'')
    (tmp_path / 'splits/shapes_3/labeled.txt').unlink()
    for check in (
        lambda: store.verify(tmp_path, 'shapes'),
        lambda: shapes.prepare(tmp_path, **SMALL),
    ):
        with pytest.raises(UserError, match=r'shape_0002\.png: changed \(and 1 more files\)'):
            check()


def test_what_others_put_there_is_kept(tmp_path):
    lone = tmp_path / 'splits/shapes_3/labeled.txt'
    splits.write_list(lone, ['mine'])
    with pytest.raises(UserError, match='another list is here; pass --force'):
        shapes.prepare(tmp_path, **SMALL)
    assert list(contents(tmp_path)) == [lone.relative_to(tmp_path)]
    (tmp_path / 'shapes').mkdir()
    with pytest.raises(UserError, match='no data set of prepare_data.py here'):
        shapes.prepare(tmp_path, **SMALL)


@pytest.mark.parametrize('text', ['', '[]', '{"facts": 3}', '{"facts": {}, "files": '])
def test_broken_manifest(tmp_path, text):
    (tmp_path / 'shapes').mkdir()
    (tmp_path / 'shapes/manifest.json').write_text(text)
    with pytest.raises(UserError, match='not a readable manifest'):
        store.verify(tmp_path, 'shapes')


def test_unwritable_out(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match='cannot write the data set .*choose another --out'):
        shapes.prepare(tmp_path / 'file' / 'data', **SMALL)


def test_negative_seed(tmp_path):
    with pytest.raises(UserError, match='--seed -1'):
        shapes.prepare(tmp_path / 'data', seed=-1, **SMALL)
    assert not (tmp_path / 'data').exists()


def test_interruption_leaves_nothing(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(splits, 'write_splits', stop)
    with pytest.raises(KeyboardInterrupt):
        shapes.prepare(tmp_path, **SMALL)
    assert not list(tmp_path.iterdir())
