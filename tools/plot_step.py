"""Draw one training step of a run: what its pseudo labels look like.

    python tools/plot_step.py configs/cutmix/LEAF.py work_dirs/LEAF/iter_600.pth --out step.png

One row per unlabelled image of a seeded batch, one column per quantity. CorrMatch: weak view,
correlation map and region of one of the sampled positions (the one whose region alone would change
most), mixed image, pseudo label and filter before and after propagation. CutMix: two images, box,
mixed image, mixed teacher prediction, its confidence. Nothing is trained and no file of the run is
changed.
"""

import argparse
import warnings
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, set_random_seed
from mmseg.registry import MODELS

from mmseg_plugins.checkpoints import load_file, run_config, trained_model
from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.step_parts import StepParts, run_step
from mmseg_plugins.results.step_plots import draw_step
from mmseg_plugins.results.style import check_picture, render
from mmseg_plugins.segmentors import SemiBaseSegmentor


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('config', type=Path, help='the leaf of the run')
    add('checkpoint', type=Path, help='a checkpoint of the run')
    add('--out', type=Path, metavar='FILE', help='.png or .svg (default: CHECKPOINT_step.png)')
    add('--images', type=int, default=3, metavar='N', help='rows (default: %(default)s)')
    add('--seed', type=int, default=0, metavar='S', help='of the batch (default: %(default)s)')
    add('--cfg-options', nargs='+', action=DictAction, default={}, metavar='K=V', help='overrides')
    try:
        return parser.parse_args(argv)
    except ValueError:  # what DictAction raises
        raise UserError('--cfg-options takes KEY=VALUE pairs; one has no = in it') from None


def read(args: argparse.Namespace) -> tuple[Config, dict]:
    """The config and the checkpoint, checked before anything slow."""
    if args.images < 1:
        raise UserError(f'--images {args.images}: draw at least one image')
    check_picture(args.out)
    cfg = run_config({}, args.checkpoint, args.config)
    cfg.merge_from_dict(args.cfg_options)
    init_default_scope('mmseg')
    kind = MODELS.get(cfg.model.type)
    if kind is None or not issubclass(kind, SemiBaseSegmentor):
        raise UserError(
            f'{args.config} trains {cfg.model.type} on labelled images alone: its steps have no '
            'pseudo labels to draw; name a leaf of configs/cutmix or configs/corrmatch'
        )
    return cfg, load_file(args.checkpoint)


def one_step(cfg: Config, checkpoint: dict, args: argparse.Namespace) -> tuple[StepParts, dict]:
    """Run the parts of a step; also the data set's class names and palette."""
    model = trained_model(cfg, checkpoint, args.checkpoint, args.config)
    loader = dict(cfg.train_dataloader, num_workers=0, persistent_workers=False)
    loader.pop('prefetch_factor', None)
    # after the model, whose random start draws as many numbers as it has weights
    set_random_seed(args.seed)
    loader = Runner.build_dataloader(loader, seed=args.seed)
    parts = run_step(model.to(get_device()), next(iter(loader)), args.images)
    return parts, loader.dataset.metainfo


@main_guard
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    args.out = args.out or args.checkpoint.with_name(f'{args.checkpoint.stem}_step.png')
    warnings.simplefilter('ignore')  # the stack's notes on sizes and old options
    cfg, checkpoint = read(args)
    parts, data = one_step(cfg, checkpoint, args)
    title = args.config.stem
    if done := checkpoint.get('meta', {}).get('iter'):
        title += f', step after iteration {done}'
    if parts.gate is not None:
        title += f', gate {parts.gate:.2f} (share that passes in the batch)'
    figure = draw_step(parts, title, data['classes'], data['palette'])
    write_output(args.out, render(figure, [args.out.suffix])[args.out.suffix])
    print(args.out)


if __name__ == '__main__':
    main()
