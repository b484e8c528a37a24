"""Scenes of the embedded benchmark "shapes": one image and its mask from one seed.

Only elementwise numpy is used, in a fixed order and from one generator per image, so an image
depends on its (seed, split, index) alone and not on what was drawn before it.
"""

import numpy as np

VERSION = 1
CLASSES = ('background', 'disc', 'square', 'triangle', 'star', 'ring')
PALETTE = (
    (0, 0, 0),
    (230, 25, 75),
    (60, 180, 75),
    (255, 200, 0),
    (0, 110, 230),
    (170, 60, 220),
)
IGNORE = 255
SPLITS = ('train', 'val')

TEXTURES = ('stripes', 'checks', 'dots', 'noise', 'gradient')
DISTRACTORS = ('cross', 'crescent')  # drawn like objects, but they belong to no class
TEXTURE_BIAS = 0.85  # how often an object wears the texture of its class
HUE_BIAS = 0.75  # how often it wears a hue near that of its class
MIN_VISIBLE = 80  # pixels; an object that shows less is not drawn at all


def render_scene(seed: int, split: str, index: int, size: int = 128):
    """Draw one scene.

    Args:
        seed (int): Seed of the data set, 0 or more.
        split (str): 'train' or 'val'.
        index (int): Number of the image in its split.
        size (int): Side of the square image in pixels. Defaults to 128.

    Returns:
        tuple[np.ndarray, np.ndarray]: Image, uint8 of shape (size, size, 3), RGB; mask, uint8 of
        shape (size, size), ids of ``CLASSES`` and 255 on a border of 1 px on either side of every
        object's visible outline.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    y, x = np.mgrid[:size, :size] + 0.5
    image = _background(rng, x, y, size)

    layers = [_object(rng, x, y, size, class_id) for class_id in _cast(rng)]
    owner = _owners(layers, size)
    hidden = [k for k in range(len(layers)) if (owner == k).sum() < MIN_VISIBLE]
    layers = [layer for k, layer in enumerate(layers) if k not in hidden]
    owner = _owners(layers, size)

    labels = np.array([0] + [layer[0] for layer in layers], dtype=np.uint8)
    for k, (_, _, colour) in enumerate(layers):
        image = np.where((owner == k)[..., None], colour, image)
    mask = labels[owner + 1]
    # A distractor counts as background here: it gets no border of its own.
    mask[_outline(np.where(mask > 0, owner, -1))] = IGNORE
    return _camera(rng, image, x, y, size), mask


def _cast(rng) -> list:
    """Class ids of the layers from back to front; 0 stands for a distractor."""
    ids = list(rng.integers(1, len(CLASSES), size=rng.integers(3, 7)))
    ids += [0] * (rng.uniform() < 0.3)
    return [int(k) for k in rng.permutation(ids)]


def _owners(layers: list, size: int) -> np.ndarray:
    """Number of the front-most layer at each pixel, -1 for none."""
    owner = np.full((size, size), -1)
    for k, (_, inside, _) in enumerate(layers):
        owner[inside] = k
    return owner


def _outline(owner: np.ndarray) -> np.ndarray:
    """Pixels with a neighbour (of four) that belongs to another layer."""
    edge = np.zeros(owner.shape, dtype=bool)
    across, down = owner[:, 1:] != owner[:, :-1], owner[1:] != owner[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge


def _object(rng, x, y, size: int, class_id: int) -> tuple:
    """One layer: class id, inside (bool) and colours (H, W, 3) in 0..1."""
    kind = CLASSES[class_id] if class_id else str(rng.choice(DISTRACTORS))
    scale = size / 128
    radius = scale * np.exp(rng.uniform(np.log(11), np.log(42)))
    centre = rng.uniform(0.03 * size, 0.97 * size, size=2)
    angle, shear = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
    aspect = np.exp(rng.uniform(-0.25, 0.25))
    # Local coordinates: rotated, sheared, stretched, then bent by a slow wave.
    dx, dy = (x - centre[0]) / radius, (y - centre[1]) / radius
    u = (np.cos(angle) * dx + np.sin(angle) * dy) * aspect
    v = (np.cos(angle) * dy - np.sin(angle) * dx) / aspect + shear * u
    bend, phase = rng.uniform(0, 0.14, size=2), rng.uniform(0, 2 * np.pi, size=2)
    u, v = u + bend[0] * np.sin(3 * v + phase[0]), v + bend[1] * np.sin(3 * u + phase[1])

    inside = _inside(rng, kind, u, v, radius / scale)
    texture = str(rng.choice(TEXTURES))
    hue = rng.uniform()
    if class_id and rng.uniform() < TEXTURE_BIAS:
        texture = TEXTURES[class_id - 1]
    if class_id and rng.uniform() < HUE_BIAS:
        hue = (class_id - 1) / 5 + rng.normal(0, 0.06)
    colour = _paint(rng, texture, u, v, hue, radius / scale)
    tilt = rng.uniform(0, 2 * np.pi)
    shade = 1 + rng.uniform(0, 0.3) * (np.cos(tilt) * u + np.sin(tilt) * v)
    return class_id, inside, colour * np.clip(shade, 0.5, 1.5)[..., None]


def _inside(rng, kind: str, u, v, radius: float) -> np.ndarray:
    """Membership of a shape of unit radius in local coordinates."""
    r = np.hypot(u, v)
    if kind == 'disc':
        return r < 0.95
    if kind == 'square':
        return np.maximum(np.abs(u), np.abs(v)) < 0.82
    if kind == 'triangle':
        sides = [np.cos(a) * u + np.sin(a) * v for a in (0, 2 * np.pi / 3, 4 * np.pi / 3)]
        return np.max(sides, axis=0) < 0.58
    if kind == 'star':
        sector = np.pi / rng.integers(4, 7)
        q = rng.uniform(0.38, 0.52)
        a = np.abs((np.arctan2(v, u) + sector) % (2 * sector) - sector)
        # Left of the edge that runs from the tip (1, 0) to the notch between two tips.
        edge_x, edge_y = q * np.cos(sector) - 1, q * np.sin(sector)
        return edge_x * r * np.sin(a) - edge_y * (r * np.cos(a) - 1) > 0
    if kind == 'ring':
        # A small ring keeps a wall of about 5 px, or its border would eat it.
        return (r < 1) & (r > min(rng.uniform(0.45, 0.7), 1 - 5 / radius))
    if kind == 'cross':
        arm = rng.uniform(0.2, 0.32)
        near, far = np.minimum(np.abs(u), np.abs(v)), np.maximum(np.abs(u), np.abs(v))
        return (near < arm) & (far < 0.95)
    offset = rng.uniform(0.45, 0.7)
    return (r < 0.95) & (np.hypot(u - offset, v) > 0.85)  # crescent


def _pattern(rng, texture: str, u, v, radius: float) -> np.ndarray:
    """A pattern in 0..1; its period is 4 to 11 px at 128 px, less than a small object."""
    pitch = 2 * np.pi * radius / rng.uniform(4, min(11, radius))
    if texture == 'stripes':
        return (np.sin(pitch * u) > rng.uniform(-0.4, 0.4)) * 1.0
    if texture == 'checks':
        return ((np.sin(pitch / 2 * u) > 0) ^ (np.sin(pitch / 2 * v) > 0)) * 1.0
    if texture == 'dots':
        return (np.sin(pitch * u) * np.sin(pitch * v) > rng.uniform(0.1, 0.4)) * 1.0
    if texture == 'noise':
        return _clouds(rng, u, v, pitch / 2, waves=9)
    return np.clip(0.5 + 0.6 * u, 0, 1)  # gradient


def _clouds(rng, u, v, frequency: float, waves: int = 6) -> np.ndarray:
    """Smooth noise in 0..1, a sum of plane waves."""
    total = np.zeros(u.shape)
    for _ in range(waves):
        angle, phase = rng.uniform(0, 2 * np.pi, size=2)
        k = frequency * rng.uniform(0.4, 1.2)
        total += np.sin(k * (np.cos(angle) * u + np.sin(angle) * v) + phase)
    return np.clip(0.5 + total / (2 * np.sqrt(waves)), 0, 1)


def _paint(rng, texture: str, u, v, hue: float, radius: float) -> np.ndarray:
    """A pattern between two related colours, (H, W, 3) in 0..1."""
    first = _rgb(hue, rng.uniform(0.4, 0.95), rng.uniform(0.45, 0.95))
    second = _rgb(hue + rng.normal(0, 0.08), rng.uniform(0.2, 0.9), rng.uniform(0.25, 0.95))
    t = _pattern(rng, texture, u, v, radius)[..., None]
    return (1 - t) * first + t * second


def _rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """HSV to RGB, all in 0..1; the hue wraps."""
    k = (np.array([5, 3, 1]) + 6 * hue) % 6
    return value * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1))


def _background(rng, x, y, size: int) -> np.ndarray:
    """A cloudy, greyish ground, perhaps in two parts, with faint texture and thin strokes."""
    u, v = x / size - 0.5, y / size - 0.5
    clouds = _clouds(rng, u, v, 12) - 0.5
    image = _dull(rng, _paint(rng, 'gradient', clouds, v, rng.uniform(), 128))
    if rng.uniform() < 0.4:
        angle = rng.uniform(0, 2 * np.pi)
        part = np.cos(angle) * u + np.sin(angle) * v > rng.uniform(-0.25, 0.25)
        other = _dull(rng, _paint(rng, 'gradient', u, v, rng.uniform(), 128))
        image = np.where(part[..., None], other, image)
    for _ in range(rng.integers(1, 4)):
        patch = _paint(rng, str(rng.choice(TEXTURES)), u, v, rng.uniform(), 128)
        a, b = rng.uniform(-0.5, 0.5, size=2)
        spread = rng.uniform(0.05, 0.16)
        alpha = np.exp(-((u - a) ** 2 + (v - b) ** 2) / (2 * spread**2))
        image = image + rng.uniform(0.1, 0.4) * alpha[..., None] * (patch - image)
    for _ in range(rng.integers(1, 5)):
        image = np.where(_stroke(rng, x, y, size)[..., None], _rgb(*rng.uniform(size=3)), image)
    return image


def _dull(rng, colour: np.ndarray) -> np.ndarray:
    """Take most of the saturation out of a colour."""
    grey = colour.mean(axis=-1, keepdims=True)
    return grey + rng.uniform(0.1, 0.4) * (colour - grey)


def _stroke(rng, x, y, size: int) -> np.ndarray:
    """A thin straight line or arc, 1 to 3 px wide at 128 px."""
    width = rng.uniform(0.5, 1.6) * size / 128
    x0, y0, x1, y1 = rng.uniform(-0.1 * size, 1.1 * size, size=4)
    if rng.uniform() < 0.4:
        arc = np.abs(np.hypot(x - x0, y - y0) - rng.uniform(0.1, 0.5) * size) < width
        return arc & ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0) > 0)  # half a circle
    length = max(np.hypot(x1 - x0, y1 - y0), 1)
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length
    across = ((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length
    return (np.abs(across) < width) & (along > 0) & (along < length)


def _camera(rng, image, x, y, size: int) -> np.ndarray:
    """Uneven light, a colour cast, gamma and sensor noise; the result is uint8."""
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0, 0.6) * (np.cos(angle) * x + np.sin(angle) * y) / size
    image = image * np.exp(slope - slope.mean())[..., None] * rng.uniform(0.93, 1.07, size=3)
    image = np.clip(image, 0, 1) ** rng.uniform(0.7, 1.4)
    image = image + rng.normal(0, rng.uniform(0.01, 0.04), size=image.shape)
    return np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)
