"""Annotation files that other programs read: COCO, YouTube-VIS, and a table of the objects.

Boxes are left, top, width and height in pixels, areas count pixels, as in COCO.
"""

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import cv2
import numpy as np

from output.export import Export, ExportedVideo
from output.names import COCO, OBJECTS, YOUTUBE_VIS
from output.result import FrameResult
from util import rle
from util.files import write_then_rename

CATEGORY = {"id": 1, "name": "object"}
COLUMNS = (
    *("frame", "id", "present", "pixels", "left", "top", "width", "height"),
    *("centre_x", "centre_y", "mean_probability"),
)


class Shape(NamedTuple):
    """The place of an object in a frame."""

    pixels: int
    box: tuple[int, int, int, int]  # left, top, width, height
    centre: tuple[float, float]  # x and y of the mean of its pixels' middles


def measure(mask: np.ndarray) -> Shape | None:
    """Measure an object's mask ``[H,W]`` bool; None if it is not in sight."""
    found = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    pixels = round(found["m00"])
    if not pixels:
        return None
    centre = (found["m10"] / found["m00"] + 0.5, found["m01"] / found["m00"] + 0.5)
    return Shape(pixels, cv2.boundingRect(mask.astype(np.uint8)), centre)


class _TextFile(Export):
    """Write one text file for the video."""

    name: str  # one of ``output.names``

    def __init__(self, video: ExportedVideo) -> None:
        super().__init__(video)
        self._stack = ExitStack()

    def __enter__(self) -> "_TextFile":
        path = self.video.paths.path(self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            temporary = stack.enter_context(write_then_rename(path))
            self._file = stack.enter_context(temporary.open("w", newline="", encoding="utf-8"))
            stack.push(self._complete)
            self._begin()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error) -> None:
        self._stack.__exit__(*error)

    def _complete(self, error_type: type[BaseException] | None, *_) -> None:
        if error_type is None:
            self._end()

    def _begin(self) -> None:
        """Write what comes before the first frame."""

    def _end(self) -> None:
        """Write what comes after the last frame."""

    def _file_name(self, result: FrameResult) -> str:
        return f"{self.video.paths.folder.name}/{result.name}.jpg"


class CocoFile(_TextFile):
    """Write a COCO file: an image for each frame, an annotation for each object in it, with the object's id as its
    track; annotations are written as they come, and only the names of the frames are held."""

    name = COCO

    def _begin(self) -> None:
        self._images: list[dict] = []
        self._labels: dict[int, None] = {}
        self._num_annotations = 0
        self._file.write('{"annotations": [')

    def write(self, result: FrameResult) -> None:
        """Append a frame."""
        height, width = result.ids.shape
        index = len(self._images)
        image = {"id": index + 1, "file_name": self._file_name(result), "width": width, "height": height}
        self._images.append({**image, "video_id": 1, "frame_id": index})
        self._labels |= dict.fromkeys(result.labels)
        for label in result.labels:
            mask = result.ids == label
            shape = measure(mask)
            if shape is not None:
                self._append(label, mask, shape)

    def _append(self, label: int, mask: np.ndarray, shape: Shape) -> None:
        self._num_annotations += 1
        annotation = {
            "id": self._num_annotations,
            "image_id": len(self._images),
            "category_id": CATEGORY["id"],
            "track_id": label,
            "segmentation": rle.encode(mask),
            "area": shape.pixels,
            "bbox": shape.box,
            "iscrowd": 0,
        }
        self._file.write((",\n" if self._num_annotations > 1 else "\n") + json.dumps(annotation))

    def _end(self) -> None:
        tracks = [{"id": label, "category_id": CATEGORY["id"], "video_id": 1} for label in sorted(self._labels)]
        videos = [{"id": 1, "name": self.video.paths.folder.name}]
        rest = {"images": self._images, "tracks": tracks, "videos": videos, "categories": [CATEGORY]}
        self._file.write("\n],\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(rest[key])}" for key in rest) + "}\n")


class YouTubeVisFile(_TextFile):
    """Write a YouTube-VIS file: an annotation for each object, with a mask or none for each frame."""

    name = YOUTUBE_VIS

    def _begin(self) -> None:
        self._names: list[str] = []
        self._size = (0, 0)
        self._found: dict[int, dict[int, tuple[dict, Shape]]] = {}  # by object and number of the frame

    def write(self, result: FrameResult) -> None:
        """Note a frame."""
        self._size = result.ids.shape
        for label in result.labels:
            mask = result.ids == label
            shape, frames = measure(mask), self._found.setdefault(label, {})
            if shape is not None:
                frames[len(self._names)] = rle.encode(mask), shape
        self._names.append(self._file_name(result))

    def _end(self) -> None:
        (height, width), length = self._size, len(self._names)
        size = {"width": width, "height": height, "length": length}
        videos = [{"id": 1, **size, "file_names": self._names}]
        annotations = [self._annotate(label) | size for label in sorted(self._found)]
        json.dump({"videos": videos, "annotations": annotations, "categories": [CATEGORY]}, self._file)

    def _annotate(self, label: int) -> dict:
        found = [self._found[label].get(index) for index in range(len(self._names))]
        return {
            "id": label,
            "video_id": 1,
            "category_id": CATEGORY["id"],
            "iscrowd": 0,
            "segmentations": [frame and frame[0] for frame in found],
            "bboxes": [frame and frame[1].box for frame in found],
            "areas": [frame and frame[1].pixels for frame in found],
        }


class ObjectTable(_TextFile):
    """Write a table with a row for each known object in each frame."""

    name = OBJECTS
    needs_probabilities = True

    def _begin(self) -> None:
        self._table = csv.writer(self._file)
        self._table.writerow(COLUMNS)

    def write(self, result: FrameResult) -> None:
        """Append the frame's rows."""
        self._table.writerows(_rows(result))


def _rows(result: FrameResult) -> Iterator[tuple]:
    """Yield the row of each known object; an object out of sight has no place."""
    for label, probability in zip(result.labels, result.probabilities[1:]):
        mask = result.ids == label
        shape = measure(mask)
        if shape is None:
            yield result.name, label, 0, 0, *[""] * 6, f"{0:.4f}"
        else:
            centre = (f"{number:.2f}" for number in shape.centre)
            mean = probability[mask].astype(np.float64).mean()
            yield result.name, label, 1, shape.pixels, *shape.box, *centre, f"{mean:.4f}"
