"""Overlay videos: objects coloured, outlined and numbered on the frames."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from util.errors import InputError
from util.files import write_then_rename

OPACITY = 0.45


def draw_overlay(image: np.ndarray, mask: np.ndarray, palette: list[int]) -> np.ndarray:
    """Colour, outline and number each object.

    Args:
        image: ``[H,W,3]`` uint8 RGB.
        mask: ``[H,W]`` object ids.
        palette: 768 numbers; ids above 255 start again at 1.

    Returns:
        ``[H,W,3]`` uint8 RGB.
    """
    colours = np.array(palette, np.uint8).reshape(256, 3)
    slots = np.where(mask > 0, (mask.astype(np.int32) - 1) % 255 + 1, 0)
    tinted = cv2.addWeighted(image, 1 - OPACITY, colours[slots], OPACITY, 0)
    canvas = np.where(mask[..., None] > 0, tinted, image)
    for label in np.unique(mask[mask > 0]).tolist():
        _outline_and_number(canvas, (mask == label).astype(np.uint8), label, colours[(label - 1) % 255 + 1].tolist())
    return canvas


def _outline_and_number(canvas: np.ndarray, region: np.ndarray, label: int, colour: list[int]) -> None:
    """Draw one object's contour, and its id at the place deepest inside it."""
    contours, _ = cv2.findContours(region, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, contours, -1, (255, 255, 255), 3, cv2.LINE_AA)
    cv2.drawContours(canvas, contours, -1, colour, 1, cv2.LINE_AA)
    depth = cv2.distanceTransform(np.pad(region, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    scale = max(0.4, min(region.shape) / 800)
    (width, height), _ = cv2.getTextSize(str(label), cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    x, y = int(column - width / 2), int(row + height / 2)
    rim = [(dx, dy, (0, 0, 0)) for dx in (-1, 1) for dy in (-1, 1)]
    for dx, dy, ink in (*rim, (0, 0, (255, 255, 255))):
        cv2.putText(canvas, str(label), (x + dx, y + dy), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 2, cv2.LINE_AA)


class OverlayVideo:
    """Write an H.264 yuv420p mp4 that browsers play; as a context manager, whole or not at all.

    Args:
        path: of the mp4.
        frame_rate: frames per second.
    """

    def __init__(self, path: Path, frame_rate: Fraction) -> None:
        self._renaming = write_then_rename(path)
        self._frame_rate = frame_rate.limit_denominator(65535)
        self._container: av.container.OutputContainer | None = None
        self._path = path

    def __enter__(self) -> "OverlayVideo":
        self._temporary = self._renaming.__enter__()
        return self

    def write(self, image: np.ndarray) -> None:
        """Append a frame ``[H,W,3]`` uint8 RGB; an odd side is extended by a pixel, as 4:2:0 needs."""
        image = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), mode="edge")
        if self._container is None:
            self._open(*image.shape[:2])
        for packet in self._stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
            self._container.mux(packet)

    def __exit__(self, error_type: type | None, *error) -> None:
        try:
            if self._container is not None:
                with self._container:
                    if error_type is None:
                        self._container.mux(self._stream.encode())
        finally:
            self._renaming.__exit__(error_type, *error)

    def _open(self, height: int, width: int) -> None:
        container = av.open(str(self._temporary), "w", options={"movflags": "+faststart"})
        try:
            self._stream = container.add_stream("libx264", rate=self._frame_rate)
        except (av.FFmpegError, ValueError) as e:
            container.close()
            raise InputError(f"{self._path}: this PyAV cannot write H.264; `pip install av`, or drop --overlay") from e
        self._container = container
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": "20"}
