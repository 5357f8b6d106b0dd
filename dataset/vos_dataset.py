"""Training clips from videos with masks: real and rendered ones, annotated at each frame or at some."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from dataset.augmentation import BL30K, VIDEO, Augmentation, FrameTransform, draw_clip
from dataset.images import list_images, read_image, read_size
from dataset.stored_masks import read_mask
from dataset.training_clip import (
    MAX_REDRAWS,
    Clip,
    ClipKey,
    ClipSpec,
    make_clip,
    make_generator,
)
from util.errors import InputError
from util.ids import UNLABELLED_ID
from util.progress import with_progress

MIN_FRAMES = 3  # a video with fewer annotated frames is left out
FULL_CROP = 384  # side of the published crop
MIN_KEPT = 0.5  # share of an object that a crop must keep in the first frame, where crops keep their scale


class VideoKind(NamedTuple):
    """The properties of a data set's videos."""

    augmentation: Augmentation = VIDEO
    frame_step: int = 1  # each n-th frame is annotated
    has_specks: bool = False  # whether masks hold tiny objects, which count under conditions


ORDINARY, EACH_FIFTH, RENDERED = VideoKind(), VideoKind(frame_step=5), VideoKind(BL30K, has_specks=True)


class TrainingVideo(NamedTuple):
    """The folders of a video; the paths of all frames of a large data set would fill the memory."""

    frames: Path
    masks: Path
    kind: VideoKind = ORDINARY

    def annotated_frames(self) -> list[tuple[Path, Path]]:
        """List the paths of frame and mask of each frame that has a mask."""
        frames, masks = list_images(self.frames), list_images(self.masks)
        return [(frames[name], masks[name]) for name in frames if name in masks]


def find_videos(
    images: Path,
    annotations: Path,
    kind: VideoKind = ORDINARY,
    names: Collection[str] | None = None,
    excluded: Collection[str] = (),
) -> list[TrainingVideo]:
    """List the videos ``images/<video>/``, ``annotations/<video>/`` with at least three annotated frames.

    Args:
        names: the videos to take; None: all folders.
        excluded: videos to leave out.

    Raises:
        InputError: a video lacks one of its folders.
    """
    if names is None:
        names = sorted(path.name for path in images.iterdir() if path.is_dir() and not path.name.startswith("."))
    videos = [TrainingVideo(images / name, annotations / name, kind) for name in names if name not in excluded]
    for folder in (folder for video in videos for folder in (video.frames, video.masks)):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; a video needs frames and masks, complete the data")
    shown = with_progress(videos, "looking for frames", len(videos))  # it takes a minute for BL30K
    return [video for video in shown if len(video.annotated_frames()) >= MIN_FRAMES]


def draw_frames(num_frames: int, max_jump: int, length: int, generator: np.random.Generator) -> list[int]:
    """Draw the indices of a clip's frames: at most ``max_jump + 1`` apart, forwards or, half of the time, backwards.

    Near the video's end frames may repeat.
    """
    jump = min(num_frames, max_jump)
    indices = [int(generator.integers(0, num_frames - jump + 1))]
    for position in range(1, length):
        last = min(num_frames - jump // position, num_frames - 1)
        indices.append(min(indices[-1] + 1 + int(generator.integers(0, jump + 1)), last))
    return indices[::-1] if generator.random() < 0.5 else indices


def draw_fitting_frames(num_frames: int, max_jump: int, length: int, generator: np.random.Generator) -> list[int]:
    """Draw the indices of a clip's frames as ``draw_frames`` does, but with jumps that fit the video.

    Clips begin anywhere in the video. Frames repeat only if there are fewer than the clip needs.
    """
    longest = max(1, min(max_jump + 1, (num_frames - 1) // (length - 1)))
    offsets = np.concatenate([[0], generator.integers(1, longest + 1, length - 1).cumsum()])
    start = generator.integers(0, max(num_frames - offsets[-1], 1))
    indices = np.minimum(start + offsets, num_frames - 1).tolist()
    return indices[::-1] if generator.random() < 0.5 else indices


def drop_unlabelled(masks: list[np.ndarray]) -> list[np.ndarray]:
    """Make unlabelled pixels, 255 beside other ids of a clip, background.

    This comes before cropping, which might leave no other id.

    Args:
        masks: ``[H,W]`` uint8, one for each frame of the clip.
    """
    if not any(((mask > 0) & (mask < UNLABELLED_ID)).any() for mask in masks):
        return masks
    return [np.where(mask == UNLABELLED_ID, np.uint8(0), mask) for mask in masks]


def warp_unlabelled(masks: Sequence[np.ndarray], transforms: Sequence[FrameTransform]) -> list[np.ndarray]:
    """Find the unlabelled pixels of a clip's frames: ``[crop,crop]`` uint8, 0 or 1, of masks ``[H,W]`` uint8."""
    found = [np.where(mask == UNLABELLED_ID, np.uint8(1), np.uint8(0)) for mask in masks]
    return [transform.apply_to_mask(mask, is_soft=False) for mask, transform in zip(found, transforms)]


def find_labels(masks: list[np.ndarray], *, has_specks: bool) -> np.ndarray:
    """Find the ids in the first mask that may be drawn as objects.

    Args:
        has_specks: a label counts only above 900 pixels, or above 100 if it stays below 400 in the other frames.
    """
    labels = np.flatnonzero(np.bincount(masks[0].ravel()))
    labels = labels[labels > 0]
    if not has_specks:
        return labels
    sizes = np.array([[np.count_nonzero(mask == label) for mask in masks] for label in labels]).reshape(-1, len(masks))
    return labels[(sizes[:, 0] > 900) | ((sizes[:, 0] > 100) & (sizes[:, 1:] < 400).all(1))]


def drop_cropped(labels: np.ndarray, stored: np.ndarray, shown: np.ndarray, transform: FrameTransform) -> np.ndarray:
    """Drop the labels of which cropping left less than half.

    Args:
        labels: ids that occur in the shown mask.
        stored, shown: ``[H,W]`` and ``[crop,crop]`` uint8, a frame's mask before and after the transform.
    """
    scale = transform.reduction**2
    kept = [np.count_nonzero(shown == label) * scale / np.count_nonzero(stored == label) for label in labels]
    return labels[np.array(kept) >= MIN_KEPT]


class VOSDataset(Dataset):
    """Clips of videos, one of each video per epoch. Items are indexed by ``ClipKey``.

    Args:
        videos: what ``find_videos`` found.
        spec: how clips are drawn.
    """

    def __init__(self, videos: list[TrainingVideo], spec: ClipSpec) -> None:
        self.videos, self._spec = videos, spec

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, key: ClipKey) -> Clip:
        video, generator = self.videos[key.index], make_generator(self._spec.seed, key)
        max_jump, annotated = max(key.max_jump // video.kind.frame_step, 1), video.annotated_frames()
        draw = draw_fitting_frames if self._spec.fit_jumps else draw_frames
        augmentation = self._augmentation(video)
        for _ in range(1 + MAX_REDRAWS):
            indices = draw(len(annotated), max_jump, self._spec.num_frames, generator)
            paths, mask_paths = zip(*(annotated[index] for index in indices))
            transforms = draw_clip(augmentation, read_size(paths[0]), self._spec, generator)
            read = [read_mask(path) for path in mask_paths]
            stored = drop_unlabelled(read)
            ids = [transform.apply_to_mask(mask, is_soft=False) for mask, transform in zip(stored, transforms)]
            labels = find_labels(ids, has_specks=video.kind.has_specks)
            if self._spec.keep_scale:
                labels = drop_cropped(labels, stored[0], ids[0], transforms[0])
            if len(labels):
                break
        frames = [t.apply_to_image(read_image(path, t.reduction)) for path, t in zip(paths, transforms)]
        drawn = generator.permutation(labels)[: self._spec.num_objects].tolist()
        drawn += [None] * (self._spec.num_objects - len(drawn))
        masks = [[_coverage(mask, label) for label in drawn] for mask in ids]
        object_exists = [label is not None for label in drawn]
        name = f"{video.frames.name} {' '.join(path.stem for path in paths)}"
        has_unlabelled = self._spec.ignore_unlabelled and stored is not read
        unlabelled = warp_unlabelled(read, transforms) if has_unlabelled else None
        return make_clip(frames, masks, object_exists, name, unlabelled)

    def _augmentation(self, video: TrainingVideo) -> Augmentation:
        """Return the video's ranges; where crops keep their scale, a smaller crop takes a smaller part of the frame."""
        augmentation = video.kind.augmentation
        if not self._spec.keep_scale:
            return augmentation
        share = (self._spec.crop / FULL_CROP) ** 2
        return replace(augmentation, crop_area=tuple(min(1.0, share * area) for area in augmentation.crop_area))


def _coverage(ids: np.ndarray, label: int | None) -> np.ndarray:
    """Return ``[H,W]`` uint8, 255 where the object is."""
    return np.zeros_like(ids) if label is None else np.where(ids == label, np.uint8(255), np.uint8(0))
