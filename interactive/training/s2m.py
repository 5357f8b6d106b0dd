"""Training of scribble to mask, with the trainer and the loop that train STCN."""

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dataset.training_clip import ClipSpec
from interactive.training.s2m_data import StrokeDataset
from model.aggregate import aggregate
from model.checkpoint import check_names, copy_matching, read_imagenet, read_state_dict
from model.s2m import INPUT_CHANNELS, S2M, SIZES
from training.assembly import Training, assemble
from training.data import static_data
from training.imagenet import load_in_turn
from training.recipe import Stage, divide_batch
from training.settings import Start, TrainingPlan
from util.distributed import ProcessGroup
from util.errors import InputError

STAGE = Stage("static", 1, 80_000, (), 32)  # as published: two processes of 16 samples, a constant learning rate
BOOTSTRAP = 1 / 8, 3 / 8  # shares of the iterations
CROP = 480


class TrainableS2M(S2M):
    """The network with the interface of the trainer: a clip's two frames are equal, its first masks are the input.

    The statistics of the backbone's normalisation stay those of ImageNet; those of the head are learned.
    """

    def train(self, mode: bool = True) -> "TrainableS2M":
        """Set the mode of all parts but the head, which always learns."""
        super().train(mode)
        self.classifier.train()
        return self

    def forward(self, frames: Tensor, given: Tensor, object_exists: Tensor) -> Tensor:
        """Segment one object per sample.

        Args:
            frames: ``[B,2,3,H,W]``, ImageNet-normalised.
            given: ``[B,3,H,W]``, 0 or 1: previous mask, positive and negative strokes.
            object_exists: ``[B,3]`` bool, the first only.

        Returns:
            aggregated logits ``[B,1,1+3,H,W]``, float32: background, the object, and zeros for those that do not exist.
        """
        logits = super().forward(torch.cat([frames[:, 1], given], dim=1))
        aggregated = aggregate(torch.sigmoid(logits.float()), dim=1)
        return F.pad(aggregated, (0, 0, 0, 0, 0, object_exists.shape[1] - 1))[:, None]


def prepare_s2m(
    plan: TrainingPlan,
    size: str,
    static_root: Path,
    device: torch.device,
    amp_dtype: torch.dtype | None,
    group: ProcessGroup,
) -> Training:
    """Set a training up, in each of its processes.

    Args:
        size: a key of ``SIZES``.
        static_root: photographs.

    Raises:
        InputError: data or files are missing or do not fit.
    """
    is_shared = group.size > 1 and device.type == "cuda"  # statistics are then those of all processes
    if divide_batch(STAGE, group.size, plan.batch_per_process).micro < 2 and not is_shared:
        raise InputError("batch_size 1: S2M's normalisation needs more samples at once; set batch_size to 2 or more")
    spec = ClipSpec(crop=plan.crop, seed=plan.seed)
    data = StrokeDataset(static_data(static_root, spec).pairs, spec)
    return assemble(plan, data, partial(make_network, size, is_shared), device, amp_dtype, group)


def make_network(size: str, is_shared: bool, start: Start, group: ProcessGroup) -> nn.Module:
    """Make the network that the first iteration gets, on the CPU.

    Args:
        size: a key of ``SIZES``.
        is_shared: whether it normalises by the statistics of all processes.

    Raises:
        InputError: weights are missing or belong to another network.
    """
    network = TrainableS2M(size)
    if start.network is not None:
        state_dict = read_state_dict(start.network)
        check_names(start.network, network.state_dict(), state_dict, f"S2M, size {size}")
        network.load_state_dict(state_dict)
    elif start.checkpoint is None and not start.from_scratch:
        name = SIZES[size].backbone
        load_in_turn(
            lambda: copy_matching(network.backbone, read_imagenet(name, start.encoder_weights, INPUT_CHANNELS)), group
        )
    return nn.SyncBatchNorm.convert_sync_batchnorm(network) if is_shared else network
