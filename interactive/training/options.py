"""The options that the trainings of interactive networks share."""

import argparse
from pathlib import Path

from training.common_options import RESUME_HELP, add_output_options, add_speed_options, make_compute, make_output
from training.recipe import Stage
from training.settings import Start, TrainingPlan
from training.trainer import OptimizerConfig
from util.options import not_negative, not_negative_int, positive_int
from util.script import make_parser

START_HELP = "weights to start from (default: an ImageNet backbone, or none where there is no backbone)"


def make_task_parser(description: str, crop: int) -> tuple[argparse.ArgumentParser, argparse._ArgumentGroup]:
    """Make a parser with the shared options.

    Args:
        description: the command's docstring, shown as it is.
        crop: side of the samples unless the user says.

    Returns:
        the parser, and its group for start and data, to which a command adds its own.
    """
    parser = make_parser(description)
    start = parser.add_argument_group("start and data")
    start.add_argument("--load_network", type=Path, metavar="FILE", help=START_HELP)
    model_help = "checkpoint of an interrupted training (default: none)"
    start.add_argument("--load_model", type=Path, metavar="FILE", help=model_help)
    start.add_argument("--resume", action="store_true", help=RESUME_HELP)
    add = parser.add_argument_group("recipe", "the defaults are the published recipe").add_argument
    add("-b", "--batch_size", type=positive_int, metavar="N", help="samples per process (default: as published)")
    add("-i", "--iterations", type=positive_int, metavar="N", help="iterations to train (default: as published)")
    add("--lr", type=not_negative, default=1e-4, help="learning rate")
    add("--cosine", action="store_true", help="let the learning rate fall to 0 along a cosine (default: as published)")
    add("--crop", type=int, default=crop, help="side of the samples, a multiple of 16")
    bootstrap_help = "iterations between which the loss turns to the hardest pixels (default: as published)"
    add("--bootstrap", type=int, nargs=2, metavar=("FROM", "TO"), help=bootstrap_help)
    region_help = "weight of a loss of overlap, which is added"
    add("--region_loss", type=not_negative, metavar="X", default=0.0, help=region_help)
    add("--seed", type=not_negative_int, metavar="N", default=14159265, help="start of all random numbers")
    add_speed_options(parser)
    add_output_options(parser)
    return parser, start


def make_plan(
    args: argparse.Namespace, name: str, stage: Stage, bootstrap: tuple[float, float], start: Start
) -> TrainingPlan:
    """Turn the shared options into settings.

    Args:
        args: of ``make_task_parser``.
        name: of the training, which tells it from others in checkpoints.
        stage: as published.
        bootstrap: shares of the iterations between which the loss turns to the hardest pixels, as published.
        start: the source of the first weights.
    """
    iterations = args.iterations or stage.iterations
    first, last = args.bootstrap or (int(share * iterations) for share in bootstrap)
    optimizer = OptimizerConfig(
        lr=args.lr,
        lr_steps=stage.lr_steps,
        cosine=iterations if args.cosine else None,
        bootstrap=(first, max(last, first + 1)),  # in a few iterations the shares are none
        region_weight=args.region_loss,
    )
    facts = {"stage": name, "crop": args.crop, "seed": args.seed, "cosine": args.cosine}
    return TrainingPlan(
        name=name,
        start=start,
        stage=stage,
        crop=args.crop,
        seed=args.seed,
        facts=facts | {"bootstrap": optimizer.bootstrap, "region_loss": optimizer.region_weight},
        iterations=iterations,
        batch_per_process=args.batch_size,
        optimizer=optimizer,
        compute=make_compute(args),
        output=make_output(args),
        record=vars(args),
    )
