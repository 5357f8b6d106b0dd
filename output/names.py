"""The names of the files that are written for a video, and which of them a finished video has."""

import os
from collections.abc import Collection, Iterable
from itertools import chain
from pathlib import Path, PurePath

from util.errors import InputError
from util.files import is_temporary

MASK = "{video}/{frame}.png"
OVERLAY = "{video}_overlay.mp4"
PROBABILITIES = "{video}_probabilities/{frame}.npz"
TABLE = "{video}_probabilities.csv"
COCO = "{video}_coco.json"
YOUTUBE_VIS = "{video}_youtube_vis.json"
OBJECTS = "{video}_objects.csv"
CUTOUT = "{video}_cutout/{frame}.png"
ALPHA = "{video}_alpha/{label}_{frame}.png"  # the object first, so that programs see a sequence of each
GREEN = "{video}_green.mp4"
PRORES_MOV = "{video}_prores.mov"
NAMES = {  # by export
    "masks": (MASK,),
    "overlay": (OVERLAY,),
    "probabilities": (PROBABILITIES, TABLE),
    "coco": (COCO,),
    "youtube_vis": (YOUTUBE_VIS,),
    "csv": (OBJECTS,),
    "cutout": (CUTOUT,),
    "alpha": (ALPHA,),
    "green": (GREEN,),
    "prores": (PRORES_MOV,),
}
FIRST_MASK = "{video}_first_mask.png"  # made of boxes and points; an input, beside the results
RECORD = "{video}_run.json"  # tells the input, weights and options of the results

EARLIER_PROBABILITIES = "{video}_scores/{frame}.npz"  # names of earlier releases, which can still be read
EARLIER_TABLE = "{video}_scores.csv"


class OutputPaths:
    """The paths of what is written for one video.

    Args:
        folder: folder of the video's masks; the other files lie beside it, and their names begin with its name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def below(cls, root: Path, video: str) -> "OutputPaths":
        """Return the paths of a video in the output folder of a run.

        Args:
            root: the output folder.
            video: the video's name, which may contain folders.

        Raises:
            InputError: the files would not lie below ``root``.
        """
        name = PurePath(video)
        if not name.parts or ".." in name.parts or name.is_absolute():
            raise InputError(f"{root}: the video {video!r} would be written outside this folder; rename the video")
        return cls(root / name)

    def path(self, name: str, frame: str = "", label: int = 0) -> Path:
        """Return the path of a file.

        Args:
            name: one of the names above, such as ``MASK``.
            frame: the frame's name, if there is a file for each frame.
            label: the object's id, if there is a file for each object.

        Raises:
            InputError: the frame's name leads to another folder.
        """
        if PurePath(frame).name != frame:
            raise InputError(f"{self.folder}: the frame {frame!r} would be written elsewhere; rename the frame")
        return self.folder.parent / name.format(video=self.folder.name, frame=frame, label=label)

    def finished_files(
        self, frames: Collection[str], exports: Iterable[str], labels: Collection[int] = ()
    ) -> list[Path]:
        """List the files that a finished video has.

        Args:
            frames: names of the frames that are written.
            exports: keys of ``NAMES``.
            labels: ids of the video's objects.
        """
        paths = []
        for name in (name for export in exports for name in NAMES[export]):
            for frame in frames if "{frame}" in name else [""]:
                paths += [self.path(name, frame, label) for label in (labels if "{label}" in name else [0])]
        return paths

    def existing_files(self) -> list[Path]:
        """List the results that are there, of whatever frames."""
        found = []
        for name in chain.from_iterable(NAMES.values()):
            path = self.path(name)
            if not os.path.exists(path.parent if "{frame}" in name else path):  # Path.exists fails on names too long
                continue
            if "{frame}" in name:
                files = sorted(path.parent.glob(f"*{PurePath(name).suffix}"))
                found += [file for file in files if not is_temporary(file)]
            else:
                found.append(path)
        return found

    def folders(self) -> set[Path]:
        """Return the folders that results lie in."""
        return {self.path(name).parent for name in chain.from_iterable(NAMES.values())}
