"""Records beside TensorBoard's: Weights & Biases, by a stand-in for its package."""

import json
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from training.log import TrainingLog

STAND_IN = """
import json, pathlib
FILE = pathlib.Path(__file__).with_name("calls.jsonl")
def note(**call):
    with FILE.open("a") as file:
        file.write(json.dumps(call) + chr(10))
def init(**options):
    note(init=options)
    return Run()
class Image:
    def __init__(self, image):
        self.shape = list(image.shape)
class Run:
    def log(self, values, step):
        note(step=step, values={name: getattr(value, "shape", value) for name, value in values.items()})
    def finish(self):
        note(finished=True)
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the name of theirs, and the file in which it notes its calls."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages/wandb.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    return tmp_path / "packages/calls.jsonl"


def test_wandb_gets_settings_scalars_and_pictures(tmp_path: Path, calls: Path) -> None:
    folder = tmp_path / "Nov24_x"
    with closing(TrainingLog(folder, {"vos_root": Path("own"), "lr": 0.1}, use_wandb=True)) as log:
        log.scalars(100, {"train/loss": 0.5})
        log.picture(100, "train/pairs", np.zeros((4, 6, 3), np.uint8))
    begun, scalars, picture, end = map(json.loads, calls.read_text().splitlines())
    assert begun["init"] == {
        **{"project": "stcn", "name": "Nov24_x", "id": "Nov24_x", "resume": "allow", "dir": str(folder)},
        "config": {"vos_root": "own", "lr": 0.1},
    }
    assert scalars == {"step": 100, "values": {"train/loss": 0.5}}
    assert picture == {"step": 100, "values": {"train/pairs": [4, 6, 3]}}
    assert end == {"finished": True}
    assert (folder / "scalars.csv").exists()
    assert list(folder.glob("events.*"))


def test_without_the_option_the_package_is_not_used(tmp_path: Path, calls: Path) -> None:
    with closing(TrainingLog(tmp_path / "x", {})) as log:
        log.scalars(1, {"loss": 0.5})
    assert not calls.exists()
    assert "wandb" not in sys.modules
