"""Train the small network of pretrained/stcn_small.pth, on scenes composed of photographs and then on videos as well.

    python -m scripts.train_small --static_root DIR --vos_root DIR --hold_out VIDEO
    python -m scripts.train_small --static_root DIR --vos_root DIR --start pretrained/stcn_small.pth --output small.pth
    python -m scripts.train_small --static_root DIR --vos_root DIR --hold_out VIDEO --start FILE --without pasted

Any photographs and videos with masks will do (docs/training.md: your own data). The second line goes on from weights:
it leaves out the runs on scenes alone. The third tells what a part of the last run adds, beside a run with all of them.
Interrupted and started again with the same options, it continues from the last checkpoint. The runs on scenes take four
and a half hours on two CPU cores with bfloat16; the last one wants a GPU.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from training.process import run_training, write_half
from util.errors import InputError
from util.files import PROJECT_ROOT
from util.options import positive_int
from util.script import make_parser, script_main

COMMON = "--network small --num_objects 2 --cosine --clip_norm 5 --checkpoint_every 100"


@dataclass(frozen=True)
class SmallRun:
    """One of the runs of the recipe; each starts from the network of the one before."""

    name: str
    iterations: int
    options: str  # given to train.py, beside those in ``COMMON``
    has_videos: bool = False  # whether it takes videos as well


SCENES = "--scenes --encoder_lr 0.5"
MIXTURE = (
    "--encoder_lr 0.3 --bootstrap 0 1 --region_loss 1 --average 0.998 --fit_jumps --keep_scale --keep_surroundings"
    " --crop 384"
)
RECIPE = (
    SmallRun("small_scenes", 2200, f"{SCENES} --crop 224 -b 4 --num_frames 3 --lr 2e-4 --bootstrap 500 2200"),
    SmallRun("small_longer_scenes", 520, f"{SCENES} --crop 224 -b 4 --num_frames 4 --lr 1e-4 --bootstrap 0 1"),
    SmallRun("small_larger_scenes", 2400, f"{SCENES} --crop 288 -b 2 --num_frames 4 --lr 1.5e-4 --bootstrap 0 1"),
    SmallRun(
        "small_changing_scenes",
        2000,
        f"{SCENES} --crop 288 -b 2 --num_frames 5 --lr 1.5e-4 --bootstrap 0 1 --region_loss 1",
    ),
    SmallRun(
        "small_mixture",
        1299,
        f"{MIXTURE} --mix scenes:1 videos:2 pasted:1 -b 16 --num_frames 5 --lr 2e-4",
        has_videos=True,
    ),
)
PARTS = {  # parts of the runs with videos that can be left out: the text of each in their options
    "scenes": " scenes:1",
    "videos": " videos:2",
    "pasted": " pasted:1",
    "hard_pixels": " --bootstrap 0 1",
    "region_loss": " --region_loss 1",
    "average": " --average 0.998",
    "fit_jumps": " --fit_jumps",
    "keep_scale": " --keep_scale",
    "keep_surroundings": " --keep_surroundings",
}
OPPOSITES = {"fit_jumps": " --no-fit_jumps"}  # own videos have it unless it is refused


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--static_root", type=Path, required=True, help="folder of photographs, name.jpg with name.png")
    videos_help = "folders of videos, as for train.py (default: the runs on scenes alone)"
    add("--vos_root", nargs="+", default=[], metavar="DIR[:copies]", help=videos_help)
    add("--hold_out", nargs="+", default=[], metavar="VIDEO", help="videos of them to score on (default: none)")
    add("--start", type=Path, metavar="FILE", help="weights to begin the run with videos with (default: all runs)")
    add("--without", choices=PARTS, help="part of the run with videos to leave out (default: none)")
    iterations_help = "length of the run with videos (default: that of the recipe)"
    add("--iterations", type=positive_int, metavar="N", help=iterations_help)
    add("--encoder_weights", type=Path, help="folder of resnet18*.pth (default: torchvision downloads it)")
    add("--val_root", type=Path, help="annotated videos in DAVIS's layout to score on, in all runs (default: none)")
    add("--val_every", type=positive_int, metavar="N", default=200, help="iterations between scorings")
    add("--save_root", type=Path, default=PROJECT_ROOT / "saves", help="networks and checkpoints (default: saves)")
    add("--log_root", type=Path, default=PROJECT_ROOT / "log", help="scalars and pictures (default: log)")
    add("--num_workers", type=int, default=1, help="processes that load clips")
    add("--output", type=Path, default="stcn_small.pth", help="float16 weights to write")
    return parser.parse_args()


def choose_runs(args: argparse.Namespace) -> list[SmallRun]:
    """Choose the runs that there are data and a reason for.

    Raises:
        InputError: there is none.
    """
    for name in ("start", "without", "iterations"):
        if getattr(args, name) is not None and not args.vos_root:
            raise InputError(f"--{name} is for the runs with videos; give --vos_root as well")
    runs = [change_run(run, args.without, args.iterations) for run in RECIPE if args.vos_root or not run.has_videos]
    return [run for run in runs if args.start is None or run.has_videos]


def change_run(run: SmallRun, without: str | None, iterations: int | None) -> SmallRun:
    """Leave a part out of a run with videos, under another name, and change its length; other runs stay.

    Args:
        without: a key of ``PARTS``; None: nothing is left out.
        iterations: None: those of the recipe.
    """
    if not run.has_videos:
        return run
    if without is not None:
        options = run.options.replace(PARTS[without], OPPOSITES.get(without, ""))
        run = replace(run, name=f"{run.name}_without_{without}", options=options)
    return replace(run, iterations=iterations or run.iterations)


def train_run(args: argparse.Namespace, run: SmallRun, previous: Path | None) -> Path:
    """Begin, resume or skip one run; returns its network.

    Raises:
        InputError: the training failed; it has said why.
        SystemExit: a signal ended it, after it saved a checkpoint.
    """
    finished = find_network(args.save_root, run)
    if finished is not None:
        print(f"{run.name}: done before, {finished}; move it away to train it again")
        return finished
    options = [*COMMON.split(), *run.options.split(), "-i", run.iterations, "--id", run.name]
    options += ["--static_root", args.static_root, "--num_workers", args.num_workers]
    options += ["--save_root", args.save_root, "--log_root", args.log_root, "--val_every", args.val_every]
    if "--quiet" in sys.argv:
        options.append("--quiet")
    if run.has_videos:
        options += ["--vos_root", *args.vos_root]
    if run.has_videos and args.hold_out:
        options += ["--hold_out", *args.hold_out]
    if args.val_root is not None:
        options += ["--val_root", args.val_root]
    checkpoints = args.save_root.glob(f"*_{run.name}/*_checkpoint.pth")
    latest = max(checkpoints, key=lambda path: path.stat().st_mtime, default=None)
    if latest is not None:
        options += ["--load_model", latest]
    elif previous is not None:
        options += ["--load_network", previous]
    elif args.encoder_weights is not None:
        options += ["--encoder_weights", args.encoder_weights]
    run_training(run.name, options)
    return find_network(args.save_root, run)


def find_network(save_root: Path, run: SmallRun) -> Path | None:
    """Return the last network of a run, if the run is finished."""
    return max(save_root.glob(f"*_{run.name}/*_{run.name}_{run.iterations}.pth"), default=None)


@script_main
def main() -> None:
    args = parse_arguments()
    network = args.start
    for run in choose_runs(args):
        network = train_run(args, run, network)
    write_half(network, args.output)
    print(f"{network} as float16: {args.output}, {args.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
