"""Reading the matrix and resolving it to one record per leaf."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from mmseg_plugins.errors import UserError

from .check import AXES, check_axes, check_product


@dataclass(frozen=True)
class Leaf:
    """One leaf config, with every number resolved.

    Attributes:
        name (str): Path below ``configs/``.
        protocol (dict): The leaf's ``protocol`` block.
        settings (dict): The family's settings with those of the product over them.
        network (dict): The matrix's entry of the network, with its ``base``.
        method (dict): The matrix's entry of the method, with its ``base``.
        schedule (dict): The matrix's entry of the schedule, with its ``base``.
        ratio (list[int]): Samples of each stream in a batch.
        val_interval (int): Iterations between validations.
        speed (tuple[str]): What it trades exactness for, files of ``_base_/speed/``.
        plain (str): Path of the leaf that it derives from; its own without ``speed``.
    """

    name: str
    protocol: dict
    settings: dict
    network: dict
    method: dict
    schedule: dict
    ratio: list[int]
    val_interval: int
    speed: tuple[str, ...]
    plain: str


def load_matrix(path: Path) -> dict:
    """Read and check ``matrix.yml``.

    Args:
        path (Path): The file.

    Returns:
        dict: ``networks``, ``methods``, ``schedules``, ``benchmarks``.

    Raises:
        UserError: If the file is missing or unreadable, a part of it is missing or of another
            kind (see :mod:`.check`), or a cell has two primary leaves.
    """
    if not path.is_file():
        raise UserError(f'matrix not found: {path}')
    try:
        matrix = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        where = f', line {error.problem_mark.line + 1}' if hasattr(error, 'problem_mark') else ''
        raise UserError(f'{path}{where}: not valid YAML ({error.problem}); mend it') from None
    try:
        check_axes(matrix)
        for axis in AXES:
            for name, entry in matrix[axis].items():
                matrix[axis][name] = {'name': name, 'base': name, **(entry or {})}
        for name, family in matrix['benchmarks'].items():
            for product in family['products']:
                check_product(matrix, name, {**family, **product}, path.parent / '_base_')
    except UserError as error:
        raise UserError(f'{path}: {error}') from None
    primary, leaves = {}, list(matrix_leaves(matrix))
    names = {leaf.name for leaf in leaves}
    for leaf in leaves:
        if leaf.plain not in names:
            raise UserError(
                f'{path}: {leaf.name} derives from {leaf.plain}, which is no leaf; add a product '
                'like it without `speed`'
            )
        cell = leaf.protocol['cell']
        if leaf.protocol['primary'] and primary.setdefault(cell, leaf.name) != leaf.name:
            raise UserError(
                f'{path}: cell {cell} has two primary leaves, {primary[cell]} and {leaf.name}; '
                'set `primary: false` for one of the products'
            )
    return matrix


def matrix_leaves(matrix: dict) -> Iterator[Leaf]:
    """Every leaf of the matrix, in its order.

    Args:
        matrix (dict): What :func:`load_matrix` returned.

    Yields:
        Leaf: One leaf.
    """
    for name, family in matrix['benchmarks'].items():
        for product in family['products']:
            settings = {**family, **product}
            for network in settings['networks']:
                for labelled in settings['labelled']:
                    for method in settings['methods']:
                        yield _leaf(matrix, name, settings, network, method, labelled)


def _leaf(
    matrix: dict, family: str, settings: dict, network: str, method: str, labelled: int
) -> Leaf:
    network, method = matrix['networks'][network], matrix['methods'][method]
    benchmark = f'{family}_{labelled}'
    crop = settings['crop']
    gpus = settings['gpus']
    speed = tuple(settings.get('speed', ()))
    streams = method['streams'][:2] if 'batch_partner' in speed else method['streams']
    parts = 2 if 'accumulate' in speed else 1
    ratio = [settings[f'{stream}_batch'] // parts for stream in streams]
    semi = len(ratio) > 1
    # a list of all images leaves none over; the whole list also holds the labelled ones
    whole = settings['unlabelled_pool'] == 'all' or labelled == settings['images']
    pool = settings['images'] - (0 if whole else labelled)
    epoch = -(-pool // gpus) // settings['unlabelled_batch']  # as a sampler per GPU counts
    iterations = settings.get('max_iters') or settings['epochs'] * epoch
    protocol = dict(
        cell=f'{benchmark}/{method["name"]}/{network["name"]}',
        benchmark=benchmark,
        method=method['name'],
        network=network['name'],
        crop=crop,
        labelled_images=labelled,
        unlabelled_images=pool if semi else 0,
        labelled_batch=settings['labelled_batch'],
        unlabelled_batch=settings['unlabelled_batch'] if semi else 0,
        gpus=gpus,
        iterations=iterations,
        # passes over the unlabelled list, where there is one
        epochs=round(iterations * ratio[-1] * parts * gpus / (pool if semi else labelled), 1),
        eval_mode=settings['eval_mode'],
        predict_on=method['predict_on'],
        selection=settings['selection'],
        cutmix_partner='next image of the batch'
        if 'batch_partner' in speed
        else method['cutmix_partner'],
        unlabelled_pool=settings['unlabelled_pool'] if semi else None,
        label_seed=settings.get('label_seed'),
        setting=settings['setting'],
        primary=settings.get('primary', True) and not speed,
    )
    if speed:
        protocol['speed'] = ', '.join(speed)
    size = crop if isinstance(crop, int) else 'x'.join(map(str, crop))
    batches = f'{gpus}xb{protocol["labelled_batch"]}u{protocol["unlabelled_batch"]}'
    suffix = f'-{settings["suffix"]}' if 'suffix' in settings else ''
    stem = f'{method["name"]}_{network["name"]}_{batches}_{benchmark}-{size}{suffix}'
    path = f'{method.get("folder", method["name"])}/{stem}'
    return Leaf(
        name='-'.join([path, *speed]) + '.py',
        protocol=protocol,
        settings=settings,
        network=network,
        method=method,
        schedule=matrix['schedules'][settings['schedule']],
        ratio=ratio,
        val_interval=settings.get('val_interval') or settings['val_epochs'] * epoch,
        speed=speed,
        plain=f'{path}.py',
    )
