"""The examination of fusion: its frames, its ways, bad input."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from interactive.models import Models
from interactive.propagation import Propagation
from model.fusion import FusionNetwork
from scripts import examine_fusion
from tests.conftest import filled_network
from tests.dataset.clips import write_video


class Recorder(Propagation):
    """Notes which frames are marked, and which ones a round reaches."""

    def round(self, *arguments: object) -> list:
        steps = list(super().round(*arguments))
        self.seen.append((arguments[0], [step.frame for step in steps]))
        return steps


@pytest.fixture
def arguments(tmp_path: Path) -> list[object]:
    for name in ("one", "two"):
        write_video(tmp_path / "own", name, 6, objects=1)
    torch.save(filled_network(size="small").state_dict(), tmp_path / "stcn.pth")
    torch.save(FusionNetwork().state_dict(), tmp_path / "fusion.pth")
    return ["--model", tmp_path / "stcn.pth", "--fusion_model", tmp_path / "fusion.pth", "--device", "cpu"]


def test_each_way_is_measured(arguments: list[object], tmp_path: Path, run_main: Callable) -> None:
    status, out, _ = run_main(examine_fusion.main, "--videos", tmp_path / "own", "--hold_out", "two", *arguments)
    assert status == 0
    rows = [line.split() for line in out.splitlines()]
    assert [row[0] for row in rows] == ["two", "mean"]
    assert [row[1::2] for row in rows] == [list(examine_fusion.WAYS)] * 2
    assert all(0 <= float(value) <= 100 for row in rows for value in row[2::2])


def test_the_frames_between_both_marked_ones_are_fused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round from the worst frame reaches them, and no other; each way begins with the same results."""
    write_video(tmp_path / "own", "one", 6, objects=1)
    monkeypatch.setattr(examine_fusion, "Propagation", Recorder)
    monkeypatch.setattr(Recorder, "seen", [], raising=False)
    (video,) = examine_fusion.find_videos(tmp_path / "own/JPEGImages", tmp_path / "own/Annotations")
    models = Models(filled_network(size="small"), lambda *_: None, FusionNetwork().eval())
    truth, make = examine_fusion.open_video(video, models)
    trials = 0
    for start in range(len(truth)):
        Recorder.seen.clear()
        means = examine_fusion.examine(truth, start, make)
        (first, reached), *others = Recorder.seen
        assert (first, sorted([*reached, start])) == (start, list(range(len(truth))))
        if means:
            worst, step = others[0][0], 1 if others[0][0] < start else -1
            assert others == [(worst, list(range(worst + step, start, step)))] * len(examine_fusion.WAYS)
            assert len(means) == len(examine_fusion.WAYS)
            trials += 1
    assert trials


def test_videos_without_frames_between_are_refused(
    arguments: list[object], tmp_path: Path, run_main: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine_fusion, "examine", lambda *_: None)
    status, _, err = run_main(examine_fusion.main, "--videos", tmp_path / "own", *arguments)
    assert (status, "no video has frames between two marked ones; give longer videos" in err) == (2, True)
