"""The generated LiDAR benchmark "scans": simulated street scans in the files of the real data sets.

<out>/scans/sequences has 64-beam scans as SemanticKITTI has them (00 for training, with the
scribbles of ScribbleKITTI as well; 08 for validation), <out>/scans/nuscenes 32-beam scans as
nuScenes has them.
"""

import json
from pathlib import Path

from mmseg_plugins.datasets.prepare import nuscenes, scan_files, scan_scene, splits, store

NAME = 'scans'
HELP = 'generate the embedded LiDAR benchmark (96 scans, 9 classes) from a seed'
EXAMPLE = 'python tools/prepare_data.py scans --seed 0'
BENCHMARK = 'scans_4'  # the one the closing hint trains on

README = """Data set "scans", generator version {version}, seed {seed}.

{train} training and {val} validation scans, made by tools/prepare_data.py: sequences/00 and 08.
Classes: {classes}; labels have the raw ids of SemanticKITTI.
The labelled lists in ../splits/scans_* are random; a shorter one is part of every longer one.
"""


def prepare(
    out,
    seed: int = 0,
    force: bool = False,
    counts: tuple[int, int] = (64, 32),
    labelled: tuple[int, ...] = (2, 4, 8),
    nuscenes_counts: tuple[int, int] = (8, 4),
) -> bool:
    """Generate the data set and its split lists.

    Args:
        out (str or Path): Data root.
        seed (int): Seed of scans and lists. Defaults to 0.
        force (bool): Whether to replace what is there. Defaults to False.
        counts (tuple[int, int]): Training and validation scans. Defaults to (64, 32).
        labelled (tuple[int]): Lengths of the labelled lists. Defaults to (2, 4, 8).
        nuscenes_counts (tuple[int, int]): The same of the 32-beam scans. Defaults to (8, 4).

    Returns:
        bool: False if this very data set was there already.

    Raises:
        UserError: If another data set is there, or ``out`` cannot be written.
    """
    splits.check_seed(seed)
    out = Path(out)
    facts = dict(
        version=scan_scene.VERSION,
        seed=seed,
        scans=[*counts, *nuscenes_counts],
        labelled=list(labelled),
    )
    if store.is_ready(out, NAME, facts, force):
        return False
    with store.staging(out, NAME) as stage:
        folder = stage / NAME
        parts = {'00': counts[0], '08': counts[1]}
        ids = scan_files.write_kitti(folder, parts, seed, scribbles=('00',))
        train = ids[: counts[0]]
        splits.write_list(folder / 'train.txt', train)
        splits.write_list(folder / 'val.txt', ids[counts[0] :])
        chosen = splits.nested_random(train, labelled, seed)
        splits.write_splits(stage / 'splits', NAME, train, chosen)

        tokens = scan_files.write_nuscenes(folder / 'nuscenes', sum(nuscenes_counts), seed)
        index = nuscenes.build_index([folder / 'nuscenes'], [])
        (folder / 'nuscenes/index.json').write_text(json.dumps(index, indent=0))
        splits.write_list(folder / 'nuscenes/train.txt', tokens[: nuscenes_counts[0]])
        splits.write_list(folder / 'nuscenes/val.txt', tokens[nuscenes_counts[0] :])

        classes = ', '.join(f'{k} {name}' for k, name in enumerate(scan_scene.KINDS))
        about = dict(version=scan_scene.VERSION, seed=seed, classes=classes)
        text = README.format(train=counts[0], val=counts[1], **about)
        (folder / 'README.txt').write_text(text)
        store.publish(stage, out, NAME, facts, force)
    return True


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    splits.add_seed(parser)


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    return prepare(args.out, args.seed, args.force)
