"""Segment your own videos: given the mask of each object where it first appears, write the masks of every frame.

One video, as a file or a folder of frames, with the mask of its first frame (or a folder of masks named by frame):

    python eval_generic.py --video clip.mp4 --mask first.png --output results --overlay

Many videos, as DATA/JPEGImages/<video>/*.jpg and DATA/Annotations/<video>/*.png (a mask has its frame's base name):

    python eval_generic.py --data_path DATA --output results

Masks are written to <output>/<video>/<frame>.png, from the first annotated frame on, with the ids of the given masks.
"""

import argparse
from pathlib import Path

from dataset.layouts import generic_videos
from dataset.videos import VideoEntry
from evaluation.options import make_parser, make_settings, side
from evaluation.run import evaluate
from util.errors import InputError
from util.script import script_main


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data_path", type=Path, help="folder with JPEGImages/<video> and Annotations/<video>")
    source.add_argument("--video", type=Path, help="a video file or a folder of frames; goes with --mask")
    parser.add_argument("--mask", type=Path, help="mask of the first frame, or a folder of masks named by frame")
    parser.add_argument("--size", type=side, help="short side to compute at, -1: native (default: 480)")
    parser.add_argument(
        "--amp_off", action="store_true", help="compute in float32 (default: half precision where fast)"
    )
    args = parser.parse_args()
    if (args.video is None) != (args.mask is None):
        parser.error("--video and --mask go together")
    if args.size is not None and args.scales is not None:
        parser.error("--size and --scales exclude each other")
    return args


def list_videos(args: argparse.Namespace) -> list[VideoEntry]:
    """Videos that the options name.

    Raises:
        InputError: there are none, or the output lies inside the input.
    """
    if args.video is not None:
        path = args.video.resolve()
        return [VideoEntry(path.name if path.is_dir() else path.stem, args.video, args.mask)]
    if args.output.resolve().is_relative_to(args.data_path.resolve()):
        raise InputError(f"--output {args.output}: lies inside --data_path; choose a folder elsewhere")
    return generic_videos(args.data_path)


@script_main
def main() -> int:
    args = parse_arguments()
    settings = make_settings(args, use_amp=not args.amp_off, short_side=args.size or 480)
    return evaluate(list_videos(args), args.model, settings)


if __name__ == "__main__":
    main()
