"""Convert checkpoints: public and reference ones to ours, trained ones to plain mmseg ones.

Every tensor is accounted for, nothing in IN is executed, and OUT is written whole or not at all.
"""

import argparse
import inspect
from pathlib import Path

from mmengine.registry import init_default_scope

from mmseg_plugins.checkpoints import (
    check_output,
    convert_backbone,
    convert_corrmatch,
    export_network,
    load_file,
    run_config,
    save_files,
    state_dict_of,
)
from mmseg_plugins.errors import UserError, main_guard

EXAMPLES = """examples:
  %(prog)s backbone resnet101.pth data/weights/resnet101_deepstem.pth
  %(prog)s corrmatch official.pth work_dirs/corrmatch.pth
  %(prog)s export work_dirs/mine/iter_1000.pth mine.pth && mim test mmseg mine.py --checkpoint mine.pth
"""  # noqa: E501


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, formatter_class=raw)
    commands = parser.add_subparsers(required=True, metavar='COMMAND', dest='command')

    def command(function, example):
        name, text = function.__name__, inspect.getdoc(function)
        help_line = text.partition('\n')[0]
        epilog = f'example:\n  {example}'
        sub = commands.add_parser(
            name, help=help_line, description=text, epilog=epilog, formatter_class=raw
        )
        sub.add_argument('source', type=Path, metavar='IN', help='checkpoint to read')
        sub.add_argument('out', type=Path, metavar='OUT', help='checkpoint to write (.pth)')
        sub.add_argument('--force', action='store_true', help='replace OUT if it is there')
        sub.set_defaults(run=function)
        return sub.add_argument

    command(backbone, '%(prog)s resnet101.pth data/weights/resnet101_deepstem.pth')
    add = command(corrmatch, '%(prog)s official.pth corrmatch.pth')
    add('--threshold', type=float, metavar='T', help='confidence threshold to put in, 0 to 1')
    add = command(export, '%(prog)s work_dirs/mine/iter_1000.pth mine.pth --network student')
    add(
        '--network',
        choices=('student', 'teacher', 'ema', 'model'),
        help='which one (default: the one that the run evaluates); a SupOnly run with EMAHook has '
        'ema, the average, and model',
    )
    add(
        '--config',
        type=Path,
        metavar='LEAF.py',
        help="the run's config, executed as mim does (default: the text in IN, read as data)",
    )
    add('--config-out', type=Path, metavar='FILE', help='config to write (default: OUT as .py)')
    return parser.parse_args(argv)


def backbone(args: argparse.Namespace) -> tuple:
    """Convert a public deep-stem ImageNet ResNet-50/101 to mmseg's ResNetV1c.

    The result is what init_cfg=dict(type='Pretrained', checkpoint=...) of a ResNetV1c with
    stem_channels=128 loads. The ImageNet classifier (fc) is dropped.
    """
    fitted = convert_backbone(state_dict_of(load_file(args.source), args.source), args.source)
    return fitted, {args.out: dict(state_dict=fitted.state)}, []


def corrmatch(args: argparse.Namespace) -> tuple:
    """Convert a full checkpoint of the CorrMatch reference to our CorrMatch segmentor.

    The reference does not save its confidence threshold. Without --threshold a model that loads the
    result keeps its thresh_init; a test does not need it.
    """
    state = state_dict_of(load_file(args.source), args.source)
    fitted = convert_corrmatch(state, args.source, args.threshold)
    notes = ['threshold: left to thresh_init of the model that loads this'] if fitted.left else []
    return fitted, {args.out: dict(state_dict=fitted.state)}, notes


def export(args: argparse.Namespace) -> tuple:
    """Export one network of a run as a plain mmseg checkpoint, with a config that tests it.

    The checkpoint loads strictly into the segmentor that was the student, a stock EncoderDecoder as
    a rule; `mim test mmseg OUT.py --checkpoint OUT.pth` gives the run's score.
    """
    config_out = args.config_out or args.out.with_suffix('.py')
    if config_out == args.out:
        raise UserError(f'{args.out} is the name of the config; name OUT with .pth')
    check_output(config_out, args.source, args.force)
    checkpoint = load_file(args.source)
    state_dict_of(checkpoint, args.source)  # first of all there must be one
    config = run_config(checkpoint, args.source, args.config)
    fitted, content, tested = export_network(checkpoint, config, args.source, args.network)
    command = f'mim test mmseg {config_out} --checkpoint {args.out}'
    text = f'# {fitted.what} of {args.source.name}.\n{tested.pretty_text}'
    return fitted, {config_out: text, args.out: content}, [f'next: {command}']


@main_guard
def main(argv: list[str] | None = None) -> None:
    """Convert, then say where every tensor went."""
    args = parse_args(argv)
    check_output(args.out, args.source, args.force)
    init_default_scope('mmseg')
    fitted, files, notes = args.run(args)
    save_files(files)
    print(f'{args.source}: {fitted.what}')
    for line in (*fitted.summary(), *(f'written: {path}' for path in files), *notes):
        print(f'  {line}')


if __name__ == '__main__':
    main()
