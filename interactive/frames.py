"""Random access to the frames of a video: any frame, when it is needed, without reading the whole."""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dataset.frames import FrameFolder, open_frames
from dataset.video_file import VideoFile
from util.errors import InputError

KEPT = 32  # frames at hand: on the way back each group of frames of a video file is decoded once for so many of them
KEPT_BYTES = 2**27  # bound on them
MIN_KEPT = 4


class FrameAccess:
    """The frames of a folder or a video file, by number.

    Args:
        video: a folder of images or a video file, or such a source that is open already; it can be shared.

    Raises:
        InputError: there is no such path, or no frame in it.
    """

    def __init__(self, video: Path | FrameFolder | VideoFile) -> None:
        self.source = open_frames(video) if isinstance(video, Path) else video
        self.names, self.size = self.source.names, self.source.size
        frame_bytes = 3 * self.size[0] * self.size[1]
        self._num_kept = min(KEPT, max(MIN_KEPT, KEPT_BYTES // frame_bytes))
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self.peers: list[FrameAccess] = []  # others of this video, in other threads: they may have a frame at hand
        self._running: Iterator[tuple[int, np.ndarray]] = iter(())  # decodes on from the frame read last
        self._next = -1  # number of the frame that it gives next

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        """Read a frame: ``[H,W,3]`` uint8 RGB.

        Raises:
            InputError: it cannot be decoded.
        """
        found = next((image for one in (self, *self.peers) if (image := one.peek(index)) is not None), None)
        if found is not None:
            self._keep(index, found)
        elif isinstance(self.source, VideoFile):
            self._decode_up_to(index)
        else:
            self._keep(index, next(self.source.read(index, {self.names[index]}))[1])
        return self._kept[index]

    def peek(self, index: int) -> np.ndarray | None:
        """Give a frame if it is at hand; for any thread."""
        return self._kept.get(index)

    def _decode_up_to(self, index: int) -> None:
        """Go on decoding if the frame comes next, else begin anew."""
        if index != self._next:
            self._running = self.source.read_around(index, before=self._num_kept - 1)
        for number, image in self._running:
            self._keep(number, image)
            self._next = number + 1
            if number >= index:
                break
        if index not in self._kept:
            raise InputError(f"{self.source.path}: frame {index:05d} cannot be decoded; copy or convert it again")

    def _keep(self, index: int, image: np.ndarray) -> None:
        self._kept[index] = image
        self._kept.move_to_end(index)
        while len(self._kept) > self._num_kept:
            self._kept.popitem(last=False)
