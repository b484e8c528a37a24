"""Tiny data sets in the true layouts of VOC 2012, SBD, Cityscapes and ADE20K.

``voc``, ``sbd``, ``segmentation_class_aug``, ``cityscapes`` and ``ade20k`` write what a user would
download; ``prepared`` takes one of these through ``prepare_data.py``'s functions to a data root
with lists, ready for training.
"""

import numpy as np
from PIL import Image
from scipy.io import savemat

from mmseg_plugins.datasets.prepare import ade20k as ade20k_command
from mmseg_plugins.datasets.prepare import cityscapes as cityscapes_command
from mmseg_plugins.datasets.prepare import splits, voc12

CITIES = ('aachen', 'bremen')


def voc(folder, train=4, augmented=6, val=2, size=(60, 44)):
    """``VOCdevkit/VOC2012``: palette masks with borders for ``train`` and ``val`` only.

    Returns:
        dict[str, list[str]]: Names of 'train', 'augmented' (SBD's alone) and 'val'.
    """
    rng = np.random.default_rng(0)
    base = folder / 'VOCdevkit/VOC2012'
    ids = [f'2008_{k:06d}' for k in range(1, train + augmented + val + 1)]
    names = dict(train=ids[:train], augmented=ids[train:-val], val=ids[-val:])
    for name in ids:
        _save(base / f'JPEGImages/{name}.jpg', _image(rng, size))
    for name in names['train'] + names['val']:
        mask = Image.fromarray(voc_mask(name, size, border=True))
        mask.putpalette(rng.integers(0, 256, 768, np.uint8).tobytes())
        _save(base / f'SegmentationClass/{name}.png', mask)
    for part in ('train', 'val'):
        splits.write_list(base / f'ImageSets/Segmentation/{part}.txt', names[part])
    splits.write_list(
        base / 'ImageSets/Segmentation/trainval.txt', sorted(names['train'] + names['val'])
    )
    return names


def voc_mask(name, size=(60, 44), border=False):
    """The mask of a VOC replica's image: bands of classes that depend on the name."""
    mask = _bands(int(name[-6:]), size, 21)
    if border:
        mask[:2] = 255
    return mask


def segmentation_class_aug(folder, names, size=(60, 44)):
    """``SegmentationClassAug``: grey index masks of all names."""
    for part, ids in names.items():
        for name in ids:
            mask = voc_mask(name, size, border=part != 'augmented')
            _save(folder / f'SegmentationClassAug/{name}.png', Image.fromarray(mask))
    return folder / 'SegmentationClassAug'


def sbd(folder, names, size=(60, 44)):
    """``benchmark_RELEASE/dataset``: .mat masks of training images and of one of VOC's val."""
    base = folder / 'benchmark_RELEASE/dataset'
    (base / 'cls').mkdir(parents=True)
    ids = names['train'][1:] + names['augmented'] + names['val'][:1]
    for name in ids:
        content = dict(Boundaries=np.zeros((1, 1)), Segmentation=voc_mask(name, size))
        savemat(base / f'cls/{name}.mat', dict(GTcls=content))
    splits.write_list(base / 'train.txt', ids[::2])
    splits.write_list(base / 'val.txt', ids[1::2])
    return folder / 'benchmark_RELEASE'


def cityscapes(folder, train=6, val=2, size=(128, 64), train_ids=False):
    """``leftImg8bit`` and ``gtFine`` with raw ids, and train ids if asked for.

    Returns:
        dict[str, list[str]]: Ids ('train/aachen/aachen_000000_000019') of 'train' and 'val'.
    """
    rng = np.random.default_rng(0)
    names = dict(train=[], val=[])
    for split, count in dict(train=train, val=val).items():
        for k in range(count):
            city = CITIES[k % 2] if split == 'train' else 'frankfurt'
            name = f'{split}/{city}/{city}_{k:06d}_000019'
            names[split].append(name)
            raw = rng.integers(0, 34, size[::-1], np.uint8)
            _save(folder / f'leftImg8bit/{name}_leftImg8bit.png', _image(rng, size))
            stem = folder / f'gtFine/{name}_gtFine'
            _save(stem.with_name(f'{stem.name}_labelIds.png'), Image.fromarray(raw))
            _save(stem.with_name(f'{stem.name}_color.png'), _image(rng, size))
            if train_ids:
                mask = Image.fromarray(cityscapes_command.TRAIN_IDS[raw])
                _save(stem.with_name(f'{stem.name}_labelTrainIds.png'), mask)
    return {split: sorted(ids) for split, ids in names.items()}


def ade20k(folder, train=6, val=2, size=(60, 44)):
    """``ADEChallengeData2016``: masks of ids 0 ("other") to 150.

    Returns:
        dict[str, list[str]]: Ids ('training/ADE_train_00000001') of 'train' and 'val'.
    """
    rng = np.random.default_rng(0)
    base = folder / 'ADEChallengeData2016'
    names = dict(
        train=[f'training/ADE_train_{k:08d}' for k in range(1, train + 1)],
        val=[f'validation/ADE_val_{k:08d}' for k in range(1, val + 1)],
    )
    for k, name in enumerate(names['train'] + names['val']):
        _save(base / f'images/{name}.jpg', _image(rng, size))
        _save(base / f'annotations/{name}.png', Image.fromarray(_bands(k, size, 151)))
    return names


def prepared(folder, dataset, benchmarks=(), labelled=2, overlap=False, label_seeds=(None,)):
    """Write a replica, prepare it, and write lists for benchmarks.

    Args:
        folder (Path): An empty folder.
        dataset (str): ``voc12``, ``cityscapes`` (both sizes) or ``ade20k``.
        benchmarks (tuple[str]): Names of benchmarks to write lists for. Defaults to ().
        labelled (int): Length of the labelled lists. Defaults to 2.
        overlap (bool): Whether the unlabelled list is the whole training set. Defaults to False.
        label_seeds (tuple): Label seeds to write lists for. Defaults to (None,), one list.

    Returns:
        Path: The data root.
    """
    source, out = folder / 'source', folder / 'data'
    if dataset == 'voc12':
        names = voc(source)
        counts = dict(train_aug=len(names['train'] + names['augmented']), val=len(names['val']))
        masks = segmentation_class_aug(source, names)
        voc12.prepare([source, masks], out, counts=counts, check_names=False)
        names = dict(train=names['train'] + names['augmented'], val=names['val'])
    elif dataset == 'cityscapes':
        names = cityscapes(source)
        counts = {split: len(ids) for split, ids in names.items()}
        cityscapes_command.prepare([source], out, counts=counts)
    else:
        names = ade20k(source)
        counts = dict(training=len(names['train']), validation=len(names['val']))
        ade20k_command.prepare([source], out, counts=counts)
    splits.write_list(out / f'{dataset}/val.txt', names['val'])
    train = names['train']
    for benchmark in benchmarks:
        for seed in label_seeds:
            place = out / 'splits' / benchmark / ('' if seed is None else str(seed))
            splits.write_list(place / 'labeled.txt', train[:labelled])
            splits.write_list(place / 'unlabeled.txt', train if overlap else train[labelled:])
    return out


def _image(rng, size):
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))


def _bands(k, size, ids):
    """A mask of vertical bands of five ids, the first of them ``k``."""
    columns = (k + np.arange(size[0]) * 5 // size[0]) % ids
    return np.broadcast_to(columns.astype(np.uint8), size[::-1]).copy()


def _save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
