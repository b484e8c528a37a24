from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.utils import SampleList
from torch import Tensor, nn


class EvaluatedSegmentor(BaseSegmentor):
    """A segmentor of several networks, one of which predicts.

    Attributes:
        predict_on (str): The attribute that holds it; set by the subclass.
    """

    predict_on: str

    def _network(self) -> nn.Module:
        return getattr(self, self.predict_on)

    def predict(self, inputs: Tensor, data_samples: SampleList | None = None) -> SampleList:
        """Predict with the network that ``predict_on`` names; see mmseg's ``EncoderDecoder``."""
        return self._network().predict(inputs, data_samples)

    def _forward(self, inputs: Tensor, data_samples: SampleList | None = None) -> Tensor:
        return self._network()._forward(inputs, data_samples)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Logits of the network that ``predict_on`` names."""
        return self._network().encode_decode(inputs, batch_img_metas)

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Features of the network that ``predict_on`` names."""
        return self._network().extract_feat(inputs)
