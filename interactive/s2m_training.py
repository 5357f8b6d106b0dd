"""Training of scribble to mask, with the trainer and the loop that train STCN."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dataset.training_clip import ClipSpec
from interactive.s2m_data import StrokeDataset
from model.aggregate import aggregate
from model.checkpoint import check_names, copy_matching, read_imagenet, read_state_dict
from model.s2m import INPUT_CHANNELS, S2M, SIZES
from training.data import static_data
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
from util.files import make_folder

STAGE = Stage("static", 1, 80_000, (), 32)  # as published: two processes of 16 samples, a constant learning rate
OPTIMIZER = OptimizerConfig(lr=1e-4, bootstrap=(10_000, 30_000))
CROP = 480


class TrainableS2M(S2M):
    """The network with the interface of the trainer: a clip's two frames are equal, its first masks are the input.

    The statistics of the backbone's normalisation stay those of ImageNet; those of the head are learned.
    """

    def train(self, mode: bool = True) -> "TrainableS2M":
        """Set the mode of all parts but the head, which always learns."""
        super().train(mode)
        self.classifier.train()
        return self

    def forward(self, frames: Tensor, given: Tensor, object_exists: Tensor) -> Tensor:
        """Segment one object per sample.

        Args:
            frames: ``[B,2,3,H,W]``, ImageNet-normalised.
            given: ``[B,3,H,W]``, 0 or 1: previous mask, positive and negative strokes.
            object_exists: ``[B,3]`` bool, the first only.

        Returns:
            aggregated logits ``[B,1,1+3,H,W]``, float32: background, the object, and zeros for those that do not exist.
        """
        logits = super().forward(torch.cat([frames[:, 1], given], dim=1))
        aggregated = aggregate(torch.sigmoid(logits.float()), dim=1)
        return F.pad(aggregated, (0, 0, 0, 0, 0, object_exists.shape[1] - 1))[:, None]


@dataclass(frozen=True)
class S2MSettings:
    """All settings of a training."""

    size: str  # key of ``SIZES``
    start: Start
    static_root: Path  # photographs
    clip: ClipSpec
    iterations: int
    batch_per_process: int | None  # samples; None: the published batch, divided among the processes
    optimizer: OptimizerConfig
    compute: Compute
    output: Output
    record: dict[str, object]  # name and value of each option

    def facts(self, num_samples: int, batch: int) -> dict[str, object]:
        """Collect what a resumed run must share."""
        optimizer = self.optimizer
        return {
            "stage": f"s2m {self.size}",
            "iterations": self.iterations,
            "clips": num_samples,
            "batch": batch,
            "crop": self.clip.crop,
            "seed": self.clip.seed,
            "cosine": optimizer.cosine is not None,
            "bootstrap": optimizer.bootstrap,
            "region_loss": optimizer.region_weight,
        }


def prepare_s2m(
    settings: S2MSettings, device: torch.device, amp_dtype: torch.dtype | None, group: ProcessGroup
) -> Training:
    """Set a training up, in each of its processes.

    Raises:
        InputError: data or files are missing or do not fit.
    """
    start, compute, output = settings.start, settings.compute, settings.output
    batch = divide_batch(STAGE, group.size, settings.batch_per_process)
    data = StrokeDataset(static_data(settings.static_root, settings.clip).pairs, settings.clip)
    if len(data) < batch.total:
        raise InputError(f"{len(data)} photographs are fewer than a batch of {batch.total}; add data or set batch_size")
    schedule = Schedule(settings.iterations, len(data) // batch.total)
    network = make_network(settings.size, start).to(device)
    if compute.compile:
        network.compile()
    if group.size > 1 and device.type == "cuda":
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    trainer = Trainer(network, replace(settings.optimizer, amp_dtype=amp_dtype), is_distributed=group.size > 1)
    facts = settings.facts(len(data), batch.total)
    if start.checkpoint is not None:
        resume(trainer, start.checkpoint, facts)
    options = {"seed": settings.clip.seed, "num_workers": compute.num_workers, "pin_memory": device.type == "cuda"}
    loader = make_loader(data, schedule, batch, group, start=trainer.iteration, **options)
    folder, record = choose_folder(output.save_root, output.name, start.checkpoint), None
    if group.is_main:
        make_folder(folder)
        record = TrainingLog(output.log_root / folder.name, {**settings.record, **run_facts()}, trainer.iteration)
    run = Run(trainer, schedule, RunSettings(folder, batch.rounds, facts, output.intervals, output.keep), record)
    description = f"{len(data)} photographs, batch {batch.total}, {settings.iterations} iterations"
    return Training(run, loader, f"{description}\n{describe_device(device, amp_dtype)}")


def make_network(size: str, start: Start) -> TrainableS2M:
    """Make the network that the first iteration gets, on the CPU.

    Raises:
        InputError: weights are missing or belong to another network.
    """
    network = TrainableS2M(size)
    if start.network is not None:
        state_dict = read_state_dict(start.network)
        check_names(start.network, network.state_dict(), state_dict, f"S2M, size {size}")
        network.load_state_dict(state_dict)
    elif start.checkpoint is None and not start.from_scratch:
        try:
            weights = read_imagenet(SIZES[size].backbone, start.encoder_weights, INPUT_CHANNELS)
        except OSError as e:
            remedy = "set encoder_weights to a folder that holds them"
            raise InputError(f"ImageNet weights cannot be downloaded ({e}); {remedy}") from e
        copy_matching(network.backbone, weights)
    return network
