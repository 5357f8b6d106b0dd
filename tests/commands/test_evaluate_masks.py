"""evaluate_masks.py: the official tool's figures, and what is written."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import evaluate_masks
from evaluation.scoring import MEASURES
from tests.conftest import TESTS, files_in
from tests.scored_masks import two_objects, write_data, write_video

EXPECTED = TESTS / "benchmarks" / "expected"
DAVIS_2017 = TESTS / "benchmarks" / "DAVIS/2017/trainval/Annotations/480p"
DAVIS_2016 = TESTS / "benchmarks" / "DAVIS/2016/Annotations/480p"
OFFICIAL = json.loads((EXPECTED / "metrics.json").read_text())


@pytest.fixture
def run(run_main: Callable) -> Callable[..., tuple[int, str, str]]:
    return partial(run_main, evaluate_masks.main)


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
