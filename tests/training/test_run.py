"""The training loop's records and signals."""

import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import torch
from torch import nn

from dataset.training_clip import Clip
from training.log import TrainingLog
from training.recipe import Schedule
from training.run import Run, RunSettings, handled_signals
from training.trainer import StepReport
from util.distributed import ProcessGroup


def test_a_torn_table_is_repaired_on_resuming(tmp_path: Path) -> None:
    (tmp_path / "scalars.csv").write_text("iteration,loss\n1,0.5\n2,0.4\n3,0.3\n\n4,")
    (tmp_path / "validation.csv").write_text("")
    with closing(TrainingLog(tmp_path, {}, start=2)) as log:
        log.scalars(3, {"loss": 0.25})
        log.scalars(3, {"J": 0.5}, table="validation")
    assert (tmp_path / "scalars.csv").read_text().split() == ["iteration,loss", "1,0.5", "2,0.4", "3,0.25"]
    assert (tmp_path / "validation.csv").read_text().split() == ["iteration,J", "3,0.5"]


def test_signals_are_handled_for_a_while() -> None:
    noted, before = [], signal.getsignal(signal.SIGTERM)
    with handled_signals(lambda number, _: noted.append(number)):
        os.kill(os.getpid(), signal.SIGTERM)
    assert noted == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before


class StillTrainer:
    """Counts iterations."""

    lr, result = 1.0, nn.Linear(1, 1)

    def __init__(self, iteration: int = 0) -> None:
        self.iteration = iteration

    def compute_gradients(self, _: list[Clip]) -> StepReport:
        pixels = torch.ones(1)
        return StepReport("", 1.0, [1.0], 1.0, 1.0, pixels, pixels, torch.zeros(1, 1, 2, 1, 1))

    def update(self) -> None:
        self.iteration += 1

    def state_dict(self) -> dict:
        return {"iteration": self.iteration}


def train_still(folder: Path, start: int, validate: Callable) -> int:
    """Train two iterations, from one on."""
    settings = RunSettings(folder, 1, {})
    log = TrainingLog(folder / "log", {}, start)
    run = Run(StillTrainer(start), Schedule(2, 10), settings, log, validate)
    return run.train([None] * (2 - start), ProcessGroup())


def test_the_checkpoint_is_written_after_all_that_a_finished_run_leaves(tmp_path: Path) -> None:
    (folder := tmp_path / "run").mkdir()

    def validate(_: Callable) -> dict[str, float]:
        assert [path.name for path in folder.glob("*.pth")] == ["run_2.pth"]
        return {"J": 0.5}

    assert train_still(folder, 0, validate) == 0
    assert {path.name for path in folder.glob("*.pth")} == {"run_2.pth", "run_best.pth", "run_checkpoint.pth"}


def test_each_scored_sequence_has_a_row(tmp_path: Path) -> None:
    (folder := tmp_path / "run").mkdir()
    scores = {"J_mean": 0.5, "cat/J_mean": 0.4, "cat/F_mean": 0.3, "a dog/J_mean": 0.6, "a dog/F_mean": 0.7}
    assert train_still(folder, 0, lambda _: scores) == 0
    rows = (folder / "log" / "validation_sequences.csv").read_text().splitlines()
    assert rows == ["iteration,sequence,J_mean,F_mean", "2,cat,0.4,0.3", "2,a dog,0.6,0.7"]


def test_scoring_that_a_signal_stopped_is_made_on_resuming(tmp_path: Path) -> None:
    (folder := tmp_path / "run").mkdir()
    scorings = []

    def stopped(is_stopped: Callable[[], bool]) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert is_stopped()

    def validate(_: Callable) -> dict[str, float]:
        scorings.append("scored")
        return {"J": 0.5}

    assert train_still(folder, 0, stopped) == 128 + signal.SIGTERM
    assert train_still(folder, 2, stopped) == 128 + signal.SIGTERM
    for _ in range(2):
        assert train_still(folder, 2, validate) == 0
    assert (folder / "log" / "validation.csv").read_text().split() == ["iteration,validation/J", "2,0.5"]
    assert (folder / "run_best.pth").exists()
    assert len(scorings) == 1
