"""Generated scans in the file formats and layouts of SemanticKITTI, ScribbleKITTI and nuScenes.

Source: specification 1.1.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from mmseg_plugins.datasets.lidar import nuscenes_labels, semantickitti_labels
from mmseg_plugins.datasets.prepare import scan_scene, scan_sensor

# Raw ids of scan_scene.KINDS.
KITTI_RAW = np.array([semantickitti_labels.MEMBERS[name][0] for name in scan_scene.KINDS])
NUSCENES_RAW = np.array([24, 26, 27, 28, 30, 30, 28, 17, 2])
EGO = 31  # nuScenes' raw id of returns of the vehicle itself
VERSION = 'v1.0-trainval'


def simulate(seed: int, part: int, index: int, sensor: scan_sensor.Sensor) -> tuple:
    """One scan and the generator that drew it.

    Args:
        seed (int): Of the data set.
        part (int): Of the data set, e.g. the sequence.
        index (int): Of the scan in its part.
        sensor (Sensor): What it is seen with.

    Returns:
        tuple[Scan, np.random.Generator]: The scan; what else is drawn for it.
    """
    rng = np.random.default_rng([seed, part, index])
    return scan_sensor.cast(rng, scan_scene.draw_scene(rng), sensor), rng


def write_kitti(
    folder,
    counts: dict[str, int],
    seed: int = 0,
    sensor: scan_sensor.Sensor = scan_sensor.KITTI,
    scribbles: tuple[str, ...] = (),
) -> list[str]:
    """Write sequences of scans.

    Args:
        folder (str or Path): Will hold ``sequences``.
        counts (dict[str, int]): Scans per sequence, e.g. ``{'00': 4, '08': 2}``.
        seed (int): Defaults to 0.
        sensor (Sensor): Defaults to the view of SemanticKITTI's.
        scribbles (tuple[str]): Sequences with ScribbleKITTI's labels as well. Defaults to none.

    Returns:
        list[str]: Ids, such as ``'00/000000'``.
    """
    ids = semantickitti_labels.scan_ids(counts)
    for name in ids:
        scan, rng = simulate(seed, int(name[:2]), int(name[3:]), sensor)
        base = Path(folder) / 'sequences' / name[:2]
        points = np.column_stack([scan.points, scan.intensity]).astype('<f4')
        _write(base / f'velodyne/{name[3:]}.bin', points)
        labels = KITTI_RAW[scan.kind] | scan.instance << 16
        _write(base / f'labels/{name[3:]}.label', labels.astype('<u4'))
        if name[:2] in scribbles:
            labels = np.where(scribbled(rng, scan.points), KITTI_RAW[scan.kind], 0)
            _write(base / f'scribbles/{name[3:]}.label', labels.astype('<u4'))
    return ids


def scribbled(rng: np.random.Generator, points: np.ndarray, share: float = 0.08) -> np.ndarray:
    """Points near short straight strokes in the bird's eye view.

    Args:
        rng (np.random.Generator): Draws the strokes.
        points (np.ndarray): (N, 3).
        share (float): Of the points to mark. Defaults to 0.08, as in ScribbleKITTI.

    Returns:
        np.ndarray: bool (N,).
    """
    marked = np.zeros(len(points), dtype=bool)
    while marked.mean() < share:
        start = points[rng.integers(len(points)), :2]
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(2, 15)
        x, y = (points[:, :2] - start).T
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        marked |= (np.abs(across) < 0.12) & (along >= 0) & (along < length)
    return marked


def write_nuscenes(
    folder,
    count: int,
    seed: int = 0,
    sensor: scan_sensor.Sensor = scan_sensor.NUSCENES,
    version: str = VERSION,
) -> list[str]:
    """Write key frames with the tables that name them.

    The tables have rows that are no key frames of the lidar too, as the true ones do.

    Args:
        folder (str or Path): Will hold ``samples``, ``lidarseg`` and the tables.
        count (int): Key frames.
        seed (int): Defaults to 0.
        sensor (Sensor): Defaults to the view of nuScenes'.
        version (str): Folder of the tables. Defaults to ``'v1.0-trainval'``.

    Returns:
        list[str]: Sample tokens.
    """
    folder, tokens, data, segments = Path(folder), [], [], []
    for index in range(count):
        scan, rng = simulate(seed, 1000, index, sensor)
        sample, lidar, camera, sweep = (_token(seed, index, part) for part in range(4))
        stamp = 1532402927647951 + 500000 * index
        name = f'n000-generated__{{}}__{stamp}.{{}}'
        place = f'samples/LIDAR_TOP/{name.format("LIDAR_TOP", "pcd.bin")}'
        label = f'lidarseg/{version}/{lidar}_lidarseg.bin'

        angle = rng.uniform(0, 2 * np.pi, 40)  # the roof of the vehicle
        ego = np.column_stack([0.7 * np.cos(angle), 0.7 * np.sin(angle), -0.3 + 0 * angle])
        points = np.concatenate([scan.points, ego.round(3)])
        intensity = np.concatenate([(255 * scan.intensity).round(), np.full(len(ego), 3)])
        ring = np.concatenate([scan.ring, np.arange(len(ego)) % sensor.beams])
        _write(folder / place, np.column_stack([points, intensity, ring]).astype('<f4'))
        raw = np.concatenate([NUSCENES_RAW[scan.kind], np.full(len(ego), EGO)])
        _write(folder / label, raw.astype(np.uint8))

        common = dict(sample_token=sample, timestamp=stamp)
        jpg = f'samples/CAM_FRONT/{name.format("CAM_FRONT", "jpg")}'
        between = f'sweeps/LIDAR_TOP/{name.format("LIDAR_TOP", "pcd.bin")}'
        data.append(dict(token=lidar, is_key_frame=True, filename=place, **common))
        data.append(dict(token=camera, is_key_frame=True, filename=jpg, **common))
        data.append(dict(token=sweep, is_key_frame=False, filename=between, **common))
        segments.append(dict(token=lidar, sample_data_token=lidar, filename=label))
        tokens.append(sample)
    categories = [
        dict(token=_token(index, name), name=name, description='', index=index)
        for index, name in nuscenes_labels.RAW.items()
    ]
    tables = dict(
        category=categories,
        lidarseg=segments,
        sample=[dict(token=token) for token in tokens],
        sample_data=data,
    )
    (folder / version).mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (folder / version / f'{name}.json').write_text(json.dumps(rows, indent=0))
    return tokens


def _token(*parts) -> str:
    """A token of 32 hexadecimal digits."""
    return hashlib.md5(repr(parts).encode(), usedforsecurity=False).hexdigest()


def _write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(array.tobytes())
