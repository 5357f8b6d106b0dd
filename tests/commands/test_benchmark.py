"""benchmark.py runs from a clone alone. Its figures are not tested, but for the twin's results."""

import json
import logging
import os
import re
import time
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image

import benchmark
from benchmarking.published_twin import PublishedTwin
from benchmarking.report import format_table
from benchmarking.training import DEMO, write_demo_data
from benchmarking.worker import Worker
from dataset.frames import VideoFile
from inference_core import InferenceConfig, InferenceCore
from model.network import STCN
from model.weights import SMALL_WEIGHTS
from tests.deterministic import synthetic_video
from util.tensor_util import normalise


def test_data_throughput_is_printed_and_written(run_main, tmp_path: Path) -> None:
    arguments = ["data", "--clips", 2, "--repeats", 1, "--json", tmp_path / "figures.json"]
    status, out, _ = run_main(benchmark.main, *arguments)
    assert status == 0
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    for name, published in (("static", 1.8), ("video", 12.7)):
        line = rf"{name}: {figures[name]:.1f} clips per core-second, {figures[name] / published:.1f} times"
        assert re.search(line, out)


def test_a_wrong_place_for_the_figures_is_refused_before_measuring(run_main, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, out, err = run_main(benchmark.main, "data", "--json", tmp_path / "file/figures.json")
    assert (status, out) == (2, "")
    assert "file: cannot be a folder to write to" in err


def test_demo_data_holds_every_frame(tmp_path: Path) -> None:
    write_demo_data(tmp_path)
    for pattern in ("JPEGImages/demo/*.jpg", "Annotations/demo/*.png", "static/*.jpg", "static/*.png"):
        assert len(list(tmp_path.glob(pattern))) == 36


@pytest.mark.parametrize("num_objects", [1, 3])
def test_published_twin_computes_the_same(network: STCN, num_objects: int) -> None:
    video, masks = synthetic_video(6, 72, 104, num_objects, seed=9)
    frames, mask = normalise(torch.from_numpy(video).permute(0, 3, 1, 2)), torch.from_numpy(masks[0])
    config = InferenceConfig(mem_every=2)
    core, twin = InferenceCore(network, config), PublishedTwin(network, frames, num_objects, config)
    for index, frame in enumerate(frames):
        given = mask if index == 0 else None
        expected = core.step(frame, given, range(1, 1 + num_objects) if index == 0 else ())
        assert (twin.step(given) - expected).abs().max() < 2e-5


@pytest.mark.long
def test_inference_is_compared_in_a_table(run_main, tmp_path: Path) -> None:
    arguments = ["--frames", 3, "--repeats", 1, "--size", 32, 48, "--network", "small", "--objects", 2]
    arguments += ["--precision", "float32", "--device", "cpu", "--json", tmp_path / "figures.json"]
    status, out, _ = run_main(benchmark.main, "inference", *arguments)
    assert status == 0
    assert out.count("\n| ") == 3
    report = json.loads((tmp_path / "figures.json").read_text())
    (figures,) = report["figures"]
    assert figures["ours"]["fps"] > 0 < figures["twin"]["fps"]
    assert figures["twin"]["precision"] == "float32"
    assert figures["case"]["objects"] == 2
    assert "torch" in report["machine"]
    status, out, _ = run_main(benchmark.main, "inference", *arguments, "--no_twin")
    assert status == 0
    assert out.splitlines()[-2].count("| - ") == 4


@pytest.mark.long
def test_readouts_are_compared_in_a_table(run_main) -> None:
    status, out, _ = run_main(benchmark.main, "memory", "--memory_frames", 2, "--size", 32, 48, "--device", "cpu")
    assert status == 0
    assert out.splitlines()[-1].startswith("| 2 ")


@pytest.mark.long
def test_long_videos_are_measured_by_hundreds(run_main) -> None:
    arguments = ["--frames", 200, "--size", 16, 16, "--network", "small", "--device", "cpu"]
    status, out, _ = run_main(benchmark.main, "long", *arguments)
    assert status == 0
    assert [line.split()[1] for line in out.splitlines()[-2:]] == ["100", "200"]


@pytest.mark.long
def test_reduced_precision_changes_less_than_half_a_percent_of_real_masks(run_main, tmp_path: Path) -> None:
    """This is read with trained weights on the demo's first frames."""
    for name, image in islice(VideoFile(DEMO / "clip.mp4").read(), 8):
        (tmp_path / "clip").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "clip" / f"{name}.png")
    arguments = ["--model", SMALL_WEIGHTS, "--video", tmp_path / "clip", "--device", "cpu"]
    report = tmp_path / "figures.json"
    status, _, _ = run_main(benchmark.main, "agreement", *arguments, "--precision", "bfloat16", "--json", report)
    assert status == 0
    (figures,) = json.loads(report.read_text())["figures"]
    assert figures["frames"] == 8
    assert 0 < figures["mean"] <= figures["worst"] < 0.5
    assert figures["object"] > 1


def test_float32_is_not_compared_with_itself(run_main) -> None:
    status, _, err = run_main(benchmark.main, "agreement", "--precision", "float32", "--device", "cpu")
    assert status == 2
    assert "precision float32: nothing to compare, since it is not reduced; choose bfloat16 or float16" in err


def test_training_steps_are_timed(run_main) -> None:
    arguments = ["--batch", 1, "--crop", 32, "--steps", 1, "--network", "small", "--device", "cpu"]
    with torch.enable_grad():
        status, out, _ = run_main(benchmark.main, "train", *arguments)
    assert status == 0
    assert re.search(r"\d steps per second", out)


@pytest.mark.long
def test_all_that_a_gpu_has_to_show_runs_on_a_cpu_in_small(run_main, tmp_path: Path) -> None:
    report = tmp_path / "figures.json"
    status, out, _ = run_main(benchmark.main, "gpu", "--quick", "--device", "cpu", "--json", report)
    assert status == 0
    rows = json.loads(report.read_text())["figures"]
    assert [row for row in rows if "error" in row or len(row) < 3] == []
    table = report.with_suffix(".md").read_text()
    assert all(f"| {row['step']} " in table and f"{row['step']}: " in out for row in rows)
    by_step = {row["step"]: row for row in rows}
    assert by_step["training resumed"]["largest_difference_of_weights"] == 0


def fail() -> dict:
    raise ValueError("a reason\nand more")


def leave() -> dict:
    os._exit(1)


def sleep() -> dict:
    time.sleep(60)
    return {}


def note() -> dict:
    logging.getLogger("somewhere").warning("a note")
    return {"figure": 1}


@pytest.mark.long
def test_a_failing_step_is_recorded_and_the_others_go_on() -> None:
    with Worker(torch.device("cpu")) as worker:
        assert worker.call(note, (), 60) == ({"figure": 1, "notes": "a note"}, None)
        assert worker.call(fail, (), 60) == (None, "ValueError: a reason")
        assert worker.call(leave, (), 60) == (None, "the process ended, perhaps for lack of memory")
        assert worker.call(sleep, (), 0.1) == (None, "stopped after 0 s")
        assert worker.call(note, (), 60)[1] is None


def test_numbers_have_three_digits() -> None:
    table = format_table(["a", "b"], [["x", 1234.5], ["y", 0.01234]])
    assert table.splitlines() == ["| a | b      |", "| - | -----: |", "| x | 1234   |", "| y | 0.0123 |"]
