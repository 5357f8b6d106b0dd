"""A run over videos, several of them at once: the same files, scores and failures as one at a time."""

import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import eval_davis
from model.weights import SMALL_WEIGHTS
from tests.conftest import TESTS, files_in, read_ids, results_in

DAVIS = TESTS / "benchmarks/DAVIS/2017"
SCORES = ["scores.csv", "scores.json"]


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    """Three videos of four frames, and of three, with one to three objects."""
    root = shutil.copytree(DAVIS, tmp_path / "davis")
    for path in root.glob("trainval/*/480p/*/0000[4-7].*"):
        path.unlink()
    for path in root.glob("trainval/*/480p/two-discs/00003.*"):
        path.unlink()
    return root


@pytest.fixture
def run(run_main: Callable, davis: Path) -> Callable[..., tuple[int, str, str]]:
    network = ["--model", SMALL_WEIGHTS, "--precision", "float32", "--device", "cpu", "--size", 32]
    return partial(run_main, eval_davis.main, *network, "--davis_path", davis, "--score")


def test_several_videos_at_once(run, davis: Path, tmp_path: Path) -> None:
    """Files and scores are those of one at a time, also if one fails on the way and is then resumed."""
    one, several = tmp_path / "one", tmp_path / "several"
    assert run("--output", one)[0] == 0
    bad = davis / "trainval/JPEGImages/480p/two-discs/00002.jpg"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:400])
    status, out, err = run("--output", several, "--videos_at_once", 2)
    assert status == 1
    assert len(re.findall(r"^error: .*two-discs/00002\.jpg", err, re.M)) == 1
    assert err.count("note: several videos at once gain nothing on a CPU") == 1
    assert "\n2 video(s), 8 frames, 4 objects, " in f"\n{out}"
    assert "two-discs/00002.png" not in files_in(several)
    bad.write_bytes(whole)
    status, out, _ = run("--output", several, "--videos_at_once", 2, "--resume")
    assert (status, out.count("all is there, skipped")) == (0, 2)
    assert results_in(several) == results_in(one)
    for name in set(results_in(one)) - set(SCORES):
        assert (read_ids(several / name) == read_ids(one / name)).all(), name
    assert json.loads((several / "scores.json").read_text()) == json.loads((one / "scores.json").read_text())
