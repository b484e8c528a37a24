"""Labels, filters and regions that look like those of a training."""

import numpy as np
import torch


def region_scene(confidence, num=4, size=321, num_maps=128, num_classes=21, seed=0):
    """Labels, filter and regions as at some point of a training.

    Regions are cut at half height from rows of a correlation matrix of objects on a coarse grid;
    labels are the objects' classes with errors in clumps; two images have a CutMix box, one an
    ignored strip.

    Args:
        confidence (float): Roughly the share of pixels above the threshold: 0.05 is early in a
            training, 0.3 in the middle, 0.7 late.
    """
    rng = np.random.RandomState(seed)
    grid = (size + 7) // 8

    def smooth(channels, coarse):
        noise = torch.from_numpy(rng.standard_normal((num, channels, coarse, coarse))).float()
        return torch.nn.functional.interpolate(
            noise, (size, size), mode='bilinear', align_corners=True
        )

    objects = smooth(5, 6)
    labels = (objects.argmax(1) * 5 + torch.arange(num)[:, None, None]) % num_classes
    clumps = smooth(1, 14)[:, 0]
    labels = torch.where(clumps > 1.1, (labels + 7) % num_classes, labels)
    certainty = objects.amax(1) + 0.3 * smooth(1, 40)[:, 0]
    confident = certainty >= certainty.quantile(1 - confidence) if confidence else certainty > 1e9

    features = torch.nn.functional.interpolate(objects, (grid, grid)).flatten(2)
    features = 1.25 * features / features.norm(dim=1, keepdim=True)
    matrix = (features.transpose(1, 2) @ features).softmax(-1)
    index = torch.from_numpy(rng.randint(0, grid * grid - 1, num_maps))
    rows = matrix[:, index].unflatten(2, (grid, grid))
    resized = torch.nn.functional.interpolate(
        rows, (size, size), mode='bilinear', align_corners=True
    )
    low, high = resized.flatten(2).aminmax(dim=2)
    regions = resized - low[..., None, None] > 0.5 * (high - low)[..., None, None]
    valid = torch.ones_like(confident)
    valid[0, size // 8 : size // 2, size // 4 : size // 2] = False
    valid[1 % num, : size // 3, size // 2 :] = False
    valid[2 % num, -size // 6 :] = False
    return labels, confident & valid, regions & valid[:, None]
