"""Raw ids and the 19 classes of SemanticKITTI and ScribbleKITTI.

Source: Behley et al. (ICCV 2019); specification 1.2.
"""

import numpy as np

from .label_table import LabelTable

RAW = {
    0: 'unlabeled', 1: 'outlier', 10: 'car', 11: 'bicycle', 13: 'bus', 15: 'motorcycle',
    16: 'on-rails', 18: 'truck', 20: 'other-vehicle', 30: 'person', 31: 'bicyclist',
    32: 'motorcyclist', 40: 'road', 44: 'parking', 48: 'sidewalk', 49: 'other-ground',
    50: 'building', 51: 'fence', 52: 'other-structure', 60: 'lane-marking', 70: 'vegetation',
    71: 'trunk', 72: 'terrain', 80: 'pole', 81: 'traffic-sign', 99: 'other-object',
    252: 'moving-car', 253: 'moving-bicyclist', 254: 'moving-person', 255: 'moving-motorcyclist',
    256: 'moving-on-rails', 257: 'moving-bus', 258: 'moving-truck', 259: 'moving-other-vehicle',
}  # fmt: skip

# The first raw id of a class is the one that is written for it.
MEMBERS = {
    'car': (10, 252),
    'bicycle': (11,),
    'motorcycle': (15,),
    'truck': (18, 258),
    'other-vehicle': (20, 13, 16, 256, 257, 259),
    'person': (30, 254),
    'bicyclist': (31, 253),
    'motorcyclist': (32, 255),
    'road': (40, 60),
    'parking': (44,),
    'sidewalk': (48,),
    'other-ground': (49,),
    'building': (50,),
    'fence': (51,),
    'vegetation': (70,),
    'trunk': (71,),
    'terrain': (72,),
    'pole': (80,),
    'traffic-sign': (81,),
}

PALETTE = [
    (100, 150, 245), (100, 230, 245), (30, 60, 150), (80, 30, 180), (0, 0, 255), (255, 30, 30),
    (255, 40, 200), (150, 30, 90), (255, 0, 255), (255, 150, 255), (75, 0, 75), (175, 0, 75),
    (255, 200, 0), (255, 120, 50), (0, 175, 0), (135, 60, 0), (150, 240, 80), (255, 240, 150),
    (255, 0, 0),
]  # fmt: skip

TABLE = LabelTable('SemanticKITTI', RAW, MEMBERS, PALETTE)

# Class to the raw id that a prediction is written as.
TO_RAW = np.array([ids[0] for ids in MEMBERS.values()], dtype=np.uint32)

# Scans per sequence; the test sequences 11 to 21 have no labels.
TRAIN = {
    '00': 4541, '01': 1101, '02': 4661, '03': 801, '04': 271, '05': 2761, '06': 1101, '07': 1101,
    '09': 1591, '10': 1201,
}  # fmt: skip
VAL = {'08': 4071}


def scan_ids(counts: dict[str, int]) -> list[str]:
    """Ids of all scans of some sequences.

    Args:
        counts (dict[str, int]): Scans per sequence.

    Returns:
        list[str]: ``'00/000000'`` and so on, in order.
    """
    return [f'{name}/{k:06d}' for name, count in counts.items() for k in range(count)]
