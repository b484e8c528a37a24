"""The recorded split lists: their rules, the mirror, and every way in which a list can be wrong."""

import csv
import hashlib
import pickle
import runpy

import numpy as np
import pytest

from mmseg_plugins.datasets.prepare import lists, split_lists
from mmseg_plugins.errors import UserError

SEEDS = (12345, 23456, 34567, 45678, 56789)
SIZES = dict(voc=10582, cityscapes=2975, ade20k=20210)
NAMES = [f'2007_{k:06d}' for k in range(9)]
ORDER = np.random.RandomState(1).permutation(9)


def published(names, image='JPEGImages/{}.jpg', mask=' SegmentationClass/{}.png'):
    """A list in its published form, without a last newline."""
    return '\n'.join((image + mask).format(name, name) for name in names).encode()


@pytest.fixture
def world(tmp_path):
    """A mirror with two repositories and the table that records it."""
    city = ['train/a/a_000001_000019', 'train/b/b_000000_000019', 'train/a/a_000000_000019']
    image = 'leftImg8bit/{}_leftImg8bit.png'
    files = {
        'o/r/c/3/labeled.txt': published(NAMES[:3]),
        'o/r/c/3/unlabeled.txt': published(NAMES[3:]) + b'\n',
        'o/r/c/train.txt': published(NAMES),
        'o/p/c/split_0.pkl': pickle.dumps(ORDER),
        'o/r/c/city/labeled.txt': published(city[:1], image, ''),
        'o/r/c/city/unlabeled.txt': published(city[1:], image, ''),
    }
    for path, content in files.items():
        (tmp_path / 'mirror' / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'mirror' / path).write_bytes(content)
    both = 'o/r/c/city/labeled.txt+o/r/c/city/unlabeled.txt'
    drawn = [sorted(city)[k] for k in np.random.RandomState(7).permutation(3)[:2]]
    rows = [
        ('voc_x_3', '', 'labeled', NAMES[:3], 'o/r/c/3/labeled.txt'),
        ('voc_x_3', '', 'unlabeled', NAMES[3:], 'o/r/c/3/unlabeled.txt'),
        ('voc_french_2', '', 'labeled', [NAMES[k] for k in ORDER[:2]], 'o/p/c/split_0.pkl'),
        ('voc_french_2', '', 'unlabeled', NAMES, 'o/r/c/train.txt'),
        ('city_2', 7, 'labeled', drawn, ''),
        ('city_2', 7, 'unlabeled', sorted(city), both),
        ('voc', '', 'val', NAMES, 'o/r/c/train.txt'),
    ]
    table = tmp_path / 'lists.csv'
    with open(table, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(lists.TABLE.read_text().splitlines()[0].split(','))
        for *key, ids, origin in rows:
            parts = [p for p in origin.split('+') if p]
            hashes = '+'.join(hashlib.sha256(files[p]).hexdigest() for p in parts)
            writer.writerow([*key, len(ids), lists.list_sha256(ids), origin, hashes])
    return dict(out=tmp_path / 'data', mirror=tmp_path / 'mirror', table=table), rows


def test_rules(world):
    where, rows = world
    assert split_lists.prepare(**where)
    for *key, ids, _ in rows:
        record = lists.read_table(where['table'])[key[0], key[2], key[1] or None]
        path = where['out'] / record.path
        assert path.read_text() == ''.join(f'{name}\n' for name in ids)
        lists.verify_list(path, record.benchmark, record.which, record.label_seed, where['table'])
    assert (where['out'] / 'splits/city_2/7/labeled.txt').is_file()
    assert (where['out'] / 'voc/val.txt').is_file()
    assert not split_lists.prepare(**{**where, 'mirror': 'nowhere'})


def test_only_what_is_missing_is_read(world):
    where, _ = world
    split_lists.prepare(**where)
    (where['out'] / 'splits/voc_x_3/labeled.txt').unlink()
    (where['mirror'] / 'o/r/c/train.txt').unlink()
    assert split_lists.prepare(**where)


def test_a_list_that_is_there_is_not_replaced(world):
    where, _ = world
    split_lists.prepare(**where)
    path = where['out'] / 'splits/voc_x_3/labeled.txt'
    content = path.read_bytes()
    path.write_bytes(content.replace(b'2007', b'2008', 1))
    with pytest.raises(UserError, match='labeled.txt: another list is here; pass --force'):
        split_lists.prepare(**where)
    assert split_lists.prepare(**where, force=True)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    'form',
    [
        lambda content: content.replace(b'\n', b'\r\n'),
        lambda content: content + b'\n',
        lambda content: content.replace(b'\n', b'  \n') + b' \r\n\n',
    ],
)
def test_line_endings_do_not_matter(world, form):
    where, _ = world
    path = where['mirror'] / 'o/r/c/3/labeled.txt'
    path.write_bytes(form(path.read_bytes()))
    assert split_lists.prepare(**where)
    written = where['out'] / 'splits/voc_x_3/labeled.txt'
    written.write_bytes(form(written.read_bytes()))
    lists.verify_list(written, 'voc_x_3', 'labeled', table=where['table'])


@pytest.mark.parametrize('position', (12, 50))
def test_a_flipped_byte(world, position):
    where, _ = world
    path = where['mirror'] / 'o/r/c/3/labeled.txt'
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r'3/labeled\.txt: not the file .* for voc_x_3') as caught:
        split_lists.prepare(**where)
    assert '\n' not in str(caught.value)
    assert not (where['out'] / 'splits/voc_x_3').exists()


def test_a_list_of_another_family(world):
    where, _ = world
    mirror = where['mirror'] / 'o/r/c/3'
    (mirror / 'labeled.txt').write_bytes((mirror / 'unlabeled.txt').read_bytes())
    with pytest.raises(UserError, match='but that of splits/voc_x_3/unlabeled.txt; get it again'):
        split_lists.prepare(**where)


def test_a_missing_file(world):
    where, _ = world
    (where['mirror'] / 'o/p/c/split_0.pkl').unlink()
    with pytest.raises(UserError, match='split_0.pkl: no such file .*complete the mirror'):
        split_lists.prepare(**where)
    assert (where['out'] / 'splits/voc_x_3/labeled.txt').is_file()


def test_verify_list_before_training(world):
    where, _ = world
    split_lists.prepare(**where)
    table, folder = where['table'], where['out'] / 'splits/voc_x_3'
    labeled = folder / 'labeled.txt'
    with pytest.raises(UserError, match='but that of splits/voc_x_3/unlabeled.txt; see python'):
        lists.verify_list(folder / 'unlabeled.txt', 'voc_x_3', 'labeled', table=table)
    with pytest.raises(UserError, match='no labeled list .* known are voc_x_3, voc_french_2, city'):
        lists.verify_list(labeled, 'voc_y_3', 'labeled', table=table)
    with pytest.raises(UserError, match='label_seed is None; choose one of 7'):
        lists.expected_list('city_2', 'labeled', table=table)
    with pytest.raises(UserError, match='has no label seeds, but label_seed is 7'):
        lists.expected_list('voc_x_3', 'labeled', 7, table=table)
    labeled.write_text(labeled.read_text().replace('2', '3', 1))
    with pytest.raises(UserError, match=r'not the labeled list of voc_x_3 \(3 ids.*--check'):
        lists.verify_list(labeled, 'voc_x_3', 'labeled', table=table)
    labeled.unlink()
    with pytest.raises(UserError, match='split list not found'):
        lists.verify_list(labeled, 'voc_x_3', 'labeled', table=table)


def test_recorded_lengths():
    scans = [name for name in lists.known_benchmarks() if name.endswith('pct')]
    known = [name for name in lists.known_benchmarks() if name not in scans]
    assert len(known) == len(set(known)) == 33 and len(scans) == len(set(scans)) == 12
    for benchmark in known:
        seeds = lists.label_seeds(benchmark) or [None]
        assert tuple(seeds) in ((None,), SEEDS)
        for seed in seeds:
            labeled = lists.expected_list(benchmark, 'labeled', seed)[0]
            unlabeled = lists.expected_list(benchmark, 'unlabeled', seed)[0]
            assert benchmark.endswith(f'_{labeled}')
            whole = SIZES[benchmark.partition('_')[0]]
            assert unlabeled == (whole if 'french' in benchmark else whole - labeled)
    for dataset, count in dict(voc12=1449, cityscapes=500, ade20k=2000).items():
        assert lists.expected_list(dataset, 'val')[0] == count


def test_the_draws_of_the_french_cityscapes():
    heads = ((1687, 2342, 392), (1490, 930, 2124), (696, 2808, 480), (1129, 206, 712))
    for seed, head in zip(SEEDS, (*heads, (728, 1678, 2615)), strict=True):
        assert tuple(np.random.RandomState(seed).permutation(2975)[:3]) == head


# What follows reads the mirror beside the checkout.


@pytest.fixture(scope='module')
def real(tmp_path_factory):
    mirror = split_lists.Path(__file__).parents[3] / 'shared' / 'splits'
    if not mirror.is_dir():
        pytest.skip('the mirror is not here')
    out = tmp_path_factory.mktemp('data')
    assert split_lists.prepare(out, mirror)
    return {
        key: (out / record.path).read_text().splitlines()
        for key, record in lists.read_table().items()
    }


def test_real_lists_are_disjoint_and_complete(real):
    wholes = dict(
        voc=set(real['voc_french_106', 'unlabeled', None]),
        cityscapes=set(real['cityscapes_french_100', 'unlabeled', 12345]),
        ade20k={f'training/ADE_train_{k:08d}' for k in range(1, 20211)},
    )
    assert {name: len(whole) for name, whole in wholes.items()} == SIZES
    for benchmark, which, seed in real:
        if which == 'labeled' and not benchmark.endswith('pct'):
            whole = wholes[benchmark.partition('_')[0]]
            labeled, unlabeled = real[benchmark, which, seed], real[benchmark, 'unlabeled', seed]
            assert len({*labeled}) == len(labeled) and len({*unlabeled}) == len(unlabeled)
            assert {*labeled} | {*unlabeled} == whole
            assert 'french' in benchmark or not {*labeled} & {*unlabeled}
    for dataset, whole in zip(('voc12', 'cityscapes', 'ade20k'), wholes.values(), strict=True):
        assert not whole & {*real[dataset, 'val', None]}


def test_real_clean_masks(real):
    clean = {*real['voc_classic_1464', 'labeled', None]}
    counts = {
        **dict(voc_cps_662=93, voc_cps_1323=193, voc_cps_2646=388),
        **dict(voc_u2pl_662=662, voc_u2pl_1323=1323, voc_u2pl_2646=1464),
        **dict(voc_french_106=13, voc_french_212=28, voc_french_529=86, voc_french_1323=207),
    }
    found = {name: len(clean & {*real[name, 'labeled', None]}) for name in counts}
    assert found == counts


def test_real_french_lists_equal_the_golden_ones(real, root):
    file = root.parent / 'shared/golden/cutmix/cutmix_splits.npz'
    if not file.is_file():
        pytest.skip('the golden splits are not here')
    gold = np.load(file)
    names = gold['pascal_train_aug_names']
    assert real['voc_french_106', 'unlabeled', None] == names.tolist()
    for n in (106, 212, 529, 1323, 10582):
        expected = names[gold['pascal_aug_split_0'][:n]].tolist()
        assert real[f'voc_french_{n}', 'labeled', None] == expected
    names = gold['cityscapes_train_names_sorted']
    for n in (100, 372, 744, 2975):
        for seed in SEEDS:
            expected = names[gold[f'cityscapes_perm_seed{seed}'][:n]].tolist()
            assert real[f'cityscapes_french_{n}', 'labeled', seed] == expected
    sets = {106: '494702715ac108a9', 212: '0f242c70a697c145', 529: 'eac3f69eeaccf3bb'}
    for n, sha256 in {**sets, 1323: '306327ff63805d9c'}.items():
        ids = '\n'.join(sorted(real[f'voc_french_{n}', 'labeled', None]))
        assert hashlib.sha256(ids.encode()).hexdigest().startswith(sha256)


def test_real_hashes_are_those_of_the_manifest(real, root):
    with open(root.parent / 'shared/splits/MANIFEST.csv', newline='') as file:
        manifest = {row['path']: row['sha256'] for row in csv.DictReader(file)}
    for record in lists.read_table().values():
        assert tuple(manifest[path] for path in record.origins) == record.origin_sha256


def test_tool(root, tmp_path, capsys):
    main = runpy.run_path(root / 'tools/prepare_data.py')['main']
    with pytest.raises(SystemExit, match=r'labeled\.txt: missing|val\.txt: missing'):
        main(['splits', '--out', str(tmp_path), '--check'])
    table = capsys.readouterr().out.splitlines()
    assert len(table) == len(lists.read_table()) and all('missing' in line for line in table)
