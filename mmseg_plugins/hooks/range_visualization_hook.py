from collections.abc import Sequence
from pathlib import Path

from mmengine.hooks import Hook
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample

from mmseg_plugins.errors import UserError
from mmseg_plugins.results.range_picture import range_picture


@HOOKS.register_module()
class RangeVisualizationHook(Hook):
    """Draws range images with their labels and predictions while validating and testing.

    mmseg's ``SegVisualizationHook`` decodes the file of an image, which a scan is not; this one
    draws what the network was given. Pictures go to the visualizer's backends, with MMEngine's
    own one to ``vis_data/vis_image``. From the top: depth, intensity, labels, prediction.

    Args:
        interval (int): Validation batches between two pictures, of which the first scan is drawn;
            with testing every scan of such a batch. Defaults to 50.

    Raises:
        UserError: If ``interval`` is not positive.
    """

    def __init__(self, interval: int = 50) -> None:
        if interval < 1:
            raise UserError(f'RangeVisualizationHook: interval={interval} must be at least 1')
        self.interval = interval

    def after_val_iter(
        self,
        runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[SegDataSample] | None = None,
    ) -> None:
        """Draw the first scan of every ``interval``-th batch."""
        if batch_idx % self.interval == 0:
            self.draw(runner, runner.val_dataloader, 'val', data_batch, outputs[:1], runner.iter)

    def after_test_iter(
        self,
        runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence[SegDataSample] | None = None,
    ) -> None:
        """Draw the scans of every ``interval``-th batch."""
        if batch_idx % self.interval == 0:
            self.draw(runner, runner.test_dataloader, 'test', data_batch, outputs, batch_idx)

    def draw(self, runner, loader, mode: str, data_batch: dict, outputs, step: int) -> None:
        """Hand pictures to the visualizer.

        Args:
            runner (Runner): The runner.
            loader (DataLoader): Whose data set has the palette.
            mode (str): Begins the name of a picture.
            data_batch (dict): With ``inputs``, images (6, H, W).
            outputs (Sequence[SegDataSample]): Predictions of the first of them.
            step (int): Number of the picture in its series.

        Raises:
            UserError: If the images are no range images.
        """
        for image, sample in zip(data_batch['inputs'], outputs, strict=False):
            if len(image) != 6:
                raise UserError(
                    f'RangeVisualizationHook: {sample.img_path} has {len(image)} channels, a range '
                    'image has 6; use SegVisualizationHook for images'
                )
            truth = sample.gt_sem_seg.data[0].cpu() if 'gt_sem_seg' in sample else None
            picture = range_picture(
                image.cpu(),
                loader.dataset.metainfo['palette'],
                truth,
                sample.pred_sem_seg.data[0].cpu(),
            )
            name = '_'.join([mode, *Path(sample.img_path).with_suffix('').parts[-3:]])
            runner.visualizer.add_image(name, picture, step=step)
