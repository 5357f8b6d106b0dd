"""Probabilities of the objects: a compressed file for each frame, and a table for each video.

The file of a frame is an ``.npz`` with ``probabilities`` ``[1+K,H,W]`` float16, background first, and ``labels``
``[K]``, the ids in the order of the rows. The table is a ``.csv`` with the pixels of each known object in each frame
and its mean probability over these pixels; both are 0 for an object out of sight.
"""

import csv
import math
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Lock

import numpy as np

from output.export import Export, ExportedVideo
from output.names import EARLIER_PROBABILITIES, EARLIER_TABLE, PROBABILITIES, TABLE, OutputPaths
from output.result import FrameResult
from util.errors import InputError
from util.files import write_then_rename
from util.ids import MAX_ID
from util.limits import MAX_PIXELS, check_path

COLUMNS = ("frame", "id", "pixels", "mean_probability")
HEADER_VERSION = (1, 0)  # NumPy writes this one; headers of later ones may be gigabytes long
reading_header = Lock()  # literal_eval, with which NumPy reads headers, is not safe in the threads of Python 3.11


class ProbabilityFiles(Export):
    """Write the probabilities of each frame, and the table."""

    needs_probabilities = True

    def __init__(self, video: ExportedVideo) -> None:
        super().__init__(video)
        self._stack = ExitStack()

    def __enter__(self) -> "ProbabilityFiles":
        paths = self.video.paths
        paths.path(PROBABILITIES).parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            temporary = stack.enter_context(write_then_rename(paths.path(TABLE)))
            self._table = csv.writer(stack.enter_context(temporary.open("w", newline="", encoding="utf-8")))
            self._table.writerow(COLUMNS)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error) -> None:
        self._stack.__exit__(*error)

    def write(self, result: FrameResult) -> None:
        """Write the frame's file, and its rows of the table."""
        with write_then_rename(self.video.paths.path(PROBABILITIES, result.name)) as temporary:
            np.savez_compressed(temporary, probabilities=result.probabilities, labels=result.labels)
        self._table.writerows(_rows(result))


def _rows(result: FrameResult) -> Iterator[tuple[str, int, int, str]]:
    """Yield the table's row of each known object."""
    for label, probability in zip(result.labels, result.probabilities[1:]):
        inside = probability[result.ids == label].astype(np.float64)
        yield result.name, label, inside.size, f"{inside.mean() if inside.size else 0:.4f}"


def find_probabilities(root: Path) -> dict[Path, Path]:
    """Find the probabilities below the output folder of a run, also those of earlier releases.

    Returns:
        The folder of the frames' files by the video's name, relative to ``root``. Videos without a table are left
        out: the table is completed last.
    """
    folders = {}
    for frame_name, table_name in ((EARLIER_PROBABILITIES, EARLIER_TABLE), (PROBABILITIES, TABLE)):
        ending = table_name.format(video="")
        for table in root.rglob(f"?*{ending}"):
            video = table.with_name(table.name.removesuffix(ending))
            folders[video.relative_to(root)] = OutputPaths(video).path(frame_name).parent
    return folders


def read_probabilities(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the file of a frame.

    Returns:
        Probabilities ``[1+K,H,W]`` float32, background first, and ids ``[K]``.

    Raises:
        InputError: not a file, unreadable, of other types or shapes than ``ProbabilityFiles`` writes, not numbers, or
            its rows and its ids differ in number.
    """
    check_path(path, "run it again")
    try:
        with zipfile.ZipFile(path) as archive:
            labels = _read_array(archive, "labels", kinds="iu", num_dimensions=1)
            probabilities = _read_array(archive, "probabilities", kinds="f", num_dimensions=3).astype(np.float32)
    except MemoryError:
        raise
    except Exception as e:  # damaged bytes raise errors of many classes in zipfile, zlib and NumPy
        raise InputError(f"{path}: unreadable probabilities ({e}); run it again") from e
    if len(probabilities) != 1 + len(labels):
        raise InputError(f"{path}: {len(labels)} objects, but {len(probabilities)} rows; run it again")
    if len(set(labels)) < len(labels) or not all(0 < label <= MAX_ID for label in labels):
        raise InputError(f"{path}: its labels are no different ids from 1 to {MAX_ID}; run it again")
    if not np.isfinite(probabilities).all():
        raise InputError(f"{path}: its probabilities are no finite numbers; run it again")
    return probabilities, labels


def _read_array(archive: zipfile.ZipFile, name: str, kinds: str, num_dimensions: int) -> np.ndarray:
    """Read an array whose header, checked before memory is taken, states what the archive holds."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as file:
        if np.lib.format.read_magic(file) != HEADER_VERSION:
            raise ValueError(f"the header of its {name} has another version")
        with reading_header:
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype.kind not in kinds or len(shape) != num_dimensions:
            raise ValueError(f"its {name} are {dtype} in {len(shape)} dimensions")
        if math.prod(shape[-2:]) > MAX_PIXELS:
            raise ValueError(f"its {name} have {' x '.join(map(str, shape))} numbers")
        num_bytes = math.prod(shape) * dtype.itemsize
        if file.tell() + num_bytes != info.file_size:
            raise ValueError(f"its {name} are cut short")
        return np.ndarray(shape, dtype, file.read(num_bytes), order="F" if is_fortran else "C")
