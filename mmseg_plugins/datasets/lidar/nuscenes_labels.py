"""Raw ids and the 16 classes of nuScenes-lidarseg.

The numbers are those of the shipped files; the annotators' instructions number 25 to 30 otherwise,
which is why ``prepare_data.py nuscenes`` compares them by name with ``category.json``.

Source: Fong et al. (RA-L 2022); specification 1.3.
"""

from .label_table import LabelTable

RAW = dict(enumerate((
    'noise',
    'animal',
    'human.pedestrian.adult',
    'human.pedestrian.child',
    'human.pedestrian.construction_worker',
    'human.pedestrian.personal_mobility',
    'human.pedestrian.police_officer',
    'human.pedestrian.stroller',
    'human.pedestrian.wheelchair',
    'movable_object.barrier',
    'movable_object.debris',
    'movable_object.pushable_pullable',
    'movable_object.trafficcone',
    'static_object.bicycle_rack',
    'vehicle.bicycle',
    'vehicle.bus.bendy',
    'vehicle.bus.rigid',
    'vehicle.car',
    'vehicle.construction',
    'vehicle.emergency.ambulance',
    'vehicle.emergency.police',
    'vehicle.motorcycle',
    'vehicle.trailer',
    'vehicle.truck',
    'flat.driveable_surface',
    'flat.other',
    'flat.sidewalk',
    'flat.terrain',
    'static.manmade',
    'static.other',
    'static.vegetation',
    'vehicle.ego',
)))  # fmt: skip

NAMES = {
    'barrier': ('movable_object.barrier',),
    'bicycle': ('vehicle.bicycle',),
    'bus': ('vehicle.bus.bendy', 'vehicle.bus.rigid'),
    'car': ('vehicle.car',),
    'construction_vehicle': ('vehicle.construction',),
    'motorcycle': ('vehicle.motorcycle',),
    'pedestrian': (
        'human.pedestrian.adult',
        'human.pedestrian.child',
        'human.pedestrian.construction_worker',
        'human.pedestrian.police_officer',
    ),
    'traffic_cone': ('movable_object.trafficcone',),
    'trailer': ('vehicle.trailer',),
    'truck': ('vehicle.truck',),
    'driveable_surface': ('flat.driveable_surface',),
    'other_flat': ('flat.other',),
    'sidewalk': ('flat.sidewalk',),
    'terrain': ('flat.terrain',),
    'manmade': ('static.manmade',),
    'vegetation': ('static.vegetation',),
}

PALETTE = [
    (255, 120, 50), (255, 192, 203), (255, 255, 0), (0, 150, 245), (0, 255, 255), (255, 127, 0),
    (255, 0, 0), (255, 240, 150), (135, 60, 0), (160, 32, 240), (255, 0, 255), (139, 137, 137),
    (75, 0, 75), (150, 240, 80), (230, 230, 250), (0, 175, 0),
]  # fmt: skip


def table_by_name(raw: dict[int, str]) -> LabelTable:
    """The table for a numbering of the raw ids.

    Args:
        raw (dict[int, str]): Raw id to name, e.g. ``index`` and ``name`` in ``category.json``.

    Returns:
        LabelTable: Its classes are always in the same order.
    """
    ids = {name: index for index, name in raw.items()}
    members = {name: tuple(ids[raw] for raw in parts) for name, parts in NAMES.items()}
    return LabelTable('nuScenes-lidarseg', raw, members, PALETTE)


TABLE = table_by_name(RAW)

NUM_TRAIN, NUM_VAL = 28130, 6019
