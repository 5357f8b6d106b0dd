"""Frames as JPEG and masks as PNG, for a browser; they do not wait for the thread that owns the session."""

import io
from collections import OrderedDict
from threading import Lock

import cv2
import numpy as np
from PIL import Image

from interactive.frames import FrameAccess
from interactive.serving.status import Shown
from interactive.workspace import shrink_ids

QUALITY = 90  # in per cent, as JPEG counts it
MAX_SIDE = 1080  # pixels of the short side, unless a client asks for another
THUMBNAIL_SIDE = 96  # up to this side, pictures are kept apart, and wait for each other only
CACHED_BYTES = 2**26


class Pictures:
    """The frames of a video as JPEG, those asked for last kept; for any thread, one at a time.

    Args:
        frames: the session's way to the frames; what it has at hand need not be decoded again, and the other way round.
    """

    def __init__(self, frames: FrameAccess) -> None:
        self._frames, self._lock = FrameAccess(frames.source), Lock()
        self._frames.peers.append(frames)
        frames.peers.append(self._frames)
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._num_bytes = 0

    def find(self, frame: int, side: int) -> bytes | None:
        """Give a picture if it is at hand, without waiting."""
        return self._kept.get((frame, side))

    def make(self, frame: int, side: int) -> bytes:
        """Make a JPEG whose short side has at most ``side`` pixels.

        Raises:
            InputError: the frame cannot be decoded.
        """
        with self._lock:
            found = self.find(frame, side)
            if found is None:
                found = encode_jpeg(self._frames[frame], side)
                self._keep((frame, side), found)
            self._kept.move_to_end((frame, side))
            return found

    def _keep(self, key: tuple[int, int], content: bytes) -> None:
        self._kept[key] = content
        self._num_bytes += len(content)
        while self._num_bytes > CACHED_BYTES and len(self._kept) > 1:
            self._num_bytes -= len(self._kept.popitem(last=False)[1])


def encode_jpeg(image: np.ndarray, side: int) -> bytes:
    """Encode ``[H,W,3]`` uint8 RGB, made smaller if its short side is longer than ``side`` pixels."""
    scale = side / min(image.shape[:2])
    if scale < 1:
        size = tuple(max(1, round(length * scale)) for length in image.shape[1::-1])
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def encode_mask(shown: Shown, frame: int) -> bytes:
    """Encode a frame's mask at the working size: an indexed PNG in the objects' colours; 16-bit grey for ids above 255.

    Pixels are ids, 0 for background.
    """
    ids = shrink_ids(shown.ids(frame))
    image, stream = Image.fromarray(ids), io.BytesIO()
    if ids.dtype == np.uint8:
        colours = shown.state.objects.colours
        image.putpalette([level for object_id in range(256) for level in colours.get(object_id, (0, 0, 0))])
    image.save(stream, "PNG", compress_level=1, compress_type=Image.RLE)
    return stream.getvalue()
