"""Training clips from videos with masks: DAVIS, YouTube-VOS, BL30K, and a user's own."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import progressbar
from torch.utils.data import Dataset

from dataset.augmentation import BL30K, VIDEO, Augmentation, draw_clip
from dataset.images import list_images, read_image, read_size
from dataset.stored_masks import read_mask
from dataset.training_clip import (
    MAX_REDRAWS,
    UNLABELLED,
    Clip,
    ClipKey,
    make_clip,
    make_generator,
)
from util.distributed import is_main_process
from util.errors import InputError

MIN_FRAMES = 3  # that are annotated, of a video that can be learnt from


class VideoKind(NamedTuple):
    """How the videos of a data set differ."""

    augmentation: Augmentation = VIDEO
    frame_step: int = 1  # annotated is each n-th frame
    has_specks: bool = False  # masks hold tiny objects, which count under conditions


ORDINARY, EACH_FIFTH, RENDERED = VideoKind(), VideoKind(frame_step=5), VideoKind(BL30K, has_specks=True)


class TrainingVideo(NamedTuple):
    """A video. It names folders only: the paths of all frames of a large data set would fill the memory."""

    frames: Path
    masks: Path
    kind: VideoKind = ORDINARY

    def annotated_frames(self) -> list[tuple[Path, Path]]:
        """Frame and mask of each frame that has one."""
        frames, masks = list_images(self.frames), list_images(self.masks)
        return [(frames[name], masks[name]) for name in frames if name in masks]


def find_videos(
    images: Path,
    annotations: Path,
    kind: VideoKind = ORDINARY,
    names: Collection[str] | None = None,
    excluded: Collection[str] = (),
) -> list[TrainingVideo]:
    """Videos ``images/<video>/``, ``annotations/<video>/`` with at least three annotated frames.

    Args:
        names: of the videos; None: all folders.
        excluded: names to leave out.
    """
    if names is None:
        names = sorted(path.name for path in images.iterdir() if path.is_dir() and not path.name.startswith("."))
    videos = [TrainingVideo(images / name, annotations / name, kind) for name in names if name not in excluded]
    for folder in (folder for video in videos for folder in (video.frames, video.masks)):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; a video needs frames and masks, complete the data")
    shown = progressbar.progressbar(videos) if is_main_process() else videos  # it takes a minute for BL30K
    return [video for video in shown if len(video.annotated_frames()) >= MIN_FRAMES]


def draw_frames(num_frames: int, max_jump: int, length: int, generator: np.random.Generator) -> list[int]:
    """Indices of a clip's frames: at most ``max_jump + 1`` apart, in order of time or, half of the time, reversed.

    Near the video's end frames may repeat.
    """
    jump = min(num_frames, max_jump)
    indices = [int(generator.integers(0, num_frames - jump + 1))]
    for position in range(1, length):
        last = min(num_frames - jump // position, num_frames - 1)
        indices.append(min(indices[-1] + 1 + int(generator.integers(0, jump + 1)), last))
    return indices[::-1] if generator.random() < 0.5 else indices


def drop_unlabelled(masks: list[np.ndarray]) -> list[np.ndarray]:
    """Make unlabelled pixels, 255 among other ids of a clip, background. To be done before cropping.

    Args:
        masks: of the clip, each ``[H,W]`` uint8.
    """
    if not any(((mask > 0) & (mask < UNLABELLED)).any() for mask in masks):
        return masks
    return [np.where(mask == UNLABELLED, np.uint8(0), mask) for mask in masks]


def find_labels(masks: list[np.ndarray], *, has_specks: bool) -> np.ndarray:
    """Ids in the first mask that may be drawn as objects.

    Args:
        has_specks: a label counts only above 900 pixels, or above 100 if it stays below 400 in the other frames.
    """
    labels = np.flatnonzero(np.bincount(masks[0].ravel()))
    labels = labels[labels > 0]
    if not has_specks:
        return labels
    sizes = np.array([[np.count_nonzero(mask == label) for mask in masks] for label in labels]).reshape(-1, len(masks))
    return labels[(sizes[:, 0] > 900) | ((sizes[:, 0] > 100) & (sizes[:, 1:] < 400).all(1))]


class VOSDataset(Dataset):
    """Clips of videos, one of each video per epoch. Items are asked for by ``ClipKey``.

    Args:
        videos: with masks.
        crop: side of the frames.
        num_frames: of a clip.
        num_objects: K; objects that a clip lacks are marked.
        seed: of all drawing.
    """

    def __init__(
        self, videos: list[TrainingVideo], *, crop: int = 384, num_frames: int = 3, num_objects: int = 2, seed: int = 0
    ) -> None:
        self.videos = videos
        self._crop, self._num_frames, self._num_objects, self._seed = crop, num_frames, num_objects, seed

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, key: ClipKey) -> Clip:
        video, generator = self.videos[key.index], make_generator(self._seed, key)
        max_jump, annotated = max(key.max_jump // video.kind.frame_step, 1), video.annotated_frames()
        for _ in range(1 + MAX_REDRAWS):
            indices = draw_frames(len(annotated), max_jump, self._num_frames, generator)
            paths, mask_paths = zip(*(annotated[index] for index in indices))
            transforms = draw_clip(video.kind.augmentation, read_size(paths[0]), len(indices), self._crop, generator)
            stored = drop_unlabelled([read_mask(path) for path in mask_paths])
            ids = [transform.apply_to_mask(mask, is_soft=False) for mask, transform in zip(stored, transforms)]
            labels = find_labels(ids, has_specks=video.kind.has_specks)
            if len(labels):
                break
        frames = [t.apply_to_image(read_image(path, t.reduction)) for path, t in zip(paths, transforms)]
        drawn = generator.permutation(labels)[: self._num_objects].tolist()
        drawn += [None] * (self._num_objects - len(drawn))
        masks = [[_coverage(mask, label) for label in drawn] for mask in ids]
        object_exists = [label is not None for label in drawn]
        return make_clip(frames, masks, object_exists, f"{video.frames.name} {' '.join(path.stem for path in paths)}")


def _coverage(ids: np.ndarray, label: int | None) -> np.ndarray:
    """``[H,W]`` uint8, 255 where the object is."""
    return np.zeros_like(ids) if label is None else np.where(ids == label, np.uint8(255), np.uint8(0))
