"""Going on with an interrupted training: its checkpoint, its folder, and what must not have changed."""

import glob
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from model.checkpoint import check_weights, read_checkpoint
from model.torch_file import read_torch_file
from training.run import CHECKPOINT
from training.settings import Output, Start
from training.trainer import Trainer
from util.distributed import ProcessGroup
from util.errors import InputError

log = logging.getLogger(__name__)

REMEDY = "resume with the same options and data"

ADDED_LATER = {  # facts that old checkpoints lack, with the value they were trained with
    "region_loss": 0,
    "no_cbam": False,
    "keep_surroundings": True,
    "mix": {},
    "keep_scale": False,
    "fit_jumps": False,
    "average": 0,
    "similarity": "l2",
    "top_k": 0,
    "max_jump": 0,
    "ignore_unlabelled": False,
}
PUBLISHED_FACTS = {"network": "full", "cosine": False, "encoder_lr": 1}  # all that a published checkpoint tells


def find_start(start: Start, output: Output, group: ProcessGroup) -> Start:
    """Choose the checkpoint that was written last among the runs of this name, where that is asked for."""
    if not start.resume:
        return start
    checkpoint = group.first(find_last_checkpoint(output.save_root, output.name))  # all take what the first one sees
    return start if checkpoint is None else replace(start, checkpoint=checkpoint, network=None)


def find_last_checkpoint(save_root: Path, name: str) -> Path | None:
    """Find the checkpoint that was written last among the runs of a name."""
    folders = save_root.glob(f"?????_??.??.??_{glob.escape(name)}")  # the date comes first
    found = [path for folder in folders if (path := folder / f"{folder.name}{CHECKPOINT}").exists()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def choose_folder(save_root: Path, name: str | None, checkpoint: Path | None) -> Path:
    """Choose the folder of a run: the checkpoint's if that is its run's own, else a new one."""
    if checkpoint is not None:
        path = checkpoint.resolve()
        if path.name == f"{path.parent.name}{CHECKPOINT}":
            return path.parent
    return save_root / name_run(name)


def name_run(name: str | None) -> str:
    """Return ``<date>_<name>``, or the date alone."""
    date = datetime.now().strftime("%b%d_%H.%M.%S")
    return date if name is None else f"{date}_{name}"


def resume(trainer: Trainer, path: Path, facts: Mapping[str, object]) -> None:
    """Continue from a checkpoint, of ours or of the published code.

    Args:
        facts: those of the present run that the checkpoint's must equal.

    Raises:
        InputError: it belongs to another run or network.
    """
    checkpoint = read_checkpoint(path)
    if checkpoint["recipe"] is None:
        known = {**facts, **PUBLISHED_FACTS}
        text = "a published checkpoint, continued at iteration %d with its own schedule; its recipe is not in it, stage"
        log.info(f"%s: {text}, data and batch are taken as given", path, checkpoint["iteration"])
    else:
        known = {**ADDED_LATER, **checkpoint["recipe"]}
    for name, value in facts.items():
        if known.get(name) != value:
            raise InputError(f"{path}: made with {name} {known.get(name)}, not {value}; {REMEDY}")
    check_weights(path, trainer.network, checkpoint["network"])
    given = trainer.schedule
    trainer.load_state_dict(checkpoint)
    for name, value in trainer.schedule.items():
        if value == given[name]:
            continue
        if "options" in checkpoint:  # those that are not given are as there
            raise InputError(f"{path}: made with {name} {value}, not {given[name]}; {REMEDY}")
        log.info("%s: goes on with its own %s, %s, not with %s", path, name, value, given[name])


def read_options(checkpoint: Path) -> dict[str, object]:
    """Read the options that a checkpoint was made with, by name; none if it does not tell.

    Raises:
        InputError: no such file, or not one of PyTorch.
    """
    content = read_torch_file(checkpoint, is_mapped=True)
    recorded = content.get("options") if isinstance(content, dict) else None
    if not isinstance(recorded, dict):
        return {}
    return {str(name): _unpack(value) for name, value in recorded.items()}


def pack_options(options: Mapping[str, object]) -> dict[str, object]:
    """Turn options into what a checkpoint can hold; paths become absolute."""
    return {name: _pack(value) for name, value in options.items()}


def _pack(value: object) -> object:
    if isinstance(value, Path):
        return {"path": str(value.absolute())}
    return [_pack(item) for item in value] if isinstance(value, (list, tuple)) else value


def _unpack(value: object) -> object:
    if isinstance(value, dict):
        return Path(value["path"])
    return tuple(_unpack(item) for item in value) if isinstance(value, list) else value
