"""The settings of a training: its start, data, recipe, device and files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dataset.training_clip import ClipSpec
from model.memory import PUBLISHED_READING, MemoryReading
from training.data import DataPlaces
from training.recipe import Stage
from training.run import Intervals
from training.trainer import OptimizerConfig


@dataclass(frozen=True)
class Start:
    """The source of the first weights. Without the first three settings both encoders take ImageNet weights."""

    network: Path | None = None  # file of network weights
    checkpoint: Path | None = None  # file of an interrupted training, to go on from
    from_scratch: bool = False  # start from random weights
    encoder_weights: Path | None = None  # folder of ImageNet weights; None: torchvision downloads them
    resume: bool = False  # go on from the last checkpoint of a run of this name, if there is one


@dataclass(frozen=True)
class Recipe:
    """The task to learn, and the way to learn it."""

    stage: int  # key of ``STAGES``
    network: str  # key of ``SIZES``
    use_cbam: bool
    clip: ClipSpec
    scenes: bool  # compose clips of several photographs
    iterations: int
    batch_per_process: int | None  # clips; None: the published batch, divided among the processes
    optimizer: OptimizerConfig
    reading: MemoryReading = PUBLISHED_READING  # the similarity, and how many memory positions count
    max_jump: int | None = None  # largest jump between a clip's frames; None: the curriculum
    mixture: Mapping[str, float] = field(default_factory=dict)  # share of each source, instead of the stage's data


@dataclass(frozen=True)
class Compute:
    """The device to compute on, and how fast."""

    device: str
    precision: str  # auto, or a key of ``PRECISIONS``
    num_workers: int  # processes that load clips; 0: the one that trains
    benchmark: bool  # let cuDNN search for the fastest convolutions
    compile: bool


@dataclass(frozen=True)
class Output:
    """The places of files, and how often they are written."""

    name: str | None  # follows the date in the names of the run's folders; None: the date alone
    save_root: Path
    log_root: Path
    intervals: Intervals
    keep: int | None  # how many network files to keep, the last ones; None: all
    val_root: Path | None  # annotated videos to score the network on
    wandb: bool = False  # whether to write records to Weights & Biases as well


@dataclass(frozen=True)
class TrainingSettings:
    """All settings of a training."""

    start: Start
    data: DataPlaces
    recipe: Recipe
    compute: Compute
    output: Output
    record: Mapping[str, object]  # name and value of each option, for ``settings.json``


@dataclass(frozen=True)
class TrainingPlan:
    """The settings that trainings of all networks have."""

    name: str  # shown to the user
    start: Start
    stage: Stage  # batch and learning rate's steps as published
    crop: int  # side of the clips, in pixels
    seed: int
    iterations: int
    batch_per_process: int | None  # clips; None: the published batch, divided among the processes
    optimizer: OptimizerConfig
    facts: Mapping[str, object]  # a resumed run must share them, and iterations, clips and batch
    compute: Compute
    output: Output
    record: Mapping[str, object]  # name and value of each option
    notes: tuple[str, ...] = ()  # lines for the description
    max_jump: int | None = None  # largest jump between a clip's frames; None: the curriculum
    has_jumps: bool = False  # whether clips take frames of videos, farther apart from phase to phase
