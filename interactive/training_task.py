"""The common part of the trainings of interactive networks: settings, and the way to a run on the trainer of STCN."""

from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils.data import Dataset

from training.loader import make_loader
from training.log import TrainingLog, run_facts
from training.recipe import Schedule, Stage, divide_batch
from training.run import Run, RunSettings
from training.settings import Compute, Output, Start
from training.setup import Training, choose_folder, resume
from training.trainer import OptimizerConfig, Trainer
from util.device import describe_device
from util.distributed import ProcessGroup
from util.errors import InputError
from util.files import make_folder, remove_leftovers


@dataclass(frozen=True)
class TrainingTask:
    """Settings of a training."""

    name: str  # tells it from others, in checkpoints
    start: Start
    stage: Stage  # iterations, batch and learning rate's steps as published
    crop: int  # side of the samples, in pixels
    seed: int
    iterations: int
    batch_per_process: int | None  # samples; None: the published batch, divided among the processes
    optimizer: OptimizerConfig
    compute: Compute
    output: Output
    record: dict[str, object]  # name and value of each option

    def facts(self, num_samples: int, batch: int) -> dict[str, object]:
        """Collect what a resumed run must share."""
        return {
            "stage": self.name,
            "iterations": self.iterations,
            "clips": num_samples,
            "batch": batch,
            "crop": self.crop,
            "seed": self.seed,
            "cosine": self.optimizer.cosine is not None,
            "bootstrap": self.optimizer.bootstrap,
            "region_loss": self.optimizer.region_weight,
        }


def assemble(
    task: TrainingTask,
    data: Dataset,
    network: nn.Module,
    device: torch.device,
    amp_dtype: torch.dtype | None,
    group: ProcessGroup,
) -> Training:
    """Set a training up, in each of its processes.

    Args:
        data: clips by ``ClipKey``.
        network: with the trainer's interface, and its first weights.

    Raises:
        InputError: too few data, or a checkpoint that does not fit.
    """
    batch = divide_batch(task.stage, group.size, task.batch_per_process)
    if len(data) < batch.total:
        raise InputError(f"{len(data)} samples are fewer than a batch of {batch.total}; add data or set batch_size")
    schedule = Schedule(task.iterations, len(data) // batch.total)
    network = network.to(device)
    if task.compute.compile:
        network.compile()
    if group.size > 1 and device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    trainer = Trainer(network, replace(task.optimizer, amp_dtype=amp_dtype), is_distributed=group.size > 1)
    facts, checkpoint, output = task.facts(len(data), batch.total), task.start.checkpoint, task.output
    if checkpoint is not None:
        resume(trainer, checkpoint, facts)
    options = {"seed": task.seed, "num_workers": task.compute.num_workers, "pin_memory": device.type == "cuda"}
    loader = make_loader(data, schedule, batch, group, start=trainer.iteration, **options)
    folder, record = choose_folder(output.save_root, output.name, checkpoint), None
    if group.is_main:
        make_folder(folder)
        remove_leftovers(folder)
        facts_of_run = run_facts(describe_device(device, amp_dtype), group.size, trainer.schedule)
        record = TrainingLog(output.log_root / folder.name, {**task.record, **facts_of_run}, trainer.iteration)
    run = Run(trainer, schedule, RunSettings(folder, batch.rounds, facts, output.intervals, output.keep), record)
    description = f"{task.name}: {len(data)} samples, batch {batch.total}, {task.iterations} iterations"
    return Training(run, loader, f"{description}\n{describe_device(device, amp_dtype)}")
