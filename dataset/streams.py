"""Streams: frames that come one after the other until somebody stops them, from a camera, an address or a pipe."""

import queue
import threading
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from dataset.stream_source import RawFormat, open_source
from util.errors import InputError
from util.media import describe_address

WAIT = 0.1  # seconds after which a waiting thread looks whether the stream was stopped
NUM_AHEAD = 4  # frames that are decoded ahead of those that are taken
TIMEOUT = 15.0  # seconds


class Stream:
    """Read a stream in a thread of its own; a context manager that stops it.

    The first frame is there once it is opened. Nothing waits for ever: a silent source is given up after a time-out,
    and ``stop`` ends the iteration at once.

    Args:
        address: ``rtsp://..``, ``rtsps://..``, ``http://..``, ``https://..``, ``-`` for standard input, or the number
            of a camera.
        raw: the form of raw frames on standard input; None: they have a container.
        timeout: seconds of silence after which it is given up.
        is_realtime: whether frames are dropped that come while others are computed; else the source waits, if it can.
        strict: whether a damaged frame ends the stream; else it is left out.

    Attributes:
        label: what messages call it.
        frame_rate: in frames per second.
        first: ``[H,W,3]`` uint8 RGB, the first frame.
        num_dropped: frames that came too fast so far.
        num_damaged: frames that were left out so far, since they are damaged.
        error: what ended the stream if it was lost; None: it came to its end, or was stopped.

    Raises:
        InputError: it cannot be opened, or has no frame.
    """

    def __init__(
        self,
        address: str,
        *,
        raw: RawFormat | None = None,
        timeout: float = TIMEOUT,
        is_realtime: bool = False,
        strict: bool = False,
    ) -> None:
        if raw is not None and address != "-":
            raise InputError(f"{describe_address(address)}: only standard input has raw frames; leave their form out")
        self.address, self.label = address, describe_address(address)
        self.is_realtime = is_realtime
        self.num_dropped = self.num_damaged = 0
        self.error: InputError | None = None
        self.frame_rate = Fraction(0)
        self._raw, self._timeout, self._strict = raw, timeout, strict
        self._is_stopped = False
        self._frames: queue.Queue[tuple[int, np.ndarray] | None] = queue.Queue(1 if is_realtime else NUM_AHEAD)
        # A daemon: the program may end while the thread waits for a silent source.
        threading.Thread(target=self._fill, name="stream", daemon=True).start()
        self._next = self._take()
        if self._next is None:
            raise self.error or InputError(f"{self.label}: no frames; give another stream")
        self.first = self._next[1]

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        """End the iteration; may be called in any thread or from a signal's handler."""
        self._is_stopped = True

    def read(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the number in the stream, ``00000``, ``00001``, .., and the image ``[H,W,3]`` of each frame.

        It ends where the stream ends, is lost (see ``error``) or is stopped. Numbers of dropped frames are left out.
        """
        while self._next is not None and not self._is_stopped:
            number, image = self._next
            yield f"{number:05d}", image
            self._next = self._take()

    def _take(self) -> tuple[int, np.ndarray] | None:
        """Wait for the next frame; None: there is none."""
        while not self._is_stopped:
            try:
                return self._frames.get(timeout=WAIT)
            except queue.Empty:
                continue
        return None

    def _fill(self) -> None:
        """Read the frames, until the stream ends or is stopped."""
        try:
            with open_source(self.address, self._raw, self._timeout) as source:
                self.frame_rate = source.frame_rate
                for item in self._number(source.images):
                    self._put(item, may_drop=self.is_realtime)
                    if self._is_stopped:
                        break
        except InputError as e:
            self.error = e
        except Exception as e:  # it would be lost in this thread
            self.error = InputError(f"{self.label}: cannot be read ({type(e).__name__}: {e}); give another stream")
        self._put(None, may_drop=False)

    def _number(self, images: Iterator[np.ndarray | None]) -> Iterator[tuple[int, np.ndarray]]:
        """Number the frames that are whole; refuse one of another size than the first."""
        number, first_size = 0, None
        for image in images:
            if image is None:
                self.num_damaged += 1
                if self._strict:
                    raise InputError(f"{self.label}: damaged before frame {number:05d}; send it again")
                continue
            first_size = first_size or image.shape
            if image.shape != first_size:
                found, first = (f"{shape[1]}x{shape[0]}" for shape in (image.shape, first_size))
                raise InputError(
                    f"{self.label}: {found} pixels from frame {number:05d} on, {first} before; open it anew"
                )
            yield number, image
            number += 1

    def _put(self, item: tuple[int, np.ndarray] | None, *, may_drop: bool) -> None:
        """Queue a frame, or the end (None); wait for room, or make it."""
        while not self._is_stopped:
            try:
                self._frames.put(item, timeout=0 if may_drop else WAIT)
                break
            except queue.Full:
                if may_drop:
                    self._drop()

    def _drop(self) -> None:
        try:
            self._frames.get_nowait()
        except queue.Empty:  # it was just taken
            return
        self.num_dropped += 1
