"""Overlay videos: the objects coloured, outlined and numbered on the frames."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from output.export import Export, ExportedVideo
from output.mp4 import Mp4Writer
from output.names import OVERLAY
from output.result import FrameResult

OPACITY = 0.45
# The colours were searched for to be vivid and far from each other in CIELAB, the first ones most, also as people with
# a missing kind of cone see them. The smallest distance of the first 4 / 8 / 12 is then 48 / 27 / 16.
COLOURS = (
    *((230, 30, 53), (45, 95, 255), (255, 253, 5), (45, 255, 255), (195, 35, 120), (65, 185, 115)),
    *((240, 120, 255), (245, 140, 15), (125, 0, 210), (190, 255, 100), (175, 25, 60), (0, 140, 150)),
)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
RIM = ((-1, -1), (-1, 1), (1, -1), (1, 1))  # shifts of the black copies around a white number, in pixels


def draw_overlay(
    image: np.ndarray,
    ids: np.ndarray,
    labels: Sequence[int],
    *,
    is_thin: bool = False,
    chosen: Mapping[int, tuple[int, int, int]] = {},
) -> np.ndarray:
    """Colour and outline each object, and number the objects 1, 2, .. in the order of ``labels``.

    Args:
        image: ``[H,W,3]`` uint8 RGB.
        ids: ``[H,W]`` object ids; those that are not in ``labels`` are left unmarked.
        labels: the ids to mark; the first has the number 1 and the first colour.
        is_thin: whether outlines are thin and objects have no numbers, for small images.
        chosen: R, G and B of ids that have another colour.

    Returns:
        ``[H,W,3]`` uint8 RGB.
    """
    number_of_id = np.zeros(1 + max(int(ids.max()), *labels, 0), np.int32)
    number_of_id[list(labels)] = range(1, len(labels) + 1)
    numbers = number_of_id[ids]
    colours = [BLACK, *(chosen.get(label, COLOURS[row % len(COLOURS)]) for row, label in enumerate(labels))]
    tinted = cv2.addWeighted(image, 1 - OPACITY, np.array(colours, np.uint8)[numbers], OPACITY, 0)
    canvas = np.where(numbers[..., None] > 0, tinted, image)
    for number in np.unique(numbers[numbers > 0]).tolist():
        region = (numbers == number).astype(np.uint8)
        _draw_outline(canvas, region, colours[number], is_thin=is_thin)
        if not is_thin:
            _draw_number(canvas, region, number)
    return canvas


def _draw_outline(canvas: np.ndarray, region: np.ndarray, colour: tuple[int, int, int], *, is_thin: bool) -> None:
    contours, _ = cv2.findContours(region, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    if not is_thin:
        cv2.drawContours(canvas, contours, -1, WHITE, 3, cv2.LINE_AA)
    cv2.drawContours(canvas, contours, -1, colour, 1, cv2.LINE_8 if is_thin else cv2.LINE_AA)


def _draw_number(canvas: np.ndarray, region: np.ndarray, number: int) -> None:
    """Draw an object's number where its border is farthest away."""
    depth = cv2.distanceTransform(np.pad(region, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    scale = max(0.4, min(region.shape) / 800)
    (width, height), _ = cv2.getTextSize(str(number), cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    x, y = int(column - width / 2), int(row + height / 2)
    for dx, dy in RIM:
        cv2.putText(canvas, str(number), (x + dx, y + dy), cv2.FONT_HERSHEY_SIMPLEX, scale, BLACK, 2, cv2.LINE_AA)
    cv2.putText(canvas, str(number), (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, WHITE, 2, cv2.LINE_AA)


class Overlay(Export):
    """Write the overlay video. An object keeps its number, also if it is removed and others enter later."""

    shows_all_frames = True

    def __init__(self, video: ExportedVideo) -> None:
        super().__init__(video)
        self._mp4 = Mp4Writer(video.paths.path(OVERLAY), video.frame_rate, video.audio)
        self._labels: list[int] = []  # in the order in which the objects entered

    def __enter__(self) -> "Overlay":
        self.video.paths.folder.parent.mkdir(parents=True, exist_ok=True)
        self._mp4.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._mp4.__exit__(*error)

    def write(self, result: FrameResult) -> None:
        """Append a frame with its objects."""
        self._labels += [label for label in result.labels if label not in self._labels]
        self._mp4.write(draw_overlay(result.image, result.ids, self._labels, chosen=self.video.colours))

    def write_leading(self, image: np.ndarray) -> None:
        """Append a frame without objects."""
        self._mp4.write(image)
