"""Train STCN, stage by stage.

    python train.py --id s0 --stage 0
    torchrun --nproc_per_node 2 train.py --id s03 --stage 3 --load_network saves/<date>_s0/<date>_s0_300000.pth
    python train.py --stage 3 --load_model saves/<date>_s03/<date>_s03_checkpoint.pth

Stage 0 takes photographs, 1 BL30K, 2 and 3 DAVIS and YouTube-VOS. The model s012 comes from stages 0, 1, 2, s03 from
0, 3; each starts from the last network of the one before. The third line resumes an interrupted training exactly. The
batch of an iteration is the published one however many processes share it.
"""

import argparse
import logging
import math
import os
import signal
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from dataset.clip_sampler import ClipSampler
from dataset.training_clip import collate
from dataset.training_data import bl30k_data, parse_copies, static_data, vos_data
from model.checkpoint import hand_over, load_imagenet_encoders, read_checkpoint
from model.losses import BOOTSTRAP
from model.network import SIZES, STCN
from model.trainer import OptimizerConfig, Trainer, seed_everything
from script import script_main
from training import Run, RunSettings
from util.configuration import CURRICULUM, STAGES, Batch, Schedule, Stage, divide_batch
from util.device import choose_amp_dtype, choose_device, describe_device
from util.distributed import ProcessGroup, process_group
from util.download import PROJECT_ROOT
from util.errors import InputError
from util.files import make_folder
from util.logger import TrainingLog
from util.options import not_negative, not_negative_int, positive_int
from validation import annotated_videos, validate

RECIPE_OPTIONS = ("network", "crop", "num_frames", "scenes", "seed", "cosine", "encoder_lr", "clip_norm")
BOOTSTRAP_HELP = "iterations between which the loss comes to count the hardest pixels only (default: 20000 70000)"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    add("--crop", type=int, default=384, help="side of the clips, a multiple of 16 (default: 384)")
    add("--num_frames", type=positive_int, default=3, help="of a clip (default: 3)")
    add("--num_objects", type=positive_int, help="followed in a clip (default: the stage's)")
    add("--scenes", action="store_true", help="in stage 0, compose each clip of several photographs that move apart")
    add("--seed", type=not_negative_int, default=14159265)


def make_data(args: argparse.Namespace, stage: Stage) -> Dataset:
    """The stage's clips."""
    options = {"crop": args.crop, "num_frames": args.num_frames, "num_objects": stage.num_objects, "seed": args.seed}
    if stage.data == "static":
        return static_data(args.static_root, scenes=args.scenes, **options)
    if stage.data == "bl30k":
        return bl30k_data(args.bl_root, **options)
    return vos_data(args.davis_root, args.yv_root, args.vos_root, **options)


def make_network(args: argparse.Namespace, stage: Stage) -> STCN:
    """The network that the stage starts from."""
    network = STCN(single_object=stage.num_objects == 1, size=args.network)
    if args.load_network is not None:
        hand_over(network, args.load_network)
    elif not (args.from_scratch or args.load_model):
        try:
            load_imagenet_encoders(network, args.encoder_weights)
        except OSError as e:
            raise InputError(f"ImageNet weights cannot be fetched ({e}); give --encoder_weights DIR") from e
    return network


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
        amp_dtype=amp_dtype,
    )


def resume(trainer: Trainer, path: Path, recipe: dict[str, object]) -> None:
    """Go on from a checkpoint.

    Raises:
        InputError: it belongs to another run.
    """
    checkpoint = read_checkpoint(path)
    for name, value in recipe.items():
        found = checkpoint["recipe"].get(name, value)
        if found != value:
            raise InputError(f"{path}: made with {name} {found}, not {value}; resume with the same options and data")
    trainer.load_state_dict(checkpoint)


def name_run(args: argparse.Namespace) -> str:
    """``<date>_<id>``."""
    date = datetime.now().strftime("%b%d_%H.%M.%S")
    return date if args.id.upper() == "NULL" else f"{date}_{args.id}"


def make_loader(
    args: argparse.Namespace, data: Dataset, schedule: Schedule, batch: Batch, group: ProcessGroup, start: int
) -> DataLoader:
    """This process's micro-batches from iteration ``start`` on."""
    sampler = ClipSampler(
        len(data),
        schedule,
        micro_batch=batch.micro,
        num_rounds=batch.rounds,
        rank=group.rank,
        num_processes=group.size,
        seed=args.seed,
        start=start,
    )
    return DataLoader(
        data,
        batch_sampler=sampler,
        collate_fn=collate,
        num_workers=args.num_workers,
        pin_memory=args.device.startswith("cuda") or args.device == "auto" and torch.cuda.is_available(),
        worker_init_fn=start_worker,
    )


def start_worker(_: int) -> None:
    """Make a loading process deaf to signals that are sent to the whole group, and keep it to one core.

    Terminals and launchers signal all processes; the main one needs its workers to finish the iteration.
    """
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(1)


def run_facts() -> dict[str, str]:
    """Versions, and the commit of the code if there is one."""
    facts = {"torch": torch.__version__, "numpy": np.__version__, "python": sys.version.split()[0], "commit": "unknown"}
    try:
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        import git  # fails in various ways where there is no git

        facts["commit"] = git.Repo(PROJECT_ROOT).head.commit.hexsha
    except Exception as e:
        facts["commit"] = f"unknown ({type(e).__name__})"
    return facts


def describe_run(args: argparse.Namespace, schedule: Schedule, batch: Batch, num_clips: int) -> str:
    """What the options come to."""
    epochs = f"{schedule.epochs} epochs of {schedule.batches_per_epoch} iterations"
    lines = [
        f"stage {args.stage}: {num_clips} clips in the data; {schedule.iterations} iterations, {epochs}",
        f"batch: {batch.processes} process(es) x {batch.micro} clips x {batch.rounds} round(s) = {batch.total}",
    ]
    if STAGES[args.stage].data != "static":
        lines.append(f"longest jumps between frames {CURRICULUM}, switched at epochs {schedule.switches}")
    return "\n".join(lines)


def train(args: argparse.Namespace, device: torch.device, group: ProcessGroup) -> int:
    """Set up and train; returns the exit status."""
    stage = STAGES[args.stage]
    stage = replace(stage, num_objects=args.num_objects or stage.num_objects)
    amp_dtype = None if args.no_amp else choose_amp_dtype(device)
    seed_everything(args.seed + group.rank)
    batch, data = divide_batch(stage, group.size, args.batch_size), make_data(args, stage)
    if len(data) < batch.total:
        raise InputError(f"{len(data)} clips are fewer than a batch of {batch.total}; add data or give -b")
    schedule = Schedule(args.iterations or stage.iterations, len(data) // batch.total, stage.last_switch)
    network = make_network(args, stage).to(device)
    if args.compile:
        network.compile()
    config = make_optimizer_config(args, stage, schedule, amp_dtype)
    trainer = Trainer(network, config, is_distributed=group.size > 1)
    recipe = {"stage": args.stage, "iterations": schedule.iterations, "clips": len(data), "batch": batch.total}
    recipe |= {"num_objects": stage.num_objects, "bootstrap": tuple(args.bootstrap)}
    recipe |= {name: getattr(args, name) for name in RECIPE_OPTIONS}
    if args.load_model is not None:
        resume(trainer, args.load_model, recipe)
    loader = make_loader(args, data, schedule, batch, group, trainer.iteration)
    every = {"scalars_every": 1, "pictures_every": 1} if args.debug else {}
    folder = args.save_root / name_run(args) if args.load_model is None else args.load_model.resolve().parent
    settings = RunSettings(
        folder,
        batch.rounds,
        recipe,
        save_every=args.save_every,
        checkpoint_every=args.checkpoint_every,
        validate_every=args.val_every,
        keep=args.keep,
        **every,
    )
    videos = None if args.val_root is None else annotated_videos(args.val_root)
    if not group.is_main:
        return Run(trainer, schedule, settings, None).train(loader, group)
    print(f"{describe_run(args, schedule, batch, len(data))}\n{describe_device(device, amp_dtype)}", flush=True)
    validation = None
    if videos is not None:
        print(f"scored every {args.val_every} iterations: {len(videos)} videos of {args.val_root}", flush=True)
        validation = partial(validate, network, videos, amp_dtype or torch.float32)
    make_folder(folder)
    log = TrainingLog(args.log_root / folder.name, {**vars(args), **run_facts()}, trainer.iteration)
    with closing(log):
        status = Run(trainer, schedule, settings, log, validation).train(loader, group)
    print(f"saved in {folder}, after {trainer.iteration} of {schedule.iterations} iterations")
    return status


@script_main
def main() -> int:
    args = parse_arguments()
    device = choose_device(args.device)
    torch.backends.cudnn.benchmark = args.benchmark
    torch.backends.cudnn.allow_tf32 = not args.no_amp  # without AMP, float32 means float32
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo") as group:
        if not group.is_main:
            logging.getLogger().setLevel(logging.WARNING)  # the main process speaks for all
        return train(args, device, group)


if __name__ == "__main__":
    main()
