"""The way from settings to a run, which all trainings share: batch, schedule, trainer, checkpoint, loader, record."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from dataset.videos import VideoEntry
from training.loader import make_loader
from training.log import TrainingLog, run_facts
from training.recipe import CURRICULUM, Batch, Schedule, divide_batch
from training.resuming import choose_folder, find_start, pack_options, resume
from training.run import Run, RunSettings
from training.settings import Start, TrainingPlan
from training.trainer import Trainer
from training.validation import validate
from util.device import describe_device
from util.distributed import ProcessGroup
from util.errors import InputError
from util.files import make_folder, remove_leftovers


class Training(NamedTuple):
    """A training that is ready to run."""

    run: Run
    loader: DataLoader
    description: str  # a few lines about the recipe and the machine


def assemble(
    plan: TrainingPlan,
    data: Dataset,
    make_network: Callable[[Start, ProcessGroup], nn.Module],
    device: torch.device,
    amp_dtype: torch.dtype | None,
    group: ProcessGroup,
    videos: Sequence[VideoEntry] = (),
) -> Training:
    """Set a training up, in each of its processes.

    Args:
        data: clips by ``ClipKey``.
        make_network: gives a network with the trainer's interface and its first weights, on the CPU.
        device, amp_dtype: to compute on and in; None: float32.
        videos: annotated ones to score the network on.

    Raises:
        InputError: too few data, or a checkpoint that does not fit.
    """
    start, compute, output = find_start(plan.start, plan.output, group), plan.compute, plan.output
    batch = divide_batch(plan.stage, group.size, plan.batch_per_process)
    if len(data) < batch.total:
        raise InputError(f"{len(data)} clips are fewer than a batch of {batch.total}; add data or set batch_size")
    schedule = Schedule(plan.iterations, len(data) // batch.total, plan.stage.last_switch, plan.max_jump)
    network = make_network(start, group).to(device)
    if compute.compile:
        network.compile()
    trainer = Trainer(network, replace(plan.optimizer, amp_dtype=amp_dtype), is_distributed=group.size > 1)
    facts = {**plan.facts, "iterations": plan.iterations, "clips": len(data), "batch": batch.total}
    if start.checkpoint is not None:
        resume(trainer, start.checkpoint, facts)
    options = {"seed": plan.seed, "num_workers": compute.num_workers, "pin_memory": device.type == "cuda"}
    loader = make_loader(data, schedule, batch, group, start=trainer.iteration, **options)
    folder, record = choose_folder(output.save_root, output.name, start.checkpoint), None
    if group.is_main:
        make_folder(folder)
        remove_leftovers(folder)
        facts_of_run = run_facts(describe_device(device, amp_dtype), group.size, trainer.schedule)
        options_and_facts = {**plan.record, **facts_of_run}
        log_folder = output.log_root / folder.name
        record = TrainingLog(log_folder, options_and_facts, trainer.iteration, use_wandb=output.wandb)
    settings = RunSettings(
        folder, batch.rounds, facts, output.intervals, output.keep, options=pack_options(plan.record)
    )
    validation = partial(validate, trainer.result, videos, amp_dtype or torch.float32) if videos else None
    lines = [*describe_schedule(plan, schedule, batch, len(data)), describe_device(device, amp_dtype)]
    if videos:
        lines.append(f"scored every {output.intervals.scores} iterations: {len(videos)} videos")
    return Training(Run(trainer, schedule, settings, record, validation), loader, "\n".join(lines))


def describe_schedule(plan: TrainingPlan, schedule: Schedule, batch: Batch, num_clips: int) -> list[str]:
    """Describe iterations, batch and curriculum in a line each."""
    epochs = f"{schedule.epochs} epochs of {schedule.batches_per_epoch} iterations"
    lines = [
        f"{plan.name}: {num_clips} clips in the data; {schedule.iterations} iterations, {epochs}",
        f"batch: {batch.processes} process(es) x {batch.micro} clips x {batch.rounds} round(s) = {batch.total}",
        *plan.notes,
    ]
    if plan.has_jumps and plan.max_jump:
        lines.append(f"longest jump between frames {plan.max_jump}")
    elif plan.has_jumps:
        lines.append(f"longest jumps between frames {CURRICULUM}, switched at epochs {schedule.switches}")
    return lines
