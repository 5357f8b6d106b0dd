"""Runs into folders that hold results: resumed, repeated, of another video, of two runs at once."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

import eval_generic
from tests.conftest import files_in, filled_network, read_ids, results_in, write_clip
from util.files import claim_folder


@pytest.fixture
def run(run_main: Callable, weights: Path, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    return partial(
        run_main, eval_generic.main, "--model", weights, "--size", 32, "--precision", "float32",
        "--output", tmp_path / "out",
    )  # fmt: skip


def clip_of(root: Path, name: str, num_frames: int = 3) -> list:
    frames, mask = write_clip(root / name, num_frames)
    return ["--video", frames, "--mask", mask]


def test_resuming_with_something_else_says_what_differs(run, tmp_path: Path) -> None:
    clip = clip_of(tmp_path, "a")
    torch.save(filled_network(1).state_dict(), tmp_path / "other.pth")
    assert run(*clip)[0] == 0
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in files_in(tmp_path / "out")}
    for options, difference in (
        (["--size", 48], "options size 32, not 48"),
        (["--model", tmp_path / "other.pth"], r"weights digest \w+, not \w+"),
        (["--keep_annotations"], "options keep_annotations False, not True"),
        (["--precision", "bfloat16"], "options precision float32, not bfloat16"),
    ):
        status, _, err = run(*clip, "--resume", *options)
        assert status == 2
        assert re.fullmatch(rf".*frames_run\.json: made with {difference}; run anew, or .*\n", err), err
    assert "skipped" in run(*clip, "--resume", "--frames_at_once", 2)[1]
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in before} == before


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n"])
def test_missing_empty_and_cut_masks_are_made_again(run, tmp_path: Path, content: bytes | None) -> None:
    clip, path = clip_of(tmp_path, "a"), tmp_path / "out/frames/00001.png"
    assert run(*clip)[0] == 0
    before = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(content)
    assert run(*clip, "--resume")[0] == 0
    assert path.read_bytes() == before


def test_a_rerun_that_fails_keeps_the_old_masks(run, tmp_path: Path) -> None:
    clip = clip_of(tmp_path, "a")
    assert run(*clip)[0] == 0
    frame = clip[1] / "00001.jpg"
    frame.write_bytes(frame.read_bytes()[:-300])
    assert run(*clip)[0] == 2
    assert results_in(tmp_path / "out") == [f"frames/0000{index}.png" for index in range(3)]
    for name in results_in(tmp_path / "out"):
        assert read_ids(tmp_path / "out" / name).any()


def test_another_video_of_the_same_name(run, tmp_path: Path) -> None:
    """Its masks and its overlay would stay beside the new ones."""
    assert run(*clip_of(tmp_path, "a", 4), "--overlay")[0] == 0
    before = files_in(tmp_path / "out")
    clip = clip_of(tmp_path, "b", 2)
    messages = (
        r"/00000\.png: a result of another video of this name, ",
        r"_run\.json: made with video path .*a/frames, ",
    )
    for options, message in zip(([], ["--resume"]), messages):
        status, out, err = run(*clip, *options)
        assert (status, out) == (2, "")
        assert re.fullmatch(rf".*out/frames{message}.*\n", err), err
        assert files_in(tmp_path / "out") == before
    assert run(*clip, "--overwrite")[0] == 0
    assert results_in(tmp_path / "out") == ["frames/00000.png", "frames/00001.png"]
    record = json.loads((tmp_path / "out/frames_run.json").read_text())
    assert record["facts"]["video"]["path"] == str(tmp_path / "b/frames")


def test_a_second_run_into_the_same_folder_is_refused(run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with claim_folder(tmp_path / "out"):
        status, out, err = run(*clip_of(tmp_path, "a"))
    assert (status, out) == (2, "")
    assert re.fullmatch(r".*/out: another run is writing to it; wait for its end, or choose another folder\n", err)
    assert not (tmp_path / "out/frames").exists()


@pytest.mark.parametrize("name", [".hidden", "v" * 246, "12:30", "http:x", "concat:a|b", "-", "a%20b #?"])
def test_any_name_of_a_video_will_do(run, tmp_path: Path, name: str) -> None:
    frames, mask = write_clip(tmp_path, 2)
    frames.rename(tmp_path / name)
    options = [] if len(name) > 200 else ["--overlay", "--save_probabilities"]  # names with a longer ending
    status, _, err = run("--video", tmp_path / name, "--mask", mask, *options)
    assert status == 0
    assert ("note: .hidden: the name begins with a dot" in err) == name.startswith(".")
    suffixes = [f"_probabilities/0000{index}.npz" for index in range(2)] + ["_overlay.mp4", "_probabilities.csv"]
    masks = [f"{name}/0000{index}.png" for index in range(2)]
    assert results_in(tmp_path / "out") == sorted([*masks, *(name + suffix for suffix in suffixes if options)])
