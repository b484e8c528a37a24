"""What the matrix must say for every leaf to be written; each mistake is told in one line."""

from pathlib import Path

from mmseg_plugins.errors import UserError

AXES = ('networks', 'methods', 'schedules')

# Settings of a product, its family's included. Numbers are 1 or more, but for those of ANY.
NEEDED = {
    **dict.fromkeys(('networks', 'methods', 'labelled'), list),
    **dict.fromkeys(('images', 'num_classes', 'gpus', 'num_workers'), int),
    **dict.fromkeys(('labelled_batch', 'unlabelled_batch'), int),
    **dict.fromkeys(('base', 'schedule', 'memory', 'eval_mode', 'selection'), str),
    **dict.fromkeys(('unlabelled_pool', 'setting'), str),
    'crop': (int, list),
}
OPTIONAL = {
    **dict.fromkeys(('max_iters', 'val_interval', 'epochs', 'val_epochs', 'label_seed'), int),
    **dict(primary=bool, suffix=str, products=list, normalise=bool, names=dict, speed=list),
}
ANY = ('num_workers', 'label_seed')
# what trades exactness for speed or memory: files of _base_/speed/
SPEED = ('bf16', 'channels_last', 'compile', 'checkpointing', 'batch_partner', 'accumulate')
EITHER = (('max_iters', 'epochs'), ('val_interval', 'val_epochs'))
KINDS = {
    int: 'a number',
    str: 'text',
    list: 'a list',
    bool: 'true or false',
    dict: 'a mapping',
}


def check_axes(matrix) -> None:
    """Check the outermost parts of the file.

    Args:
        matrix (dict): What YAML made of it.

    Raises:
        UserError: If one is missing or of another kind.
    """
    for part in (*AXES, 'benchmarks'):
        if not isinstance(matrix, dict) or not isinstance(matrix.get(part), dict):
            raise UserError(f'has no part {part!r}; write one, a name with its settings a line')
    for axis in AXES:
        for name, entry in matrix[axis].items():
            if not isinstance(entry, dict | None):
                raise UserError(f'{axis} {name} is {entry!r}; give its settings, or {{}}')
    for name, method in matrix['methods'].items():
        for key in ('streams', 'predict_on', 'cutmix_partner'):
            if key not in (method or {}):
                raise UserError(f'method {name} lacks the setting {key!r}')
        unknown = set(method['streams']) - {'labelled', 'unlabelled'}
        if unknown:
            raise UserError(
                f'method {name} names unknown streams {sorted(unknown)}; known are labelled, '
                'unlabelled'
            )
    for name, family in matrix['benchmarks'].items():
        products = family.get('products') if isinstance(family, dict) else None
        if not isinstance(products, list) or not all(isinstance(item, dict) for item in products):
            raise UserError(f'benchmark {name} has no list of products')


def check_product(matrix: dict, family: str, product: dict, bases: Path) -> None:
    """Check one product of a benchmark family.

    Args:
        matrix (dict): The file, every entry of an axis with its ``base``.
        family (str): Name of the family, for the messages.
        product (dict): The family's settings with those of the product over them.
        bases (Path): The folder ``_base_``.

    Raises:
        UserError: If a setting is missing, unknown or of another kind, a network, method, schedule
            or file is not known, or the product is not allowed.
    """
    try:
        _check_settings(product)
        _check_names(matrix, product)
        _check_files(matrix, product, bases)
        _check_counts(product)
        _check_speed(matrix, product)
    except UserError as error:
        raise UserError(f'benchmark {family} {error}') from None


def _check_settings(product: dict) -> None:
    known = {**NEEDED, **OPTIONAL}
    for key in NEEDED:
        if key not in product:
            raise UserError(f'lacks the setting {key!r}')
    for keys in EITHER:
        if not any(key in product for key in keys):
            raise UserError(f'lacks the setting {keys[0]!r} or {keys[1]!r}')
    for key, value in product.items():
        if key not in known:
            raise UserError(f'has the unknown setting {key!r}; known are {", ".join(known)}')
        kinds = known[key] if isinstance(known[key], tuple) else (known[key],)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = ' or '.join(KINDS[kind] for kind in kinds)
            raise UserError(f'sets {key!r} to {value!r}; give {wanted}')
        if kinds == (int,) and value < (key not in ANY):
            raise UserError(f'sets {key!r} to {value}; give {int(key not in ANY)} or more')


def _check_names(matrix: dict, product: dict) -> None:
    used = dict(
        networks=product['networks'],
        methods=product['methods'],
        schedules=[product['schedule']],
        speed=product.get('speed', []),
    )
    for axis, values in used.items():
        known = SPEED if axis == 'speed' else matrix[axis]
        unknown = [value for value in values if value not in known]
        if unknown:
            raise UserError(f'names unknown {axis} {unknown}; known are {list(known)}')
    for method in product['methods']:
        for need in matrix['methods'][method].get('needs', []):
            for network in product['networks']:
                if not matrix['networks'][network].get(need):
                    able = [key for key, entry in matrix['networks'].items() if entry.get(need)]
                    raise UserError(
                        f'asks for {method} on {network}, which is not allowed: {method} needs a '
                        f'network with a {need} branch, which are {able}'
                    )


def _check_files(matrix: dict, product: dict, bases: Path) -> None:
    files = [('benchmarks', product['base'])]
    for axis in AXES:
        keys = product.get(axis, [product['schedule']])
        files += [(axis, matrix[axis][key]['base']) for key in keys]
    files += [('speed', name) for name in product.get('speed', [])]
    for folder, base in files:
        path = bases / folder / f'{base}.py'
        if not path.is_file():
            there = sorted(other.stem for other in path.parent.glob('*.py'))
            raise UserError(f'needs the file {path}, which is not there; there are {there}')


def _check_counts(product: dict) -> None:
    images, batch, gpus = (product[key] for key in ('images', 'unlabelled_batch', 'gpus'))
    for labelled in product['labelled']:
        if not isinstance(labelled, int) or not 0 < labelled <= images:
            raise UserError(f'labels {labelled!r} of {images} images; use 1..{images}')
        left = images - labelled
        if product['unlabelled_pool'] != 'all' and 0 < left and -(-left // gpus) < batch:
            raise UserError(
                f'labels {labelled} of {images} images; the other {left} make no batch of {batch} '
                f'on each of {gpus} GPUs; use smaller batches'
            )


def _check_speed(matrix: dict, product: dict) -> None:
    speed = product.get('speed', [])
    batches = [product['labelled_batch'], product['unlabelled_batch']]
    if 'accumulate' in speed and any(batch % 2 for batch in batches):
        raise UserError(f'has speed accumulate, which halves the batches {batches}; use even ones')
    for method in product['methods']:
        if 'batch_partner' in speed and len(matrix['methods'][method]['streams']) < 3:
            raise UserError(
                f'has speed batch_partner for {method}, which has no stream of CutMix partners'
            )
