"""Scores of folders of masks: the official tool's figures and traps, the script evaluate_masks.py, bad input."""

import csv
import gc
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import evaluate_masks
from evaluation.scoring import MEASURES, SequenceScores, score_sequence
from output.masks import write_mask
from tests.conftest import TESTS, files_in, remove
from util.errors import InputError

EXPECTED = TESTS / "benchmarks" / "expected"
DAVIS_2017 = TESTS / "benchmarks" / "DAVIS/2017/trainval/Annotations/480p"
DAVIS_2016 = TESTS / "benchmarks" / "DAVIS/2016/Annotations/480p"
OFFICIAL = json.loads((EXPECTED / "metrics.json").read_text())


@pytest.fixture
def run(run_main: Callable) -> Callable[..., tuple[int, str, str]]:
    return partial(run_main, evaluate_masks.main)


def two_objects(num_frames: int = 5, first: int = 1, second: int = 2) -> np.ndarray:
    """``[T,40,60]`` masks with a box of each id."""
    masks = np.zeros((num_frames, 40, 60), np.uint8)
    masks[:, 4:14, 5:25] = first
    masks[:, 20:36, 20:50] = second
    return masks


def write_video(folder: Path, masks: Iterable[np.ndarray]) -> Path:
    folder.mkdir(parents=True)
    for index, mask in enumerate(masks):
        write_mask(folder / f"{index:05d}.png", mask)
    return folder


def score(root: Path, predictions: np.ndarray, truth: np.ndarray, **options: bool) -> SequenceScores:
    return score_sequence(write_video(root / "found", predictions), write_video(root / "true", truth), **options)


def means(scores: SequenceScores) -> dict[int, tuple[float, float]]:
    """Mean J and F by object."""
    return {label: (measures["J_mean"], measures["F_mean"]) for label, measures in scores.items()}


# The official tool's figures


def score_benchmark(run: Callable, name: str, output: Path) -> dict:
    """Read ``scores.json``."""
    is_single = name.startswith("davis2016")
    truth, options = (DAVIS_2016, ["--single_object"]) if is_single else (DAVIS_2017, [])
    status, _, err = run("--predictions", EXPECTED / name, "--annotations", truth, "--output", output, *options)
    assert (status, err) == (0, "")
    return json.loads((output / "scores.json").read_text())


@pytest.mark.parametrize("name", [name for name in OFFICIAL if name.startswith("davis2017")])
def test_official_figures_of_davis_2017(run, tmp_path: Path, name: str) -> None:
    found, expected = score_benchmark(run, name, tmp_path), OFFICIAL[name]
    assert {key: found[key] for key in MEASURES} == pytest.approx({key: expected[key] for key in MEASURES}, abs=1e-9)
    for key in "JF":
        by_object = {name: measures[f"{key}_mean"] for name, measures in found["objects"].items()}
        assert by_object == pytest.approx(expected[f"{key}_per_object"], abs=1e-9)


def test_official_figures_of_davis_2016(run, tmp_path: Path) -> None:
    found = score_benchmark(run, "davis2016_val", tmp_path)["sequences"]
    figures = {"M": "mean", "R": "recall", "D": "decay"}
    for name, expected in OFFICIAL["davis2016_val"].items():
        for key in "JF":
            by_figure = {figure: found[name][f"{key}_{ours}"] for figure, ours in figures.items()}
            assert by_figure == pytest.approx(expected[key], abs=1e-9)
    assert set(found) == set(OFFICIAL["davis2016_val"])


# Traps


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


# What is written


def write_data(root: Path, *names: str) -> list:
    """Two objects in each video, the second one is found in half of the scored frames; returns the arguments."""
    for name in names:
        predictions = two_objects(6)
        predictions[3:, 20:] = 0
        write_video(root / "predictions" / name, predictions)
        write_video(root / "annotations" / name, two_objects(6))
    return ["--predictions", root / "predictions", "--annotations", root / "annotations"]


def test_json_csv_and_table_hold_the_same_scores(run, tmp_path: Path) -> None:
    arguments = write_data(tmp_path, "cat", "dog")
    shutil.copytree(tmp_path / "annotations" / "dog", tmp_path / "predictions" / "dog", dirs_exist_ok=True)
    status, out, _ = run(*arguments)
    assert status == 0
    scores = json.loads((tmp_path / "predictions/scores.json").read_text())
    assert list(scores) == [*MEASURES, "sequences", "objects"]
    assert list(scores["objects"]) == ["cat_1", "cat_2", "dog_1", "dog_2"]
    by_row = {("all", "all"): scores, **{(name, "all"): item for name, item in scores["sequences"].items()}}
    by_row |= {tuple(name.split("_")): item for name, item in scores["objects"].items()}
    with (tmp_path / "predictions/scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["sequence"], row["object"]) for row in rows] == [
        *[("cat", "1"), ("cat", "2"), ("cat", "all"), ("dog", "1"), ("dog", "2"), ("dog", "all"), ("all", "all")]
    ]
    for row in rows:
        expected = by_row[row["sequence"], row["object"]]
        assert {key: float(row[key]) for key in MEASURES} == {key: expected[key] for key in MEASURES}
    assert [scores["sequences"][name]["J_mean"] for name in ("cat", "dog")] == [0.75, 1]
    assert scores["J&F_mean"] == scores["F_mean"] == 0.875
    for title, item in {**scores["sequences"], "all 4 objects": scores}.items():
        figures = " +".join(f"{100 * item[key]:.1f}" for key in MEASURES)
        assert re.search(rf"^{title} +{figures}$", out, re.M), out
    assert re.search("^sequence +" + " +".join(key.replace("_", " ") for key in MEASURES) + "$", out, re.M)
    assert "2 of 2 videos scored" in out


def test_sequences_count_by_their_objects(run, tmp_path: Path) -> None:
    """The figure over all is that of three objects, not of two sequences."""
    arguments = write_data(tmp_path, "pair")
    for folder in ("predictions", "annotations"):
        write_video(tmp_path / folder / "single", two_objects(second=0))
    assert run(*arguments)[0] == 0
    scores = json.loads((tmp_path / "predictions/scores.json").read_text())
    assert scores["J_mean"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert scores["sequences"]["pair"]["J_mean"] == 0.75


def test_results_beside_the_masks_are_ignored_and_the_annotations_may_hold_more(run, tmp_path: Path) -> None:
    arguments = write_data(tmp_path, "clip")
    write_video(tmp_path / "annotations" / "another", two_objects())
    (tmp_path / "predictions" / "clip_scores").mkdir()
    for name in ("clip_scores/00000.npz", "clip_scores.csv", "clip_overlay.mp4", "scores.json"):
        (tmp_path / "predictions" / name).write_text("")
    assert run(*arguments)[0] == 0
    scores = json.loads((tmp_path / "predictions/scores.json").read_text())
    assert list(scores["sequences"]) == ["clip"]


def test_two_folders_of_one_videos_masks(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_data(tmp_path, "clip")
    monkeypatch.chdir(tmp_path / "predictions/clip")
    status, out, _ = run("--predictions", ".", "--annotations", "../../annotations/clip", "--output", "../a/b")
    assert status == 0
    assert re.search(r"^clip +75\.0", out, re.M)
    assert files_in(tmp_path / "predictions/a") == ["b/scores.csv", "b/scores.json"]


def test_white_masks_are_scored_as_a_single_object(run, tmp_path: Path) -> None:
    write_video(tmp_path / "predictions/clip", two_objects(5, 1, 2))
    write_video(tmp_path / "annotations/clip", two_objects(5, 255, 255))
    arguments = ["--predictions", tmp_path / "predictions", "--annotations", tmp_path / "annotations"]
    assert run(*arguments, "--single_object")[0] == 0
    assert list(json.loads((tmp_path / "predictions/scores.json").read_text())["objects"]) == ["clip_1"]


# Colours


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


# Bad input


def write(path: str, mask: np.ndarray) -> Callable[[Path], None]:
    return lambda root: write_mask(root / path, mask)


def write_text(path: str) -> Callable[[Path], int]:
    return lambda root: (root / path).write_text("no image")


def keep_two(root: Path) -> None:
    for name in ("00002", "00003", "00004", "00005"):
        (root / f"annotations/clip/{name}.png").unlink()


def miss_some(root: Path) -> None:
    for name in ("00000", "00002", "00004", "00005"):
        (root / f"predictions/clip/{name}.png").unlink()


OTHER_IDS = two_objects(1, 1, 3)[0]
WHITE = two_objects(1, 255, 255)[0]
BAD_VIDEOS = [
    (
        write("predictions/clip/00003.png", OTHER_IDS),
        r"predictions/clip/00003\.png: holds id 3, .* mask has 1, 2; correct it",
    ),
    (
        write("predictions/clip/00002.png", WHITE),
        r"predictions/clip/00002\.png: holds id 255, .* mask has 1, 2; correct it",
    ),
    (remove("annotations/clip"), r"annotations(/clip: no such folder|: has none of the videos)"),
    (miss_some, r"predictions/clip: lacks 2 of 4 masks, first 00002; add them"),
    (keep_two, r"annotations/clip: 2 mask\(s\), but the first and the last are not scored"),
    (write("predictions/clip/00001.png", WHITE.T), r"predictions/clip/00001\.png: 40x60 pixels, .* truth has 60x40;"),
    (write("annotations/clip/00000.png", 0 * WHITE), r"annotations/clip/00000\.png: no object .*single_object"),
    (write("annotations/clip/00000.png", WHITE), r"annotations/clip/00000\.png: no object .*single_object"),
    (write_text("predictions/clip/00002.png"), r"predictions/clip/00002\.png: unreadable mask"),
    (write_text("annotations/clip/00000.png"), r"annotations/clip/00000\.png: unreadable mask"),
    (write_text("annotations/clip/00002.bmp"), r"annotations/clip/00002\.png: shares its base name with 00002\.bmp"),
    (write_text("predictions/clip/00002.bmp"), r"predictions/clip/00002\.png: shares its base name with 00002\.bmp"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD_VIDEOS)
@pytest.mark.parametrize("others", [[], ["ape", "dog"]])
def test_bad_video_gets_one_line_and_does_not_lose_the_others(
    run, tmp_path: Path, spoil: Callable, message: str, others: list[str]
) -> None:
    arguments = write_data(tmp_path, "clip", *others)
    spoil(tmp_path)
    status, out, err = run(*arguments)
    assert re.search(rf"^[^\n]*error: [^\n]*{message}[^\n]*$", err, re.M), err
    assert all("error: " in line for line in err.splitlines())
    output = tmp_path / "predictions/scores.json"
    if others:
        assert status == 1
        assert "2 of 3 videos scored" in out
        assert list(json.loads(output.read_text())["sequences"]) == others
    else:
        assert (status, out) == (2, "")
        assert not output.exists()


def test_error_has_a_line_of_its_own_beside_the_progress_bar(tmp_path: Path) -> None:
    """The script as a user runs it, from another folder."""
    arguments = write_data(tmp_path, "a", "b", "c")
    shutil.rmtree(tmp_path / "annotations/b")
    command = [sys.executable, TESTS.parent / "evaluate_masks.py", *arguments]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 1
    assert re.search(r"^error: .*b: no such folder; expected masks named by frame$", result.stderr, re.M)
    assert "3 of 3" in result.stderr
    assert "2 of 3 videos scored" in result.stdout


def test_no_good_video_is_an_error(run, tmp_path: Path) -> None:
    arguments = write_data(tmp_path, "a", "b")
    shutil.rmtree(tmp_path / "annotations/a")
    write_mask(tmp_path / "annotations/b/00000.png", WHITE)
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"error: .*a: .*\nerror: .*b/00000.*\nevaluate_masks\.py: error: none of 2 videos .*\n", err)
    assert not (tmp_path / "predictions/scores.json").exists()


def test_a_failure_leaves_no_thread_to_the_garbage_collector(run, tmp_path: Path) -> None:
    """The collector may run in a thread that starts, where waiting for another one has no end."""
    arguments = write_data(tmp_path, "clip")
    shutil.rmtree(tmp_path / "annotations/clip")
    before = threading.enumerate()
    gc.disable()
    try:
        assert run(*arguments)[0] == 2
        assert threading.enumerate() == before
    finally:
        gc.enable()


def test_empty_truth_of_a_single_object_has_no_hint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"00000\.png: no object in the first ground-truth mask$"):
        score(tmp_path, two_objects(), 0 * two_objects(), is_single_object=True)


def link_to_the_annotations(root: Path) -> list:
    (root / "link").symlink_to(root / "annotations")
    return ["--predictions", root / "link"]


def empty_folder(root: Path) -> list:
    (root / "empty/clip").mkdir(parents=True)
    return ["--predictions", root / "empty"]


def no_truth(root: Path) -> list:
    shutil.rmtree(root / "annotations")
    (root / "annotations").mkdir()
    (root / "predictions/other").mkdir()
    write_mask(root / "predictions/other/0.png", WHITE)
    return []


def file_as_output(root: Path) -> list:
    (root / "file").write_text("")
    return ["--output", root / "file"]


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda root: ["--predictions", root / "annotations"], r"annotations: .* are the same folder"),
        (link_to_the_annotations, r"link: .* are the same folder"),
        (lambda root: ["--predictions", root / "nowhere"], r"nowhere: no such folder"),
        (lambda root: ["--annotations", root / "nowhere"], r"nowhere: no such folder"),
        (empty_folder, r"empty/clip: lacks 4 of 4 masks"),
        (file_as_output, r"file: "),
        (no_truth, r"annotations: has none of the videos of .*predictions, such as clip; get them"),
    ],
)
def test_unusable_folders_get_one_line(run, tmp_path: Path, prepare: Callable, message: str) -> None:
    arguments = [*write_data(tmp_path, "clip"), *prepare(tmp_path)]
    before = files_in(tmp_path)
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch(rf"evaluate_masks\.py: error: [^\n]*{message}[^\n]*\n", err), err
    assert files_in(tmp_path) == before
