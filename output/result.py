"""The result of one frame, as the tracker yields it and the exports write it."""

from typing import NamedTuple

import numpy as np


class FrameResult(NamedTuple):
    """The objects of one frame, at the frame's own size."""

    name: str  # the frame's base name or number
    image: np.ndarray  # [H,W,3] uint8 RGB
    ids: np.ndarray  # [H,W] object ids, uint8 or uint16; 0 is background
    labels: tuple[int, ...]  # ids of the objects known so far, in the order of the rows of probabilities
    probabilities: np.ndarray | None  # [1+K,H,W] float16, background first; None if nobody asked for them
