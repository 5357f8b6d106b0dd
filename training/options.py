"""The options of ``train.py``, and the settings they come to."""

import argparse
import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import torch

from model.network import SIZES
from training.data import parse_copies
from training.losses import BOOTSTRAP
from training.recipe import STAGES, Batch, Schedule, Stage
from training.run import RunSettings
from training.trainer import OptimizerConfig
from util.options import not_negative, not_negative_int, positive_int

RECIPE_OPTIONS = ("network", "crop", "num_frames", "scenes", "seed", "cosine", "encoder_lr", "clip_norm", "region_loss")
LATER_OPTIONS = {"region_loss": 0}  # of the recipe that old checkpoints lack, with the value they were made with
REGION_HELP = "weight of a loss of overlap, one minus the Jaccard index, added to the cross entropy (default: 0)"
BOOTSTRAP_HELP = "iterations between which the loss comes to count the hardest pixels only (default: 20000 70000)"


def parse_arguments(description: str) -> argparse.Namespace:
    """Read the command line.

    Args:
        description: the script's docstring, shown as it is.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run_options(parser)
    add_recipe_options(parser)
    args = parser.parse_args()
    if sum(option is not None for option in (args.load_network, args.load_model)) + args.from_scratch > 1:
        parser.error("--load_network, --load_model and --from_scratch exclude each other")
    if args.crop < 32 or args.crop % 16:
        parser.error("--crop must be a multiple of 16, at least 32")
    if args.num_frames < 2:
        parser.error("--num_frames must be at least 2: the first frame is given")
    if not 0 <= args.bootstrap[0] < args.bootstrap[1]:
        parser.error("--bootstrap must be two iterations, the second after the first")
    if Path(args.id).name != args.id:
        parser.error("--id becomes the name of a folder; leave out separators")
    if args.scenes and STAGES[args.stage].data != "static":
        parser.error("--scenes are made of photographs; give --stage 0")
    return args


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What the run starts from, where its data are, where it computes and what it writes."""
    add = parser.add_argument
    add("--stage", type=int, choices=STAGES, default=0, help="0: photographs, 1: BL30K, 2 and 3: DAVIS and YouTube-VOS")
    add("--id", default="NULL", help="name of the run")
    add("--load_network", type=Path, help="network weights to start from")
    add("--load_model", type=Path, help="checkpoint of an interrupted training to go on from")
    add("--encoder_weights", type=Path, help="folder of resnet50*.pth and resnet18*.pth (default: downloaded)")
    add("--from_scratch", action="store_true", help="start from random weights")
    add("--static_root", type=Path, default="../static", help="photographs (default: %(default)s)")
    add("--bl_root", type=Path, default="../BL30K", help="BL30K (default: %(default)s)")
    add("--davis_root", type=Path, default="../DAVIS", help="holds 2017/trainval (default: %(default)s)")
    add("--yv_root", type=Path, default="../YouTube", help="holds train_480p (default: %(default)s)")
    add("--vos_root", type=parse_copies, nargs="+", default=[], metavar="DIR[:copies]", help="own videos instead")
    add("--num_workers", type=not_negative_int, default=8, help="processes that load clips (default: 8)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    add("--no_amp", action="store_true", help="compute in float32")
    add("--benchmark", action="store_true", help="let cuDNN search for the fastest convolutions")
    add("--compile", action="store_true", help="compile the network with torch.compile")
    add("--save_root", type=Path, default="saves", help="(default: saves)")
    add("--log_root", type=Path, default="log", help="(default: log)")
    add("--save_every", type=positive_int, default=50_000, help="iterations between network files (default: 50000)")
    checkpoint_help = "iterations between checkpoints to resume from (default: 1000)"
    add("--checkpoint_every", type=positive_int, default=1000, help=checkpoint_help)
    add("--keep", type=positive_int, help="network files to keep, the last ones (default: all)")
    add("--val_root", type=Path, help="annotated videos in DAVIS's layout to score the network on")
    add("--val_every", type=positive_int, default=10_000, help="iterations between scorings (default: 10000)")
    add("--debug", action="store_true", help="log each iteration")
    add("--local_rank", "--local-rank", type=int, help=argparse.SUPPRESS)  # of old launchers; the environment tells


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    """What is learnt, and how. The defaults are the published recipe."""
    add = parser.add_argument
    add("--network", choices=SIZES, default="full", help="the published network or the small one (default: full)")
    add("-b", "--batch_size", type=positive_int, help="clips per process (default: the published batch, shared)")
    add("-i", "--iterations", type=positive_int, help="(default: the stage's)")
    add("--lr", type=not_negative, default=1e-5, help="learning rate (default: 1e-5)")
    add("--steps", type=int, nargs="*", help="iterations at which the learning rate falls (default: the stage's)")
    add("--gamma", type=float, default=0.1, help="factor by which it falls (default: 0.1)")
    add("--cosine", action="store_true", help="let the learning rate fall to 0 along a cosine instead")
    add("--encoder_lr", type=not_negative, default=1, help="the key encoder's, as a factor of --lr (default: 1)")
    add("--clip_norm", type=not_negative, default=0, help="bound on the gradients' norm (default: 0, none)")
    add("--bootstrap", type=int, nargs=2, default=BOOTSTRAP, metavar=("FROM", "TO"), help=BOOTSTRAP_HELP)
    add("--region_loss", type=not_negative, default=0, help=REGION_HELP)
    add("--crop", type=int, default=384, help="side of the clips, a multiple of 16 (default: 384)")
    add("--num_frames", type=positive_int, default=3, help="of a clip (default: 3)")
    add("--num_objects", type=positive_int, help="followed in a clip (default: the stage's)")
    add("--scenes", action="store_true", help="in stage 0, compose each clip of several photographs that move apart")
    add("--seed", type=not_negative_int, default=14159265)


def choose_stage(args: argparse.Namespace) -> Stage:
    """The published stage, with the number of objects that is asked for."""
    stage = STAGES[args.stage]
    return replace(stage, num_objects=args.num_objects or stage.num_objects)


def make_optimizer_config(
    args: argparse.Namespace, stage: Stage, schedule: Schedule, amp_dtype: torch.dtype | None
) -> OptimizerConfig:
    """The optimisation that the options ask for."""
    return OptimizerConfig(
        lr=args.lr,
        lr_steps=tuple(stage.lr_steps if args.steps is None else args.steps),
        gamma=args.gamma,
        cosine=schedule.iterations if args.cosine else None,
        encoder_lr=args.encoder_lr,
        clip_norm=args.clip_norm or math.inf,
        bootstrap=tuple(args.bootstrap),
        region_weight=args.region_loss,
        amp_dtype=amp_dtype,
    )


def make_run_settings(
    args: argparse.Namespace, stage: Stage, schedule: Schedule, batch: Batch, num_clips: int
) -> RunSettings:
    """Where and how often the run writes, and the recipe that a resumed one must share."""
    recipe = {"stage": args.stage, "iterations": schedule.iterations, "clips": num_clips, "batch": batch.total}
    recipe |= {"num_objects": stage.num_objects, "bootstrap": tuple(args.bootstrap)}
    recipe |= {name: getattr(args, name) for name in RECIPE_OPTIONS}
    return RunSettings(
        folder=args.save_root / name_run(args) if args.load_model is None else args.load_model.resolve().parent,
        rounds=batch.rounds,
        recipe=recipe,
        save_every=args.save_every,
        checkpoint_every=args.checkpoint_every,
        validate_every=args.val_every,
        keep=args.keep,
        **({"scalars_every": 1, "pictures_every": 1} if args.debug else {}),
    )


def name_run(args: argparse.Namespace) -> str:
    """``<date>_<id>``."""
    date = datetime.now().strftime("%b%d_%H.%M.%S")
    return date if args.id.upper() == "NULL" else f"{date}_{args.id}"
