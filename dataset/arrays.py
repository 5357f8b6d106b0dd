"""Videos whose frames or masks come from a program, as arrays, rather than from files."""

from collections.abc import Container, Iterable, Iterator, Mapping
from numbers import Integral
from pathlib import Path

import numpy as np
from PIL import Image

from dataset.frames import open_frames
from dataset.images import list_images
from dataset.masks import MaskReader
from dataset.passes import AnnotatedVideo, Direction, Frame, MasksUsed, check_choice, choose_masks, plan_passes
from dataset.stored_masks import find_labels
from dataset.streams import Stream
from util.errors import InputError
from util.ids import MAX_ID

NO_OBJECT = "no object in any mask; label at least one"


def check_image(image: object) -> np.ndarray:
    """Bring a frame to ``[H,W,3]`` uint8 RGB.

    Args:
        image: such an array, a grey one ``[H,W]``, a Pillow image, or floats in [0, 1].

    Raises:
        InputError: another shape, or numbers that are no colours.
    """
    if isinstance(image, Image.Image):
        image = image.convert("RGB")
    array = np.asarray(image)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise InputError(f"an image of shape {list(array.shape)}; give [H,W,3], red first")
    if array.dtype == np.uint8:
        return np.require(array, requirements=["C", "W"])
    if not (np.issubdtype(array.dtype, np.floating) and 0 <= array.min() <= array.max() <= 1):
        found = f"{array.dtype} from {array.min():.4g} to {array.max():.4g}"
        raise InputError(f"an image of {found}; give uint8 from 0 to 255, or floats from 0 to 1, not normalised")
    return np.round(255 * array).astype(np.uint8)


def check_ids(ids: object, size: tuple[int, int]) -> np.ndarray:
    """Bring a mask to ``[H,W]`` int32 object ids.

    Args:
        ids: integers, or booleans for a single object, which gets id 1.
        size: ``(height, width)`` of the image that the mask belongs to.

    Raises:
        InputError: another size, or numbers that are no ids.
    """
    array = np.asarray(ids)
    if array.shape != size:
        raise InputError(f"a mask of shape {list(array.shape)} for an image of {list(size)}; give [H,W] of its size")
    if array.dtype != bool and not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"a mask of {array.dtype}; give integers (object ids, 0 for background) or booleans")
    if array.min() < 0 or array.max() > MAX_ID:
        raise InputError(f"a mask with ids from {array.min()} to {array.max()}; give ids from 0 to {MAX_ID}")
    return array.astype(np.int32)


def is_path(item: object) -> bool:
    """Whether an argument names a file or folder."""
    return isinstance(item, (str, Path))


def read_masks(path: Path, reader: MaskReader) -> np.ndarray | dict[str, np.ndarray]:
    """Read the mask of the first frame, ``[H,W]`` int32, or those in a folder by frame name.

    Raises:
        InputError: an unreadable mask, or none.
    """
    if not path.is_dir():
        return reader.read(path)
    masks = {name: reader.read(file) for name, file in list_images(path).items()}
    if not masks:
        raise InputError(f"{path}: no mask in it; give the mask of each object where it first appears")
    return masks


def read_frames(
    video: object, masks: np.ndarray | Mapping[str | int, np.ndarray], *, strict: bool = False
) -> Iterator[Frame]:
    """Yield the frames of a video from the first one with objects on.

    Args:
        video: path of a file or folder, or images as ``check_image`` takes them, which are named 00000, 00001, ..
        masks: the mask of the first frame, or masks by their frame's name or number; as ``check_ids`` takes them.
        strict: whether a video file that seems to lack frames is refused; else a note says so.

    Raises:
        InputError: an image or mask that cannot be used, or a mask of a frame that does not exist.
    """
    if is_path(video):
        frames = open_frames(Path(video), strict=strict)
        images, names = frames.read(), frames.names
    else:  # copies, since a camera's loop may fill one array again and again
        images, names = ((f"{index:05d}", check_image(image).copy()) for index, image in enumerate(video)), None
    if not isinstance(masks, Mapping):
        return _join(images, masks, {})
    by_name = {_name_frame(key, names): mask for key, mask in masks.items()}
    if names is not None:
        _refuse_left(by_name.keys() - set(names))
    return _join(images, None, by_name)


class FrameSequence:
    """Images that can be read more than once, named 00000, 00001, ..

    Args:
        images: a list or array of images as ``check_image`` takes them.

    Raises:
        InputError: there are none, or they can be read only once.
    """

    def __init__(self, images: object) -> None:
        if not (hasattr(images, "__len__") and hasattr(images, "__getitem__")):
            raise InputError("images that come one by one, which can be read forwards only, and once; give a list")
        if not len(images):
            raise InputError("no images; give at least one")
        self._images = images
        self.names = [f"{index:05d}" for index in range(len(images))]
        self.size = check_image(images[0]).shape[:2]

    def read(self, start: int = 0, needed: Container[str] | None = None) -> Iterator[tuple[str, np.ndarray]]:
        """Yield name and ``[H,W,3]`` uint8 RGB image of each frame from the ``start``-th on."""
        return self._read(range(start, len(self.names)), needed)

    def read_backwards(self, start: int, needed: Container[str] | None = None) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the frames from the ``start``-th back to the first."""
        return self._read(range(start, -1, -1), needed)

    def _read(self, indices: range, needed: Container[str] | None) -> Iterator[tuple[str, np.ndarray]]:
        for index in indices:
            name = self.names[index]
            is_needed = needed is None or name in needed
            yield name, check_image(self._images[index]).copy() if is_needed else None


class ArrayVideo(AnnotatedVideo):
    """A video whose masks come as arrays, and perhaps its frames, read in any direction.

    Args:
        video: path of a file or folder, or a list of images.
        masks: as for ``read_frames``.
        direction: where they are propagated to.
        masks_used: the ones that are input.
        strict: as for ``read_frames``.

    Raises:
        InputError: a mask that cannot be used, or images that can be read only once.
    """

    def __init__(
        self,
        video: object,
        masks: np.ndarray | Mapping[str | int, np.ndarray],
        *,
        direction: Direction = "forward",
        masks_used: MasksUsed = "all",
        strict: bool = False,
    ) -> None:
        check_choice(direction, masks_used)
        self.frames = open_frames(Path(video), strict=strict) if is_path(video) else FrameSequence(video)
        masks = masks if isinstance(masks, Mapping) else {0: masks}
        by_name = {_name_frame(key, self.frames.names): mask for key, mask in masks.items()}
        _refuse_left(by_name.keys() - self.index_of.keys())
        names = sorted(by_name, key=self.index_of.__getitem__)
        self._masks = {name: check_ids(by_name[name], self.frames.size) for name in names}
        labels = {name: find_labels(mask) for name, mask in self._masks.items()}
        self.labels_of_frame = choose_masks(labels, masks_used, direction)
        if not self.labels_of_frame:
            raise InputError(NO_OBJECT)
        self.passes = plan_passes(self.frames.names, self.annotated_names, direction)

    def _read_ids(self, name: str) -> np.ndarray:
        return self._masks[name]


def read_stream(stream: Stream, mask: np.ndarray) -> Iterator[Frame]:
    """Yield the frames of a stream, the first with its mask, which ``check_ids`` takes.

    Raises:
        InputError: the mask cannot be used, or is empty.
    """
    return _join(stream.read(), mask, {})


def _name_frame(key: str | int, names: list[str] | None) -> str:
    """Name a frame that is given by its name or by its number, which counts from 0."""
    if not isinstance(key, Integral):
        return key
    return names[key] if names is not None and 0 <= key < len(names) else f"{key:05d}"


def _join(
    images: Iterable[tuple[str, np.ndarray]], first_mask: np.ndarray | None, masks: dict[str, np.ndarray]
) -> Iterator[Frame]:
    """Give each image its mask."""
    mask, has_objects = first_mask, False
    for name, image in images:
        mask = masks.pop(name, None) if mask is None else mask
        ids = None if mask is None else check_ids(mask, image.shape[:2])
        labels = () if ids is None else find_labels(ids)
        has_objects = has_objects or bool(labels)
        if has_objects:
            yield Frame(name, image, ids, labels, True)
        mask = None
    _refuse_left(masks)
    if not has_objects:
        raise InputError(NO_OBJECT)


def _refuse_left(names: Iterable[str]) -> None:
    left = sorted(names)
    if left:
        raise InputError(f"a mask of frame {left[0]}: there is no such frame; give names or numbers of frames")
