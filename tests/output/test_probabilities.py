"""Probabilities and the table of each object's certainty: written, found and read."""

import csv
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from output.export import ExportedVideo
from output.names import OutputPaths
from output.probabilities import ProbabilityFiles, find_probabilities, read_probabilities
from tests.conftest import files_in
from tests.output.videos import frame_result

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
