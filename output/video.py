"""Everything that is written for one video, in background threads."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np

from output.alpha import AlphaFiles, CutoutFiles, GreenVideo, ProResVideo
from output.annotations import CocoFile, ObjectTable, YouTubeVisFile
from output.export import GREEN_SCREEN, Export, ExportedVideo
from output.masks import MaskFiles
from output.names import OutputPaths
from output.overlay import Overlay
from output.probabilities import ProbabilityFiles
from output.result import FrameResult
from util.pipeline import BackgroundWriter

EXPORTS: dict[str, type[Export]] = {
    "masks": MaskFiles,
    "overlay": Overlay,
    "probabilities": ProbabilityFiles,
    "coco": CocoFile,
    "youtube_vis": YouTubeVisFile,
    "csv": ObjectTable,
    "cutout": CutoutFiles,
    "alpha": AlphaFiles,
    "green": GreenVideo,
    "prores": ProResVideo,
}


class VideoOutput:
    """Write the results of one video in background threads; a context manager.

    ``output.names`` lists the files. Each is written whole or not at all.

    Args:
        folder: folder of the masks; the other files lie beside it.
        palette: 768 numbers for indexed masks; None: masks are grey images.
        frame_rate: of the overlay, in frames per second.
        exports: keys of ``EXPORTS``; those with ``needs_probabilities`` need them in every result.
        audio: a file whose sound the overlay gets; None: no sound. The sound fits only if every frame of that file is
            written, so give None for a cut or for a selection of the frames.
        colours: R, G and B by id, of pictures; those of other ids are chosen.
        labels: ids of the objects, as far as they are known before.
        background: R, G and B behind the objects of "green".
    """

    def __init__(
        self,
        folder: Path,
        palette: list[int] | None,
        frame_rate: Fraction,
        exports: Sequence[str] = ("masks",),
        *,
        audio: Path | None = None,
        colours: Mapping[int, tuple[int, int, int]] | None = None,
        labels: Sequence[int] = (),
        background: tuple[int, int, int] = GREEN_SCREEN,
    ) -> None:
        paths = OutputPaths(folder)
        video = ExportedVideo(paths, palette, frame_rate, audio, colours or {}, tuple(labels), background)
        self._exports = [EXPORTS[export](video) for export in exports]
        self._writers: list[BackgroundWriter] = []
        self._stack = ExitStack()

    def __enter__(self) -> "VideoOutput":
        with ExitStack() as stack:
            for export in self._exports:
                stack.enter_context(export)
            # Entered last, the threads end first: no export completes its file if another fails to write a frame.
            self._writers = [stack.enter_context(BackgroundWriter(export.num_threads)) for export in self._exports]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error) -> bool | None:
        return self._stack.__exit__(*error)

    def write(self, result: FrameResult) -> None:
        """Queue a frame; wait while too many are queued.

        Raises:
            OSError: an earlier frame could not be written.
        """
        for export, writer in zip(self._exports, self._writers):
            writer.submit(export.write, result)

    def write_leading(self, image: np.ndarray) -> None:
        """Queue a frame before or behind those with results, which only videos such as the overlay show.

        Args:
            image: ``[H,W,3]`` uint8 RGB.
        """
        for export, writer in zip(self._exports, self._writers):
            writer.submit(export.write_leading, image)
