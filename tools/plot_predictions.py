"""Draw what several trained runs predict: image, ground truth, one column per run.

    python tools/plot_predictions.py --run configs/cutmix/LEAF.py work_dirs/A/iter_600.pth \\
        --run configs/corrmatch/LEAF.py work_dirs/B/iter_600.pth --worst 4 --out predictions.png

Images are chosen from the validation set of the first run: by file name (--images), or those with
its lowest mIoU (--worst, which predicts the whole set first). The mIoU of an image is the mean over
the classes that its ground truth or the prediction has. A prediction is that of the network which a
validation scores. Nothing is trained and no file of a run is changed.
"""

import argparse
import warnings
from pathlib import Path

from mmengine.config import Config, DictAction

from mmseg_plugins.checkpoints import load_file, run_config
from mmseg_plugins.errors import UserError, main_guard
from mmseg_plugins.results.atomic import write_output
from mmseg_plugins.results.prediction_parts import open_runs, predict_images, worst_images
from mmseg_plugins.results.prediction_plots import draw_predictions
from mmseg_plugins.results.range_plots import draw_scans
from mmseg_plugins.results.style import check_picture, render


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        '--run',
        nargs=2,
        action='append',
        type=Path,
        required=True,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='a run: its leaf and a checkpoint of it (repeatable, in the order of the columns)',
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        '--images', nargs='+', metavar='ID', help='file names, without folder and suffix'
    )
    which.add_argument(
        '--worst', type=int, default=4, metavar='N', help="the first run's (default: %(default)s)"
    )
    add('--out', type=Path, default=Path('predictions.png'), metavar='FILE', help='.png or .svg')
    add(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='K=V',
        help='overrides in the config of every run',
    )
    try:
        return parser.parse_args(argv)
    except ValueError:  # what DictAction raises
        raise UserError('--cfg-options takes KEY=VALUE pairs; one has no = in it') from None


def read(args: argparse.Namespace) -> list[tuple[Config, dict, Path, Path]]:
    """The configs and checkpoints, checked before anything slow."""
    if not args.images and args.worst < 1:
        raise UserError(f'--worst {args.worst}: draw at least one image')
    check_picture(args.out)
    sources = []
    for config, checkpoint in args.run:
        cfg = run_config({}, checkpoint, config)
        cfg.merge_from_dict(args.cfg_options)
        sources.append((cfg, load_file(checkpoint), config, checkpoint))
    return sources


@main_guard
def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    warnings.simplefilter('ignore')  # the stack's notes on sizes and old options
    runs = open_runs(read(args))
    names = args.images or worst_images(runs[0], args.worst)
    title = 'validation images'
    if not args.images:
        first = runs[0].label.replace('\n', ' ')
        title += f' with the lowest mIoU of {first}' if len(runs) > 1 else ' with the lowest mIoU'
    data = runs[0].dataset.metainfo
    images = predict_images(runs, names)
    # range images are too wide to stand beside each other
    draw = draw_predictions if images[0].image is None else draw_scans
    figure = draw(images, [run.label for run in runs], title, data['classes'], data['palette'])
    write_output(args.out, render(figure, [args.out.suffix])[args.out.suffix])
    print(args.out)


if __name__ == '__main__':
    main()
