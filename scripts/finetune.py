"""Fine-tune a network on own videos, so that it segments more of their kind better.

    python -m scripts.finetune --videos DIR --output own.pth
    python -m scripts.finetune --videos DIR --hold_out VIDEO --start saves/stcn.pth --output own.pth

DIR holds JPEGImages/<video>/ and Annotations/<video>/, with masks for three frames or more of each video. More frames
mean more iterations. The weights in own.pth are given to any eval_*.py with --model. Interrupted and started again with
the same options, it goes on.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import sys
from pathlib import Path

from dataset.vos_dataset import find_videos
from model.checkpoint import find_reading, find_size, has_cbam, read_state_dict
from model.weights import default_weights
from training.data import video_folders
from training.process import run_training, write_half
from util.errors import InputError
from util.files import PROJECT_ROOT
from util.options import positive_int
from util.script import make_parser, script_main

RECIPE = (
    "--stage 3 --mix videos:2 pasted:1 --num_objects 2 --cosine --encoder_lr 0.3 --clip_norm 5 --bootstrap 0 1"
    " --region_loss 1 --average 0.95 --fit_jumps --keep_scale --keep_surroundings --checkpoint_every 20"
)
STEPS_PER_FRAME = 1
STEPS = 60, 2000  # fewest and most iterations
MAX_CLIP = 5  # frames of a clip


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--videos", type=Path, required=True, metavar="DIR", help="videos with masks to learn from")
    add("--hold_out", nargs="+", default=[], metavar="VIDEO", help="videos of them to score on (default: none)")
    add("--start", type=Path, metavar="FILE", help="weights to begin with (default: those that eval_*.py take)")
    add("--output", type=Path, required=True, metavar="FILE", help="float16 weights to write")
    steps_help = f"iterations (default: {STEPS_PER_FRAME} for each annotated frame, {STEPS[0]} to {STEPS[1]})"
    add("-i", "--iterations", type=positive_int, metavar="N", help=steps_help)
    add("-b", "--batch_size", type=positive_int, metavar="N", default=2, help="clips per iteration")
    add("--crop", type=positive_int, default=384, help="side of the clips, a multiple of 16")
    add("--lr", default="1e-5", help="learning rate")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add("--num_workers", type=int, default=1, help="processes that load clips")
    add("--save_root", type=Path, default=PROJECT_ROOT / "saves", help="networks and checkpoints (default: saves)")
    add("--log_root", type=Path, default=PROJECT_ROOT / "log", help="scalars and pictures (default: log)")
    return parser.parse_args()


def count_frames(videos: Path, held_out: list[str]) -> list[int]:
    """Count the annotated frames of each video to learn from.

    Raises:
        InputError: there is no such video.
    """
    counts = [len(video.annotated_frames()) for video in find_videos(*video_folders(videos), excluded=held_out)]
    if not counts:
        raise InputError(f"{videos}: no video to learn from with masks for three frames or more; add some")
    return counts


def describe_network(weights: Path) -> list[str]:
    """Return the options of train.py for the network that has these weights."""
    state_dict = read_state_dict(weights)
    reading = find_reading(weights, state_dict)
    options = ["--network", find_size(state_dict), "--similarity", reading.similarity]
    options += [] if has_cbam(state_dict) else ["--no_cbam"]
    return options + (["--top_k", str(reading.top_k)] if reading.top_k else [])


@script_main
def main() -> None:
    args = parse_arguments()
    counts, start = count_frames(args.videos, args.hold_out), args.start or default_weights()
    fewest, most = STEPS
    iterations = args.iterations or min(max(STEPS_PER_FRAME * sum(counts), fewest), most)
    name = f"finetune_{args.output.stem}"
    options = [*RECIPE.split(), "--vos_root", args.videos, "--load_network", start, "-i", iterations, "--id", name]
    options += [*describe_network(start), "--num_frames", min(MAX_CLIP, *counts)]
    options += ["--crop", args.crop, "-b", args.batch_size, "--lr", args.lr, "--device", args.device, "--resume"]
    options += ["--num_workers", args.num_workers, "--save_root", args.save_root, "--log_root", args.log_root]
    options += ["--hold_out", *args.hold_out] if args.hold_out else []
    options += ["--quiet"] if "--quiet" in sys.argv else []
    run_training(name, options)
    network = max(args.save_root.glob(f"*_{name}/*_{name}_{iterations}.pth"), key=lambda path: path.stat().st_mtime)
    write_half(network, args.output)
    print(f"{args.output}: fine-tuned in {iterations} iterations on {len(counts)} video(s); give it as --model")


if __name__ == "__main__":
    main()
