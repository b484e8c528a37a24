"""What several trained runs predict on the images of a validation set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmseg.evaluation import IoUMetric
from mmseg.registry import DATASETS
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from mmseg_plugins.checkpoints import trained_model
from mmseg_plugins.checkpoints.load import shorten
from mmseg_plugins.errors import UserError
from mmseg_plugins.results.style import NAMES


@dataclass
class PredictionRun:
    """A trained run.

    Args:
        label (str): What a figure calls it.
        config (Path): Its config file.
        model (nn.Module): The network that a validation scores, in evaluation mode.
        dataset (BaseDataset): Its validation set.
    """

    label: str
    config: Path
    model: nn.Module
    dataset: BaseDataset

    def index_of(self) -> dict[str, int]:
        """File of each image, without folder and suffix, to its place in the dataset."""
        infos = (self.dataset.get_data_info(index) for index in range(len(self.dataset)))
        return {Path(info['img_path']).stem: index for index, info in enumerate(infos)}

    @torch.no_grad()
    def predict(self, index: int):
        """Predict one image.

        Returns:
            SegDataSample: With ``pred_sem_seg`` and ``gt_sem_seg``, int64 (1, H, W).

        Raises:
            UserError: If the image has no ground truth.
        """
        (sample,) = self.model.test_step(pseudo_collate([self.dataset[index]]))
        if 'gt_sem_seg' not in sample:
            raise UserError(
                f'{self.config}: {sample.metainfo["img_path"]} has no ground truth in its '
                'validation set; name a config with masks for it'
            )
        return sample.cpu()


@dataclass
class ImagePredictions:
    """One image with its ground truth and the predictions of all runs.

    Args:
        name (str): File of the image, without folder and suffix.
        path (str): The image.
        truth (np.ndarray): Ground truth, (H, W).
        predictions (list[np.ndarray]): One per run, (H, W).
        scores (list[float]): mIoU of each prediction in percent, see :func:`image_miou`.
        image (Tensor, optional): Of a range image, which no file shows, the network's input
            (6, H, W). Defaults to None.
    """

    name: str
    path: str
    truth: np.ndarray
    predictions: list[np.ndarray]
    scores: list[float]
    image: Tensor | None = None


def open_runs(sources: Sequence[tuple[Config, dict, Path, Path]]) -> list[PredictionRun]:
    """Build runs.

    Args:
        sources (Sequence[tuple]): Of each run the config, the checkpoint as loaded, the config file
            and the checkpoint file.

    Returns:
        list[PredictionRun]: In that order, with labels that tell them apart.

    Raises:
        UserError: If a checkpoint does not fit, data is missing, or the classes differ.
    """
    init_default_scope('mmseg')
    runs = []
    for (cfg, checkpoint, config, path), label in zip(sources, labels_of(sources), strict=True):
        model = trained_model(cfg, checkpoint, path, config).to(get_device()).eval()
        runs.append(PredictionRun(label, config, model, DATASETS.build(cfg.val_dataloader.dataset)))
    for run in runs[1:]:
        if run.dataset.metainfo['classes'] != runs[0].dataset.metainfo['classes']:
            raise UserError(
                f'{run.config} has other classes than {runs[0].config}; draw them apart'
            )
    return runs


def labels_of(sources: Sequence[tuple]) -> list[str]:
    """The method of each run; where that names two, the config, else the checkpoint too."""
    methods, stems, files = [], [], []
    for cfg, _, config, path in sources:
        method = cfg.get('protocol', {}).get('method')
        methods.append(NAMES.get(method, method) or config.stem)
        stems.append(f'{methods[-1]}\n{config.stem}' if method else config.stem)
        files.append(f'{methods[-1]}\n{path.parent.name}\n{path.stem}')
    return next((found for found in (methods, stems) if len(set(found)) == len(found)), files)


def image_miou(prediction: Tensor, truth: Tensor, num_classes: int, ignore: int = 255) -> float:
    """mIoU of one image: mean over the classes that its ground truth or prediction has.

    Args:
        prediction (Tensor): Classes, (H, W).
        truth (Tensor): Classes, (H, W).
        num_classes (int): Number of classes.
        ignore (int): Label of pixels that do not count. Defaults to 255.

    Returns:
        float: Percent; NaN where no pixel counts.
    """
    areas = IoUMetric.intersect_and_union(prediction, truth, num_classes, ignore)
    common, union = (area.double() for area in areas[:2])
    found = union > 0
    return float(100 * (common[found] / union[found]).mean())


def score_of(sample, run: PredictionRun) -> float:
    """:func:`image_miou` of a predicted sample."""
    return image_miou(
        sample.pred_sem_seg.data[0],
        sample.gt_sem_seg.data[0].long(),
        len(run.dataset.metainfo['classes']),
        run.dataset.ignore_index,
    )


def worst_images(run: PredictionRun, number: int) -> list[str]:
    """The images of a run's validation set with the lowest mIoU, the lowest first.

    Args:
        run (PredictionRun): The run; it predicts the whole set.
        number (int): How many.

    Returns:
        list[str]: Files without folder and suffix; images without a pixel that counts are left out.
    """
    names = run.index_of()
    bar = dict(description='predicting', console=Console(stderr=True), transient=True)
    scores = {name: score_of(run.predict(names[name]), run) for name in track(list(names), **bar)}
    known = [name for name in scores if scores[name] == scores[name]]
    return sorted(known, key=lambda name: (scores[name], name))[:number]


def predict_images(runs: Sequence[PredictionRun], names: Sequence[str]) -> list[ImagePredictions]:
    """Predictions of all runs.

    Args:
        runs (Sequence[PredictionRun]): The runs; the ground truth is the first one's.
        names (Sequence[str]): Images, as file names; folder and suffix do not matter.

    Returns:
        list[ImagePredictions]: In that order.

    Raises:
        UserError: If a run's validation set lacks an image.
    """
    places = [run.index_of() for run in runs]
    # a scan is x.pcd.bin: its name without suffix seems to have one
    names = [Path(name).name for name in names]
    names = [name if name in places[0] else Path(name).stem for name in names]
    for run, known in zip(runs, places, strict=True):
        for name in names:
            if name not in known:
                raise UserError(
                    f"--images: the validation set of {run.config} has no image '{name}'; it has "
                    f'{shorten(known)}'
                )
    images = []
    for name in names:
        samples = [run.predict(known[name]) for run, known in zip(runs, places, strict=True)]
        first = samples[0]
        for run, sample in zip(runs, samples, strict=True):
            if sample.gt_sem_seg.shape != first.gt_sem_seg.shape:
                raise UserError(
                    f'{run.config} and {runs[0].config} validate {name} at different sizes '
                    f'({sample.gt_sem_seg.shape} and {first.gt_sem_seg.shape}); draw them apart'
                )
        image = runs[0].dataset[places[0][name]]['inputs']
        images.append(
            ImagePredictions(
                name=name,
                path=first.metainfo['img_path'],
                truth=first.gt_sem_seg.data[0].numpy(),
                predictions=[sample.pred_sem_seg.data[0].numpy() for sample in samples],
                scores=[score_of(s, run) for s, run in zip(samples, runs, strict=True)],
                image=image if len(image) == 6 else None,
            )
        )
    return images
