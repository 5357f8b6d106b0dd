"""What is written for one video: masks, and on request an overlay video and scores."""

import csv
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from util.files import write_then_rename
from util.palette import PALETTE
from output.masks import write_mask
from output.overlay import OverlayVideo, draw_overlay
from util.pipeline import BackgroundWriter

MASK_THREADS = 2


class Prediction(NamedTuple):
    """The result of one frame, at the frame's own size."""

    name: str
    image: np.ndarray  # [H,W,3] uint8 RGB
    mask: np.ndarray  # [H,W] object ids, uint8 or uint16
    labels: tuple[int, ...]  # ids of the objects known so far, as ordered in probabilities
    probabilities: np.ndarray | None  # [1+K,H,W] float16, background first; None if scores are not asked for


class VideoOutput:
    """Write the predictions of one video in background threads; a context manager.

    Masks go to ``folder/<frame>.png``, the overlay to ``<folder>_overlay.mp4``, scores to ``<folder>_scores/`` (an
    .npz per frame: ``probabilities``, ``labels``) and ``<folder>_scores.csv`` (pixels and mean probability of each
    object in each frame; an object out of sight has 0 of both). Every file is written whole or not at all.

    Args:
        folder: for the masks.
        palette: 768 numbers; None: masks are grey images.
        frame_rate: of the overlay.
        overlay: whether to write one.
        save_scores: whether to write scores.
    """

    def __init__(
        self, folder: Path, palette: list[int] | None, frame_rate: Fraction, *, overlay: bool, save_scores: bool
    ) -> None:
        self._folder, self._palette, self._frame_rate = folder, palette, frame_rate
        self._has_overlay, self._has_scores = overlay, save_scores
        self._stack = ExitStack()

    def __enter__(self) -> "VideoOutput":
        with self._stack as stack:
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._has_overlay:
                self._overlay = stack.enter_context(OverlayVideo(self._beside("_overlay.mp4"), self._frame_rate))
            if self._has_scores:
                self._beside("_scores").mkdir(exist_ok=True)
                self._open_table(stack)
            self._mask_writer = stack.enter_context(BackgroundWriter(MASK_THREADS))
            self._sequential_writer = stack.enter_context(BackgroundWriter(1))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error) -> bool | None:
        return self._stack.__exit__(*error)

    def write(self, prediction: Prediction) -> None:
        """Queue a frame; waits while too many are queued."""
        path = self._folder / f"{prediction.name}.png"
        self._mask_writer.submit(write_mask, path, prediction.mask, self._palette)
        if self._has_overlay or self._has_scores:
            self._sequential_writer.submit(self._write_in_order, prediction)

    def _write_in_order(self, prediction: Prediction) -> None:
        if self._has_overlay:
            self._overlay.write(draw_overlay(prediction.image, prediction.mask, self._palette or PALETTE))
        if self._has_scores:
            with write_then_rename(self._beside("_scores") / f"{prediction.name}.npz") as temporary:
                np.savez_compressed(temporary, probabilities=prediction.probabilities, labels=prediction.labels)
            self._table.writerows(_confidences(prediction))

    def _open_table(self, stack: ExitStack) -> None:
        temporary = stack.enter_context(write_then_rename(self._beside("_scores.csv")))
        self._table = csv.writer(stack.enter_context(temporary.open("w", newline="")))
        self._table.writerow(["frame", "id", "pixels", "mean_probability"])

    def _beside(self, ending: str) -> Path:
        return self._folder.with_name(self._folder.name + ending)


def _confidences(prediction: Prediction) -> list[tuple[str, int, int, str]]:
    """Frame, id, pixels, and mean probability over these pixels, of each object known so far."""
    rows = []
    for label, probability in zip(prediction.labels, prediction.probabilities[1:]):
        inside = probability[prediction.mask == label].astype(np.float64)
        rows.append((prediction.name, label, inside.size, f"{inside.mean() if inside.size else 0:.4f}"))
    return rows
