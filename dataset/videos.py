"""Videos to segment: their frames, one at a time, with the masks that come with them."""

import logging
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataset.annotation_files import AnnotationFile, is_annotation_file
from dataset.frame_names import find_frames
from dataset.frames import FrameFolder, name_frame, open_frames
from dataset.images import list_images
from dataset.masks import MaskReader, describe_many_ids
from dataset.object_masks import ObjectMasks
from dataset.passes import AnnotatedVideo, Direction, Frame, MasksUsed, check_choice, choose_masks, plan_passes
from dataset.video_file import VideoFile
from util.errors import InputError
from util.limits import check_path

log = logging.getLogger(__name__)

SINGLE_OBJECT_ID = 255  # white in a grey image
REACHED = {  # frames that get masks, in a message
    "forward": "from the first annotated one on",
    "backward": "up to the last annotated one",
    "both": "of the video",
}


class VideoEntry(NamedTuple):
    """A video's place, and the wishes about it; ``Video`` opens it."""

    name: str
    frames: Path  # a folder of images or a video file
    masks: Path  # a folder of masks named by frame, or a single mask
    wanted: frozenset[str] | None = None  # frames whose masks the data set asks for; None: all
    truth: Path | None = None  # a folder with the ground truth of all frames, to score against
    is_single_object: bool = False  # all ids are one object, SINGLE_OBJECT_ID
    mask_frame: str | None = None  # name or number of the frame of a single mask; None: the first
    direction: Direction = "forward"  # where masks are propagated to
    masks_used: MasksUsed = "all"  # the masks that are input
    only_annotated: bool = False  # whether only frames that have a mask are wanted
    object_masks: ObjectMasks | None = None  # the masks and the ground truth, if they are stored object by object


class Video(AnnotatedVideo):
    """A video with the masks of its objects where they first appear (and, as corrections, anywhere else).

    Opening it checks all that can be known before anything is computed: frame sizes and every mask. Iterating reads
    the frames, from the first annotated one on. A mask of another size than the frames but of their shape is resized.

    Args:
        entry: where it lies.
        max_objects: refuse masks with more ids than this.
        ignore_id: an id that means "not labelled".
        output_all: whether frames get a mask that the entry does not ask for.
        background: the colour of the background in colour masks; None: black, or what the reader takes for it.
        strict: whether a video file that seems to lack frames is refused; else a note says so.

    Attributes:
        frames: the source of the frames; ``frames.path`` is the folder, or the file with its audio track.
        palette: 768 numbers to write masks with, from the video's own annotations; None: as grey images.

    Raises:
        InputError: naming the file, the cause and the remedy.
    """

    def __init__(
        self,
        entry: VideoEntry,
        *,
        max_objects: int = 50,
        ignore_id: int | None = None,
        output_all: bool = False,
        background: str | None = None,
        strict: bool = False,
    ) -> None:
        check_choice(entry.direction, entry.masks_used)
        self.name = entry.name
        self.frames = open_frames(entry.frames, strict=strict)
        self._is_single_object = entry.is_single_object
        self._object_masks = entry.object_masks or _open_annotations(self.frames, entry)
        self._mask_paths = _match_masks(self.frames, entry, self._object_masks)
        self._reader = MaskReader(ignore_id, background)
        self._has_noted_resizing = False
        self.labels_of_frame = self._choose_masks(entry, max_objects)
        self.palette = None if entry.is_single_object else self._reader.palette
        wanted = self._list_wanted(entry)
        names, annotated = self.frames.names, self.annotated_names
        self.passes = plan_passes(names, annotated, entry.direction, None if output_all else wanted)
        if not self.output_names:
            reached = REACHED[entry.direction]
            raise InputError(f"{self.frames.path}: no frame {reached} is asked for; ask for others")

    def __iter__(self) -> Iterator[Frame]:
        return self.read()

    def read_leading(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield name and ``[H,W,3]`` uint8 RGB image of each frame before the first one that gets a mask."""
        return self.read_images(self.frames.names[: self.index_of[self.output_names[0]]])

    def read_masks(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the name of each frame that has a mask, and the mask: ``[H,W]`` int32 ids."""
        return ((name, self._read_ids(name)) for name in self._mask_paths)

    def read_trailing(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield name and ``[H,W,3]`` uint8 RGB image of each frame behind the last one that gets a mask."""
        return self.read_images(self.frames.names[self.index_of[self.output_names[-1]] + 1 :])

    def _choose_masks(self, entry: VideoEntry, max_objects: int) -> dict[str, frozenset[int]]:
        """Read the masks, and choose those that are input, and the ids to take from them."""
        names = list(self._mask_paths)
        pixels_of_frame: dict[str, Counter[int]] = {}
        for name in reversed(names) if entry.direction == "backward" and entry.masks_used == "first" else names:
            pixels_of_frame[name] = self._count_pixels(name)
            if entry.masks_used == "first" and pixels_of_frame[name]:
                break
        _check_labels(pixels_of_frame, max_objects, entry.masks)
        chosen = choose_masks(pixels_of_frame, entry.masks_used, entry.direction)
        for name in list(chosen)[:1]:
            if list(pixels_of_frame[name].values()) == [math.prod(self.frames.size)]:
                log.warning("%s: one object covers the whole frame; was anything painted?", self._mask_paths[name])
        if entry.masks_used == "all" and 1 < len(chosen) > len(self.frames.names) / 2:
            log.warning(
                "%s: %d of %d frames have masks, and all are input; if they are ground truth, choose the first",
                entry.masks,
                len(chosen),
                len(self.frames.names),
            )
        return chosen

    def _list_wanted(self, entry: VideoEntry) -> set[str] | None:
        """List the frames that are wanted; None: all. Refuse an absent one."""
        if entry.only_annotated:
            return set(self._mask_paths)
        if entry.wanted is None:
            return None
        found = find_frames(self.frames.names, entry.wanted)
        absent = sorted(wanted for wanted, name in found.items() if name is None)
        if absent:
            raise InputError(f"{self.frames.path}: frame {absent[0]} is asked for but absent; get the frames again")
        return set(found.values())

    def _count_pixels(self, name: str) -> Counter[int]:
        """Count the pixels of each object in a frame's mask."""
        mask = self._read_ids(name)
        ids, counts = np.unique(mask[mask != 0], return_counts=True)
        return Counter(dict(zip(ids.tolist(), counts.tolist())))

    def _read_ids(self, name: str) -> np.ndarray:
        path = self._mask_paths[name]
        mask = self._reader.read(path) if self._object_masks is None else self._object_masks.read_ids(name)
        if mask.shape != self.frames.size:
            mask = self._fit(mask, path)
        return np.where(mask > 0, np.int32(SINGLE_OBJECT_ID), 0) if self._is_single_object else mask

    def _fit(self, mask: np.ndarray, path: Path) -> np.ndarray:
        """Resize a mask to the frames' size, with one note per video; refuse it if its shape is another."""
        sizes = describe_sizes(mask.shape, self.frames.size, path)
        if not self._has_noted_resizing:
            log.warning("%s: %s; it is resized, and so are others of this video", path, sizes)
        self._has_noted_resizing = True
        return resize_mask(mask, self.frames.size)


def read_first_mask(path: Path, reader: MaskReader, size: tuple[int, int], max_objects: int) -> np.ndarray:
    """Read the mask ``[H,W]`` of a stream's first frame, whose height and width are ``size``; refuse what is none."""
    check_path(path, "give the mask of the first frame")
    if path.is_dir():
        raise InputError(f"{path}: a folder of masks, but a stream takes the mask of its first frame; give that file")
    mask = reader.read(path)
    if mask.shape != size:
        log.warning("%s: %s; it is resized", path, describe_sizes(mask.shape, size, path))
        mask = resize_mask(mask, size)
    _check_labels({path.name: Counter(mask[mask != 0].tolist())}, max_objects, path)
    return mask


def describe_sizes(mask: tuple[int, int], size: tuple[int, int], path: Path) -> str:
    """Describe the size of a mask that is to be resized; refuse it if its shape is another than that of the frames.

    Raises:
        InputError: it is.
    """
    sizes = f"mask of {mask[1]}x{mask[0]} pixels for frames of {size[1]}x{size[0]}"
    if have_same_shape(mask, size):
        return sizes
    if have_same_shape(mask[::-1], size):
        raise InputError(
            f"{path}: {sizes}, width and height exchanged; draw the mask on the first frame as the video is shown, "
            "which first_frame writes"
        )
    raise InputError(f"{path}: {sizes}; resize it")


def have_same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether one of two images, scaled to a side of the other, has its other side within a pixel.

    Args:
        size, other: ``(height, width)``.
    """
    difference = size[0] * other[1] - other[0] * size[1]  # in pixels once divided by the side that is scaled
    return abs(difference) <= max(*size, *other)


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize object ids by nearest neighbour: ``[H,W]`` -> ``[height,width]``, as ``prepare_mask`` does."""
    rows = np.arange(size[0]) * mask.shape[0] // size[0]
    columns = np.arange(size[1]) * mask.shape[1] // size[1]
    return mask[rows[:, None], columns]


def count_frames(entry: VideoEntry) -> int:
    """Count the frames of a video; 0 if they cannot be read."""
    try:
        return len(open_frames(entry.frames).names)
    except (InputError, OSError):
        return 0


def _open_annotations(frames: FrameFolder | VideoFile, entry: VideoEntry) -> AnnotationFile | None:
    """Open the file of an annotation tool, if the masks are one."""
    if not is_annotation_file(entry.masks):
        return None
    frame = None if entry.mask_frame is None else name_frame(frames, entry.mask_frame)
    return AnnotationFile(entry.masks, frames.names, frames.size, frame)


def _match_masks(
    frames: FrameFolder | VideoFile, entry: VideoEntry, object_masks: ObjectMasks | None
) -> dict[str, Path]:
    """Find the masks: paths by frame name, in the order of the frames."""
    masks = entry.masks
    check_path(masks, "give the mask of each object where it first appears", missing="no mask there")
    if object_masks is not None:
        return _in_order(frames, {name: masks / name for name in object_masks.names})
    if masks.is_file():
        return {_frame_of_mask(frames, entry): masks}
    if entry.mask_frame is not None:
        raise InputError(f"{masks}: a folder, whose masks are named by frame; set mask_frame for a single mask only")
    paths = _list_masks(frames, masks)
    if not paths:
        raise InputError(f"{masks}: no mask in it; give the mask of each object where it first appears")
    return _in_order(frames, paths)


def _in_order(frames: FrameFolder | VideoFile, paths: dict[str, Path]) -> dict[str, Path]:
    """Bring masks into the order of the frames; refuse those of no frame."""
    unknown = sorted(paths.keys() - set(frames.names))
    if unknown:
        first, last = frames.names[0], frames.names[-1]
        raise InputError(f"{paths[unknown[0]]}: no such frame in {frames.path}, which has {first} to {last}; rename it")
    return {name: paths[name] for name in frames.names if name in paths}


def _list_masks(frames: FrameFolder | VideoFile, folder: Path) -> dict[str, Path]:
    """List the masks of a folder by the frames that their names mean."""
    paths: dict[str, Path] = {}
    for name, path in list_images(folder).items():
        frame = _frame_name(frames, name)
        if frame in paths:
            raise InputError(f"{path}: names the same frame as {paths[frame].name}; remove one of them")
        paths[frame] = path
    return paths


def _frame_of_mask(frames: FrameFolder | VideoFile, entry: VideoEntry) -> str:
    """Name the frame of a single mask: the first, unless the entry says; the mask's name may be that of another."""
    mask, first = entry.masks, frames.names[0]
    if entry.mask_frame is not None:
        return name_frame(frames, entry.mask_frame)
    name = _frame_name(frames, mask.stem)
    if name != first and entry.truth is not None:
        raise InputError(f"{frames.path}: begins with frame {first}, but {mask} is the first mask; complete it")
    if name != first and name in frames.names:
        log.warning("%s: applied to the first frame; if it belongs to frame %s, set mask_frame to it", mask, name)
    return first


def _frame_name(frames: FrameFolder | VideoFile, name: str) -> str:
    """Name the frame that a mask's name means: in a video file its number, with any number of leading zeros."""
    return f"{int(name):05d}" if isinstance(frames, VideoFile) and name.isdecimal() else name


def _check_labels(pixels_of_frame: dict[str, Counter[int]], max_objects: int, masks: Path) -> None:
    """Refuse masks with no id, or with too many."""
    pixels: Counter[int] = Counter()
    for pixels_of_mask in pixels_of_frame.values():
        pixels.update(pixels_of_mask)
    if not pixels:
        raise InputError(f"{masks}: no object, all pixels are 0; label at least one")
    if len(pixels) > max_objects:
        raise InputError(describe_many_ids(pixels, max_objects, masks))
