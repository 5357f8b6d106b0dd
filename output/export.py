"""The common part of all exports."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from output.names import OutputPaths
from output.result import FrameResult

GREEN_SCREEN = (0, 255, 0)


class ExportedVideo(NamedTuple):
    """The facts about a video that an export knows before its first frame."""

    paths: OutputPaths
    palette: list[int] | None  # 768 numbers for indexed masks; None: masks are grey images
    frame_rate: Fraction  # in frames per second
    audio: Path | None  # a file whose sound belongs to the frames; None: there is no sound
    colours: Mapping[int, tuple[int, int, int]] = {}  # R, G and B by id, of pictures; the others have the overlay's
    labels: tuple[int, ...] = ()  # ids of the objects, as far as they are known before
    background: tuple[int, int, int] = GREEN_SCREEN  # R, G and B behind the objects of ``green``


class Export(ABC):
    """Write one kind of file for one video; a context manager that leaves its files whole or not at all.

    The methods run in background threads. With ``num_threads = 1`` they are called in the order of the frames.
    """

    num_threads = 1
    needs_probabilities = False  # whether every result must hold them
    shows_all_frames = False  # whether frames without results are written as well, so that all lines up with the video

    def __init__(self, video: ExportedVideo) -> None:
        self.video = video

    def __enter__(self) -> "Export":
        """Make what must be there before the first frame."""
        return self

    def __exit__(self, error_type: type[BaseException] | None, *error) -> None:  # noqa: B027 (may have nothing to do)
        """Complete the files, or discard the incomplete ones if an error ended the video."""

    @abstractmethod
    def write(self, result: FrameResult) -> None:
        """Write a frame."""

    def write_leading(self, image: np.ndarray) -> None:  # noqa: B027 (may have nothing to do)
        """Write a frame ``[H,W,3]`` uint8 RGB before or behind those with results; most exports leave it out."""
