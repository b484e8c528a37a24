"""From the config matrix to leaf configs."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from mmseg_plugins.errors import UserError

HEADER = '# Written by tools/make_configs.py from matrix.yml: edit that.\n'


def load_matrix(path: Path) -> dict:
    """Read and check ``matrix.yml``.

    Args:
        path (Path): The file.

    Returns:
        dict: ``networks``, ``methods``, ``schedules``, ``benchmarks``.

    Raises:
        UserError: If the file is missing or a benchmark names an unknown network, method or
        schedule.
    """
    if not path.is_file():
        raise UserError(f'matrix not found: {path}')
    matrix = yaml.safe_load(path.read_text())
    for name, family in matrix['benchmarks'].items():
        used = dict(
            networks=family['networks'], methods=family['methods'], schedules=[family['schedule']]
        )
        for axis, values in used.items():
            unknown = sorted(set(values) - set(matrix[axis]))
            if unknown:
                raise UserError(
                    f'{path}: benchmark {name} names unknown {axis} {unknown}; '
                    f'known are {list(matrix[axis])}'
                )
    return matrix


def leaves(matrix: dict) -> dict[str, str]:
    """Generate every leaf.

    Args:
        matrix (dict): What :func:`load_matrix` returned.

    Returns:
        dict[str, str]: Path below ``configs/`` to the leaf's text, in the matrix's order.
    """
    files = {}
    for name, family in matrix['benchmarks'].items():
        for network in family['networks']:
            for method, labelled, schedule in _cells(family):
                text, stem = _leaf(matrix, name, {**family, **schedule}, network, method, labelled)
                files[f'{method}/{stem}.py'] = text
    return files


def _cells(family: dict) -> Iterator[tuple[str, int, dict]]:
    """Method, labelled count and overrides of each leaf of a benchmark family."""
    for labelled in family['labelled']:
        for method in family['methods']:
            yield method, labelled, {}
    if 'all_labelled' in family:
        yield family['all_labelled'], family['images'], {}
    longer = family.get('longer')
    if longer:
        for labelled in longer['labelled']:
            for method in longer['methods']:
                yield method, labelled, longer


def _leaf(
    matrix: dict, name: str, family: dict, network: str, method: str, labelled: int
) -> tuple[str, str]:
    """Text and stem of one leaf."""
    axis = matrix['methods'][method]
    benchmark = f'{name}_{labelled}'
    batch = {key: family[f'{key}_batch'] for key in ('labelled', 'unlabelled')}
    ratio = [batch[stream] for stream in axis['streams']]
    unlabelled = sum(ratio[1:2])  # a partner stream shows the same images again
    pool = family['images'] - labelled if unlabelled else labelled
    batches = f'{family["gpus"]}xb{batch["labelled"]}u{unlabelled}'
    stem = f'{method}_{network}_{batches}_{benchmark}-{family["crop"]}'
    if 'suffix' in family:
        stem = f'{stem}-{family["suffix"]}'
    protocol = dict(
        cell=f'{benchmark}/{method}/{network}',
        benchmark=benchmark,
        method=method,
        network=network,
        crop=family['crop'],
        labelled_images=labelled,
        labelled_batch=batch['labelled'],
        unlabelled_batch=unlabelled,
        gpus=family['gpus'],
        iterations=family['max_iters'],
        # passes over the unlabelled list, where there is one
        epochs=round(family['max_iters'] * ratio[-1] * family['gpus'] / pool, 1),
        eval_mode=family['eval_mode'],
        predict_on=axis['predict_on'],
        selection=family['selection'],
        cutmix_partner=axis['cutmix_partner'],
        unlabelled_pool=family['unlabelled_pool'] if unlabelled else None,
        label_seed=None,
        setting=family['setting'],
    )
    bases = [
        f'../_base_/benchmarks/{family["base"]}.py',
        f'../_base_/networks/{matrix["networks"][network]["base"]}.py',
        f'../_base_/methods/{axis["base"]}.py',
        f'../_base_/schedules/{matrix["schedules"][family["schedule"]]["base"]}.py',
        '../_base_/runtime.py',
    ]
    parts = [
        HEADER,
        _assign('_base_', bases),
        _assign('protocol', protocol),
        *_model(axis.get('model'), family['num_classes']),
        _train_dataloader(benchmark, ratio, family['num_workers']),
        _assign(
            'train_cfg', dict(max_iters=family['max_iters'], val_interval=family['val_interval'])
        ),
        _assign('param_scheduler', dict(end=family['max_iters'])),
        _assign('default_hooks', dict(checkpoint=dict(interval=family['val_interval']))),
    ]
    return ''.join(parts), stem


def _model(parts: dict | None, num_classes: int) -> Iterator[str]:
    """Lines that put the network into the method: as the model itself, or as parts of it.

    ``parts`` maps an argument of the method to a variable of the network's config.
    """
    classes = dict(network='decode_head.num_classes')
    for variable in parts.values() if parts else ['network']:
        yield f'{variable} = _base_.{variable}\n'
        yield f'{variable}.{classes.get(variable, "num_classes")} = {num_classes}\n'
    if not parts:
        yield 'model = network\n'
        return
    arguments = ',\n    '.join(f'{argument}={variable}' for argument, variable in parts.items())
    yield (
        f'model = dict(\n    {arguments},\n    data_preprocessor=dict(\n'
        "        type='MultiBranchDataPreprocessor',\n"
        '        data_preprocessor=_base_.data_preprocessor,\n    ),\n)\n'
    )


def _train_dataloader(benchmark: str, ratio: list[int], num_workers: int) -> str:
    unlabelled = len(ratio) > 1
    coupled = ', coupled_to=_base_.coupled_to' if unlabelled else ''
    sources = ['labeled', 'unlabeled'] if unlabelled else ['labeled']
    return (
        'train_dataloader = dict(\n'
        f'    batch_size={sum(ratio)},\n'
        f'    num_workers={num_workers},\n'
        f'    persistent_workers={num_workers > 0},\n'
        f"    sampler=dict(type='MultiSourceSampler', source_ratio={ratio}{coupled}),\n"
        '    dataset=dict(\n'
        "        type='SemiDataset',\n"
        f'        benchmark={benchmark!r},\n'
        + ''.join(f'        {source}=_base_.{source},\n' for source in sources)
        + '        streams=_base_.streams,\n'
        '    ),\n)\n'
    )


def _assign(name: str, value) -> str:
    """One assignment, as Python text of at most 100 columns where it can be."""
    if isinstance(value, list):
        text = '[\n' + ''.join(f'    {item!r},\n' for item in value) + ']'
    else:
        text = _call(value, indent=0)
    return f'{name} = {text}\n'


def _call(value: dict, indent: int) -> str:
    """``dict(...)`` as a person writes it: on one line if it fits, else one key a line."""
    inner = {
        key: _call(item, indent + 4) if isinstance(item, dict) else repr(item)
        for key, item in value.items()
    }
    line = 'dict(' + ', '.join(f'{key}={item}' for key, item in inner.items()) + ')'
    if len(line) + indent <= 80 and '\n' not in line:
        return line
    pad = ' ' * (indent + 4)
    return (
        'dict(\n'
        + ''.join(f'{pad}{key}={item},\n' for key, item in inner.items())
        + ' ' * indent
        + ')'
    )
