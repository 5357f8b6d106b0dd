"""Probabilities and the table of each object's certainty: written, found and read."""

import csv
import itertools
import os
import re
import struct
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from output.export import ExportedVideo
from output.names import OutputPaths
from output.probabilities import ProbabilityFiles, find_probabilities, read_probabilities
from tests.conftest import files_in
from tests.output.videos import frame_result
from util.errors import InputError

# Object 5 joins in frame 1, and object 2 is out of sight in frame 2.
RESULTS = (frame_result("0", (2,), (2,)), frame_result("1", (2, 5), (2, 5)), frame_result("2", (2, 5), (5,)))


def write(folder: Path) -> None:
    with ProbabilityFiles(ExportedVideo(OutputPaths(folder), None, Fraction(24), None)) as files:
        for result in RESULTS:
            files.write(result)


def test_files_of_frames_are_read_as_they_were_written(tmp_path: Path) -> None:
    write(tmp_path / "clip.v1")
    for result in RESULTS:
        path = tmp_path / f"clip.v1_probabilities/{result.name}.npz"
        with np.load(path) as stored:
            assert sorted(stored) == ["labels", "probabilities"]
            assert stored["probabilities"].dtype == np.float16
        probabilities, labels = read_probabilities(path)
        assert probabilities.dtype == np.float32
        np.testing.assert_array_equal(probabilities, result.probabilities)
        assert labels.tolist() == list(result.labels)


def test_table_holds_pixels_and_mean_probability(tmp_path: Path) -> None:
    write(tmp_path / "clip.v1")
    with (tmp_path / "clip.v1_probabilities.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["frame", "id", "pixels", "mean_probability"]
    assert [(row[0], int(row[1])) for row in rows] == [("0", 2), ("1", 2), ("1", 5), ("2", 2), ("2", 5)]
    for frame, label, pixels, mean in rows:
        result = RESULTS[int(frame)]
        values = [
            float(result.probabilities[1 + result.labels.index(int(label)), y, x])
            for y, x in itertools.product(range(45), range(61))
            if result.ids[y, x] == int(label)
        ]
        assert int(pixels) == len(values)
        assert float(mean) == pytest.approx(sum(values) / len(values) if values else 0, abs=5.1e-5)
    assert rows[3][2:] == ["0", "0.0000"]


def test_runs_of_earlier_releases_are_found(tmp_path: Path) -> None:
    """If both names are there, the newer one counts; tables of J and F are no videos, nor are unfinished ones."""
    for name in ("new", "a/old_scores.csv", "both", "both_scores.csv", "high_scores", "unfinished_probabilities/0.npz"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if path.suffix else write(path)
    (tmp_path / "scores.csv").touch()
    expected = {"new": "new_probabilities", "a/old": "a/old_scores", "both": "both_probabilities"}
    expected["high_scores"] = "high_scores_probabilities"
    assert find_probabilities(tmp_path) == {Path(name): tmp_path / folder for name, folder in expected.items()}
    assert find_probabilities(tmp_path / "absent") == {}
    assert "new_probabilities.csv" in files_in(tmp_path)


def saved(path: Path, **arrays: object) -> None:
    np.savez_compressed(path, **({"probabilities": np.ones((3, 4, 5), np.float16), "labels": [1, 2]} | arrays))


def header_of(shape: str) -> Callable[[Path], None]:
    """Write an ``.npz`` whose probabilities have a header that states a shape, and hardly any data."""

    def write_file(path: Path) -> None:
        header = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in (("probabilities", header), ("labels", header)):
                archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + content + bytes(100))

    return write_file


def long_header(path: Path) -> None:
    """A header of 100 MB, which a later version of the format allows."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 10**8) + b" " * 10**8)


@pytest.mark.parametrize(
    ("write_file", "cause"),
    [
        (lambda path: saved(path, labels=3), "its labels are int64 in 0 dimensions"),
        (lambda path: saved(path, labels=[[1, 2]]), "its labels are int64 in 2 dimensions"),
        (lambda path: saved(path, labels=["a", "b"]), "its labels are <U1 in 1 dimensions"),
        (lambda path: saved(path, labels=[1.0, 2.0]), "its labels are float64"),
        (lambda path: saved(path, labels=np.array([1, None])), "its labels are object"),
        (lambda path: saved(path, labels=[-1, 2]), "no different ids from 1 to 65535"),
        (lambda path: saved(path, labels=[0, 2]), "no different ids from 1 to 65535"),
        (lambda path: saved(path, labels=[2, 2]), "no different ids from 1 to 65535"),
        (lambda path: saved(path, labels=[1, 70000]), "no different ids from 1 to 65535"),
        (lambda path: saved(path, labels=[1]), "1 objects, but 3 rows"),
        (lambda path: saved(path, probabilities=np.float16(1)), "its probabilities are float16 in 0 dimensions"),
        (lambda path: saved(path, probabilities=np.ones((3, 4), np.float16)), "float16 in 2 dimensions"),
        (lambda path: saved(path, probabilities=np.ones((3, 4, 5), int)), "its probabilities are int64"),
        (lambda path: saved(path, probabilities=np.full((3, 4, 5), np.nan)), "no finite numbers"),
        (lambda path: saved(path, probabilities=np.full((3, 4, 5), np.inf)), "no finite numbers"),
        (header_of("(1000000000000,)"), "its labels are float16"),
        (long_header, "the header of its labels has another version"),
        (os.mkfifo, "a pipe and no regular file"),
        (Path.mkdir, "unreadable probabilities"),
        (lambda path: None, "no such file"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, write_file: Callable, cause: str) -> None:
    path = tmp_path / "0.npz"
    write_file(path)
    with pytest.raises(InputError) as caught:
        read_probabilities(path)
    assert re.fullmatch(rf"{path}: .*{cause}.*; run it again", str(caught.value))


@pytest.mark.parametrize(
    ("shape", "cause"),
    [
        ((3, 10**6, 10**6), "3 x 1000000 x 1000000 numbers"),
        ((10**12, 4, 5), "its probabilities are cut short"),
        ((-3, -4, 5), "unreadable"),
        ((3, 4, 6), "its probabilities are cut short"),
    ],
)
def test_stated_sizes_are_checked_before_memory_is_taken(tmp_path: Path, shape: tuple, cause: str) -> None:
    path = tmp_path / "0.npz"
    saved(path)
    with zipfile.ZipFile(path) as archive:
        labels, probabilities = archive.read("labels.npy"), archive.read("probabilities.npy")
    stated = probabilities[:10] + probabilities[10:128].replace(b"(3, 4, 5), }", f"{shape}, }}".encode())[:117] + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels.npy", labels)
        archive.writestr("probabilities.npy", stated + probabilities[128:])
    with pytest.raises(InputError, match=cause):
        read_probabilities(path)


def test_headers_are_read_in_threads(tmp_path: Path) -> None:
    saved(tmp_path / "0.npz")
    with ThreadPoolExecutor(16) as pool:
        for probabilities, labels in pool.map(read_probabilities, [tmp_path / "0.npz"] * 400):
            assert probabilities.shape == (3, 4, 5)
            assert labels.tolist() == [1, 2]
