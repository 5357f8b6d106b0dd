"""Training of fusion, on stored results, with the trainer and the loop that train STCN."""

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from dataset.layouts import read_list
from dataset.training_clip import ClipSpec
from dataset.vos_dataset import TrainingVideo, find_videos
from interactive.training.fusion_data import NUM_OBJECTS, FusionDataset, FusionVideo
from model.aggregate import aggregate
from model.checkpoint import load_network
from model.fusion import FusionNetwork, attend, difference, load_fusion
from model.network import STCN
from training.assembly import Training, assemble
from training.recipe import Stage
from training.settings import Start, TrainingPlan
from util.distributed import ProcessGroup
from util.errors import InputError

STAGES = {  # as published: two processes of 12 samples
    0: Stage("bl30k", NUM_OBJECTS, 30_000, (20_000,), 24),
    1: Stage("davis", NUM_OBJECTS, 10_000, (7_500,), 24),
}
BOOTSTRAP = 0.2, 0.5  # shares of the iterations
CROP = 384


class TrainableFusion(FusionNetwork):
    """The network with the interface of the trainer: samples of ``FusionDataset``.

    Args:
        encoder: computes the keys of the attention; it is not trained, and no part of this network's weights.
    """

    def __init__(self, encoder: STCN) -> None:
        super().__init__()
        self._encoder = [encoder]  # a list hides it from the optimiser and the state dict

    def forward(self, frames: Tensor, given: Tensor, object_exists: Tensor) -> Tensor:
        """Fuse the results of two objects in the second frame of each clip.

        Args:
            frames: ``[B,2,3,H,W]``, ImageNet-normalised.
            given: ``[B,PLANES,H,W]``, as ``FusionDataset`` orders them, divided by 255.
            object_exists: ``[B,PLANES]`` bool, the first two count.

        Returns:
            aggregated logits ``[B,1,1+PLANES,H,W]``, float32: background, two objects, -inf for the other planes.
        """
        old, new, truth, before = given[:, : 4 * NUM_OBJECTS].unflatten(1, (4, NUM_OBJECTS)).unbind(1)
        offsets = (255 * given[:, 4 * NUM_OBJECTS :, 0, 0]).round()
        distances = offsets[:, :2] / offsets[:, 2:]
        encoder = self._encoder[0]
        with torch.no_grad():
            first, second = (encoder.encode_key(frame).key for frame in frames.unbind(1))
            attention = [
                attend(first[[i]], second[[i]], difference(truth[i], before[i]), encoder.reading.similarity)
                for i in range(len(frames))
            ]
        logits = super().forward(frames[:, 1], old, new, torch.stack(attention), distances)
        exists = object_exists[:, :NUM_OBJECTS, None, None]
        aggregated = aggregate(torch.sigmoid(logits.float()) * exists, dim=1)
        return F.pad(aggregated, (0, 0, 0, 0, 0, object_exists.shape[1] - NUM_OBJECTS), value=-torch.inf)[:, None]


def prepare_fusion(
    plan: TrainingPlan,
    videos: list[tuple[TrainingVideo, str]],
    fusion_root: Path,
    prop_model: Path,
    device: torch.device,
    amp_dtype: torch.dtype | None,
    group: ProcessGroup,
) -> Training:
    """Set a training up, in each of its processes.

    Args:
        videos: frames and ground truth, and the name below each run of ``fusion_root``.
        fusion_root: holds ``<run>/<video>/<reference>/<object>/<frame>.png``.
        prop_model: weights of STCN.

    Raises:
        InputError: data or files are missing or do not fit.
    """
    runs = sorted(path for path in fusion_root.glob("*") if path.is_dir())
    found = [FusionVideo(video, run / name) for run in runs for video, name in videos if (run / name).is_dir()]
    usable = [video for video in found if video.is_usable]
    if not usable:
        raise InputError(f"{fusion_root}: no results of these videos in any folder below; generate some first")
    data = FusionDataset(usable, ClipSpec(crop=plan.crop, seed=plan.seed))
    return assemble(plan, data, partial(_make_network, load_network(prop_model, device)), device, amp_dtype, group)


def _make_network(encoder: STCN, start: Start, _: ProcessGroup) -> TrainableFusion:
    network = TrainableFusion(encoder)
    if start.network is not None:
        network.load_state_dict(load_fusion(start.network).state_dict())
    return network


def list_davis(davis_root: Path) -> list[tuple[TrainingVideo, str]]:
    """List the training videos of DAVIS 2017, with their names.

    Raises:
        InputError: they are not there.
    """
    root = davis_root / "2017" / "trainval"
    names = read_list(root / "ImageSets/2017/train.txt")
    return _named(find_videos(root / "JPEGImages/480p", root / "Annotations/480p", names=names))


def list_bl30k(bl_root: Path) -> list[tuple[TrainingVideo, str]]:
    """List the videos of BL30K, with their names.

    Raises:
        InputError: they are not there.
    """
    for folder in (bl_root / "JPEGImages", bl_root / "Annotations"):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; set bl_root to the folder of BL30K")
    return _named(find_videos(bl_root / "JPEGImages", bl_root / "Annotations"))


def _named(videos: list[TrainingVideo]) -> list[tuple[TrainingVideo, str]]:
    return [(video, video.frames.name) for video in videos]
