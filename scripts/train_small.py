"""Train the small network of pretrained/stcn_small.pth, on scenes composed of photographs.

    python -m scripts.train_small --static_root DIR [--encoder_weights DIR] [--output FILE]

Any photographs with masks will do (docs/training.md: your own data). Started again after an interruption,
with the same options, it goes on from the last checkpoint. Two CPU cores with bfloat16 take four and a half hours.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import torch

from model.checkpoint import read_state_dict
from training.run import handled_signals
from util.errors import InputError
from util.files import PROJECT_ROOT, make_folder, write_then_rename
from util.script import script_main

COMMON = (
    "--stage 0 --scenes --network small --num_objects 2 --encoder_lr 0.5 --cosine --clip_norm 5 --checkpoint_every 100"
)
RECIPES = {  # run -> what it adds to the options of train.py
    "small_scenes": "--crop 224 -b 4 --num_frames 3 -i 2200 --lr 2e-4 --bootstrap 500 2200",
    "small_longer_scenes": "--crop 224 -b 4 --num_frames 4 -i 520 --lr 1e-4 --bootstrap 0 1",
    "small_larger_scenes": "--crop 288 -b 2 --num_frames 4 -i 2400 --lr 1.5e-4 --bootstrap 0 1",
    "small_changing_scenes": "--crop 288 -b 2 --num_frames 5 -i 2000 --lr 1.5e-4 --bootstrap 0 1 --region_loss 1",
}


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--static_root", type=Path, required=True, help="photographs, name.jpg with name.png")
    add("--encoder_weights", type=Path, help="folder of resnet18*.pth (default: downloaded)")
    add("--val_root", type=Path, help="annotated videos in DAVIS's layout to score after each stage")
    add("--save_root", type=Path, default=PROJECT_ROOT / "saves", help="(default: saves)")
    add("--log_root", type=Path, default=PROJECT_ROOT / "log", help="(default: log)")
    add("--num_workers", type=int, default=1, help="processes that load clips (default: 1)")
    add("--output", type=Path, default="stcn_small.pth", help="float16 weights to write (default: %(default)s)")
    return parser.parse_args()


def train_stage(args: argparse.Namespace, run: str, previous: Path | None) -> Path:
    """Begin, resume or skip one stage; returns its network.

    Raises:
        InputError: the training failed; it has said why.
        SystemExit: a signal ended it, on which it has saved a checkpoint.
    """
    options = [*COMMON.split(), *RECIPES[run].split(), "--id", run]
    options += ["--static_root", args.static_root]
    options += ["--save_root", args.save_root, "--log_root", args.log_root, "--num_workers", args.num_workers]
    if args.val_root is not None:
        options += ["--val_root", args.val_root]
    iterations = options[options.index("-i") + 1]
    finished = sorted(args.save_root.glob(f"*_{run}/*_{run}_{iterations}.pth"))
    if finished:
        print(f"{run}: done before, {finished[-1]}; move it away to train it again")
        return finished[-1]
    checkpoints = sorted(args.save_root.glob(f"*_{run}/*_checkpoint.pth"), key=lambda path: path.stat().st_mtime)
    if checkpoints:
        options += ["--load_model", checkpoints[-1]]
    elif previous is not None:
        options += ["--load_network", previous]
    elif args.encoder_weights is not None:
        options += ["--encoder_weights", args.encoder_weights]
    process = subprocess.Popen([sys.executable, PROJECT_ROOT / "train.py", *map(str, options)])
    with handled_signals(lambda number, _: process.send_signal(number)):  # train.py saves first
        status = process.wait()
    if status > 128:  # it was told to stop
        sys.exit(status)
    if status:
        raise InputError(f"{run}: train.py ended with status {status}; mend what it says and run this again")
    return sorted(args.save_root.glob(f"*_{run}/*_{run}_{iterations}.pth"))[-1]


@script_main
def main() -> None:
    args = parse_arguments()
    network = None
    for run in RECIPES:
        network = train_stage(args, run, network)
    state_dict = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in read_state_dict(network).items()
    }
    make_folder(args.output.resolve().parent)
    with write_then_rename(args.output) as temporary:
        torch.save(state_dict, temporary)
    print(f"{network} as float16: {args.output}, {args.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
