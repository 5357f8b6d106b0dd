"""The command line of ``train.py``, turned into settings."""

import argparse
import math
from pathlib import Path

from dataset.training_clip import ClipSpec
from model.memory import SIMILARITIES, MemoryReading
from model.network import SIZES
from training.common_options import (
    RESUME_HELP,
    add_output_options,
    add_speed_options,
    check_shared,
    make_compute,
    make_output,
    parse_options,
)
from training.data import SOURCES, DataPlaces
from training.recipe import STAGES
from training.run import Intervals
from training.settings import Recipe, Start, TrainingSettings
from training.trainer import OptimizerConfig
from util.options import not_negative, not_negative_int, positive_int
from util.script import make_parser

OF_STAGE = "(default: as published for the stage)"


def read_settings(description: str) -> TrainingSettings:
    """Read the command line; wrong options end the program with one line.

    Args:
        description: the command's docstring, shown as it is.
    """
    parser = make_parser(description)
    for add_options in (_add_start, _add_data, _add_recipe, add_speed_options, add_output_options, _add_expert):
        add_options(parser)
    args = parse_options(parser)
    _check(parser, args)
    return TrainingSettings(
        start=Start(
            network=args.load_network,
            checkpoint=args.load_model,
            from_scratch=args.from_scratch,
            encoder_weights=args.encoder_weights,
            resume=args.resume,
        ),
        data=DataPlaces(
            static=args.static_root,
            bl30k=args.bl_root,
            davis=args.davis_root,
            youtube=args.yv_root,
            own=tuple(args.vos_root),
            held_out=frozenset(args.hold_out),
        ),
        recipe=_make_recipe(args),
        compute=make_compute(args),
        output=make_output(args, args.val_root, args.val_every),
        record=vars(args),
    )


def parse_copies(text: str) -> tuple[Path, int]:
    """Parse ``DIR`` or ``DIR:copies``."""
    folder, _, copies = text.rpartition(":")
    return (Path(folder), int(copies)) if folder and copies.isdecimal() else (Path(text), 1)


def decay(text: str) -> float:
    """Parse a number above 0 and below 1."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def parse_share(text: str) -> tuple[str, float]:
    """Parse ``SOURCE:share``, or ``SOURCE`` for a share of 1."""
    name, _, share = text.partition(":")
    value = float(share or 1)
    if name not in SOURCES or not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: expected SOURCE:SHARE, with a source out of {', '.join(SOURCES)}")
    return name, value


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End the program with one line if options exclude each other or have no meaning."""
    check_shared(parser, args)
    if args.num_frames < 2:
        parser.error("--num_frames must be at least 2: the first frame is given")
    if args.scenes and STAGES[args.stage].data != "static":
        parser.error("--scenes are made of photographs; give --stage 0")
    if args.mix and args.scenes:
        parser.error("--mix and --scenes exclude each other; give --mix scenes:SHARE")
    if len(dict(args.mix)) < len(args.mix):
        parser.error("--mix names a source twice; give each source one share")
    if args.hold_out and not args.vos_root:
        parser.error("--hold_out names videos of --vos_root; give both")


def _make_recipe(args: argparse.Namespace) -> Recipe:
    stage = STAGES[args.stage]
    iterations = args.iterations or stage.iterations
    clip = ClipSpec(
        crop=args.crop,
        num_frames=args.num_frames,
        num_objects=args.num_objects or stage.num_objects,
        seed=args.seed,
        keep_surroundings=args.keep_surroundings or args.scenes,
        keep_scale=args.keep_scale,
        ignore_unlabelled=args.ignore_unlabelled,
        fit_jumps=bool(args.vos_root) if args.fit_jumps is None else args.fit_jumps,
    )
    optimizer = OptimizerConfig(
        lr=args.lr,
        lr_steps=tuple(stage.lr_steps if args.steps is None else args.steps),
        gamma=args.gamma,
        cosine=iterations if args.cosine else None,
        encoder_lr=args.encoder_lr,
        clip_norm=args.clip_norm or None,
        bootstrap=tuple(args.bootstrap),
        region_weight=args.region_loss,
        average=args.average,
    )
    return Recipe(
        stage=args.stage,
        network=args.network,
        use_cbam=not args.no_cbam,
        clip=clip,
        scenes=args.scenes,
        mixture=dict(args.mix),
        iterations=iterations,
        batch_per_process=args.batch_size,
        optimizer=optimizer,
        reading=MemoryReading(args.similarity, args.top_k),
        max_jump=args.max_jump,
    )


def _add_start(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("start").add_argument
    stage_help = "0: photographs, 1: BL30K, 2 and 3: DAVIS and YouTube-VOS"
    add("--stage", type=int, choices=STAGES, default=0, help=stage_help)
    network_help = "weights to start from: a network file, or the network in a checkpoint"
    add("--load_network", type=Path, metavar="FILE", help=f"{network_help} (default: ImageNet encoders)")
    model_help = "checkpoint of an interrupted training to continue, also one of the published code (default: none)"
    add("--load_model", type=Path, metavar="FILE", help=model_help)
    add("--resume", action="store_true", help=RESUME_HELP)
    encoder_help = "folder of resnet50*.pth and resnet18*.pth (default: torchvision downloads them)"
    add("--encoder_weights", type=Path, metavar="DIR", help=encoder_help)
    add("--from_scratch", action="store_true", help="start from random weights (default: ImageNet encoders)")


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("data").add_argument
    add("--static_root", type=Path, metavar="DIR", default=DataPlaces.static, help="photographs")
    add("--bl_root", type=Path, metavar="DIR", default=DataPlaces.bl30k, help="BL30K")
    add("--davis_root", type=Path, metavar="DIR", default=DataPlaces.davis, help="holds 2017/trainval")
    add("--yv_root", type=Path, metavar="DIR", default=DataPlaces.youtube, help="holds train_480p")
    own_help = "own videos instead of DAVIS and YouTube-VOS, each folder taken so many times (default: none)"
    add("--vos_root", type=parse_copies, nargs="+", default=[], metavar="DIR[:copies]", help=own_help)
    hold_help = "videos of --vos_root that are scored instead of trained on (default: none)"
    add("--hold_out", nargs="+", default=[], metavar="VIDEO", help=hold_help)
    mix_help = f"mix sources by these shares instead of taking the stage's: {', '.join(SOURCES)} (default: none)"
    add("--mix", type=parse_share, nargs="+", default=[], metavar="SOURCE:SHARE", help=mix_help)
    val_help = "annotated videos to score on, laid out as those of --vos_root (default: none)"
    add("--val_root", type=Path, metavar="DIR", help=val_help)
    every_help = "iterations between scorings of val_root"
    add("--val_every", type=positive_int, metavar="N", default=Intervals.scores, help=every_help)


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("recipe", "the defaults are the published recipe").add_argument
    add("--network", choices=SIZES, default="full", help="the published network or the small one")
    add("--no_cbam", action="store_true", help="leave out CBAM, the attention in the value encoder (default: with it)")
    batch_help = "clips per process (default: the published batch, divided among the processes)"
    add("-b", "--batch_size", type=positive_int, metavar="N", help=batch_help)
    add("-i", "--iterations", type=positive_int, metavar="N", help=f"iterations to train {OF_STAGE}")
    add("--lr", type=not_negative, default=OptimizerConfig.lr, help="learning rate")
    steps_help = f"iterations at which the learning rate falls {OF_STAGE}"
    add("--steps", type=int, nargs="*", metavar="N", help=steps_help)
    add("--gamma", type=float, default=OptimizerConfig.gamma, help="factor by which it falls")
    add("--crop", type=int, default=ClipSpec.crop, help="side of the clips, a multiple of 16")
    frames_help = "frames of a clip"
    add("--num_frames", type=positive_int, metavar="N", default=ClipSpec.num_frames, help=frames_help)
    add("--num_objects", type=positive_int, metavar="N", help=f"objects that are followed in a clip {OF_STAGE}")
    keep_help = "show real pixels where a turned frame reaches beyond its crop (default: the mean colour, as published)"
    add("--keep_surroundings", action="store_true", help=keep_help)
    scale_help = "let a smaller crop show less of a video's frame (default: the same at a smaller size)"
    add("--keep_scale", action="store_true", help=scale_help)
    ignore_help = "leave pixels of id 255 beside other ids out of loss and IoU (default: they are background)"
    add("--ignore_unlabelled", action="store_true", help=ignore_help)
    jumps_help = "shorten jumps in short videos; else frames repeat, as published (default: with --vos_root)"
    add("--fit_jumps", action=argparse.BooleanOptionalAction, help=jumps_help)
    longest_help = "largest jump between a clip's frames, in frames of the video (default: the published curriculum)"
    add("--max_jump", type=positive_int, metavar="N", help=longest_help)
    scenes_help = "in stage 0, compose each clip of several photographs that move apart (default: warp a single one)"
    add("--scenes", action="store_true", help=scenes_help)
    seed_help = "start of all random numbers, for weights, order and augmentation; the same one repeats a training"
    add("--seed", type=not_negative_int, metavar="N", default=14159265, help=seed_help)


def _add_expert(parser: argparse.ArgumentParser) -> None:
    add, default = parser.add_argument_group("expert").add_argument, OptimizerConfig
    add("--cosine", action="store_true", help="let the learning rate fall to 0 along a cosine (default: in steps)")
    encoder_help = "learning rate of the key encoder, as a factor of --lr"
    add("--encoder_lr", type=not_negative, metavar="X", default=default.encoder_lr, help=encoder_help)
    add("--clip_norm", type=not_negative, metavar="X", help="bound on the norm of the gradients (default: none)")
    bootstrap_help = "iterations between which the loss turns to the hardest pixels (default: 20000 70000)"
    add("--bootstrap", type=int, nargs=2, default=default.bootstrap, metavar=("FROM", "TO"), help=bootstrap_help)
    region_help = "weight of a loss of overlap, 1 - Jaccard index, added to the cross entropy"
    add("--region_loss", type=not_negative, metavar="X", default=default.region_weight, help=region_help)
    average_help = "decay of a running average of the weights, which is saved and scored (default: none)"
    add("--average", "--ema", type=decay, metavar="X", help=average_help)
    similarity_help = "similarity of keys: negative squared distance, as published, dot product or cosine"
    add("--similarity", choices=SIMILARITIES, default="l2", help=similarity_help)
    top_help = "memory positions that count for each query position (default: all, as published)"
    add("--top_k", type=positive_int, metavar="N", help=top_help)
    add("--local_rank", "--local-rank", type=int, help=argparse.SUPPRESS)  # old launchers pass it; it is not needed
