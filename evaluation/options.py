"""The options that all ``eval_*.py`` share, and the settings they come to."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from inference_core import InferenceConfig
from model.weights import default_weights
from util.device import PRECISIONS, allow_tf32, choose_amp_dtype, choose_device
from util.options import not_negative, positive_int, side

FRAMES_AT_ONCE_CUDA = 4
KERNEL_ABOVE = 480  # short side above which multi-scale testing reads the memory kernelized


@dataclass(frozen=True)
class View:
    """One way to look at the frames; the probabilities of all views are averaged."""

    short_side: int = 480  # of the network's input, in pixels; -1: native size
    is_mirrored: bool = False
    kernel_sigma: float | None = None  # of kernelized memory reading, in cells of 16 pixels; None: plain


@dataclass(frozen=True)
class Settings:
    """What is the same for all videos of a run."""

    output: Path  # masks go to output/<video>/
    device: torch.device
    config: InferenceConfig
    dtype: torch.dtype = torch.float32  # to compute in
    compile: bool = False
    frames_at_once: int = 1  # that are encoded together
    views: tuple[View, ...] = (View(),)
    output_all: bool = False  # write frames that a benchmark does not ask for as well
    score: bool = False  # against the entries' truth
    overlay: bool = False
    save_scores: bool = False
    keep_annotations: bool = False
    resume: bool = False
    max_objects: int = 50
    ignore_id: int | None = None

    @property
    def extra_endings(self) -> list[str]:
        """What is written beside a video's folder once its last frame is done."""
        endings = {"_overlay.mp4": self.overlay, "_scores.csv": self.save_scores}
        return [ending for ending, is_wanted in endings.items() if is_wanted]


FLAGS = {
    "--amp": "compute in half precision where that is fast",
    "--score": "print J and F against the truth, and write scores.json and scores.csv",
    "--zip": "write <output>/submission.zip for the evaluation server",
}


def make_parser(description: str, *flags: str) -> argparse.ArgumentParser:
    """A parser with the options that all evaluation scripts share.

    Args:
        description: the script's docstring, shown as it is.
        flags: which of ``FLAGS`` the script has as well.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    model_help = "weights, a .pth (default: saves/stcn.pth if it is there, else pretrained/stcn_small.pth)"
    add("--model", type=Path, default=default_weights(), help=model_help)
    add("--output", type=Path, required=True, help="folder to write to")
    add("--top", type=positive_int, default=20, help="memory positions read per query position (default: 20)")
    add("--mem_every", type=positive_int, default=5, help="memorise every n-th frame (default: 5; of test-dev: 3)")
    add("--include_last", action="store_true", help="hold the last frame as a temporary memory as well")
    add("--max_memory_frames", type=positive_int, help="bound on memory frames, for long videos (default: none)")
    add("--scales", type=side, nargs="+", metavar="SIDE", help="compute at these short sides and average")
    add("--flip", action="store_true", help="compute on mirrored frames as well and average")
    kernel_help = f"kernel of memory reading at --scales above {KERNEL_ABOVE}, in cells of 16 pixels; 0: plain reading"
    add("--kernel_sigma", type=not_negative, default=7, help=f"{kernel_help} (default: 7)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    add("--precision", choices=PRECISIONS, help="compute in this one, whatever the device is fast in")
    add("--frames_at_once", type=positive_int, help=f"frames encoded together ({FRAMES_AT_ONCE_CUDA} on CUDA, else 1)")
    add("--compile", action="store_true", help="compile the network: pays for many frames of one size")
    add("--overlay", action="store_true", help="write <video>_overlay.mp4 with coloured, numbered objects")
    add("--save_scores", action="store_true", help="write probabilities (.npz per frame) and confidences (.csv)")
    add("--keep_annotations", action="store_true", help="write given masks through unchanged")
    add("--max_objects", type=positive_int, default=50, help="refuse masks with more ids than this (default: 50)")
    add("--ignore_id", type=positive_int, help='an id that means "not labelled" in masks, e.g. 255 (default: none)')
    add("--resume", action="store_true", help="skip videos whose results are all there")
    for flag in flags:
        add(flag, action="store_true", help=FLAGS[flag])
    return parser


def make_settings(args: argparse.Namespace, *, use_amp: bool, short_side: int) -> Settings:
    """Settings from the options of ``make_parser``, and from those of a script that are named like a setting.

    Args:
        use_amp: whether to compute in reduced precision where that is fast, unless ``--precision`` says which.
        short_side: of the network's input, unless ``--scales`` is given; -1: native size.

    Raises:
        InputError: an unusable device.
    """
    device = choose_device(args.device)
    config = InferenceConfig(
        top_k=args.top,
        mem_every=args.mem_every,
        include_last=args.include_last,
        max_memory_frames=args.max_memory_frames,
    )
    fast_dtype = choose_amp_dtype(device) if use_amp else None
    args.dtype = PRECISIONS[args.precision] if args.precision else fast_dtype or torch.float32
    allow_tf32(args.dtype)
    args.frames_at_once = args.frames_at_once or default_frames_at_once(device)
    options = {field.name: getattr(args, field.name) for field in fields(Settings) if hasattr(args, field.name)}
    return Settings(**{**options, "device": device, "config": config, "views": _make_views(args, short_side)})


def default_frames_at_once(device: torch.device) -> int:
    """How many keys to encode together: a GPU is not busy with one, a CPU is."""
    return FRAMES_AT_ONCE_CUDA if device.type == "cuda" else 1


def _make_views(args: argparse.Namespace, short_side: int) -> tuple[View, ...]:
    """Each scale, plain and mirrored."""
    mirrorings = (False, True) if args.flip else (False,)
    if args.scales is None:
        return tuple(View(short_side, is_mirrored) for is_mirrored in mirrorings)
    sigmas = {side: args.kernel_sigma or None if side > KERNEL_ABOVE else None for side in args.scales}
    return tuple(View(side, is_mirrored, sigmas[side]) for side in args.scales for is_mirrored in mirrorings)
