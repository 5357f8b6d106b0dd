"""Random access to the frames of a video: any frame, when it is needed, without reading the whole."""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dataset.frames import open_frames
from dataset.video_file import VideoFile
from util.errors import InputError

KEPT = 32  # frames at hand: on the way back each group of frames of a video file is decoded once for so many of them


class FrameAccess:
    """The frames of a folder or a video file, by number.

    Args:
        path: a folder of images or a video file.

    Raises:
        InputError: there is no such path, or no frame in it.
    """

    def __init__(self, path: Path) -> None:
        self.source = open_frames(path)
        self.names, self.size = self.source.names, self.source.size
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._running: Iterator[tuple[int, np.ndarray]] = iter(())  # decodes on from the frame read last
        self._next = -1  # number of the frame that it gives next

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        """Read a frame: ``[H,W,3]`` uint8 RGB.

        Raises:
            InputError: it cannot be decoded.
        """
        if index not in self._kept:
            if isinstance(self.source, VideoFile):
                self._decode_up_to(index)
            else:
                self._keep(index, next(self.source.read(index, {self.names[index]}))[1])
        self._kept.move_to_end(index)
        return self._kept[index]

    def _decode_up_to(self, index: int) -> None:
        """Go on decoding if the frame comes next, else begin anew."""
        if index != self._next:
            self._running = self.source.read_around(index, before=KEPT - 1)
        for number, image in self._running:
            self._keep(number, image)
            self._next = number + 1
            if number >= index:
                break
        if index not in self._kept:
            raise InputError(f"{self.source.path}: frame {index:05d} cannot be decoded; copy or convert it again")

    def _keep(self, index: int, image: np.ndarray) -> None:
        self._kept[index] = image
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
