"""The text of a leaf config: literal, without a call or an import, as MMEngine wants it."""

from collections.abc import Iterator

from .load import Leaf

# The keys of a config to which files of _base_/speed/ go, with the variables of these.
PLACES = dict(
    optim_wrapper=dict(bf16='bf16'),
    default_hooks=dict(
        channels_last='channels_last', compile='compile_student', checkpointing='checkpointing'
    ),
    model=dict(batch_partner='batch_partner'),
    train_cfg=dict(accumulate='accumulate'),
)
HEADER = '# Written by tools/make_configs.py from matrix.yml: edit that.\n'


def leaf_text(leaf: Leaf) -> str:
    """Write one leaf.

    Args:
        leaf (Leaf): What :func:`matrix_leaves` yielded.

    Returns:
        str: Python text of a config.
    """
    if leaf.speed:
        return _derived(leaf)
    iterations = leaf.protocol['iterations']
    bases = [
        f'../_base_/benchmarks/{leaf.settings["base"]}.py',
        f'../_base_/networks/{leaf.network["base"]}.py',
        f'../_base_/methods/{leaf.method["base"]}.py',
        f'../_base_/schedules/{leaf.schedule["base"]}.py',
        '../_base_/runtime.py',
    ]
    parts = [
        HEADER,
        _assign('_base_', bases),
        _assign('protocol', leaf.protocol),
        *_model(leaf.method.get('model'), leaf.settings),
        _train_dataloader(leaf),
        _assign('train_cfg', dict(max_iters=iterations, val_interval=leaf.val_interval)),
    ]
    if leaf.schedule.get('decays', True):
        end = iterations + leaf.schedule.get('extra', 0)
        parts.append(_assign('param_scheduler', dict(end=end)))
    parts.append(_assign('default_hooks', dict(checkpoint=dict(interval=leaf.val_interval))))
    # images of all streams on all GPUs, as MMEngine counts a batch
    base_batch = sum(leaf.ratio) * leaf.protocol['gpus']
    parts.append(_assign('auto_scale_lr', dict(enable=False, base_batch_size=base_batch)))
    return ''.join(parts)


def _derived(leaf: Leaf) -> str:
    """A leaf that trades exactness for speed: the plain one, and what differs.

    A file of ``_base_/speed/`` defines one variable of its own and nothing else, because MMEngine
    refuses two bases that set one key.
    """
    bases = [f'./{leaf.plain.rpartition("/")[2]}']
    bases += [f'../_base_/speed/{name}.py' for name in leaf.speed]
    changes = ('primary', 'speed', *(['cutmix_partner'] if 'batch_partner' in leaf.speed else []))
    parts = [
        HEADER,
        _assign('_base_', bases),
        _assign('protocol', {key: leaf.protocol[key] for key in changes}),
    ]
    for key, variables in PLACES.items():
        used = [f'_base_.{variables[name]}' for name in leaf.speed if name in variables]
        if len(used) == 1:
            parts.append(f'{key} = {used[0]}\n')
        elif used:
            parts.append(f'{key} = dict({", ".join(f"**{name}" for name in used)})\n')
    if {'batch_partner', 'accumulate'} & set(leaf.speed):
        sampler, dataset = f'source_ratio={leaf.ratio}', ''
        if 'batch_partner' in leaf.speed:
            dataset = '    dataset=dict(streams=_base_.streams[:2]),\n'
            coupled = leaf.method['cutmix_partner'] == 'same image'
            sampler += ', coupled_to=_base_.coupled_to[:2]' if coupled else ''
        parts.append(
            f'train_dataloader = dict(\n    batch_size={sum(leaf.ratio)},\n'
            f'    sampler=dict({sampler}),\n{dataset})\n'
        )
        base_batch = sum(leaf.ratio) * leaf.protocol['gpus']
        parts.append(_assign('auto_scale_lr', dict(base_batch_size=base_batch)))
    return ''.join(parts)


def _model(parts: dict | None, settings: dict) -> Iterator[str]:
    """Lines that put the network into the method: as the model itself, or as parts of it.

    ``parts`` maps an argument of the method to a variable of the network's config.
    """
    classes = dict(network='decode_head.num_classes')
    for variable in parts.values() if parts else ['network']:
        yield f'{variable} = _base_.{variable}\n'
        yield f'{variable}.{classes.get(variable, "num_classes")} = {settings["num_classes"]}\n'
    yield 'preprocessor = _base_.data_preprocessor\n'
    yield 'preprocessor.size = _base_.crop_size\n'
    yield 'preprocessor.size_divisor = None\n'
    if not settings.get('normalise', True):
        yield 'preprocessor.mean = None\npreprocessor.std = None\n'
    if not parts:
        yield 'network.data_preprocessor = preprocessor\nmodel = network\n'
        return
    arguments = ',\n    '.join(f'{argument}={variable}' for argument, variable in parts.items())
    yield (
        f'model = dict(\n    {arguments},\n    data_preprocessor=dict(\n'
        "        type='MultiBranchDataPreprocessor',\n"
        '        data_preprocessor=preprocessor,\n    ),\n)\n'
    )


def _train_dataloader(leaf: Leaf) -> str:
    workers, protocol = leaf.settings['num_workers'], leaf.protocol
    unlabelled = len(leaf.ratio) > 1
    sampler = f"type='MultiSourceSampler', source_ratio={leaf.ratio}"
    sampler += ', coupled_to=_base_.coupled_to' if unlabelled else ''
    if len(sampler) > 81:  # as the formatter breaks it
        sampler = f'\n        {sampler}\n    '
    sources = ['labeled', 'unlabeled'] if unlabelled else ['labeled']
    options = ''
    if protocol['label_seed'] is not None:
        options += f'        label_seed={protocol["label_seed"]},\n'
    if protocol['unlabelled_pool'] == 'all':
        options += '        allow_overlap=True,\n'
    return (
        'train_dataloader = dict(\n'
        f'    batch_size={sum(leaf.ratio)},\n'
        f'    num_workers={workers},\n'
        f'    persistent_workers={workers > 0},\n'
        f'    sampler=dict({sampler}),\n'
        '    dataset=dict(\n'
        "        type='SemiDataset',\n"
        f'        benchmark={protocol["benchmark"]!r},\n'
        + ''.join(f'        {source}=_base_.{source},\n' for source in sources)
        + f'        streams=_base_.streams,\n{options}'
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
