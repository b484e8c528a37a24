"""A trained network as a checkpoint and a config that stock MMSegmentation tests."""

import copy
from pathlib import Path

from mmengine.config import Config
from mmseg.registry import MODELS
from torch import Tensor

from mmseg_plugins.errors import UserError

from .fit import Fitted, fit
from .load import shorten, state_dict_of

# what a config for testing takes over from the run's
_KEPT = ('default_scope', 'custom_imports', 'env_cfg', 'log_level', 'log_processor', 'visualizer')
_TESTED = ('test_dataloader', 'test_evaluator', 'test_cfg')


def networks_of(checkpoint: dict, path: str | Path) -> dict[str, dict[str, Tensor]]:
    """The networks that a training checkpoint holds.

    Args:
        checkpoint (dict): What :func:`load_file` returned.
        path (str | Path): The file, for messages.

    Returns:
        dict[str, dict[str, Tensor]]: ``student`` and, where there is one, ``teacher``; of a plain
        segmentor ``model``, before it ``ema`` if ``EMAHook`` kept an average.

    Raises:
        UserError: If there is no state dict.
    """
    state = state_dict_of(checkpoint, path)
    networks = {
        network: {
            name.removeprefix(f'{network}.'): value
            for name, value in state.items()
            if name.startswith(f'{network}.')
        }
        for network in ('student', 'teacher')
    }
    if networks['student']:
        return {network: tensors for network, tensors in networks.items() if tensors}
    if 'ema_state_dict' not in checkpoint:
        return dict(model=state)
    # EMAHook swaps the two when it saves: the average lies where a test looks for the model
    trained = {
        name.removeprefix('module.'): value
        for name, value in checkpoint['ema_state_dict'].items()
        if name.startswith('module.')
    }
    return dict(ema=state, model=trained)


def export_network(
    checkpoint: dict, config: Config, path: str | Path, network: str | None = None
) -> tuple[Fitted, dict, Config]:
    """One network of a checkpoint, for the stock segmentor that it is.

    Args:
        checkpoint (dict): What :func:`load_file` returned.
        config (Config): The run's config (:func:`run_config`).
        path (str | Path): The checkpoint's file, for messages.
        network (str, optional): ``'student'``, ``'teacher'``, ``'ema'`` or ``'model'``. Defaults to
            None, the one that the run evaluates.

    Returns:
        tuple[Fitted, dict, Config]: The tensors and what became of the others; the checkpoint to
        save; the config that tests it.

    Raises:
        UserError: If the checkpoint lacks the network or does not fit the config.
    """
    networks = networks_of(checkpoint, path)
    segmentor = config.get('model')
    if not isinstance(segmentor, dict) or (('student' in networks) != ('student' in segmentor)):
        kind = 'semi-supervised' if 'student' in networks else 'plain'
        raise UserError(
            f'{path} holds a {kind} segmentor and the config {_name(config)} another one; give the '
            "run's own with --config"
        )
    evaluated = segmentor.get('predict_on') or next(iter(networks))
    network = network or evaluated
    if network not in networks:
        raise UserError(f'{path} has no network {network!r}; --network can be {list(networks)}')

    model = _stock_model(config)
    what = f'{model["type"]} of the config {_name(config)}'
    try:
        built = MODELS.build(copy.deepcopy(model))
    except Exception as error:  # whatever the parts of another project raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f'cannot build the {what} of {path}: {reason}') from error
    fitted = fit(networks[network], built, path, what, "give the run's own config with --config")
    fitted.what = f'{network} ({"the" if network == evaluated else "not the"} network evaluated)'
    everything = state_dict_of(checkpoint, path)
    if 'student' in networks:
        fitted.dropped = [name for name in everything if not name.startswith(f'{network}.')]
    else:
        others = [other for other in networks if other != network]
        fitted.dropped = [f'{other}.{name}' for other in others for name in networks[other]]
    run = checkpoint.get('meta')
    run = run if isinstance(run, dict) else {}
    meta = {key: run[key] for key in ('iter', 'seed') if key in run}
    meta.update(network=network, source=Path(path).name)
    if dataset := run.get('dataset_meta'):
        keys = [key for key in ('classes', 'palette') if dataset.get(key) is not None]
        meta['dataset_meta'] = {key: [_plain(value) for value in dataset[key]] for key in keys}
    return fitted, dict(meta=meta, state_dict=fitted.state), _test_config(config, model)


def _stock_model(config: Config) -> dict:
    """The network as a segmentor of its own, without the weights that it started from."""
    segmentor = copy.deepcopy(config.model.to_dict())
    model = segmentor.get('student', segmentor)
    preprocessor = segmentor.get('data_preprocessor') or config.get('data_preprocessor')
    preprocessor = copy.deepcopy(dict(preprocessor or dict(type='SegDataPreProcessor')))
    model['data_preprocessor'] = preprocessor.get('data_preprocessor', preprocessor)
    for part in (model, model.get('backbone', {})):
        part.pop('pretrained', None)
        part.pop('init_cfg', None)
    return model


def _test_config(config: Config, model: dict) -> Config:
    missing = [key for key in _TESTED[:2] if not config.get(key)]
    if missing:
        raise UserError(
            f'the config {_name(config)} has no {shorten(missing)}; give one with --config'
        )
    settings = {key: config[key] for key in (*_KEPT, *_TESTED) if key in config}
    # for --show-dir of `mim test`
    hooks = dict(visualization=dict(type='SegVisualizationHook'))
    return Config(dict(settings, model=model, default_hooks=hooks))


def _name(config: Config) -> str:
    return Path(config.filename).name if config.filename else 'in it'


def _plain(value):
    """Tuples and arrays of the class names and colours as lists."""
    if isinstance(value, str | int):
        return value
    return [int(part) for part in value]
