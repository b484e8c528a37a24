"""ScribbleKITTI: the scans of SemanticKITTI with scribbles; dense labels for validation.

Sources are those of SemanticKITTI and the scribbles (sequences/<sequence>/scribbles). Links
<out>/scribblekitti/sequences/<sequence>/{velodyne,scribbles} of the training sequences and
08/{velodyne,labels}. The lists are those of the subcommand splits.
"""

from mmseg_plugins.datasets.prepare import bulk, semantickitti

NAME = 'scribblekitti'
HELP = 'link ScribbleKITTI (19130 scans with scribbles, 4071 with labels)'
EXAMPLE = (
    'python tools/prepare_data.py scribblekitti --source data_odometry_velodyne.zip '
    'data_odometry_labels.zip scribbles.zip'
)
BENCHMARK = 'scribblekitti_1pct'  # the one the closing hint trains on


def prepare(sources, out, **kwargs) -> bool:
    """As :func:`semantickitti.prepare`, with the scribbles for training."""
    return semantickitti.prepare(sources, out, name=NAME, train_labels='scribbles', **kwargs)


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    bulk.add_arguments(parser, 'velodyne scans, labels and scribbles: folders or archives')


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    options = dict(copy=args.copy, force=args.force, workers=args.workers)
    return prepare(args.source, args.out, **options)
