"""Rotating LiDAR sensors and how they see a scene: rays, first hits, intensity, noise."""

from typing import NamedTuple

import numpy as np

from mmseg_plugins.datasets.prepare.scan_scene import CROWN, REFLECTIVITY, Box, Ellipsoid, Scene


class Sensor(NamedTuple):
    """A rotating sensor: beams at evenly spread elevations, columns at evenly spread azimuths."""

    beams: int
    columns: int
    up: float  # elevation of the highest beam in degrees
    down: float  # of the lowest
    height: float  # above the ground in metres
    reach: float = 80.0  # metres
    noise: float = 0.02  # standard deviation of a distance in metres
    loss: float = 0.04  # share of rays that do not come back


# The views of the sensors of SemanticKITTI and nuScenes; the true ones have two to four times the
# columns.
KITTI = Sensor(beams=64, columns=512, up=2.0, down=-24.8, height=1.73)
NUSCENES = Sensor(beams=32, columns=480, up=10.67, down=-30.67, height=1.84)


class Scan(NamedTuple):
    """What a sensor has seen; one entry per point."""

    points: np.ndarray  # float32 (N, 3), metres, from the sensor
    intensity: np.ndarray  # float32 (N,), 0..1
    ring: np.ndarray  # int (N,), 0 the lowest beam
    kind: np.ndarray  # uint8 (N,), index into scan_scene.KINDS
    instance: np.ndarray  # int (N,), 0 for what is not an object


def cast(rng: np.random.Generator, scene: Scene, sensor: Sensor) -> Scan:
    """Send out all rays.

    Args:
        rng (np.random.Generator): Of the noise.
        scene (Scene): What is there.
        sensor (Sensor): Where it is seen from, and how.

    Returns:
        Scan: The points that come back, in millimetres, so that they do not depend on the last bit
        of a machine's arithmetic.
    """
    ring = np.arange(sensor.beams)
    pitch = np.radians(np.linspace(sensor.down, sensor.up, sensor.beams))
    yaw = -np.pi + 2 * np.pi * (np.arange(sensor.columns) + 0.5) / sensor.columns
    rays = np.empty((sensor.beams, sensor.columns, 3))
    rays[..., 0] = np.cos(pitch)[:, None] * np.cos(yaw)
    rays[..., 1] = np.cos(pitch)[:, None] * np.sin(yaw)
    rays[..., 2] = np.sin(pitch)[:, None]
    eye = np.array([0, 0, sensor.height])

    with np.errstate(divide='ignore'):
        distance = np.where(rays[..., 2] < 0, -sensor.height / rays[..., 2], np.inf)
    facing = np.abs(rays[..., 2]).copy()
    kind = np.zeros(distance.shape, dtype=np.uint8)
    instance = np.zeros(distance.shape, dtype=np.int64)
    ground = np.isfinite(distance) & (distance < sensor.reach)
    kind[ground] = scene.ground((rays[ground] * distance[ground][:, None])[:, :2])

    for part in scene.parts:
        columns = _columns(part, yaw)
        seen = rays[:, columns]
        hit, cosine = part.hit(eye, seen)
        if part.kind == CROWN:  # leaves: a ray goes some way in, or through
            hit = hit + rng.exponential(0.25, hit.shape)
            hit[rng.random(hit.shape) < 0.1] = np.inf
        near = hit < distance[:, columns]
        rows, found = np.nonzero(near)
        at = rows, columns[found]
        distance[at], facing[at] = hit[near], cosine[near]
        kind[at], instance[at] = part.kind, part.instance

    distance = distance + rng.normal(0, sensor.noise, distance.shape)
    back = (distance > 0.5) & (distance < sensor.reach)
    back &= rng.random(distance.shape) >= sensor.loss
    # paint and stone differ from street to street
    reflectivity = REFLECTIVITY * rng.uniform(0.75, 1.25, len(REFLECTIVITY))
    intensity = reflectivity[kind] * (0.3 + 0.7 * np.clip(facing, 0, 1))
    intensity = np.clip(intensity + rng.normal(0, 0.03, intensity.shape), 0, 1)
    return Scan(
        np.round(rays[back] * distance[back][:, None], 3).astype(np.float32),
        np.round(intensity[back], 2).astype(np.float32),
        np.broadcast_to(ring[:, None], distance.shape)[back],
        kind[back],
        instance[back],
    )


def _columns(part: Box | Ellipsoid, yaw: np.ndarray) -> np.ndarray:
    """Columns in which a part can be seen."""
    x, y = part.centre[:2]
    away = np.hypot(x, y)
    if away <= part.radius:
        return np.arange(len(yaw))
    half = np.arcsin(part.radius / away) + 2 * np.pi / len(yaw)
    off = np.abs((yaw - np.arctan2(y, x) + np.pi) % (2 * np.pi) - np.pi)
    return np.flatnonzero(off <= half)
