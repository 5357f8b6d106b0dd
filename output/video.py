"""What is written for one video: masks, and on request an overlay video and scores."""

import csv
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np

from output.masks import write_mask
from output.overlay import OverlayVideo, draw_overlay
from output.result import FrameResult
from util.files import write_then_rename
from util.palette import PALETTE
from util.pipeline import BackgroundWriter

MASK_THREADS = 2


class VideoOutput:
    """Write the results of one video in background threads; a context manager.

    Masks go to ``folder/<frame>.png``, the overlay to ``<folder>_overlay.mp4``, scores to ``<folder>_scores/`` (an
    .npz per frame: ``probabilities``, ``labels``) and ``<folder>_scores.csv`` (pixels and mean probability of each
    object in each frame; an object out of sight has 0 of both). Every file is written whole or not at all.

    Args:
        folder: for the masks.
        palette: 768 numbers; None: masks are grey images.
        frame_rate: of the overlay.
        overlay: whether to write one.
        save_probabilities: whether to write scores.
    """

    def __init__(
        self,
        folder: Path,
        palette: list[int] | None,
        frame_rate: Fraction,
        *,
        overlay: bool = False,
        save_probabilities: bool = False,
    ) -> None:
        self._folder, self._palette, self._frame_rate = folder, palette, frame_rate
        self._has_overlay, self._has_scores = overlay, save_probabilities
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

    def write(self, result: FrameResult) -> None:
        """Queue a frame; waits while too many are queued."""
        path = self._folder / f"{result.name}.png"
        self._mask_writer.submit(write_mask, path, result.ids, self._palette)
        if self._has_overlay or self._has_scores:
            self._sequential_writer.submit(self._write_in_order, result)

    def _write_in_order(self, result: FrameResult) -> None:
        if self._has_overlay:
            self._overlay.write(draw_overlay(result.image, result.ids, self._palette or PALETTE))
        if self._has_scores:
            with write_then_rename(self._beside("_scores") / f"{result.name}.npz") as temporary:
                np.savez_compressed(temporary, probabilities=result.probabilities, labels=result.labels)
            self._table.writerows(_confidences(result))

    def _open_table(self, stack: ExitStack) -> None:
        temporary = stack.enter_context(write_then_rename(self._beside("_scores.csv")))
        self._table = csv.writer(stack.enter_context(temporary.open("w", newline="")))
        self._table.writerow(["frame", "id", "pixels", "mean_probability"])

    def _beside(self, ending: str) -> Path:
        return self._folder.with_name(self._folder.name + ending)


def _confidences(result: FrameResult) -> list[tuple[str, int, int, str]]:
    """Frame, id, pixels, and mean probability over these pixels, of each object known so far."""
    rows = []
    for label, probability in zip(result.labels, result.probabilities[1:]):
        inside = probability[result.ids == label].astype(np.float64)
        rows.append((result.name, label, inside.size, f"{inside.mean() if inside.size else 0:.4f}"))
    return rows
