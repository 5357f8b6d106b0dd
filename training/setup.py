"""Everything that stands before the first iteration: data, network, checkpoint, loader, record."""

import glob
import logging
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader

from model.checkpoint import check_weights, load_imagenet_encoders, read_checkpoint, start_from_weights
from model.network import STCN
from training.data import make_data, mixed_data
from training.loader import make_loader
from training.log import TrainingLog, run_facts
from training.recipe import CURRICULUM, STAGES, Batch, Schedule, divide_batch
from training.run import CHECKPOINT, Run, RunSettings
from training.settings import Output, Recipe, Start, TrainingSettings
from training.trainer import Trainer
from training.validation import annotated_videos, held_out_videos, validate
from util.device import choose_dtype, describe_device
from util.distributed import ProcessGroup
from util.errors import InputError
from util.files import make_folder, remove_leftovers

log = logging.getLogger(__name__)

ADDED_LATER = {  # facts that old checkpoints lack, with the value they were trained with
    "region_loss": 0,
    "no_cbam": False,
    "keep_surroundings": True,
    "mix": {},
    "keep_scale": False,
    "fit_jumps": False,
    "average": 0,
}
PUBLISHED_FACTS = {"network": "full", "cosine": False, "encoder_lr": 1}  # all that a published checkpoint tells


class Training(NamedTuple):
    """A training that is ready to run."""

    run: Run
    loader: DataLoader
    description: str  # a few lines about the recipe and the machine


def choose_mixed_precision(precision: str, device: torch.device) -> torch.dtype | None:
    """Return the dtype of automatic mixed precision; None for float32 throughout.

    Args:
        precision: ``auto`` for what is fast on the device, or a key of ``PRECISIONS``.
    """
    dtype = choose_dtype(precision, device)
    return None if dtype == torch.float32 else dtype


def prepare_training(
    settings: TrainingSettings, device: torch.device, amp_dtype: torch.dtype | None, group: ProcessGroup
) -> Training:
    """Set a training up, in each of its processes.

    Raises:
        InputError: data or files are missing or do not fit.
    """
    recipe, compute, output = settings.recipe, settings.compute, settings.output
    start = find_start(settings.start, output, group)
    stage = STAGES[recipe.stage]
    batch = divide_batch(stage, group.size, recipe.batch_per_process)
    if recipe.mixture:
        data = mixed_data(recipe.mixture, settings.data, recipe.clip)
    else:
        data = make_data(stage.data, settings.data, recipe.clip, scenes=recipe.scenes)
    if len(data) < batch.total:
        raise InputError(f"{len(data)} clips are fewer than a batch of {batch.total}; add data or set batch_size")
    schedule = Schedule(recipe.iterations, len(data) // batch.total, stage.last_switch)
    network = make_network(recipe, start).to(device)
    if compute.compile:
        network.compile()
    trainer = Trainer(network, replace(recipe.optimizer, amp_dtype=amp_dtype), is_distributed=group.size > 1)
    facts = describe_recipe(recipe, len(data), batch)
    folder = choose_folder(output.save_root, output.name, start.checkpoint)
    if start.checkpoint is not None:
        resume(trainer, start.checkpoint, facts)
    options = {"seed": recipe.clip.seed, "num_workers": compute.num_workers, "pin_memory": device.type == "cuda"}
    loader = make_loader(data, schedule, batch, group, start=trainer.iteration, **options)
    lines = [*describe_schedule(recipe, schedule, batch, len(data)), describe_device(device, amp_dtype)]
    videos = [] if output.val_root is None else annotated_videos(output.val_root)
    videos += held_out_videos(settings.data)
    validation = None
    if videos:
        lines.append(f"scored every {output.intervals.scores} iterations: {len(videos)} videos")
        validation = partial(validate, trainer.result, videos, amp_dtype or torch.float32)
    record = None
    if group.is_main:
        make_folder(folder)
        remove_leftovers(folder)
        facts_of_run = run_facts(describe_device(device, amp_dtype), group.size, trainer.schedule)
        record = TrainingLog(output.log_root / folder.name, {**settings.record, **facts_of_run}, trainer.iteration)
    run_settings = RunSettings(folder, batch.rounds, facts, output.intervals, output.keep)
    return Training(Run(trainer, schedule, run_settings, record, validation), loader, "\n".join(lines))


def find_start(start: Start, output: Output, group: ProcessGroup) -> Start:
    """Choose the checkpoint that was written last among the runs of this name, where that is asked for."""
    if not start.resume:
        return start
    folders = output.save_root.glob(f"?????_??.??.??_{glob.escape(output.name)}")  # the date comes first
    found = [path for folder in folders if (path := folder / f"{folder.name}{CHECKPOINT}").exists()]
    last = max(found, key=lambda path: path.stat().st_mtime, default=None)
    checkpoint = group.first(last)  # all take the one that the first process sees
    return start if checkpoint is None else replace(start, checkpoint=checkpoint, network=None)


def choose_folder(save_root: Path, name: str | None, checkpoint: Path | None) -> Path:
    """Choose the folder of a run: the checkpoint's if that is its run's own, else a new one."""
    if checkpoint is not None:
        path = checkpoint.resolve()
        if path.name == f"{path.parent.name}{CHECKPOINT}":
            return path.parent
    return save_root / name_run(name)


def make_network(recipe: Recipe, start: Start) -> STCN:
    """Make the network that the first iteration gets, on the CPU.

    Raises:
        InputError: weights are missing or belong to another network.
    """
    network = STCN(single_object=recipe.clip.num_objects == 1, use_cbam=recipe.use_cbam, size=recipe.network)
    if start.network is not None:
        start_from_weights(network, start.network)
    elif start.checkpoint is None and not start.from_scratch:
        try:
            load_imagenet_encoders(network, start.encoder_weights)
        except OSError as e:
            remedy = "set encoder_weights to a folder that holds them"
            raise InputError(f"ImageNet weights cannot be downloaded ({e}); {remedy}") from e
    return network


def resume(trainer: Trainer, path: Path, facts: dict[str, object]) -> None:
    """Continue from a checkpoint, of ours or of the published code.

    Args:
        facts: the present run's, as ``describe_recipe`` gives them.

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
            remedy = "resume with the same options and data"
            raise InputError(f"{path}: made with {name} {known.get(name)}, not {value}; {remedy}")
    check_weights(path, trainer.network, checkpoint["network"])
    given = trainer.schedule
    trainer.load_state_dict(checkpoint)
    for name, value in trainer.schedule.items():
        if value != given[name]:
            log.info("%s: goes on with its own %s, %s, not with %s", path, name, value, given[name])


def describe_recipe(recipe: Recipe, num_clips: int, batch: Batch) -> dict[str, object]:
    """Collect the facts that a resumed run must share, as checkpoints hold them."""
    clip, optimizer = recipe.clip, recipe.optimizer
    return {
        "stage": recipe.stage,
        "iterations": recipe.iterations,
        "clips": num_clips,
        "batch": batch.total,
        "network": recipe.network,
        "no_cbam": not recipe.use_cbam,
        "crop": clip.crop,
        "num_frames": clip.num_frames,
        "num_objects": clip.num_objects,
        "scenes": recipe.scenes,
        "mix": dict(recipe.mixture),
        "keep_surroundings": clip.keep_surroundings,
        "keep_scale": clip.keep_scale,
        "fit_jumps": clip.fit_jumps,
        "seed": clip.seed,
        "cosine": optimizer.cosine is not None,
        "encoder_lr": optimizer.encoder_lr,
        "clip_norm": optimizer.clip_norm or 0,
        "bootstrap": optimizer.bootstrap,
        "region_loss": optimizer.region_weight,
        "average": optimizer.average or 0,
    }


def describe_schedule(recipe: Recipe, schedule: Schedule, batch: Batch, num_clips: int) -> list[str]:
    """Describe iterations, batch and curriculum in a line each."""
    epochs = f"{schedule.epochs} epochs of {schedule.batches_per_epoch} iterations"
    lines = [
        f"stage {recipe.stage}: {num_clips} clips in the data; {schedule.iterations} iterations, {epochs}",
        f"batch: {batch.processes} process(es) x {batch.micro} clips x {batch.rounds} round(s) = {batch.total}",
    ]
    if recipe.mixture:
        lines.append(f"shares of the sources: {', '.join(f'{name} {x:g}' for name, x in recipe.mixture.items())}")
    if recipe.mixture or STAGES[recipe.stage].data != "static":
        lines.append(f"longest jumps between frames {CURRICULUM}, switched at epochs {schedule.switches}")
    return lines


def name_run(name: str | None) -> str:
    """Return ``<date>_<name>``, or the date alone."""
    date = datetime.now().strftime("%b%d_%H.%M.%S")
    return date if name is None else f"{date}_{name}"
