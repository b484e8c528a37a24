"""SemanticKITTI, ScribbleKITTI and nuScenes from simulated sources; their lists; "scans"."""

import json
import runpy
import shutil

import lidar
import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_plugins.datasets.lidar import nuscenes_labels
from mmseg_plugins.datasets.prepare import (
    lists,
    nuscenes,
    scan_files,
    scan_scene,
    scan_sensor,
    scan_sizes,
    scans,
    scribblekitti,
    semantickitti,
    split_lists,
    splits,
    store,
)
from mmseg_plugins.errors import UserError


@pytest.fixture(scope='module')
def sources(tmp_path_factory):
    base = tmp_path_factory.mktemp('sources')
    lidar.kitti(base / 'kitti')
    return dict(kitti=base / 'kitti', tokens=lidar.nuscenes_source(base / 'nuscenes'))


@pytest.fixture
def kitti(sources, tmp_path):
    return shutil.copytree(sources['kitti'], tmp_path / 'source')


@pytest.fixture
def nus(sources, tmp_path):
    """A source of its own, and a data root with the lists."""
    source = shutil.copytree(sources['kitti'].parent / 'nuscenes', tmp_path / 'source')
    tokens = sources['tokens']
    splits.write_list(tmp_path / 'data/nuscenes/val.txt', tokens[-2:])
    splits.write_list(tmp_path / 'data/splits/nuscenes_1pct/labeled.txt', tokens[1:3])
    return source, tmp_path / 'data', tokens


def refusal(function, *args, **kwargs):
    with pytest.raises(UserError) as caught:
        function(*args, **kwargs)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_semantickitti(kitti, tmp_path):
    # the folders of the two archives, one beside the other
    for part in ('velodyne', 'labels'):
        for folder in (kitti / 'sequences').glob(f'*/{part}'):
            target = tmp_path / part / 'dataset/sequences' / folder.parent.name / part
            shutil.copytree(folder, target)
    parts, out = [tmp_path / 'labels', tmp_path / 'velodyne'], tmp_path / 'data'
    assert semantickitti.prepare(parts, out, counts=lidar.COUNTS)
    link = out / 'semantickitti/sequences/08/velodyne/000001.bin'
    assert link.is_symlink() and link.stat().st_size % 16 == 0
    assert store.verify(out, 'semantickitti') == 16
    assert not semantickitti.prepare([], out, counts=lidar.COUNTS)
    assert sum(semantickitti.COUNTS.values()) == 19130 + 4071


def test_scribblekitti(kitti, tmp_path):
    out = tmp_path / 'data'
    assert scribblekitti.prepare([kitti], out, counts=lidar.COUNTS)
    folder = out / 'scribblekitti/sequences'
    assert {path.name for path in folder.glob('*/scribbles/*')} == {
        f'{k:06d}.label' for k in range(5)
    }
    assert len(list(folder.glob('08/labels/*'))) == 2 and not (folder / '00/labels').exists()
    shutil.rmtree(kitti / 'sequences/03/scribbles')
    message = refusal(scribblekitti.prepare, [kitti], tmp_path / 'other', counts=lidar.COUNTS)
    assert 'no folder sequences/03/scribbles; name the folder' in message


def test_semantickitti_refusals(kitti, tmp_path):
    def told():
        out = tmp_path / 'data'
        message = refusal(semantickitti.prepare, [kitti], out, counts=lidar.COUNTS)
        assert not (out / 'semantickitti/manifest.json').exists()
        return message

    sequence = kitti / 'sequences/00'
    path, label = sequence / 'velodyne/000003.bin', sequence / 'labels/000003.label'
    content, labels = path.read_bytes(), label.read_bytes()
    path.write_bytes(content[:-6])
    assert f'{path}: {len(content) - 6} bytes are no multiple of' in told()
    path.write_bytes(b'')
    assert f'{path}: the scan is empty' in told()
    path.write_bytes(content)
    label.write_bytes(labels[:-8])
    assert f'{label}: ' in told()
    label.write_bytes(labels)
    label.rename(label.with_name('000009.label'))
    assert 'no 000003.label for' in told()
    label.with_name('000009.label').unlink()
    assert 'labels: expected 5 files *.label, found 4' in told()
    assert 'no such file or folder' in refusal(semantickitti.prepare, ['nowhere'], tmp_path / 'x')
    assert '--source is missing' in refusal(semantickitti.prepare, [], tmp_path / 'x')


def test_nuscenes(nus):
    source, out, tokens = nus
    assert nuscenes.prepare([source], out, counts=(6, 2))
    index = json.loads((out / 'nuscenes/index.json').read_text())
    assert set(index) == set(tokens)
    for points, labels in index.values():
        num = (out / 'nuscenes' / points).stat().st_size // 20
        assert (out / 'nuscenes' / labels).stat().st_size == num and num
    train = (out / 'nuscenes/train.txt').read_text().split()
    assert train == sorted(tokens[:-2])
    rest = (out / 'splits/nuscenes_1pct/unlabeled.txt').read_text().split()
    assert rest == [token for token in train if token not in tokens[1:3]]
    assert not nuscenes.prepare([], out, counts=(6, 2))
    assert store.verify(out, 'nuscenes') == 19
    assert nuscenes.COUNTS == (28130, 6019)


def test_nuscenes_refusals(nus):
    source, out, tokens = nus
    tables = source / 'v1.0-trainval'

    def told(**kwargs):
        return refusal(nuscenes.prepare, [source], out, **{'counts': (6, 2), **kwargs})

    assert '6 training and 2 validation key frames, expected 28130 and 6019' in told(
        counts=nuscenes.COUNTS
    )
    category = (tables / 'category.json').read_text()
    (tables / 'category.json').write_text(category.replace('flat.sidewalk', 'flat.other_'))
    assert "raw id 26 is 'flat.other_', but 'flat.sidewalk'" in told()
    (tables / 'category.json').write_text(category.replace('"index"', '"number"'))
    assert 'no v1.0-trainval/category.json of the lidarseg package' in told()
    (tables / 'category.json').write_text(category)

    whole = (tables / 'lidarseg.json').read_text()
    (tables / 'lidarseg.json').write_text(json.dumps(json.loads(whole)[1:]))
    assert 'no labels for the key frame' in told()
    (tables / 'lidarseg.json').write_text(whole[:-9])
    assert 'lidarseg.json: breaks off' in told()
    # rows without what is read of them, and no text at all
    (tables / 'lidarseg.json').write_text(whole.replace('"filename"', '"file"'))
    assert "lidarseg.json: a row has no proper 'filename': {'token'" in told()
    (tables / 'lidarseg.json').write_text('[1, 2]')
    assert "lidarseg.json: a row has no proper 'sample_data_token': 1" in told()
    (tables / 'lidarseg.json').write_bytes(whole.encode('utf-16'))
    assert 'lidarseg.json: no JSON list' in told()
    for path in ('/etc/hosts', 'lidarseg/../../hosts'):
        data = json.loads(whole)
        data[0]['filename'] = path
        (tables / 'lidarseg.json').write_text(json.dumps(data))
        assert f'has the file {path!r} outside the data set' in told()
    (tables / 'lidarseg.json').unlink()
    assert 'no v1.0-trainval/lidarseg.json of the lidarseg package' in told()
    (tables / 'lidarseg.json').write_text(whole)

    label = next((source / 'lidarseg/v1.0-trainval').iterdir())
    content = label.read_bytes()
    label.write_bytes(content + b'0')
    assert f'{len(content) + 1} labels, but' in told()
    label.unlink()
    assert f'{label}: is missing' in told()
    label.write_bytes(content)

    splits.write_list(out / 'splits/nuscenes_1pct/labeled.txt', [tokens[0], tokens[-1]])
    assert f'{tokens[-1]} (and 0 more) is no training sample' in told()
    (out / 'splits/nuscenes_1pct/labeled.txt').unlink()
    assert 'no labelled list is here; write them first' in told()
    splits.write_list(out / 'nuscenes/val.txt', ['00/000000'])
    assert 'is no key frame of v1.0-trainval' in told()
    (out / 'nuscenes/val.txt').unlink()
    assert 'prepare_data.py splits' in told()


def test_nuscenes_of_version_mini(nus):
    source, out, _ = nus
    (source / 'v1.0-trainval').rename(source / 'v1.0-mini')
    message = refusal(nuscenes.prepare, [source], out, counts=(6, 2))
    assert 'v1.0-mini is the version mini' in message
    (source / 'v1.0-mini').rename(source / 'v1.0-test')
    message = refusal(nuscenes.prepare, [source], out, counts=(6, 2))
    assert 'json; give the metadata of v1.0-trainval' in message


def test_a_table_is_read_in_pieces(tmp_path, monkeypatch):
    rows = [dict(index=k, name='x,] {' * k) for k in range(50)]
    for indent in (None, 0, 2):
        (tmp_path / 'a.json').write_text(json.dumps(rows, indent=indent))
        for chunk in (1, 7, 1000, 1 << 22):
            monkeypatch.setattr(nuscenes, 'CHUNK', chunk)
            assert list(nuscenes.rows(tmp_path / 'a.json', 'category')) == rows


def test_the_size_of_every_scan_is_compared_with_its_labels(tmp_path):
    """Only some are read; one that is not is compared all the same."""
    pairs = []
    for k in range(20):
        scan, label = tmp_path / f'{k}.bin', tmp_path / f'{k}.label'
        scan.write_bytes(np.ones((3, 4), '<f4').tobytes())
        label.write_bytes(np.full(3, 40, '<u4').tobytes())
        pairs.append((scan, label))
    scan_sizes.check(pairs, 'semantickitti', read=2)
    for number in (1, 13, 19):
        label = pairs[number][1]
        content = label.read_bytes()
        label.write_bytes(content[:-4])
        assert f'{number}.label: 2 labels, but' in refusal(
            scan_sizes.check, pairs, 'semantickitti', read=2
        )
        label.write_bytes(content)


# ------------------------------------------------------------------ lists


def test_recorded_lists():
    for name in ('semantickitti', 'scribblekitti'):
        for part, count in {'1': 191, '10': 1913, '20': 3826, '50': 9565}.items():
            labeled = lists.expected_list(f'{name}_{part}pct', 'labeled')
            unlabeled = lists.expected_list(f'{name}_{part}pct', 'unlabeled')
            assert (labeled[0], unlabeled[0]) == (count, 19130 - count)
            assert labeled == lists.expected_list(f'semantickitti_{part}pct', 'labeled')
        assert lists.expected_list(name, 'val')[0] == 4071
    for part, count in {'1': 281, '10': 2813, '20': 5626, '50': 14065}.items():
        assert lists.expected_list(f'nuscenes_{part}pct', 'labeled')[0] == count
    assert lists.expected_list('nuscenes', 'val')[0] == 6019
    where = lists.where_from('splits/nuscenes_1pct/unlabeled.txt', 'nuscenes')
    assert where == 'write it with python tools/prepare_data.py nuscenes'


@pytest.fixture(scope='module')
def real(tmp_path_factory, root):
    mirror = root.parent / 'shared/splits'
    if not mirror.is_dir():
        pytest.skip('the mirror is not here')
    out = tmp_path_factory.mktemp('data')
    records = lists.read_table()
    origins = split_lists.Origins(mirror, records)
    scans = ('semantickitti', 'scribblekitti', 'nuscenes')
    found = {key: origins.ids(r) for key, r in records.items() if key[0].startswith(scans)}
    assert len(found) == 23 and out
    return {key[:2]: ids for key, ids in found.items()}


def test_real_lists(real):
    heads = {'ec6a61bd': 1, '5fbc5186': 10, 'bb3652df': 20, '6779702e': 50}
    heads |= {'19022dca': 1, '4e953871': 10, 'c4634d71': 20, '0bae2ef6': 50}
    for (benchmark, which), ids in real.items():
        assert len(set(ids)) == len(ids)
        if which == 'labeled':
            record = lists.read_table()[benchmark, which, None]
            assert benchmark.endswith(f'_{heads[record.origin_sha256[0][:8]]}pct')
            if not benchmark.startswith('nuscenes'):
                rest = real[benchmark, 'unlabeled']
                assert not set(ids) & set(rest) and len(ids) + len(rest) == 19130
                assert not any(name.startswith('08') for name in ids + rest)
            else:
                assert not set(ids) & set(real['nuscenes', 'val'])
    first = real['semantickitti_1pct', 'labeled']
    spread = np.bincount([int(name[:2]) for name in first])
    assert spread.tolist() == [40, 12, 46, 11, 3, 23, 11, 13, 0, 19, 13]
    for part in (1, 10, 20, 50):
        for which in ('labeled', 'unlabeled'):
            name = f'kitti_{part}pct'
            assert real[f'semantic{name}', which] == real[f'scribble{name}', which]
    assert real['semantickitti_20pct', 'labeled'][:1913] == real['semantickitti_10pct', 'labeled']


# ------------------------------------------------------------------ scans


def test_the_same_seed_makes_the_same_files(tmp_path):
    for name, seed in (('a', 0), ('b', 0), ('c', 1)):
        scan_files.write_kitti(tmp_path / name, {'00': 2}, seed, lidar.KITTI, ('00',))
        lidar.nuscenes_source(tmp_path / name, seed=seed)
    names = sorted(p.relative_to(tmp_path / 'a') for p in (tmp_path / 'a').rglob('*.*n'))
    same = [(tmp_path / 'a' / n).read_bytes() == (tmp_path / 'b' / n).read_bytes() for n in names]
    assert len(names) > 20 and all(same)
    other = tmp_path / 'c/sequences/00/velodyne/000000.bin'
    assert other.read_bytes() != (tmp_path / 'a/sequences/00/velodyne/000000.bin').read_bytes()
    assert (other.parents[1] / 'velodyne/000001.bin').read_bytes() != other.read_bytes()


def test_what_is_seen():
    """Points lie on what they are said to lie on."""
    sensor = scan_sensor.KITTI._replace(noise=0.0)
    rng = np.random.default_rng(5)
    scene = scan_scene.draw_scene(rng)
    scan = scan_sensor.cast(rng, scene, sensor)
    points = scan.points.astype(float) + [0, 0, sensor.height]
    distance = np.linalg.norm(scan.points, axis=1)
    assert 0.5 < distance.min() and distance.max() < sensor.reach
    assert set(np.unique(scan.kind)) == set(range(9))
    flat = scan.kind <= scan_scene.TERRAIN
    assert np.abs(points[flat, 2]).max() < 2e-3
    # but for what rounding puts beyond a kerb
    assert (scene.ground(points[flat, :2]) == scan.kind[flat]).mean() > 0.999
    pitch = np.degrees(np.arcsin(scan.points[:, 2] / distance))
    expected = np.linspace(sensor.down, sensor.up, 64)[scan.ring]
    assert np.abs(pitch - expected)[distance > 5].max() < 0.02
    for part in scene.parts:
        if isinstance(part, scan_scene.Box) and part.kind == scan_scene.CAR:
            near = (scan.instance == part.instance) & (scan.kind == scan_scene.CAR)
            others = [p for p in scene.parts if p.instance == part.instance]
            inside = [surface(p, points[near]) for p in others]
            assert np.abs(np.min(inside, axis=0)).max(initial=0) < 2e-3


def surface(box, points):
    """Distance of points from the surface of a box."""
    angle = box.angle
    local = (points - box.centre) @ [
        [np.cos(angle), -np.sin(angle), 0],
        [np.sin(angle), np.cos(angle), 0],
        [0, 0, 1],
    ]
    return np.abs((np.abs(local) - box.half).max(axis=1))


def test_nothing_is_seen_through_a_wall():
    wall = scan_scene.Box(scan_scene.BUILDING, 0, (10, 0, 5), (0.5, 5, 5), 0.0)
    behind = scan_scene.Box(scan_scene.CAR, 1, (15, 0, 1), (2, 1, 1), 0.3)
    scene = scan_scene.Scene([behind, wall], 0.0, 0.0, 4.0, 2.0, (50, 3))
    scan = scan_sensor.cast(np.random.default_rng(0), scene, scan_sensor.KITTI)
    assert scan_scene.CAR not in scan.kind and scan_scene.BUILDING in scan.kind
    hit = scan.points[scan.kind == scan_scene.BUILDING]
    assert np.abs(hit[:, 0] - 9.5).max() < 0.2


def test_formats(sources):
    folder = sources['kitti']
    raw = np.fromfile(folder / 'sequences/00/labels/000000.label', '<u4')
    points = np.fromfile(folder / 'sequences/00/velodyne/000000.bin', '<f4').reshape(-1, 4)
    assert len(raw) == len(points) and 0 <= points[:, 3].min() and points[:, 3].max() <= 1
    cars = raw[(raw & 0xFFFF) == 10]
    assert (cars >> 16 > 0).all() and set(raw & 0xFFFF) <= {40, 48, 72, 50, 70, 71, 80, 10, 30}
    share = np.mean(
        [(np.fromfile(p, '<u4') > 0).mean() for p in folder.glob('sequences/*/scribbles/*')]
    )
    assert 0.08 <= share < 0.13 and not (folder / 'sequences/08/scribbles').exists()
    nus = folder.parent / 'nuscenes'
    points = np.concatenate(
        [np.fromfile(p, '<f4').reshape(-1, 5) for p in nus.glob('samples/LIDAR_TOP/*')]
    )
    assert set(points[:, 4]) == set(range(32)) and points[:, 3].max() > 20
    raw = np.concatenate([np.fromfile(p, 'u1') for p in nus.glob('lidarseg/*/*')])
    near = np.hypot(points[:, 0], points[:, 1]) < 0.9
    assert near.any() and nuscenes_labels.RAW[31] == 'vehicle.ego'
    # file by file in the same order, so that ego returns are the near ones
    assert len(raw) == len(points) and (raw == 31).sum() == near.sum()


def test_the_subcommand(tmp_path, root, capsys):
    small = dict(counts=(6, 2), labelled=(1, 2), nuscenes_counts=(2, 1))
    assert scans.prepare(tmp_path / 'a', **small)
    assert not scans.prepare(tmp_path / 'a', **small)
    labeled = (tmp_path / 'a/splits/scans_2/labeled.txt').read_text().split()
    unlabeled = (tmp_path / 'a/splits/scans_2/unlabeled.txt').read_text().split()
    assert len(labeled) == 2 and len({*labeled, *unlabeled}) == 6
    assert 'made with seed 0, asked for 1' in refusal(scans.prepare, tmp_path / 'a', 1, **small)
    for kind, folder, part in (
        ('ScansDataset', 'scans/sequences', 'scans/val.txt'),
        ('NuScenesLidarDataset', 'scans/nuscenes', 'scans/nuscenes/train.txt'),
    ):
        load = [dict(type='LoadLidarPoints'), dict(type='LoadLidarLabels')]
        place = dict(data_root=str(tmp_path / 'a'), ann_file=part, pipeline=load)
        prefix = dict(img_path=folder, seg_map_path=folder)
        found = DATASETS.build(dict(type=kind, data_prefix=prefix, **place))
        shown = np.unique(np.concatenate([item['point_labels'] for item in found]))
        assert len(found) == 2 and len(shown) > 5
    tool = runpy.run_path(root / 'tools/prepare_data.py')
    tool['main'](['scans', '--out', str(tmp_path / 'a'), '--check'])
    assert 'everything is as recorded' in capsys.readouterr().out
    for module in (scans, semantickitti, scribblekitti, nuscenes):
        leaf = tool['next_command'](module.BENCHMARK)
        assert '/cutmix_fidnet' in leaf and f'_{module.BENCHMARK}-' in leaf
