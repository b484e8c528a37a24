import time
from collections import defaultdict
from collections.abc import Callable

from mmcv.transforms import Compose

from mmseg_plugins.datasets.transforms import MultiBranch


class TimedTransforms:
    """Times every transform of a pipeline, also those inside of :class:`MultiBranch`.

    In time of this thread's core, which other processes of a busy machine do not add to.

    Attributes:
        seconds (dict[str, float]): Class name to seconds, without those of transforms inside.

    Args:
        pipeline (Compose): A data set's pipeline; its transforms are wrapped in place.
    """

    def __init__(self, pipeline: Compose) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]  # seconds of the transforms inside of each that runs
        self._wrap(pipeline)

    def _wrap(self, pipeline: Compose) -> None:
        for transform in pipeline.transforms:
            if isinstance(transform, MultiBranch):
                for branch in transform.branch_pipelines.values():
                    self._wrap(branch)
        pipeline.transforms = [self._timed(transform) for transform in pipeline.transforms]

    def _timed(self, transform: Callable) -> Callable:
        name = type(transform).__name__

        def run(results: dict) -> dict | None:
            self._inner.append(0.0)
            start = time.thread_time()
            try:
                return transform(results)
            finally:
                whole = time.thread_time() - start
                self.seconds[name] += whole - self._inner.pop()
                self._inner[-1] += whole

        return run
