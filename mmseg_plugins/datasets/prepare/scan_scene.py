"""Random street scenes of simple solids for the generated LiDAR benchmark "scans".

The ground is z = 0; the vehicle with the sensor stands on the road at x = y = 0.
"""

from typing import NamedTuple

import numpy as np

VERSION = 1
KINDS = (
    'road', 'sidewalk', 'terrain', 'building', 'vegetation', 'trunk', 'pole', 'car', 'person',
)  # fmt: skip
ROAD, SIDEWALK, TERRAIN, BUILDING, CROWN, TRUNK, POLE, CAR, PERSON = range(9)
# A weak cue: the shape has to tell the rest.
REFLECTIVITY = np.array([0.22, 0.3, 0.36, 0.4, 0.42, 0.34, 0.5, 0.45, 0.4])


class Box(NamedTuple):
    """A box that is turned about z."""

    kind: int
    instance: int
    centre: tuple  # x, y, z
    half: tuple  # half of length, width and height
    angle: float  # of the length from +x

    @property
    def radius(self) -> float:
        """Of the circle about it in the plane."""
        return float(np.hypot(*self.half[:2]))

    def hit(self, eye: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance of the first hit and how squarely a ray meets the face, 0..1.

        Args:
            eye (np.ndarray): Where all rays start, (3,).
            rays (np.ndarray): Unit vectors, (..., 3).

        Returns:
            tuple[np.ndarray, np.ndarray]: Distance, inf where it misses; cosine.
        """
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        frame = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        start, ray = (eye - np.array(self.centre)) @ frame, rays @ frame
        ray = np.where(np.abs(ray) < 1e-9, 1e-9, ray)
        low, high = (-np.array(self.half) - start) / ray, (np.array(self.half) - start) / ray
        enter, leave = np.minimum(low, high), np.maximum(low, high).min(axis=-1)
        face = enter.argmax(axis=-1)
        first = enter.max(axis=-1)
        cosine = np.abs(np.take_along_axis(ray, face[..., None], axis=-1)[..., 0])
        return np.where((first < leave) & (first > 0), first, np.inf), cosine


class Ellipsoid(NamedTuple):
    """An ellipsoid of revolution about z; a long, thin one stands for a round pole."""

    kind: int
    instance: int
    centre: tuple  # x, y, z
    half: tuple  # half axes: in the plane, along z

    @property
    def radius(self) -> float:
        """Of the circle about it in the plane."""
        return self.half[0]

    def hit(self, eye: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`Box.hit`."""
        axes = np.array([self.half[0], self.half[0], self.half[1]])
        start, ray = (eye - np.array(self.centre)) / axes, rays / axes
        a, b, c = (ray**2).sum(-1), ray @ start, start @ start - 1
        root = b**2 - a * c
        first = (-b - np.sqrt(np.maximum(root, 0))) / a
        normal = (start + first[..., None] * ray) / axes
        with np.errstate(invalid='ignore', divide='ignore'):
            cosine = np.abs((normal * rays).sum(-1)) / np.linalg.norm(normal, axis=-1)
        return np.where((root > 0) & (first > 0), first, np.inf), np.nan_to_num(cosine)


class Scene(NamedTuple):
    """Solids and a street, straight, with pavements; terrain beyond."""

    parts: list
    angle: float  # of the street from +x
    offset: float  # of its middle from the vehicle, in metres, to the left
    road: float  # half its width
    walk: float  # width of a pavement
    crossing: tuple  # position along the street and half width of a road across

    def ground(self, xy: np.ndarray) -> np.ndarray:
        """What the ground is at some places.

        Args:
            xy (np.ndarray): (N, 2).

        Returns:
            np.ndarray: Index into ``KINDS``, uint8 (N,).
        """
        along = xy @ [np.cos(self.angle), np.sin(self.angle)]
        across = np.abs(xy @ [-np.sin(self.angle), np.cos(self.angle)] - self.offset)
        beside = np.minimum(across - self.road, np.abs(along - self.crossing[0]) - self.crossing[1])
        kind = np.where(beside < self.walk, SIDEWALK, TERRAIN)
        return np.where(beside < 0, ROAD, kind).astype(np.uint8)


def draw_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene.

    Args:
        rng (np.random.Generator): What decides everything.

    Returns:
        Scene: Ready for :func:`scan_sensor.cast`.
    """
    road, walk = rng.uniform(3.2, 5.5), rng.uniform(1.5, 3.5)
    cross = rng.choice([-1, 1]) * rng.uniform(14, 60), rng.uniform(3, 4.5)
    street = Scene([], rng.uniform(-np.pi, np.pi), rng.uniform(-1.5, 1.5), road, walk, cross)
    parts, edge = street.parts, road + walk

    def free(along: float, room: float) -> bool:
        """Whether a place along the street is not on the crossing."""
        return abs(along - cross[0]) > cross[1] + room

    def solid(make, kind, along, across, z, half, turn=None, instance=0) -> None:
        """Put a solid at a place in the street's frame."""
        cos, sin = np.cos(street.angle), np.sin(street.angle)
        across = across + street.offset
        centre = (along * cos - across * sin, along * sin + across * cos, z)
        angle = () if turn is None else (street.angle + turn,)
        parts.append(make(kind, instance, centre, half, *angle))

    for side in (-1, 1):
        along = -60 + rng.uniform(0, 10)
        while along < 60:  # the row behind the pavement: houses, gaps with trees and bushes
            if rng.random() < 0.62:
                length, depth, height = rng.uniform((7, 6, 4), (20, 12, 14))
                setback = rng.uniform(0.3, 7)
                if free(along + length / 2, walk + length / 2):
                    across = side * (edge + setback + depth / 2)
                    half = (length / 2, depth / 2, height / 2)
                    solid(Box, BUILDING, along + length / 2, across, height / 2, half, 0.0)
                along += length + rng.uniform(0.5, 6)
            else:
                for _ in range(rng.integers(1, 4)):
                    place = along + rng.uniform(0, 8), side * (edge + rng.uniform(1, 12))
                    size = rng.uniform(0.5, 1.6)
                    if free(place[0], walk + size):
                        solid(Ellipsoid, CROWN, *place, size / 2, (size, rng.uniform(0.6, 1.5)))
                along += rng.uniform(6, 14)
        for along in np.arange(-50, 50, rng.uniform(9, 16)) + rng.uniform(-3, 3):
            if not free(along, walk):
                continue
            across = side * (road + rng.uniform(0.3, min(1.0, walk)))
            if rng.random() < 0.5:  # a lamp or a sign post
                height, thick = rng.uniform(2.5, 8), rng.uniform(0.07, 0.14)
                half = (thick, thick, height / 2)
                solid(Box, POLE, along, across, height / 2, half, rng.uniform(0, np.pi))
            else:
                height, thick, crown = rng.uniform((1.8, 0.12, 1.2), (3, 0.3, 2.6))
                half = (thick, thick, height / 2)
                solid(Box, TRUNK, along, across, height / 2, half, rng.uniform(0, np.pi))
                axes = (crown, crown * rng.uniform(0.8, 1.3))
                solid(Ellipsoid, CROWN, along, across, height + 0.75 * axes[1], axes)

    instance = 0
    for side in (-1, 1):
        for along in np.arange(-45, 45, 6.5) + rng.uniform(-1, 1, 14):
            if rng.random() < 0.45 and free(along, 1) and abs(along) > 4:
                instance += 1
                _car(rng, solid, along, side * (road - rng.uniform(1.0, 1.3)), instance)
    for _ in range(rng.integers(0, 3)):  # on the road
        along = rng.choice([-1, 1]) * rng.uniform(7, 45)
        instance += 1
        _car(rng, solid, along, rng.uniform(-0.3, 0.3) * road, instance)
    for _ in range(rng.integers(3, 10)):
        along, side = rng.uniform(-28, 28), rng.choice([-1, 1])
        across = side * (road + rng.uniform(0.2, walk))
        if abs(along) < 1.5:
            continue
        height, thick = rng.uniform(1.5, 1.9), rng.uniform(0.22, 0.32)
        instance += 1
        half = (thick, height / 2)
        solid(Ellipsoid, PERSON, along, across, height / 2, half, instance=instance)
    return street


def _car(rng, solid, along: float, across: float, instance: int) -> None:
    """A body and a cabin; one in four is a van, whose cabin is as long as the body."""
    length, width, body = rng.uniform((3.6, 1.6, 0.65), (4.8, 1.85, 0.85))
    turn = rng.normal(0, 0.03)
    solid(
        Box, CAR, along, across, 0.25 + body / 2, (length / 2, width / 2, body / 2), turn, instance
    )
    van = rng.random() < 0.25
    roof = rng.uniform(0.8, 1.1) if van else rng.uniform(0.45, 0.6)
    half = (length * (0.47 if van else 0.28), 0.45 * width, roof / 2)
    shift = 0 if van else rng.uniform(-0.1, 0.1) * length
    solid(Box, CAR, along + shift, across, 0.25 + body + roof / 2, half, turn, instance)
