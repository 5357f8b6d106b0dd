"""The eval_* commands under torchrun: two processes divide the videos."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import TESTS, assert_same_masks

BENCHMARKS = TESTS / "benchmarks"
DAVIS_2017 = BENCHMARKS / "DAVIS" / "2017"


def run_two_processes(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += [str(TESTS.parent / "eval_davis.py"), *map(str, arguments), "--device", "cpu"]
    return subprocess.run(command, capture_output=True, text=True, cwd=TESTS)


@pytest.mark.long
def test_two_processes_divide_the_videos_and_sum_up(weights: Path, tmp_path: Path) -> None:
    result = run_two_processes("--davis_path", DAVIS_2017, "--output", tmp_path, "--model", weights, "--score")
    assert result.returncode == 0, result.stderr
    shares = dict(re.findall(r"process (\d) of 0 to 1: (\d) video\(s\)", result.stdout))
    assert sorted(shares) == ["0", "1"]
    assert sorted(shares.values()) == ["1", "2"]
    assert re.search(r"\n3 video\(s\), 23 frames, 6 objects, .* in each process, .* in all 2 together", result.stdout)
    assert_same_masks(tmp_path, BENCHMARKS / "expected/davis2017_val")
    expected = json.loads((BENCHMARKS / "expected/metrics.json").read_text())["davis2017_val"]
    found = json.loads((tmp_path / "scores.json").read_text())
    assert list(found["sequences"]) == ["blackswan", "two-discs", "three-discs"]
    assert found["J&F_mean"] == pytest.approx(expected["J&F_mean"], abs=1e-3)


@pytest.mark.long
def test_a_video_that_fails_in_one_process_is_known_to_all(weights: Path, davis: Path, tmp_path: Path) -> None:
    Image.new("RGB", (10, 10)).save(davis / "trainval/JPEGImages/480p/one/00002.jpg")
    result = run_two_processes("--davis_path", davis, "--output", tmp_path / "out", "--model", weights)
    assert result.returncode == 1
    assert len(re.findall(r"^error: .*00002\.jpg: 10x10 pixels", result.stderr, re.M)) == 1
    assert "\n1 video(s), 4 frames, 2 objects" in result.stdout
