"""Fine-tuning on own videos: one command, from videos to weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model.weights import SMALL_WEIGHTS
from scripts import finetune
from tests.dataset.clips import write_video

SMALL = ["--crop", 32, "--device", "cpu", "--num_workers", 0]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for name, num_frames in (("a", 4), ("b", 3), ("short", 2)):
        write_video(tmp_path / "own", name, num_frames)
    return tmp_path / "own"


@pytest.mark.long
def test_videos_become_weights(videos: Path, tmp_path: Path, run_main: Callable) -> None:
    """They differ from those at the start; the same command again has nothing left to do."""
    output = tmp_path / "new" / "own.pth"
    command = ["--videos", videos, "--start", SMALL_WEIGHTS, "--output", output, "-i", 2, *SMALL]
    command += ["--save_root", tmp_path / "saves", "--log_root", tmp_path / "log"]
    status, out, _ = run_main(finetune.main, *command)
    assert status == 0
    assert f"{output}: fine-tuned in 2 iterations on 2 video(s)" in out
    before, after = (torch.load(path) for path in (SMALL_WEIGHTS, output))
    assert before.keys() == after.keys()
    assert {name: tensor.dtype for name, tensor in before.items()} == {n: tensor.dtype for n, tensor in after.items()}
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert run_main(finetune.main, *command)[0] == 0
    assert len(list((tmp_path / "saves").iterdir())) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--videos", "nowhere"], "nowhere/JPEGImages: no such folder"),
        (["--videos", "own", "--hold_out", "a", "b"], "own: no video to learn from"),
    ],
)
def test_wrong_videos_are_one_line(
    videos: Path, monkeypatch: pytest.MonkeyPatch, run_main: Callable, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(videos.parent)
    status, _, error = run_main(finetune.main, *arguments, "--output", "own.pth")
    assert status == 2
    assert words in error
    assert not Path("own.pth").exists()
