"""Scores by other protocols than that of DAVIS: late objects, void pixels, sparse truth, the last quarter."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import evaluate_masks
from evaluation.measuring import Protocol, measure_sequence
from evaluation.metrics import score_frame
from evaluation.scoring import MEASURES, score_sequence
from output.masks import write_mask
from tests.bad_input.rows import Row, check_row, table
from util.errors import InputError

SIZE = (30, 40)


def draw(num_frames: int, seed: int) -> np.ndarray:
    """``[T,H,W]`` ids: object 1 everywhere, object 4 from frame 2 on, both with ragged borders."""
    random = np.random.default_rng(seed)
    masks = np.zeros((num_frames, *SIZE), np.uint8)
    for index in range(num_frames):
        masks[index, 3 : 12 + random.integers(3), 2 : 20 + random.integers(4)] = 1
        if index >= 2:
            masks[index, 15 : 24 + random.integers(3), 8 : 30 + random.integers(4)] = 4
    return masks


def write_video(folder: Path, masks: np.ndarray, step: int = 1) -> Path:
    folder.mkdir(parents=True)
    for index in range(0, len(masks), step):
        write_mask(folder / f"{index:05d}.png", masks[index])
    return folder


def test_late_objects_are_scored_behind_the_first_mask_they_are_in(tmp_path: Path) -> None:
    truth, predictions = draw(8, 0), draw(8, 1)
    folders = write_video(tmp_path / "found", predictions), write_video(tmp_path / "true", truth)
    found = measure_sequence(*folders, protocol=Protocol(all_objects=True))
    assert found.names == [f"{index:05d}" for index in range(1, 7)]
    assert list(found.values) == [1, 4]
    for label, first in ((1, 1), (4, 3)):
        expected = [score_frame(predictions[index] == label, truth[index] == label) for index in range(first, 7)]
        np.testing.assert_array_equal(found.values[label][first - 1 :], expected)
        assert np.isnan(found.values[label][: first - 1]).all()
    scores = score_sequence(*folders, protocol=Protocol(all_objects=True))
    assert scores[4]["J_mean"] == pytest.approx(np.mean(found.values[4][2:, 0]))
    with pytest.raises(InputError, match=r"00002\.png: holds id 4, but the first ground-truth mask has 1;"):
        measure_sequence(*folders)  # as DAVIS: later ids are none


def test_an_object_that_is_in_the_last_masks_only_is_not_scored(tmp_path: Path) -> None:
    truth, predictions = draw(6, 0), draw(6, 1)
    truth[4:, :2] = predictions[4:, :2] = 9  # there is no frame behind its first one but the last
    truth[5, 28:] = 8
    folders = write_video(tmp_path / "found", predictions), write_video(tmp_path / "true", truth)
    assert list(measure_sequence(*folders, protocol=Protocol(all_objects=True)).values) == [1, 4]


def test_a_truth_that_scores_nobody_is_refused(tmp_path: Path) -> None:
    """Masks of 0 and 255, in which 255 means that nobody labelled the pixels; and objects that enter at the end."""
    for number, value in enumerate((255, 1)):
        truth = np.zeros((5, *SIZE), np.uint8)
        truth[0 if value == 255 else 3 :, 4:9, 4:9] = value
        folders = write_video(tmp_path / f"found{number}", 0 * truth), write_video(tmp_path / f"true{number}", truth)
        with pytest.raises(InputError, match=r"no object enters before the last mask but one.*single_object"):
            measure_sequence(*folders, protocol=Protocol(all_objects=True))


def test_unknown_ids_are_refused_though_later_objects_count(tmp_path: Path) -> None:
    truth, predictions = draw(6, 0), draw(6, 1)
    predictions[1, :2] = 7
    folders = write_video(tmp_path / "found", predictions), write_video(tmp_path / "true", truth)
    with pytest.raises(InputError, match=r"00001\.png: holds id 7, but the ground truth has 1, 4; correct it"):
        measure_sequence(*folders, protocol=Protocol(all_objects=True))


def test_void_pixels_count_for_nobody(tmp_path: Path) -> None:
    """As if both masks were background there: whatever is predicted on void pixels."""
    truth, predictions = draw(6, 0), draw(6, 1)
    truth[:, 10:14] = truth[2:, :, :9] = 255
    folders = write_video(tmp_path / "found", predictions), write_video(tmp_path / "true", truth)
    found = measure_sequence(*folders, protocol=Protocol(all_objects=True, void_id=255)).values
    void = truth == 255
    for label, first in ((1, 1), (4, 3)):
        for index in range(first, 5):
            masks = ((mask[index] == label) & ~void[index] for mask in (predictions, truth))
            assert tuple(found[label][index - 1]) == score_frame(*masks)
    without = measure_sequence(*folders, protocol=Protocol(all_objects=True)).values
    assert without[1][3, 0] < found[1][3, 0]  # DAVIS takes these pixels for background


def test_void_is_no_part_of_a_single_object(tmp_path: Path) -> None:
    truth, predictions = draw(6, 0), draw(6, 0)
    truth[:, 12:16] = 255
    folders = write_video(tmp_path / "found", predictions), write_video(tmp_path / "true", truth)
    scores = score_sequence(*folders, is_single_object=True, protocol=Protocol(void_id=255))
    assert (scores[1]["J_mean"], scores[1]["F_mean"]) == (1, 1)


def test_a_sparse_truth_is_scored_where_it_is(tmp_path: Path) -> None:
    truth, predictions = draw(21, 0), draw(21, 1)
    folders = write_video(tmp_path / "found", predictions), write_video(tmp_path / "true", truth, step=5)
    found = measure_sequence(*folders, protocol=Protocol(all_objects=True))
    assert found.names == ["00005", "00010", "00015"]
    assert found.values[1][1, 0] == score_frame(predictions[10] == 1, truth[10] == 1)[0]


@pytest.mark.parametrize("num_frames", [3, 4, 10, 11])
def test_the_last_quarter(tmp_path: Path, num_frames: int) -> None:
    folders = write_video(tmp_path / "found", draw(num_frames, 1)), write_video(tmp_path / "true", draw(num_frames, 0))
    protocol = Protocol(all_objects=True, last_quarter=True)
    similarities = measure_sequence(*folders, protocol=protocol).values[1][:, 0]
    number = -(-len(similarities) // 4)
    assert score_sequence(*folders, protocol=protocol)[1]["J_last"] == pytest.approx(similarities[-number:].mean())


# The command


def write_objects(root: Path, *, late: int = 2) -> list:
    """Two overlapping objects in folders of their own, as in SA-V; the second enters late."""
    first, second = (np.zeros((8, *SIZE), np.uint8) for _ in range(2))
    first[:, 2:20, 3:30], second[late:, 10:25, 12:35] = 1, 1
    for name, masks in (("000", first), ("001", second)):
        write_video(root / "true/sav_000001" / name, masks)
        write_video(root / "found/sav_000001" / name, np.roll(masks, 1, 2))
    return ["--predictions", root / "found", "--annotations", root / "true", "--output", root / "out"]


def test_a_folder_for_each_object(run_main: Callable, tmp_path: Path) -> None:
    """The pixels that they share count for both."""
    arguments = write_objects(tmp_path)
    status, out, err = run_main(evaluate_masks.main, *arguments, "--all_objects", "--last_quarter")
    assert (status, err) == (0, "")
    assert "sav_000001/001" in out
    assert "J last" in out
    scores = json.loads((tmp_path / "out/scores.json").read_text())
    assert [*scores] == [*MEASURES, "J_last", "sequences", "objects"]
    assert scores["sequences"]["sav_000001/000"]["J_mean"] == pytest.approx(26 / 28)
    assert scores["sequences"]["sav_000001/001"]["J_mean"] == pytest.approx(22 / 24)
    header, *rows = (tmp_path / "out/scores.csv").read_text().splitlines()
    assert header.split(",")[-1] == "J_last"
    assert {row.count(",") for row in rows} == {header.count(",")}


LATE = r"001/00000\.png: no object in the first ground-truth mask; .*all_objects"


@table(
    Row("no id", lambda root: ["--void_id", "0"], r"argument --void_id: 0 is not from 1"),
    Row("no number", lambda root: ["--void_id", "void"], r"argument --void_id: 'void' is not a whole number"),
    Row("object that enters late", lambda root: None, LATE, status=1),
)
def test_bad_protocols(row: Row, run_main: Callable, tmp_path: Path) -> None:
    check_row(row, tmp_path, partial(run_main, evaluate_masks.main, *write_objects(tmp_path)))


def test_objects_without_predictions_are_named(run_main: Callable, tmp_path: Path) -> None:
    arguments = write_objects(tmp_path, late=0)
    (tmp_path / "found/sav_000001/001").rename(tmp_path / "elsewhere")
    status, _, err = run_main(evaluate_masks.main, *arguments)
    assert status == 1
    assert err.endswith("sav_000001/001: no such folder; expected masks named by frame\n")
