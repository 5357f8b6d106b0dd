"""Masks from the files of annotation tools: COCO and labelme (JSON), and YOLO's segmentation (text)."""

import json
import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

import numpy as np
from skimage.draw import polygon as pixels_inside

from dataset.frame_names import find_frames
from dataset.object_masks import ObjectMasks
from util import rle
from util.errors import InputError
from util.ids import MAX_ID
from util.limits import check_num_pixels, check_path

log = logging.getLogger(__name__)

SUFFIXES = (".json", ".txt")
MAX_BYTES = 1 << 30  # a larger file is refused before they take memory
CIRCLE = np.linspace(0, 2 * math.pi, 128, endpoint=False)
REMEDY = "export it again as COCO, labelme or YOLO segmentation"


class _Shape(NamedTuple):
    """A part of an image that an object covers."""

    image: str  # base name of the image
    size: tuple[int, int] | None  # height and width of the image; None: unknown
    track: object  # tells an object in several images; None: nothing does
    category: object
    polygons: Sequence[np.ndarray]  # [N,2] x and y in pixels, or as shares of the frame if the size is unknown
    runs: dict | None = None  # run lengths instead of polygons


def is_annotation_file(path: Path) -> bool:
    """Tell the files of annotation tools by their names."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


class AnnotationFile(ObjectMasks):
    """The masks in a file of an annotation tool.

    An image belongs to the frame that has its base name; a single one without such a frame to the first. Whole
    numbers that tell tracks become the ids; else objects get 1, 2, .. in their order. In several images without tracks
    an object is what has the same category. Where shapes overlap, the smaller one lies above.

    Args:
        path: the file.
        frames: names of the video's frames.
        size: their height and width.
        frame: name of the frame of a single image; None: as above.

    Raises:
        InputError: it is no such file, holds no shape, or does not say what belongs together.
    """

    def __init__(self, path: Path, frames: Sequence[str], size: tuple[int, int], frame: str | None = None) -> None:
        self.path, self._size = path, size
        shapes = _read(path)
        if not shapes:
            raise InputError(f"{path}: no object in it; label at least one")
        frame_of_image = _match(path, [shape.image for shape in shapes], frames, frame)
        shapes = [shape for shape in shapes if shape.image in frame_of_image]
        ids = _number(path, shapes)
        self.objects = [str(label) for label in sorted(set(ids))]
        self._shapes: dict[str, list[tuple[int, _Shape]]] = {}
        for label, shape in zip(ids, shapes):
            self._shapes.setdefault(frame_of_image[shape.image], []).append((label, shape))
        self.names = [name for name in frames if name in self._shapes]

    def read_ids(self, name: str) -> np.ndarray:
        """Read the masks of a frame as one: ``[H,W]`` int32 ids; pixels of several objects belong to the smallest."""
        regions: dict[int, np.ndarray] = {}
        for label, shape in self._shapes[name]:
            region = self._draw(shape)
            regions[label] = region | regions[label] if label in regions else region
        ids = np.zeros(next(iter(regions.values())).shape, np.int32)
        for label in sorted(regions, key=lambda label: -regions[label].sum()):
            ids[regions[label]] = label
        return ids

    def read(self, name: str) -> np.ndarray:
        """Read the masks of a frame: ``[K,H,W]`` bool, in the order of ``objects``."""
        ids = self.read_ids(name)
        return np.stack([ids == int(label) for label in self.objects])

    def _draw(self, shape: _Shape) -> np.ndarray:
        if shape.runs is not None:
            return self._decode(shape)
        size, scale = shape.size or self._size, 1.0 if shape.size else np.array(self._size[::-1])
        check_num_pixels(self.path, size[1], size[0])
        region = np.zeros(size, bool)
        for points in shape.polygons:
            x, y = (points * scale - 0.5).T  # a pixel belongs to it if its middle does
            region[pixels_inside(y, x, size)] = True
        return region

    def _decode(self, shape: _Shape) -> np.ndarray:
        try:
            region = rle.decode(shape.runs)
            if shape.size is not None and region.shape != shape.size:
                sizes = f"run lengths of {region.shape[1]}x{region.shape[0]} pixels"
                raise ValueError(f"{sizes} in an image of {shape.size[1]}x{shape.size[0]}")
        except ValueError as e:
            raise InputError(f"{self.path}: {shape.image}: {e}; {REMEDY}") from e
        return region


def _read(path: Path) -> list[_Shape]:
    check_path(path, REMEDY)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: more than {MAX_BYTES >> 20} MiB; leave other videos out")
    try:
        if path.suffix.lower() == ".txt":
            return list(_read_yolo(path))
        content = json.loads(path.read_bytes())
        if isinstance(content, dict) and "shapes" in content:
            return list(_read_labelme(content, path))
        return list(_read_coco(content, path))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError) as e:
        raise InputError(f"{path}: no annotations that can be read ({type(e).__name__}: {e}); {REMEDY}") from e


def _read_coco(content: dict, path: Path) -> Iterator[_Shape]:
    images = {image["id"]: image for image in content["images"]}
    _refuse_namesakes(path, [images[key]["file_name"] for key in {part["image_id"] for part in content["annotations"]}])
    for annotation in content["annotations"]:
        image, found = images[annotation["image_id"]], annotation["segmentation"]
        size = (_side(image["height"]), _side(image["width"])) if "height" in image else None
        track = annotation.get("track_id", (annotation.get("attributes") or {}).get("track_id"))
        facts = _base_name(image["file_name"]), size, track, annotation.get("category_id")
        if isinstance(found, dict):
            yield _Shape(*facts, (), found)
        elif size is None:
            raise ValueError("an image without width and height")
        else:
            yield _Shape(*facts, [_polygon(np.reshape(part, (-1, 2))) for part in found])


def _refuse_namesakes(path: Path, files: Sequence[str]) -> None:
    """Refuse images of several videos, whose frames have the same names: their objects would be mixed."""
    file_of_name: dict[str, str] = {}
    for file in sorted(files):
        name = _base_name(file)
        if name in file_of_name:
            raise InputError(f"{path}: images {file_of_name[name]} and {file} name one frame; leave other videos out")
        file_of_name[name] = file


def _read_labelme(content: dict, path: Path) -> Iterator[_Shape]:
    size = _side(content["imageHeight"]), _side(content["imageWidth"])
    image = _base_name(content.get("imagePath") or path.name)
    for shape in content["shapes"]:
        points, kind = np.asarray(shape["points"], float), shape.get("shape_type") or "polygon"
        if kind == "rectangle":
            (left, top), (right, bottom) = points.min(0), points.max(0)
            points = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        elif kind == "circle":
            points = points[0] + np.hypot(*(points[1] - points[0])) * np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], 1)
        elif kind != "polygon":
            raise ValueError(f"a shape of type {kind}")
        group = shape.get("group_id")
        track = None if group is None else (str(shape["label"]), group)
        yield _Shape(image, size, track, shape["label"], [_polygon(points)])


def _read_yolo(path: Path) -> Iterator[_Shape]:
    for line in path.read_text(encoding="utf-8").splitlines():
        category, *numbers = line.split() or [None]
        if category is None:
            continue
        if len(numbers) == 4:
            raise ValueError("boxes, no outlines")
        yield _Shape(path.stem, None, None, int(category), [_polygon(np.reshape(np.array(numbers, float), (-1, 2)))])


def _base_name(name: str) -> str:
    return PureWindowsPath(name).stem  # with either separator


def _side(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"a side of {str(value)[:40]} pixels")
    return value


def _polygon(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, float)
    if points.ndim != 2 or len(points) < 3 or points.shape[1] != 2 or not (np.abs(points) < 1e6).all():
        raise ValueError("an outline of less than three points, or with numbers that are no pixels")
    return points


def _match(path: Path, images: Sequence[str], frames: Sequence[str], frame: str | None) -> dict[str, str]:
    """Find the frame of each image; those of no frame are left out."""
    images = list(dict.fromkeys(images))
    if frame is not None and len(images) > 1:
        raise InputError(f"{path}: {len(images)} images, which have names of their own; set mask_frame for one only")
    if frame is not None:
        return {images[0]: frame}
    found = {image: name for image, name in find_frames(frames, images).items() if name is not None}
    if len(images) == 1 and not found:
        return {images[0]: frames[0]}
    if not found:
        raise InputError(f"{path}: none of its {len(images)} images is named as a frame, such as {frames[0]}; rename")
    if len(found) < len(images):
        log.warning("%s: %d of %d images are no frames and are left out", path, len(images) - len(found), len(images))
    twice = [name for name, count in Counter(found.values()).items() if count > 1]
    if twice:
        raise InputError(f"{path}: two of its images are named as frame {twice[0]}; leave one out")
    return found


def _number(path: Path, shapes: Sequence[_Shape]) -> list[int]:
    """Give each shape the id of its object."""
    has_tracks = all(shape.track is not None for shape in shapes)
    if has_tracks and all(type(shape.track) is int and 0 < shape.track <= MAX_ID for shape in shapes):
        return [shape.track for shape in shapes]
    if len({shape.image for shape in shapes}) == 1:
        keys = [index if shape.track is None else repr(shape.track) for index, shape in enumerate(shapes)]
    elif has_tracks:
        keys = [repr(shape.track) for shape in shapes]
    else:
        keys = [repr(shape.category) for shape in shapes]
        if max(Counter(zip(keys, (shape.image for shape in shapes))).values()) > 1:
            raise InputError(
                f"{path}: objects of one category in several images, without tracks; give one image, or tracks"
            )
    ids = {key: label for label, key in enumerate(dict.fromkeys(keys), 1)}
    return [ids[key] for key in keys]
