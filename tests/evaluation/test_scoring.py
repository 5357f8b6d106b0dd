"""Scores of folders of masks: the official tool's traps, ids and colours."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.scoring import SequenceScores, score_sequence
from output.masks import write_mask
from tests.scored_masks import two_objects, write_video
from util.errors import InputError


def score(root: Path, predictions: np.ndarray, truth: np.ndarray, **options: bool) -> SequenceScores:
    return score_sequence(write_video(root / "found", predictions), write_video(root / "true", truth), **options)


def means(scores: SequenceScores) -> dict[int, tuple[float, float]]:
    """Mean J and F by object."""
    return {label: (measures["J_mean"], measures["F_mean"]) for label, measures in scores.items()}


def test_object_that_is_nowhere_in_a_frame_counts_as_found(tmp_path: Path) -> None:
    truth, predictions = two_objects(), two_objects(second=0)
    truth[2, 20:] = 0  # object 2, of frames 1 to 3
    assert means(score(tmp_path, predictions, truth)) == {1: (1, 1), 2: pytest.approx((1 / 3, 1 / 3))}


def test_object_that_is_predicted_but_not_there_counts_as_missed(tmp_path: Path) -> None:
    truth = two_objects()
    truth[2, 20:] = 0
    assert means(score(tmp_path, two_objects(), truth)) == {1: (1, 1), 2: pytest.approx((2 / 3, 2 / 3))}


def test_id_255_of_the_truth_is_background(tmp_path: Path) -> None:
    truth, predictions = two_objects(), two_objects(second=0)
    truth[truth == 2] = 255
    assert means(score(tmp_path, predictions, truth)) == {1: (1, 1)}
    predictions[:, 20:36, 20:50] = 1  # it is not ignored: 200 of 680 pixels are right
    assert means(score(tmp_path / "covered", predictions, truth))[1][0] == pytest.approx(200 / 680)


@pytest.mark.parametrize(("predicted", "true"), [((1, 2), (255, 255)), ((255, 1), (1, 255)), ((3, 3), (1, 2))])
def test_all_ids_are_a_single_object(tmp_path: Path, predicted: tuple[int, int], true: tuple[int, int]) -> None:
    found = score(tmp_path, two_objects(5, *predicted), two_objects(5, *true), is_single_object=True)
    assert means(found) == {1: (1, 1)}


def test_objects_are_those_of_the_first_truth(tmp_path: Path) -> None:
    """Numbers between their ids are none, and an id that enters the truth later is background."""
    truth, predictions = two_objects(6, 2, 4), two_objects(6, 2, 4)
    truth[3, :2] = 1
    truth[4, 38:] = 7
    assert means(score(tmp_path, predictions, truth)) == {2: (1, 1), 4: (1, 1)}


def test_ids_of_16_bits_are_scored_as_they_occur(tmp_path: Path) -> None:
    masks = two_objects(5).astype(np.uint16)
    masks[masks == 2] = 65535
    assert means(score(tmp_path, masks, masks)) == {1: (1, 1), 65535: (1, 1)}


def test_first_and_last_frame_in_natural_order_are_left_out(tmp_path: Path) -> None:
    """Wrong masks there change nothing, nor do unknown ids, odd sizes, a late truth, missing and further masks."""
    truth, predictions = two_objects(5), two_objects(5)
    predictions[0], truth[-1] = 9, 0
    for name, masks in {"found": predictions, "true": truth}.items():
        (tmp_path / name).mkdir()
        for index, mask in enumerate(masks):
            write_mask(tmp_path / name / f"f{index + 8}.png", mask)  # f8 to f12
    write_mask(tmp_path / "found" / "f12.png", np.ones((3, 3), np.uint8))
    write_mask(tmp_path / "found" / "f13.png", np.full((40, 60), 9, np.uint8))
    assert means(score_sequence(tmp_path / "found", tmp_path / "true")) == {1: (1, 1), 2: (1, 1)}
    (tmp_path / "found" / "f8.png").unlink()
    (tmp_path / "found" / "f12.png").unlink()
    assert means(score_sequence(tmp_path / "found", tmp_path / "true")) == {1: (1, 1), 2: (1, 1)}


def test_three_masks_are_enough(tmp_path: Path) -> None:
    assert means(score(tmp_path, two_objects(3, second=0), two_objects(3))) == {1: (1, 1), 2: (0, 0)}


def test_measures_are_those_of_the_frames_in_order(tmp_path: Path) -> None:
    """Found in all but the last of five scored frames."""
    predictions = two_objects(7, second=0)
    predictions[5] = 0
    found = score(tmp_path, predictions, two_objects(7, second=0))[1]
    assert found == {
        **{"J&F_mean": 0.8, "J_mean": 0.8, "J_recall": 0.8, "J_decay": 0.5},
        **{"F_mean": 0.8, "F_recall": 0.8, "F_decay": 0.5},
    }


def test_empty_truth_of_a_single_object_has_no_hint_at_single_objects(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"00000\.png: no object in the first ground-truth mask; (?!.*single_object)"):
        score(tmp_path, two_objects(), 0 * two_objects(), is_single_object=True)


def write_colours(folder: Path, masks: np.ndarray) -> Path:
    """As ``write_video``, with the palette's colours instead of ids."""
    write_video(folder, masks)
    for path in folder.iterdir():
        with Image.open(path) as image:
            coloured = image.convert("RGB")
        coloured.save(path)
    return folder


@pytest.mark.parametrize(("write_truth", "missed"), [(write_video, slice(0, 20)), (write_colours, slice(20, 40))])
def test_coloured_predictions_are_scored_right_or_refused(tmp_path: Path, write_truth: Callable, missed: slice) -> None:
    """Ids of colours go by the masks read so far: they need not be those of the truth."""
    predictions = two_objects()
    predictions[1, missed] = 0
    folders = write_colours(tmp_path / "found", predictions), write_truth(tmp_path / "true", two_objects())
    with suppress(InputError):
        assert sorted(means(score_sequence(*folders)).values()) == [pytest.approx((2 / 3, 2 / 3)), (1, 1)]
