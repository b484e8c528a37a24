"""What the reference's checkpoints call a tensor, and what it is called here.

Source: specification 1.1 to 1.3 and the README of the CorrMatch golden numbers.
"""

import re

Names = tuple[tuple[str, str], ...]

# beginning of a public deep-stem ImageNet ResNet's name: that of mmseg's ResNetV1c
BACKBONE: Names = (
    (r'conv1\.(?=\d)', 'stem.'),
    (r'bn1\.', 'stem.7.'),
    (r'(?=layer\d\.)', ''),
)

# beginning of an official CorrMatch name: that of our CorrMatch segmentor
CORRMATCH: Names = (
    *((rf'backbone\.{theirs}', f'student.backbone.{ours}') for theirs, ours in BACKBONE),
    (r'head\.b([0-3])\.', r'student.decode_head.aspp.\1.'),
    (r'head\.b4\.gap\.', 'student.decode_head.image_pool.'),
    (r'head\.project\.', 'student.decode_head.bottleneck.'),
    (r'reduce\.', 'student.decode_head.c1_bottleneck.'),
    (r'fuse\.([01])\.', r'student.decode_head.fusion.0.\1.'),
    (r'fuse\.3\.', 'student.decode_head.fusion.1.0.'),
    (r'fuse\.4\.', 'student.decode_head.fusion.1.1.'),
    (r'classifier\.', 'student.decode_head.conv_seg.'),
    (r'proj\.', 'correlation.projection.'),
    (r'corr\.conv1\.', 'correlation.row.'),
    (r'corr\.conv2\.', 'correlation.column.'),
)


def rename(name: str, names: Names) -> str | None:
    """Our name of a tensor.

    Args:
        name (str): The other one's.
        names (tuple[tuple[str, str]]): A table of this module.

    Returns:
        str | None: None where the table has no such name.
    """
    for theirs, ours in names:
        renamed, found = re.subn(f'^{theirs}', ours, name, count=1)
        if found:
            return renamed
    return None
