"""STCN: space-time correspondence network (Cheng, Tai, Tang, NeurIPS 2021, arXiv 2106.05210).

One class for training and inference. State-dict names are those of the released weights.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.aggregate import aggregate
from model.cbam import CBAM
from model.memory import PUBLISHED_READING, SIMILARITIES, MemoryReading, read_memory
from model.modules import (
    Decoder,
    DecoderFramePart,
    FeatureFuser,
    KeyProjection,
    ResBlockFramePart,
    convolve_frame_part,
)
from model.resnet import KeyEncoder, ValueBackbone

KEY_CHANNELS = 64  # CK
READING = "memory_reading"  # name in state dicts
STRIDE = 16  # pixels per cell of the coarsest features


class NetworkSize(NamedTuple):
    """Widths of a network. The backbone decides on C16, C8 and C4, the channels at strides 16, 8 and 4."""

    backbone: str  # torchvision's name of the key encoder
    value_channels: int  # CV: channels of the memory values and of the frame's "thin" feature
    decoder_channels: tuple[int, int, int]  # channels of the decoder at strides 16, 8, 4
    mem_every: int  # memorise each such frame in testing, unless told otherwise


SIZES = {
    "full": NetworkSize("resnet50", 512, (512, 256, 256), 5),  # as published, 54 M parameters
    "small": NetworkSize("resnet18", 256, (256, 128, 64), 2),  # 15 M parameters, a quarter of the operations
}


class KeyFeatures(NamedTuple):
    """Features of frames that depend on no mask. H and W are multiples of 16."""

    key: Tensor  # [B,CK,H/16,W/16]
    thin: Tensor  # [B,CV,H/16,W/16], the decoder's stride-16 feature
    f16: Tensor  # [B,C16,H/16,W/16]
    f8: Tensor  # [B,C8,H/8,W/8]
    f4: Tensor  # [B,C4,H/4,W/4]


class FrameFeatures(NamedTuple):
    """The features of frames that are kept. f8 and f4 are not: the decoder's frame part replaces them."""

    key: Tensor  # [B,CK,H/16,W/16]
    f16: Tensor  # [B,C16,H/16,W/16]
    frame_part: DecoderFramePart

    def of_frame(self, index: int) -> "FrameFeatures":
        """Take those of one of the B frames."""
        key, f16 = (x[index : index + 1] for x in (self.key, self.f16))
        return FrameFeatures(key, f16, self.frame_part.of_frame(index))


class ValueFramePart(NamedTuple):
    """The frame part of the value encoder."""

    conv1: Tensor  # [B,64,H/2,W/2]
    fuser: ResBlockFramePart


class ValueEncoder(ValueBackbone):
    """Encode a frame together with an object's mask into the object's memory value."""

    def __init__(self, mask_channels: int, key_channels: int, value_channels: int, *, use_cbam: bool) -> None:
        super().__init__(mask_channels)
        attention = CBAM(value_channels) if use_cbam else None
        self.fuser = FeatureFuser(self.out_channels + key_channels, value_channels, attention)

    def frame_part(self, frames: Tensor, f16: Tensor) -> ValueFramePart:
        """Compute what is the same for all objects of frames ``[B,3,H,W]`` with features ``[B,C16,H/16,W/16]``."""
        conv1 = convolve_frame_part(self.conv1, frames, frame_first=True)
        return ValueFramePart(conv1, self.fuser.block1.frame_part(f16))

    def forward(self, masks: Tensor, frame_part: ValueFramePart) -> Tensor:
        """Encode masks ``[B*K,mask_channels,H,W]`` over the B frames: values ``[B*K,CV,H/16,W/16]``."""
        return self.fuser(super().forward(masks, frame_part.conv1), frame_part.fuser)


class STCN(nn.Module):
    """The network.

    Args:
        single_object: the value encoder sees an object's mask only (training stage 0), not the sum of the other
            objects' masks beside it.
        use_cbam: attention in the value encoder's fuser, as published; some weights come without.
        size: a key of ``SIZES``.
        reading: how the memory is read. Another one than the published is written to the state dict.
    """

    def __init__(
        self,
        *,
        single_object: bool = False,
        use_cbam: bool = True,
        size: str = "full",
        reading: MemoryReading = PUBLISHED_READING,
    ) -> None:
        super().__init__()
        self.reading = reading
        if reading != PUBLISHED_READING:
            numbers = [SIMILARITIES.index(reading.similarity), reading.top_k or 0]
            self.register_buffer(READING, torch.tensor(numbers, dtype=torch.int32))
        backbone, value_channels, decoder_channels, self.mem_every = SIZES[size]
        self.single_object = single_object
        self.has_fixed_batches = False  # whether ``encode_frames`` is slow to start with each new number of frames
        self.key_encoder = KeyEncoder(backbone)
        c16, c8, c4 = self.key_encoder.out_channels
        self.value_encoder = ValueEncoder(1 if single_object else 2, c16, value_channels, use_cbam=use_cbam)
        self.key_proj = KeyProjection(c16, KEY_CHANNELS)
        self.key_comp = nn.Conv2d(c16, value_channels, 3, padding=1)
        self.decoder = Decoder(2 * value_channels, c8, c4, decoder_channels)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return self.key_comp.weight.dtype

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.key_comp.weight.device

    def forward(self, frames: Tensor, first_masks: Tensor, object_exists: Tensor) -> Tensor:
        """Run the training pass over clips: segment each frame from the ones before.

        The first frame is memorised with its given masks, each further one with the masks predicted for it.

        Args:
            frames: ``[B,T,3,H,W]``, ImageNet-normalised, H and W multiples of 16.
            first_masks: ``[B,K,H,W]``, the ground truth of the first frames, in [0, 1].
            object_exists: ``[B,K]`` bool; an object that does not exist has probability 0.

        Returns:
            aggregated logits ``[B,T-1,1+K,H,W]``, float32, background first; a softmax makes them probabilities.
        """
        of_all_frames = self.encode_key(frames.flatten(0, 1))
        features = KeyFeatures(*(feature.unflatten(0, frames.shape[:2]) for feature in of_all_frames))
        values, logits, masks = [], [], first_masks
        for index in range(1, frames.shape[1]):
            values.append(self.encode_value(frames[:, index - 1], features.f16[:, index - 1], masks))
            keys = features.key[:, :index], features.key[:, index]
            memory_readout = read_memory(keys[0], torch.stack(values, 1), keys[1], self.reading)
            query = KeyFeatures(*(feature[:, index] for feature in features))
            probabilities = torch.sigmoid(self.segment(memory_readout, self.frame_part(query)))
            probabilities = probabilities * object_exists[:, :, None, None]
            logits.append(aggregate(probabilities, dim=1))
            masks = logits[-1].softmax(1)[:, 1:]
        return torch.stack(logits, 1)

    def encode_key(self, frames: Tensor) -> KeyFeatures:
        """Encode frames.

        Args:
            frames: ``[B,3,H,W]``, ImageNet-normalised, H and W multiples of 16.

        Returns:
            features, in the dtype of the weights.
        """
        f16, f8, f4 = self.key_encoder(frames.to(self.dtype))
        return KeyFeatures(self.key_proj(f16), self.key_comp(f16), f16, f8, f4)

    def encode_frames(self, frames: Tensor) -> FrameFeatures:
        """Encode frames as ``encode_key`` does, and compute their frame part."""
        features = self.encode_key(frames)
        return FrameFeatures(features.key, features.f16, self.frame_part(features))

    def frame_part(self, features: KeyFeatures) -> DecoderFramePart:
        """Compute the decoder's frame part, once for all objects of the frames."""
        return self.decoder.frame_part(features.thin, features.f8, features.f4)

    def encode_value(self, frames: Tensor, f16: Tensor, masks: Tensor, *, objects_at_once: int | None = None) -> Tensor:
        """Encode the appearance of each object in a frame.

        Args:
            frames: ``[B,3,H,W]``, as given to ``encode_key``.
            f16: ``[B,C16,H/16,W/16]``, from ``encode_key``.
            masks: ``[B,K,H,W]``, probabilities in [0, 1] of all K objects.
            objects_at_once: how many objects of a single frame to compute together, which bounds the memory; None: all.

        Returns:
            values ``[B,K,CV,H/16,W/16]``.
        """
        channels = [masks]
        if not self.single_object:
            channels.append(masks.sum(1, keepdim=True) - masks)  # the other objects' masks
        masks_of_object = torch.stack(channels, dim=2).flatten(0, 1).to(self.dtype)  # [B*K,mask_channels,H,W]
        frame_part = self.value_encoder.frame_part(frames.to(self.dtype), f16)
        batches = masks_of_object.split(objects_at_once or len(masks_of_object))
        values = torch.cat([self.value_encoder(batch, frame_part) for batch in batches])
        return values.unflatten(0, masks.shape[:2])

    def segment_frame(self, memory_readout: Tensor, frame_part: DecoderFramePart, *, objects_at_once: int) -> Tensor:
        """Decode the objects of one frame and aggregate them.

        Args:
            memory_readout: ``[K,CV,H/16,W/16]``.
            frame_part: as for ``segment``.
            objects_at_once: as for ``segment``.

        Returns:
            ``[1+K,H,W]`` float32 probabilities that sum to 1, background first.
        """
        logits = self.segment(memory_readout[None], frame_part, objects_at_once=objects_at_once)[0]
        return aggregate(torch.sigmoid(logits)).softmax(0)

    def segment(
        self, memory_readout: Tensor, frame_part: DecoderFramePart, *, objects_at_once: int | None = None
    ) -> Tensor:
        """Decode each object's memory readout.

        Args:
            memory_readout: ``[B,K,CV,H/16,W/16]``.
            frame_part: from the method of that name, of the same B frames.
            objects_at_once: how many objects of a single frame to compute together, which bounds the memory; None: all.

        Returns:
            logits ``[B,K,H,W]``, float32; a sigmoid makes them independent object probabilities.
        """
        readouts = memory_readout.flatten(0, 1)  # [B*K,CV,H/16,W/16]
        batches = readouts.split(objects_at_once or len(readouts))
        logits = torch.cat([self.decoder(batch, frame_part) for batch in batches])[:, 0]
        return logits.unflatten(0, memory_readout.shape[:2])
