"""Results to train fusion on: objects propagated from many frames of annotated videos, one grey PNG for each frame."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dataset.images import read_rgb
from dataset.stored_masks import read_mask
from dataset.transforms import prepare_image
from dataset.vos_dataset import TrainingVideo
from inference_core import InferenceConfig, InferenceCore
from model.network import STCN
from util.files import write_then_rename

MIN_PIXELS = 100  # an object has as many in the frame that it is propagated from
MAX_OBJECTS = 5


@dataclass(frozen=True)
class GenerationSettings:
    """How results are generated."""

    separation: int  # frames between two references
    reach: int | None  # frames each way; None: the whole video
    mem_every: int = 5  # memorise every n-th frame


def generate(video: TrainingVideo, network: STCN, settings: GenerationSettings, output: Path) -> None:
    """Propagate from every ``separation``-th frame both ways; references that are there already are skipped.

    Results go to ``output/<reference>/<object>/<frame>.png``, grey, 255 for a probability of 1.

    Raises:
        InputError: a frame or mask is unreadable.
    """
    pairs = video.annotated_frames()
    for reference in range(0, len(pairs), settings.separation):
        mask = read_mask(pairs[reference][1])
        ids, counts = np.unique(mask, return_counts=True)
        labels = [int(label) for label, count in zip(ids, counts) if label and count > MIN_PIXELS][:MAX_OBJECTS]
        folder = output / f"{reference:05d}"
        if not labels or folder.is_dir():
            continue
        pending = output / f".{folder.name}.part"
        shutil.rmtree(pending, ignore_errors=True)  # left by a run that was killed, perhaps with other weights
        for frame, probabilities in _propagate(pairs, reference, mask, labels, network, settings):
            for label, values in zip(labels, probabilities):
                path = pending / f"{label:05d}" / f"{frame:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                with write_then_rename(path) as temporary:
                    Image.fromarray(values).save(temporary, compress_level=1)
        pending.rename(folder)


def _propagate(
    pairs: list[tuple[Path, Path]],
    reference: int,
    mask: np.ndarray,
    labels: list[int],
    network: STCN,
    settings: GenerationSettings,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield number and ``[K,H,W]`` uint8 probabilities of the frames on both sides, and of the reference itself."""
    reach = settings.reach or len(pairs)
    ways: Iterable[range] = (
        range(reference, min(reference + reach + 1, len(pairs))),
        range(reference, max(reference - reach, 0) - 1, -1),
    )
    for frames in ways:
        core = InferenceCore(network, InferenceConfig(mem_every=settings.mem_every, include_last=True))
        for frame in frames:
            image = prepare_image(read_rgb(pairs[frame][0]), mask.shape, network.device)
            given = torch.from_numpy(mask.astype(np.int32)).to(network.device) if frame == reference else None
            found = core.step(image, given, labels if frame == reference else ())
            yield frame, (255 * found[1:]).round().byte().cpu().numpy()
