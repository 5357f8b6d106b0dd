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
from contextlib import closing
from functools import partial
from pathlib import Path

import torch
from torch.utils.data import Dataset

from model.checkpoint import hand_over, load_imagenet_encoders, read_checkpoint
from model.network import STCN
from training.data import bl30k_data, static_data, vos_data
from training.loader import make_loader
from training.log import TrainingLog, run_facts
from training.options import LATER_OPTIONS, choose_stage, make_optimizer_config, make_run_settings, parse_arguments
from training.recipe import CURRICULUM, STAGES, Batch, Schedule, Stage, divide_batch
from training.run import Run
from training.trainer import Trainer, seed_everything
from training.validation import annotated_videos, validate
from util.device import allow_tf32, choose_amp_dtype, choose_device, describe_device
from util.distributed import ProcessGroup, process_group
from util.errors import InputError
from util.files import make_folder
from util.script import script_main


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


def resume(trainer: Trainer, path: Path, recipe: dict[str, object]) -> None:
    """Go on from a checkpoint.

    Raises:
        InputError: it belongs to another run.
    """
    checkpoint = read_checkpoint(path)
    made_with = LATER_OPTIONS | checkpoint["recipe"]
    for name, value in recipe.items():
        found = made_with.get(name)
        if found != value:
            raise InputError(f"{path}: made with {name} {found}, not {value}; resume with the same options and data")
    trainer.load_state_dict(checkpoint)


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
    stage = choose_stage(args)
    amp_dtype = None if args.no_amp else choose_amp_dtype(device)
    allow_tf32(amp_dtype or torch.float32)
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
    settings = make_run_settings(args, stage, schedule, batch, len(data))
    if args.load_model is not None:
        resume(trainer, args.load_model, settings.recipe)
    options = {"seed": args.seed, "num_workers": args.num_workers, "pin_memory": device.type == "cuda"}
    loader = make_loader(data, schedule, batch, group, start=trainer.iteration, **options)
    videos = None if args.val_root is None else annotated_videos(args.val_root)
    if not group.is_main:
        return Run(trainer, schedule, settings, None).train(loader, group)
    print(f"{describe_run(args, schedule, batch, len(data))}\n{describe_device(device, amp_dtype)}", flush=True)
    validation = None
    if videos is not None:
        print(f"scored every {args.val_every} iterations: {len(videos)} videos of {args.val_root}", flush=True)
        validation = partial(validate, network, videos, amp_dtype or torch.float32)
    make_folder(settings.folder)
    log = TrainingLog(args.log_root / settings.folder.name, {**vars(args), **run_facts()}, trainer.iteration)
    with closing(log):
        status = Run(trainer, schedule, settings, log, validation).train(loader, group)
    print(f"saved in {settings.folder}, after {trainer.iteration} of {schedule.iterations} iterations")
    return status


@script_main
def main() -> int:
    args = parse_arguments(__doc__)
    device = choose_device(args.device)
    torch.backends.cudnn.benchmark = args.benchmark
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo") as group:
        if not group.is_main:
            logging.getLogger().setLevel(logging.WARNING)  # the main process speaks for all
        return train(args, device, group)


if __name__ == "__main__":
    main()
