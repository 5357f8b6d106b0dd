"""Soft masks, cut-outs and everything else with transparency.

Alpha is straight: colours are not multiplied by it. At soft edges the frame's colour is a mixture with the old
background, so it is replaced by that of the nearest pixel well inside; nothing of the old background remains.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from output.export import Export, ExportedVideo
from output.mp4 import PRORES, Mp4Writer
from output.names import ALPHA, CUTOUT, GREEN, PRORES_MOV
from output.result import FrameResult
from util.files import write_then_rename

SOLID = 0.95  # probability from which a pixel's colour counts as the object's own
FRINGE = 4  # pixels around what is seen that get the object's colour, for programs that resize


def soft_mask(result: FrameResult, labels: Sequence[int] | None = None) -> np.ndarray:
    """Give how far pixels belong to objects: ``[H,W]`` float32 in [0, 1].

    Args:
        result: with probabilities.
        labels: the objects, which need not be known yet; None: all of them together.
    """
    if labels is None:
        return np.clip(1 - result.probabilities[0].astype(np.float32), 0, 1)
    rows = [1 + result.labels.index(label) for label in labels if label in result.labels]
    return np.clip(result.probabilities[rows].astype(np.float32).sum(0), 0, 1)


def cut_out(result: FrameResult) -> np.ndarray:
    """Cut all objects out of a frame: ``[H,W,4]`` uint8 RGBA, black where nothing is seen."""
    opacity = soft_mask(result)
    alpha = np.rint(255 * opacity).astype(np.uint8)
    colours = _spread(result.image, opacity >= SOLID)
    is_near = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((2 * FRINGE + 1,) * 2, np.uint8)) > 0
    return np.dstack([np.where(is_near[..., None], colours, 0), alpha])


def _spread(image: np.ndarray, is_solid: np.ndarray) -> np.ndarray:
    """Give every other pixel the colour of the nearest solid one; ``[H,W,3]``."""
    if is_solid.all() or not is_solid.any():
        return image
    others = np.uint8(~is_solid)
    _, nearest = cv2.distanceTransformWithLabels(others, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((1 + nearest.max(), 3), np.uint8)
    colours[nearest[is_solid]] = image[is_solid]
    return np.where(is_solid[..., None], image, colours[nearest])


class _Images(Export):
    """Write image files for each frame."""

    num_threads = 2
    needs_probabilities = True
    name: str  # one of ``output.names``

    def __enter__(self) -> "_Images":
        self.video.paths.path(self.name).parent.mkdir(parents=True, exist_ok=True)
        return self

    def _save(self, image: np.ndarray, frame: str, label: int = 0) -> None:
        with write_then_rename(self.video.paths.path(self.name, frame, label)) as temporary:
            Image.fromarray(image).save(temporary, compress_level=3)


class AlphaFiles(_Images):
    """Write a soft mask for each object and frame: 8-bit grey."""

    name = ALPHA

    def write(self, result: FrameResult) -> None:
        """Write the frame's masks; of an object that is not known yet an empty one, if it is known to come."""
        for label in dict.fromkeys((*self.video.labels, *result.labels)):
            self._save(np.rint(255 * soft_mask(result, [label])).astype(np.uint8), result.name, label)


class CutoutFiles(_Images):
    """Write each frame's objects as RGBA."""

    name = CUTOUT

    def write(self, result: FrameResult) -> None:
        """Write the frame's cut-out."""
        self._save(cut_out(result), result.name)


class _CutoutVideo(Export):
    """Write the objects as a video that lines up with the source."""

    needs_probabilities = True
    shows_all_frames = True

    def __init__(self, video: ExportedVideo, writer: Mp4Writer) -> None:
        super().__init__(video)
        self._writer = writer

    def __enter__(self) -> "_CutoutVideo":
        self.video.paths.folder.parent.mkdir(parents=True, exist_ok=True)
        self._writer.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._writer.__exit__(*error)


class GreenVideo(_CutoutVideo):
    """Write the objects over a plain colour, as an mp4."""

    def __init__(self, video: ExportedVideo) -> None:
        super().__init__(video, Mp4Writer(video.paths.path(GREEN), video.frame_rate, video.audio))

    def write(self, result: FrameResult) -> None:
        """Append a frame."""
        cut = cut_out(result).astype(np.float32)
        opacity = cut[..., 3:] / 255
        mixed = opacity * cut[..., :3] + (1 - opacity) * np.array(self.video.background, np.float32)
        self._writer.write(np.rint(mixed).astype(np.uint8))

    def write_leading(self, image: np.ndarray) -> None:
        """Append a frame of the colour alone."""
        self._writer.write(np.full_like(image, self.video.background))


class ProResVideo(_CutoutVideo):
    """Write the objects with transparency, as ProRes 4444 in a mov."""

    def __init__(self, video: ExportedVideo) -> None:
        super().__init__(video, Mp4Writer(video.paths.path(PRORES_MOV), video.frame_rate, video.audio, PRORES))

    def write(self, result: FrameResult) -> None:
        """Append a frame."""
        self._writer.write(cut_out(result))

    def write_leading(self, image: np.ndarray) -> None:
        """Append a frame in which nothing is seen."""
        self._writer.write(np.zeros((*image.shape[:2], 4), np.uint8))
