"""The published algorithm, written down plainly: ``benchmark.py`` measures the project beside it.

It keeps all frames and all probabilities of the clip, concatenates the memory at each insertion, reads it through the
dense affinity, and runs the network as published: BatchNorm, inputs concatenated for each object. The decoder's skip
convolutions are computed once and broadcast over the objects.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from inference_core import InferenceConfig
from model.aggregate import aggregate
from model.network import STCN, STRIDE, KeyFeatures
from util.tensor_util import Padding


def dense_readout(memory_key: Tensor, memory_values: Tensor, query_key: Tensor, top_k: int) -> Tensor:
    """Read through the dense affinity.

    Args:
        memory_key: ``[1,CK,N]``.
        memory_values: ``[K,CV,N]``.
        query_key: ``[1,CK,M]``.
        top_k: memory positions read for each query position.

    Returns:
        ``[K,CV,M]``.
    """
    squared_norm = memory_key.float().pow(2).sum(1).unsqueeze(2)
    scale = 1 / math.sqrt(memory_key.shape[1])
    product = memory_key.transpose(1, 2) @ (2 * scale * query_key)  # scaled first: float16 would overflow
    similarity = product - scale * squared_norm  # [1,N,M]
    values, indices = similarity.topk(min(top_k, similarity.shape[1]), dim=1)
    affinity = similarity.zero_().scatter_(1, indices, values.softmax(1).to(similarity.dtype))[0]
    return torch.stack([value @ affinity.to(value.dtype) for value in memory_values])


class PublishedTwin:
    """Propagate the masks of objects that are all in the first frame.

    Args:
        network: in eval mode, as loaded.
        frames: ``[T,3,H,W]`` float32, ImageNet-normalised: the whole clip.
        num_objects: K.
        config: settings of propagation; the last frame is not held, the memory neither bounded nor kernelized.
        amp_dtype: automatic mixed precision in this dtype; None: float32.
    """

    def __init__(
        self,
        network: STCN,
        frames: Tensor,
        num_objects: int,
        config: InferenceConfig,
        amp_dtype: torch.dtype | None = None,
    ) -> None:
        self._network, self._config, self._amp_dtype = network, config, amp_dtype
        self._padding = Padding.to_multiple(*frames.shape[2:], STRIDE)
        self._images = self._padding.add(frames)
        self._probabilities = frames.new_zeros(1 + num_objects, len(frames), *self._images.shape[2:])
        self._keys: Tensor | None = None  # [1,CK,N]
        self._values: Tensor | None = None  # [K,CV,N]
        self._frame = 0

    @torch.inference_mode()
    def step(self, mask: Tensor | None = None) -> Tensor:
        """Segment the next frame.

        Args:
            mask: ``[H,W]`` ids 1 to K, for the first frame.

        Returns:
            ``[1+K,H,W]`` probabilities, background first.
        """
        frame, self._frame = self._frame, self._frame + 1
        image = self._images[frame : frame + 1]
        with torch.autocast(image.device.type, self._amp_dtype, enabled=self._amp_dtype is not None):
            features = self._network.encode_key(image)
            if mask is not None:
                labels = range(1, len(self._probabilities))
                masks = torch.stack([self._padding.add(mask) == label for label in labels]).float()
            else:
                masks = torch.sigmoid(self._segment(features))
            self._probabilities[:, frame] = aggregate(masks).softmax(0)
            if frame % self._config.mem_every == 0 and frame + 1 < len(self._images):
                self._memorise(image, features, self._probabilities[1:, frame])
        return self._padding.remove(self._probabilities[:, frame])

    def _segment(self, features: KeyFeatures) -> Tensor:
        """Decode what the memory holds: logits ``[K,H,W]``, float32."""
        height, width = features.key.shape[2:]
        read = dense_readout(self._keys, self._values, features.key.flatten(2), self._config.top_k)
        read = read.unflatten(2, (height, width))
        decoder = self._network.decoder
        x = decoder.compress(torch.cat([read, features.thin.expand(len(read), -1, -1, -1)], 1))
        for block, skip in ((decoder.up_16_8, features.f8), (decoder.up_8_4, features.f4)):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = block.out_conv(block.skip_conv(skip) + x)
        logits = F.interpolate(decoder.pred(F.relu(x)), scale_factor=4, mode="bilinear", align_corners=False)
        return logits[:, 0].float()

    def _memorise(self, image: Tensor, features: KeyFeatures, masks: Tensor) -> None:
        key, values = features.key.flatten(2), self._encode_value(image, features.f16, masks).flatten(2)
        self._keys = key if self._keys is None else torch.cat([self._keys, key], 2)
        self._values = values if self._values is None else torch.cat([self._values, values], 2)

    def _encode_value(self, image: Tensor, f16: Tensor, masks: Tensor) -> Tensor:
        """Encode masks ``[K,H,W]``: values ``[K,CV,h,w]``."""
        encoder, masks = self._network.value_encoder, masks.unsqueeze(1)
        images = image.expand(len(masks), -1, -1, -1)
        x = encoder.conv1(torch.cat([images, masks, masks.sum(0, keepdim=True) - masks], 1))
        x = F.max_pool2d(F.relu(encoder.bn1(x)), 3, stride=2, padding=1)
        x = encoder.layer3(encoder.layer2(encoder.layer1(x)))
        x = encoder.fuser.block1(torch.cat([x, f16.expand(len(x), -1, -1, -1)], 1))
        return encoder.fuser.block2(x + encoder.fuser.attention(x))
