"""The record of a training: scalars for TensorBoard and as a table, pictures, settings, versions."""

import csv
import importlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from util.files import make_folder, write_then_rename
from util.version import find_commit


class TrainingLog:
    """Write to ``folder``: TensorBoard's events, tables that are appended to, ``settings.json``.

    A resumed run keeps the settings of its beginning and writes its own beside them. Rows that the interrupted run
    wrote about later iterations are dropped.

    Args:
        folder: the run's folder for records.
        settings: any values; those that JSON does not know are written as text.
        start: number of iterations done before.
        use_wandb: whether to write to Weights & Biases as well, whose package must be installed.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, object], start: int = 0, *, use_wandb: bool = False
    ) -> None:
        make_folder(folder)
        self._wandb = _start_wandb(folder, settings) if use_wandb else None
        self._folder, self._writer = folder, SummaryWriter(str(folder), purge_step=start + 1)
        for table in folder.glob("*.csv"):
            _drop_rows_after(table, start)
        path = folder / (f"settings_{start}.json" if start else "settings.json")
        with write_then_rename(path) as temporary:
            temporary.write_text(json.dumps(dict(settings), indent=1, default=str) + "\n")

    def scalars(self, iteration: int, values: Mapping[str, float], *, table: str = "scalars") -> None:
        """Write an iteration's named numbers, also to ``<table>.csv``."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, iteration)
        if self._wandb is not None:
            self._wandb.log(dict(values), step=iteration)
        self.row(iteration, values, table=table)

    def row(self, iteration: int, values: Mapping[str, float | str], *, table: str) -> None:
        """Write a row of numbers and texts to ``<table>.csv``."""
        path = self._folder / f"{table}.csv"
        is_new = not path.exists() or not path.stat().st_size
        with path.open("a", newline="") as file:
            rows = csv.writer(file)
            if is_new:
                rows.writerow(["iteration", *values])
            rows.writerow([iteration, *(v if isinstance(v, str) else f"{v:.6g}" for v in values.values())])

    def column(self, name: str, *, table: str) -> list[float]:
        """Read the numbers of a name from ``<table>.csv``, of resumed runs as well; none if it is not there yet."""
        path = self._folder / f"{table}.csv"
        if not path.exists():
            return []
        with path.open(newline="") as file:
            return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]

    def picture(self, iteration: int, name: str, image: np.ndarray) -> None:
        """Write a picture ``[H,W,3]`` uint8 RGB."""
        self._writer.add_image(name, image, iteration, dataformats="HWC")
        if self._wandb is not None:
            self._wandb.log({name: importlib.import_module("wandb").Image(image)}, step=iteration)

    def close(self) -> None:
        """Write all that is still buffered."""
        self._writer.close()
        if self._wandb is not None:
            self._wandb.finish()


def _start_wandb(folder: Path, settings: Mapping[str, object]) -> Any:
    """Begin the run that has the folder's name, or go on with it."""
    return importlib.import_module("wandb").init(
        project=os.environ.get("WANDB_PROJECT", "stcn"),
        name=folder.name,
        id=folder.name,
        resume="allow",
        dir=str(folder),
        config=json.loads(json.dumps(dict(settings), default=str)),
    )


def _drop_rows_after(table: Path, iteration: int) -> None:
    """Drop the rows after an iteration, and a row that a crash has torn."""
    with table.open(newline="") as file:
        rows = list(csv.reader(file))
    whole = [row for row in rows[1:] if len(row) == len(rows[0]) and row[0].isdecimal()]
    with write_then_rename(table) as temporary, temporary.open("w", newline="") as file:
        csv.writer(file).writerows([*rows[:1], *(row for row in whole if int(row[0]) <= iteration)])


def run_facts(device: str, num_processes: int, schedule: Mapping[str, object]) -> dict[str, object]:
    """Collect what a run works with: machine, effective schedule, versions, the commit of the code if there is one."""
    machine = {"computed_on": device, "processes": num_processes, "schedule": dict(schedule)}
    versions = {"torch": torch.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}
    return {**machine, **versions, "commit": find_commit() or "unknown"}
