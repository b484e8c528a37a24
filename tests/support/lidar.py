"""Simulated scans in the true layouts of the LiDAR data sets, small and fast."""

import numpy as np

from mmseg_plugins.datasets.prepare import (
    lists,
    nuscenes,
    scan_files,
    scan_sensor,
    scribblekitti,
    semantickitti,
    splits,
)

COUNTS = {'00': 5, '03': 1, '08': 2}
KITTI = scan_sensor.KITTI._replace(columns=64)
NUSCENES = scan_sensor.NUSCENES._replace(columns=60)


def kitti(folder):
    """``sequences`` with scans, labels and, of the training sequences, scribbles.

    Returns:
        list[str]: Ids, the validation's last.
    """
    return scan_files.write_kitti(folder, COUNTS, sensor=KITTI, scribbles=('00', '03'))


def nuscenes_source(folder, **kwargs):
    """``samples``, ``lidarseg`` and the tables of eight key frames.

    Returns:
        list[str]: Tokens; the last two are for validation.
    """
    return scan_files.write_nuscenes(folder, 8, sensor=NUSCENES, **kwargs)


def prepared(folder, dataset, benchmarks=(), labelled=2):
    """Write a source, lists for benchmarks, and prepare it.

    Args:
        folder (Path): An empty folder.
        dataset (str): ``semantickitti``, ``scribblekitti`` or ``nuscenes``.
        benchmarks (tuple[str]): Names of benchmarks to write lists for. Defaults to the data set's
            at 1 %.
        labelled (int): Length of the labelled lists. Defaults to 2.

    Returns:
        Path: The data root; six scans for training, two for validation.
    """
    source, out = folder / 'source', folder / 'data'
    ids = nuscenes_source(source) if dataset == 'nuscenes' else kitti(source)
    splits.write_list(out / dataset / 'val.txt', ids[-2:])
    for benchmark in benchmarks or (f'{dataset}_1pct',):
        splits.write_list(out / lists.list_path(benchmark, 'labeled'), ids[:labelled])
        splits.write_list(out / lists.list_path(benchmark, 'unlabeled'), ids[labelled:-2])
    if dataset == 'nuscenes':
        nuscenes.prepare([source], out, counts=(6, 2))
    else:
        module = dict(semantickitti=semantickitti, scribblekitti=scribblekitti)[dataset]
        module.prepare([source], out, counts=COUNTS)
    return out


def at(yaw, pitch, distance=10.0, intensity=0.5, ring=0):
    """A point (x, y, z, intensity, ring) by its angles in degrees."""
    yaw, pitch = np.radians([yaw, pitch])
    planar = distance * np.cos(pitch)
    xyz = planar * np.cos(yaw), planar * np.sin(yaw), distance * np.sin(pitch)
    return [*xyz, intensity, ring]


def random_scan(num=5000, seed=0):
    """Points (num, 5) in all directions, and classes 0 to 18."""
    rng = np.random.default_rng(seed)
    yaw, pitch = rng.uniform(-180, 180, num), rng.uniform(-28, 6, num)
    points = np.array(at(yaw, pitch, rng.uniform(0.5, 60, num), rng.random(num))[:4]).T
    points = np.column_stack([points, rng.integers(0, 32, num)]).astype(np.float32)
    return points, rng.integers(0, 19, num).astype(np.uint8)
