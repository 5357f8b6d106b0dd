"""Train scribble to mask on photographs with masks.

    python train_s2m.py --id s2m --size small
    torchrun --nproc_per_node 2 train_s2m.py --id s2m                      # the published size and batch
    python train_s2m.py --load_model saves/<date>_s2m/<date>_s2m_checkpoint.pth

Each photograph gives one of its objects, a wrong mask of it, and the strokes of a simulated user. The last line resumes
an interrupted training exactly.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from dataset.training_clip import ClipSpec
from interactive.s2m_training import CROP, OPTIMIZER, STAGE, S2MSettings, prepare_s2m
from model.s2m import SIZES
from training.data import DataPlaces
from training.launch import launch
from training.options import add_output_options, add_speed_options, make_compute, make_output
from training.settings import Start
from util.options import not_negative, not_negative_int, positive_int
from util.script import make_parser, script_main


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument_group("start and data").add_argument
    add("--load_network", type=Path, metavar="FILE", help="weights to start from (default: an ImageNet backbone)")
    add("--load_model", type=Path, metavar="FILE", help="checkpoint of an interrupted training (default: none)")
    encoder_help = "folder of resnet50*.pth or resnet18*.pth (default: torchvision downloads them)"
    add("--encoder_weights", type=Path, metavar="DIR", help=encoder_help)
    add("--from_scratch", action="store_true", help="start from random weights (default: an ImageNet backbone)")
    add("--static_root", type=Path, metavar="DIR", default=DataPlaces.static, help="photographs")
    add = parser.add_argument_group("recipe", "the defaults are the published recipe").add_argument
    add("--size", choices=SIZES, default="full", help="the published network or the small one")
    add("-b", "--batch_size", type=positive_int, metavar="N", help="samples per process (default: 32 over all)")
    add("-i", "--iterations", type=positive_int, metavar="N", default=STAGE.iterations, help="iterations to train")
    add("--lr", type=not_negative, default=OPTIMIZER.lr, help="learning rate")
    add("--cosine", action="store_true", help="let the learning rate fall to 0 along a cosine (default: constant)")
    add("--crop", type=int, default=CROP, help="side of the samples, a multiple of 16")
    bootstrap_help = "iterations between which the loss turns to the hardest pixels (default: 10000 30000)"
    add("--bootstrap", type=int, nargs=2, default=OPTIMIZER.bootstrap, metavar=("FROM", "TO"), help=bootstrap_help)
    add(
        "--region_loss", type=not_negative, metavar="X", default=0.0, help="weight of a loss of overlap, which is added"
    )
    add("--seed", type=not_negative_int, metavar="N", default=14159265, help="start of all random numbers")
    add_speed_options(parser)
    add_output_options(parser)
    args = parser.parse_args()
    if args.crop < 32 or args.crop % 16:
        parser.error("--crop must be a multiple of 16, at least 32")
    if not 0 <= args.bootstrap[0] < args.bootstrap[1]:
        parser.error("--bootstrap must be two iterations, the second after the first")
    return args


def make_settings(args: argparse.Namespace) -> S2MSettings:
    """Turn the options into settings."""
    optimizer = replace(
        OPTIMIZER,
        lr=args.lr,
        cosine=args.iterations if args.cosine else None,
        bootstrap=tuple(args.bootstrap),
        region_weight=args.region_loss,
    )
    return S2MSettings(
        size=args.size,
        start=Start(args.load_network, args.load_model, args.from_scratch, args.encoder_weights),
        static_root=args.static_root,
        clip=ClipSpec(crop=args.crop, seed=args.seed),
        iterations=args.iterations,
        batch_per_process=args.batch_size,
        optimizer=optimizer,
        compute=make_compute(args),
        output=make_output(args),
        record=vars(args),
    )


@script_main
def main() -> int:
    settings = make_settings(parse_arguments())
    return launch(partial(prepare_s2m, settings), settings.compute, settings.clip.seed)


if __name__ == "__main__":
    main()
