"""Segment the repository's clip: `make demo`, or

    python demo.py [any option of eval_generic.py]

Takes saves/stcn.pth if it is there. Else the network is untrained and its masks mean nothing: the demo then only
shows that everything works.
"""

import subprocess
import sys
from pathlib import Path

import torch

from model.checkpoint import load_imagenet_encoders
from model.network import STCN
from util.download import DEFAULT_WEIGHTS, PROJECT_ROOT
from util.files import write_then_rename

CLIP, FIRST_MASK = PROJECT_ROOT / "demo" / "clip.mp4", PROJECT_ROOT / "demo" / "masks" / "00000.png"
OUTPUT = PROJECT_ROOT / "output" / "demo"


def make_untrained_weights(path: Path) -> None:
    """Write a network with ImageNet encoders, if they can be fetched, and an untrained decoder."""
    network = STCN()
    try:
        load_imagenet_encoders(network)
        state = "only the encoders are trained, on ImageNet"
    except OSError as e:
        state = f"nothing is trained, since ImageNet weights cannot be fetched ({e})"
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_then_rename(path) as temporary:
        torch.save(network.state_dict(), temporary)
    print(f"There is no {DEFAULT_WEIGHTS}. The demo runs with a network of which {state}.")
    print("ITS MASKS MEAN NOTHING; they only show that everything works.")
    print("For real masks run `python download_model.py`, then the demo again.")


def main() -> int:
    weights = DEFAULT_WEIGHTS
    if not weights.exists():
        weights = OUTPUT / "untrained.pth"
        make_untrained_weights(weights)
    command = [
        PROJECT_ROOT / "eval_generic.py",
        "--video",
        CLIP,
        "--mask",
        FIRST_MASK,
        "--output",
        OUTPUT,
        "--model",
        weights,
    ]
    command = [*map(str, command), "--overlay", *sys.argv[1:]]
    print("$ python", *command, flush=True)
    return subprocess.run([sys.executable, *command]).returncode


if __name__ == "__main__":
    sys.exit(main())
