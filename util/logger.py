"""The record of a training: scalars for TensorBoard and as a table, pictures, settings."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from util.files import make_folder


class TrainingLog:
    """Write to ``folder``: TensorBoard's events, tables that are appended to, ``settings.json``.

    Args:
        folder: of the run.
        settings: anything; values that JSON does not know are written as text.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        make_folder(folder)
        self._folder, self._writer = folder, SummaryWriter(str(folder))
        (folder / "settings.json").write_text(json.dumps(dict(settings), indent=1, default=str) + "\n")

    def scalars(self, iteration: int, values: Mapping[str, float], *, table: str = "scalars") -> None:
        """Write named numbers of an iteration, also to ``<table>.csv``."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, iteration)
        path = self._folder / f"{table}.csv"
        is_new = not path.exists()
        with path.open("a", newline="") as file:
            rows = csv.writer(file)
            if is_new:
                rows.writerow(["iteration", *values])
            rows.writerow([iteration, *(f"{value:.6g}" for value in values.values())])

    def picture(self, iteration: int, name: str, image: np.ndarray) -> None:
        """Write a picture ``[H,W,3]`` uint8 RGB."""
        self._writer.add_image(name, image, iteration, dataformats="HWC")

    def close(self) -> None:
        """Write what is still buffered."""
        self._writer.close()
