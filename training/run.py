"""The training loop: iterations, records, saved files, and an orderly end on signals."""

import logging
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader

from dataset.training_clip import Clip
from training.log import TrainingLog
from training.pictures import draw_clips
from training.recipe import Schedule
from training.trainer import StepReport, Trainer
from util.device import peak_memory
from util.distributed import ProcessGroup
from util.errors import InputError
from util.files import write_then_rename
from util.progress import Progress
from util.report import announce

log = logging.getLogger(__name__)

DATA_BOUND = 0.3  # waiting for clips, as a share of computing, above which a note is due
CHECKPOINT = "_checkpoint.pth"


@dataclass(frozen=True)
class Intervals:
    """Iterations between two writings of each kind."""

    network: int = 50_000
    checkpoint: int = 1000
    scalars: int = 100
    pictures: int = 800
    scores: int = 10_000


@dataclass(frozen=True)
class RunSettings:
    """The files that a run writes."""

    folder: Path  # for network files and the checkpoint, whose names begin with the folder's
    rounds: int  # micro-batches per iteration
    recipe: dict[str, object]  # facts that a resumed run must share; they are kept in the checkpoint
    intervals: Intervals = Intervals()
    keep: int | None = None  # how many network files to keep, the last ones; None: all
    options: Mapping[str, object] = field(default_factory=dict)  # kept in the checkpoint for those who go on


class Stop(NamedTuple):
    """The reason why a run ends before its time."""

    signal: int = 0  # number of the signal
    problem: str = ""


class Run:
    """Train to the end of the schedule, or until a signal.

    Args:
        trainer: set to the iteration to begin with.
        schedule: the run's iterations and epochs.
        settings: the files to write.
        log: the record, which is closed at the end; None in all processes but the main one.
        validate: gives the network's scores by name, or None if the function that it gets told it to stop. The network
            with the highest first score is kept beside the others.
    """

    def __init__(
        self,
        trainer: Trainer,
        schedule: Schedule,
        settings: RunSettings,
        log: TrainingLog | None,
        validate: Callable[[Callable[[], bool]], dict[str, float] | None] | None = None,
    ) -> None:
        self._trainer, self._schedule, self._settings = trainer, schedule, settings
        self._log, self._validate = log, validate
        self._stop: Stop | None = None  # set by this process; it ends once all know of it
        self._reports: list[StepReport] = []  # since the last record
        self._data_time = self._step_time = 0.0  # seconds since the last record
        self._num_records = 0

    def train(self, loader: DataLoader, group: ProcessGroup) -> int:
        """Compute iterations; on SIGTERM, Ctrl-C, bad data and losses that are not finite save a checkpoint first.

        Returns:
            The exit status: 0, or in the main process 128 and the signal's number.

        Raises:
            InputError: data that cannot be read, a loss that is not finite.
        """
        with handled_signals(self._note_signal):
            try:
                return self._train(loader, group)
            finally:
                if self._log is not None:
                    self._log.close()

    def _train(self, loader: DataLoader, group: ProcessGroup) -> int:
        start, end = self._trainer.iteration, self._schedule.iterations
        if self._is_score_due():  # a signal stopped it
            self._score(start)
        if start >= end and not group.first(self._stop):
            if group.is_main:
                announce(f"{self._settings.folder}: finished before, after {start} iterations")
            return 0
        progress = Progress("training", end, start=start)
        stop = self._iterate(loader, group, progress) or group.first(self._stop)
        progress.finish(is_whole=stop is None)
        if stop is not None and group.is_main:
            self._save_checkpoint()
        group.first(None)  # all wait for the files: a launcher ends the others when the first one leaves
        if stop is not None and stop.problem:
            raise InputError(stop.problem)
        if group.is_main:
            announce(f"saved in {self._settings.folder}, after {self._trainer.iteration} of {end} iterations")
        return 128 + stop.signal if stop is not None and group.is_main else 0

    def _iterate(self, loader: DataLoader, group: ProcessGroup, progress: Progress) -> Stop | None:
        """Compute iterations until the end, or until some process has to stop."""
        for clips in self._rounds(loader):
            if stop := group.first(self._stop):
                return stop
            start = time.perf_counter()
            report = self._trainer.compute_gradients(clips)
            if stop := group.first(Stop(problem=report.problem) if report.problem else None):
                return stop
            self._trainer.update()
            self._step_time += time.perf_counter() - start
            self._record(clips[-1], report, group)
            progress.update(self._trainer.iteration)
        return None

    def _rounds(self, loader: DataLoader) -> Iterator[list[Clip]]:
        """Yield the micro-batches of each iteration; none, with a reason to stop, where a loading process failed."""
        clips, start = [], time.perf_counter()
        try:
            for clip in loader:
                clips.append(clip)
                if len(clips) == self._settings.rounds:
                    self._data_time += time.perf_counter() - start
                    yield clips
                    clips, start = [], time.perf_counter()
        except (InputError, OSError, RuntimeError) as e:  # a worker's traceback, which ends with the message
            self._stop = Stop(problem=re.sub(r"^[\w.]*Error: ", "", str(e).strip().splitlines()[-1]))
            yield []

    def _record(self, batch: Clip, report: StepReport, group: ProcessGroup) -> None:
        """Log and save what is due."""
        self._reports.append(report._replace(logits=None))
        iteration, every = self._trainer.iteration, self._settings.intervals
        is_last = iteration == self._schedule.iterations
        if iteration % every.scalars == 0 or is_last:
            values = self._summarise(group)
            if self._log is not None:
                self._log.scalars(iteration, values)
        if self._log is None:
            return
        if iteration % every.pictures == 0:
            self._log.picture(iteration, "train/pairs", draw_clips(batch, report.logits))
        if iteration % every.network == 0 or is_last:
            self._save_network()
        if self._is_score_due():
            self._score(iteration)
        if iteration % every.checkpoint == 0 or is_last:  # the last of all: a resumed run does not repeat what it has
            self._save_checkpoint()

    def _is_score_due(self) -> bool:
        """Tell whether this iteration's network is to be scored and has no scores yet."""
        iteration, every = self._trainer.iteration, self._settings.intervals.scores
        if self._log is None or self._validate is None or not iteration:
            return False
        is_wanted = iteration % every == 0 or iteration == self._schedule.iterations
        return is_wanted and iteration not in self._log.column("iteration", table="validation")

    def _score(self, iteration: int) -> None:
        """Score the network, and log the scores."""
        try:
            scores = self._validate(lambda: self._stop is not None)
        except InputError as e:
            self._stop = Stop(problem=str(e))
            return
        if scores is not None:
            values = {f"validation/{name}": score for name, score in scores.items()}
            decisive = next(iter(values))
            is_best = values[decisive] > max(self._log.column(decisive, table="validation"), default=-1)
            self._log.scalars(iteration, values, table="validation")
            for sequence, measures in _by_sequence(scores).items():
                self._log.row(iteration, {"sequence": sequence, **measures}, table="validation_sequences")
            if is_best:
                self._save_result("best")

    def _summarise(self, group: ProcessGroup) -> dict[str, float]:
        """Average all reports of all processes since the last record, and forget them."""
        reports, count = self._reports, len(self._reports)
        losses, intersection, union = _average_shares(group.gather(_total_share(reports)))
        loss, plain_loss, *by_frame = losses
        iou = (intersection + 1) / (union + 1)
        epoch = (self._trainer.iteration - 1) // self._schedule.batches_per_epoch
        values = {f"loss_{frame}": loss for frame, loss in enumerate(by_frame, 1)}
        values |= {"total_loss": loss, "plain_loss": plain_loss, "p": reports[-1].share}
        values |= dict(zip(("iou/iou", "iou/sec_iou"), iou))
        values |= {"lr": self._trainer.lr, "max_jump": self._schedule.max_jump(epoch)}
        values |= {"gradient_norm": np.mean([report.gradient_norm for report in reports])}
        values |= {"data_time": self._data_time / count, "time": self._step_time / count}
        values |= {"memory_gib": peak_memory(reports[-1].intersection.device)}
        self._num_records += 1
        if self._num_records == 2 and self._data_time > DATA_BOUND * self._step_time:  # the first has the start
            waited, computed = f"{self._data_time:.0f} s waiting for clips", f"{self._step_time:.0f} s computing"
            log.info("%s, %s; more num_workers may help", waited, computed)
        self._reports, self._data_time, self._step_time = [], 0.0, 0.0
        return {f"train/{name}": float(value) for name, value in values.items()}

    def _save_checkpoint(self) -> None:
        with write_then_rename(self._settings.folder / f"{self._settings.folder.name}{CHECKPOINT}") as temporary:
            recorded = {"recipe": self._settings.recipe, "options": self._settings.options}
            torch.save({**self._trainer.state_dict(), **recorded}, temporary)

    def _save_network(self) -> None:
        """Write the network of this iteration, and drop the oldest files beyond those to keep."""
        folder = self._settings.folder
        self._save_result(str(self._trainer.iteration))
        if self._settings.keep is not None:
            numbers = {path: path.stem.rpartition("_")[2] for path in folder.glob(f"{folder.name}_*.pth")}
            networks = sorted((path for path in numbers if numbers[path].isdecimal()), key=lambda p: int(numbers[p]))
            for path in networks[: -self._settings.keep]:
                path.unlink()

    def _save_result(self, suffix: str) -> None:
        folder = self._settings.folder
        with write_then_rename(folder / f"{folder.name}_{suffix}.pth") as temporary:
            torch.save(self._trainer.result.state_dict(), temporary)

    def _note_signal(self, number: int, _: object) -> None:
        announce(f"{signal.Signals(number).name}: finishing this iteration")
        self._stop = Stop(number)


def _by_sequence(scores: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Group scores of single sequences, named ``<sequence>/<measure>``."""
    sequences: dict[str, dict[str, float]] = {}
    for name, score in scores.items():
        sequence, _, measure = name.rpartition("/")
        if sequence:
            sequences.setdefault(sequence, {})[measure] = score
    return sequences


class _Share(NamedTuple):
    """The contribution of one process to a record."""

    losses: np.ndarray  # [2+T-1] means: total, plain, by frame
    intersection: np.ndarray  # [K] pixels
    union: np.ndarray  # [K] pixels


def _total_share(reports: Sequence[StepReport]) -> _Share:
    """Sum up the reports of this process; losses of steps that were skipped, which are not finite, do not count."""
    counted = [report for report in reports if np.isfinite(report.loss)] or reports
    losses = [[report.loss, report.plain_loss, *report.by_frame] for report in counted]
    pixels = (sum(column).cpu().numpy() for column in zip(*((r.intersection, r.union) for r in reports)))
    return _Share(np.mean(losses, 0), *pixels)


def _average_shares(shares: Sequence[_Share]) -> _Share:
    """Average the losses of all processes, and add their pixels."""
    losses, intersection, union = zip(*shares)
    return _Share(np.mean(losses, 0), sum(intersection), sum(union))


@contextmanager
def handled_signals(handler: Callable[[int, object], None]) -> Iterator[None]:
    """Let a function handle SIGTERM and SIGINT for a while, then restore the former handlers."""
    previous = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, former in previous.items():
            signal.signal(number, former)
