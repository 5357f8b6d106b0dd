"""What is known of a segmented frame: the tracker yields it, the writers take it."""

from typing import NamedTuple

import numpy as np


class FrameResult(NamedTuple):
    """The result of one frame, at the frame's own size."""

    name: str
    image: np.ndarray  # [H,W,3] uint8 RGB
    ids: np.ndarray  # [H,W] object ids, 0 for background, uint8 or uint16
    labels: tuple[int, ...]  # ids of the objects known so far, in the order of the rows of probabilities
    probabilities: np.ndarray | None  # [1+K,H,W] float16, background first; None if they are not asked for
