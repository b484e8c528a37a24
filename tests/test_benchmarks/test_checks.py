"""What does not fit a benchmark stops a run when its data sets are built, in one clear line."""

import re
import shutil

import numpy as np
import pytest
import replicas
from mmengine.runner import Runner
from mmseg.registry import DATASETS
from PIL import Image
from shrink import shrink

from mmseg_plugins.datasets.prepare import splits
from mmseg_plugins.errors import UserError

VOC = 'corrmatch/corrmatch_deeplabv3plus-r101_4xb2u2_voc_classic_92-321.py'
CITY = 'cutmix/cutmix_deeplabv3plus-r101_4xb2u2_cityscapes_cps_186-801.py'
ADE = 'suponly/suponly_deeplabv3plus-r101_4xb2u0_ade20k_unimatch_316-513.py'
FRENCH = 'cutmix/cutmix_deeplabv2-r101_1xb4u4_cityscapes_french_100-256x512.py'
LISTS = dict(
    labeled='splits/voc_classic_92/labeled.txt',
    unlabeled='splits/voc_classic_92/unlabeled.txt',
    val='voc12/val.txt',
)
SPLITS = r'python tools/prepare_data\.py splits'


@pytest.fixture(scope='module')
def clean(tmp_path_factory):
    """Replicas of the data sets, each prepared when it is first asked for."""
    roots = {}

    def get(dataset, benchmark):
        if dataset not in roots:
            roots[dataset] = replicas.prepared(tmp_path_factory.mktemp('x'), dataset, [benchmark])
        return roots[dataset]

    return get


@pytest.fixture
def data(clean, recorded, at, tmp_path):
    """Call for a data root that may be spoilt; its lists are the recorded ones."""

    def make(dataset='voc12', benchmark='voc_classic_92'):
        root = tmp_path / 'data'
        shutil.copytree(clean(dataset, benchmark), root, symlinks=True)
        if dataset == 'voc12':  # another family with a list of its own
            other = ['2008_000004', '2008_000005']
            splits.write_list(root / 'splits/voc_u2pl_662/labeled.txt', other)
        recorded(root)
        return at(root)

    return make


def build(cfg):
    """Build what a run builds before it trains."""
    return [DATASETS.build(cfg[f'{part}_dataloader'].dataset) for part in ('train', 'val')]


def refusal(cfg):
    with pytest.raises(UserError) as caught:
        build(cfg)
    message = str(caught.value)
    assert '\n' not in message
    return message


def match(pattern, message):
    assert re.search(pattern, message), message


def test_what_fits_passes(data, config):
    data()
    train, val = build(config(VOC))
    assert [len(stream) for stream in train.datasets] == [2, 8, 8] and len(val) == 2


@pytest.mark.parametrize('which', LISTS)
@pytest.mark.parametrize(
    ('bit', 'position', 'what'),
    [(1, 3, r'not the {} list of voc'), (1, 11, r'not the {}'), (128, 5, 'is not a UTF-8 text')],
)
def test_one_flipped_bit(data, config, which, bit, position, what):
    path = data() / LISTS[which]
    content = bytearray(path.read_bytes())
    content[position] ^= bit  # of a digit, of the end of the line
    path.write_bytes(content)
    message = refusal(config(VOC))
    match(what.format(which), message)
    match(rf'{LISTS[which]}.*{SPLITS}', message)


def test_a_list_of_another_family(data, config):
    root = data()
    shutil.copy(root / 'splits/voc_u2pl_662/labeled.txt', root / LISTS['labeled'])
    match(
        rf'voc_classic_92/labeled\.txt: not the labeled list of voc_classic_92 \(2 ids.*'
        rf'but that of splits/voc_u2pl_662/labeled\.txt; see {SPLITS} --check',
        refusal(config(VOC)),
    )


@pytest.mark.parametrize('which', LISTS)
def test_a_missing_list(data, config, which):
    (data() / LISTS[which]).unlink()
    match(rf'split list not found: .*{LISTS[which]}; write it with {SPLITS}$', refusal(config(VOC)))


@pytest.mark.parametrize('which', LISTS)
def test_verify_false_lets_an_own_list_pass(data, config, which):
    path = data() / LISTS[which]
    path.write_text(''.join(reversed(path.read_text().splitlines(keepends=True))))
    cfg = config(VOC)
    part = cfg.val_dataloader.dataset if which == 'val' else cfg.train_dataloader.dataset[which]
    match('not the', refusal(cfg))
    part.verify = False
    build(cfg)


@pytest.mark.parametrize('folder', ['JPEGImages', 'SegmentationClassAug'])
@pytest.mark.parametrize('which', LISTS)
def test_a_missing_file(data, config, which, folder):
    root = data()
    name = (root / LISTS[which]).read_text().split()[-1]
    (path,) = (root / 'voc12' / folder).glob(f'{name}.*')
    path.unlink()
    if (which, folder) == ('unlabeled', 'SegmentationClassAug'):
        build(config(VOC))  # not needed
        return
    match(
        rf'{LISTS[which]} names a file that is missing: .*{folder}/{name}.* of \d+; complete the '
        r'data folder \(see python tools/prepare_data\.py voc12 --check\)',
        refusal(config(VOC)),
    )


def test_a_missing_folder(data, config):
    shutil.rmtree(data() / 'voc12/JPEGImages')
    match(
        r'data folder not found: .*data/voc12/JPEGImages; prepare it with python tools/prepare_'
        r'data\.py voc12 ',
        refusal(config(VOC)),
    )


def colours(path):
    image = Image.open(path).convert('RGB')
    path.unlink()  # it may be a link
    image.save(path)


def raw_ids(path):
    """A Cityscapes mask as it is downloaded: road 7, building 11, vegetation 21, car 26."""
    shape = np.asarray(Image.open(path)).shape
    path.unlink()
    Image.fromarray(np.resize(np.array([7, 11, 21, 26], np.uint8), shape)).save(path)


def many_ids(path):
    shape = np.asarray(Image.open(path)).shape
    path.unlink()
    Image.fromarray(np.full(shape, 151, np.uint8)).save(path)


MASKS = {
    'voc12': ('voc_classic_92', VOC, 'voc12/SegmentationClassAug/{}.png'),
    'cityscapes': ('cityscapes_cps_186', CITY, 'cityscapes/gtFine/{}_gtFine_labelTrainIds.png'),
    'ade20k': ('ade20k_unimatch_316', ADE, 'ade20k/annotations/{}.png'),
}


@pytest.mark.parametrize('which', ['labeled', 'val'])
@pytest.mark.parametrize(
    ('dataset', 'spoil', 'what'),
    [
        ('voc12', colours, 'has the mode RGB: colours'),
        ('voc12', raw_ids, r'ids \[21, 26\] outside the 21 classes'),
        ('cityscapes', colours, 'has the mode RGB: colours'),
        ('cityscapes', raw_ids, r'ids \[21, 26\] outside the 19 classes'),
        ('ade20k', colours, 'has the mode RGB: colours'),
        ('ade20k', many_ids, r'ids \[150\] outside the 150 classes'),
    ],
)
def test_masks_of_another_kind(data, config, dataset, spoil, what, which):
    benchmark, leaf, form = MASKS[dataset]
    root = data(dataset, benchmark)
    lists = dict(labeled=root / f'splits/{benchmark}/labeled.txt', val=root / f'{dataset}/val.txt')
    for name in lists[which].read_text().split():
        spoil(root / form.format(name))
    match(
        rf'mask .*{what}.*see python tools/prepare_data\.py {dataset} --check$',
        refusal(config(leaf)),
    )


def test_a_run_stops_before_its_first_iteration(data, config, tmp_path, quick):
    for path in (data() / 'voc12/SegmentationClassAug').iterdir():
        colours(path)
    runner = Runner.from_cfg(shrink(config(VOC), tmp_path / 'run'))
    with pytest.raises(UserError, match='has the mode RGB'):
        runner.train()
    assert not list((tmp_path / 'run').rglob('*.pth')) and not list(tmp_path.rglob('run.json'))


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        (
            FRENCH,
            dict(label_seed=1),
            'cityscapes_french_100: label_seed is 1; choose one of 12345, 23456, 34567, 45678, '
            '56789$',
        ),
        (FRENCH, dict(label_seed=None), 'label_seed is None; choose one of 12345'),
        (VOC, dict(label_seed=12345), 'voc_classic_92: has no label seeds, but label_seed is 12'),
        (
            VOC,
            dict(benchmark='voc_classic_93'),
            "voc_classic_93/labeled.txt; 'voc_classic_93' is no recorded benchmark; known are "
            'voc_classic_92, .*voc_french_10582; or write it yourself$',
        ),
        (VOC, dict(benchmark='voc_x'), 'known are voc_classic_92, '),
        (VOC, dict(benchmark='pascal_92'), 'known are voc_classic_92, .*ade20k_unimatch_2526'),
    ],
)
def test_unknown_benchmarks_and_label_seeds(data, config, name, options, message):
    root = data()
    (root / 'cityscapes_half/leftImg8bit').mkdir(parents=True)
    cfg = config(name)
    cfg.train_dataloader.dataset.update(options)
    match(message, refusal(cfg))


@pytest.mark.parametrize(('name', 'classes'), [('student', 20), ('teacher', 22)])
def test_other_classes_than_the_data(name, classes, data, config, tmp_path):
    data()
    cfg = shrink(config(VOC.replace('corrmatch', 'cutmix')), tmp_path / 'run')
    runner = Runner.from_cfg(cfg)
    runner.model.get_submodule(name).decode_head.num_classes = classes
    expected = (
        rf'^{name}\.decode_head has num_classes={classes}, the data set has 21 classes '
        rf'\(background, aeroplane, bicycle, \.\.\.\); '
        rf'set model\.{name}\.decode_head\.num_classes=21$'
    )
    with pytest.raises(UserError, match=expected):
        runner.train()
    assert runner.iter == 0
