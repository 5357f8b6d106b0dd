"""The options that all trainings share, and those that a checkpoint remembers."""

import argparse
import importlib.util
from pathlib import Path

from training.resuming import find_last_checkpoint, read_options
from training.run import Intervals
from training.settings import Compute, Output
from util.device import PRECISIONS
from util.options import not_negative_int, positive_int

RESUME_HELP = "go on from the last checkpoint of a run of this --id, if there is one (default: a new run)"
NOT_REMEMBERED = {"load_network", "load_model", "resume", "from_scratch", "encoder_weights", "local_rank", "quiet"}


def parse_options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line; what is not given is as in the checkpoint to go on from, if there is one.

    Raises:
        InputError: the checkpoint cannot be read.
    """
    args = parser.parse_args()
    checkpoint = args.load_model
    if args.resume and checkpoint is None:
        checkpoint = find_last_checkpoint(args.save_root, args.id)
    if checkpoint is None:
        return args
    names = vars(args).keys() - NOT_REMEMBERED
    remembered = {name: value for name, value in read_options(checkpoint).items() if name in names}
    return parser.parse_args(namespace=argparse.Namespace(**remembered))


def check_shared(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End the program with one line if options that every training has exclude each other or have no meaning."""
    is_from_scratch = getattr(args, "from_scratch", False)  # fusion has no other start
    if sum(file is not None for file in (args.load_network, args.load_model)) + is_from_scratch > 1:
        parser.error("--load_network, --load_model and --from_scratch exclude each other")
    if args.resume and (args.load_model or args.id.upper() == "NULL"):
        parser.error("--resume finds the checkpoint by --id; give that one, and no --load_model")
    if args.crop < 32 or args.crop % 16:
        parser.error("--crop must be a multiple of 16, at least 32")
    if args.bootstrap is not None and not 0 <= args.bootstrap[0] < args.bootstrap[1]:
        parser.error("--bootstrap must be two iterations, the second after the first")
    if args.wandb and importlib.util.find_spec("wandb") is None:
        parser.error("--wandb needs a package that is not installed; pip install wandb, or leave the option out")
    if Path(args.id).name != args.id:
        parser.error("--id becomes the name of a folder; leave out separators")


def make_compute(args: argparse.Namespace) -> Compute:
    """Turn the options of ``add_speed_options`` into settings."""
    return Compute(
        device=args.device,
        precision=args.precision,
        num_workers=args.num_workers,
        benchmark=args.benchmark,
        compile=args.compile,
    )


def make_output(args: argparse.Namespace, val_root: Path | None = None, val_every: int = Intervals.scores) -> Output:
    """Turn the options of ``add_output_options`` into settings.

    Args:
        val_root: annotated videos to score on.
        val_every: iterations between scorings.
    """
    intervals = Intervals(
        network=args.save_every,
        checkpoint=args.checkpoint_every,
        scalars=1 if args.debug else Intervals.scalars,
        pictures=1 if args.debug else Intervals.pictures,
        scores=val_every,
    )
    return Output(
        name=None if args.id.upper() == "NULL" else args.id,
        save_root=args.save_root,
        log_root=args.log_root,
        intervals=intervals,
        keep=args.keep,
        val_root=val_root,
        wandb=args.wandb,
    )


def add_speed_options(parser: argparse.ArgumentParser) -> None:
    """Add the options about the device, precision and loading, which ``make_compute`` reads."""
    add = parser.add_argument_group("speed").add_argument
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    precision_help = "auto: float16 on CUDA, bfloat16 on CPUs that have it, else float32"
    add("--precision", choices=["auto", *PRECISIONS], default="auto", help=precision_help)
    workers_help = "processes that load clips"
    add("--num_workers", type=not_negative_int, metavar="N", default=8, help=workers_help)
    add("--benchmark", action="store_true", help="let cuDNN search for the fastest convolutions (default: no)")
    add("--compile", action="store_true", help="compile the network, which takes minutes at the start (default: no)")
    add("--no_amp", dest="precision", action="store_const", const="float32", help=argparse.SUPPRESS)


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options about names, places and intervals, which ``make_output`` reads."""
    add = parser.add_argument_group("output").add_argument
    id_help = "name of the run, whose folders are called <date>_<id>; NULL means none: the date alone"
    add("--id", default="NULL", help=id_help)
    add("--save_root", type=Path, metavar="DIR", default=Path("saves"), help="networks and checkpoints")
    add("--log_root", type=Path, metavar="DIR", default=Path("log"), help="scalars and pictures")
    save_help, checkpoint_help = "iterations between network files", "iterations between checkpoints to resume from"
    add("--save_every", type=positive_int, metavar="N", default=Intervals.network, help=save_help)
    add(
        "--checkpoint_every",
        type=positive_int,
        metavar="N",
        default=Intervals.checkpoint,
        help=checkpoint_help,
    )
    add("--keep", type=positive_int, metavar="N", help="keep the last N network files only (default: all)")
    wandb_help = "write the records to Weights & Biases as well, project WANDB_PROJECT or stcn (default: TensorBoard)"
    add("--wandb", action="store_true", help=wandb_help)
    add("--debug", action="store_true", help="log and draw each iteration (default: each 100 and each 800)")
