"""Segment your own videos: given the mask of each object where it first appears, write the masks of every frame.

One video, as a file or a folder of frames, with the mask of its first frame (or a folder of masks named by frame):

    python eval_generic.py --video clip.mp4 --mask painted.png --output results --overlay

To paint a mask, get the first frame as it will be seen:

    python eval_generic.py --video clip.mp4 --first_frame first.png

Many videos, as DATA/JPEGImages/<video>/*.jpg and DATA/Annotations/<video>/*.png (a mask has its frame's base name):

    python eval_generic.py --data_path DATA --output results

Masks are written to <output>/<video>/<frame>.png, from the first annotated frame on, with the ids of the given masks.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import os
from pathlib import Path

from dataset.frames import open_frames, write_first_frame
from dataset.layouts import generic_videos
from dataset.videos import VideoEntry
from evaluation.options import load_tracker, make_evaluation_parser, make_settings
from evaluation.run import evaluate
from util.errors import InputError
from util.script import script_main


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser, given, written = make_evaluation_parser(
        __doc__, size=480, precision="auto", exact=False, needs_output=False
    )
    source = given.add_mutually_exclusive_group(required=True)
    source.add_argument("--video", type=Path, help="a video file or a folder of frames; goes with --mask")
    source.add_argument("--data_path", type=Path, help="folder with JPEGImages/<video> and Annotations/<video>")
    given.add_argument("--mask", type=Path, help="mask of the first frame, or a folder of masks named by frame")
    first_help = "write the first frame of --video to this file, to paint its mask, and stop"
    written.add_argument("--first_frame", type=Path, metavar="PNG", help=first_help)
    args = parser.parse_args()
    if args.first_frame is not None and args.video is None:
        parser.error("--first_frame goes with --video")
    if args.first_frame is None and (args.video is None) != (args.mask is None):
        parser.error("--video and --mask go together")
    if args.first_frame is None and args.output is None:
        parser.error("--output is required: the folder to write to")
    return args


def list_videos(args: argparse.Namespace) -> list[VideoEntry]:
    """List the videos that the options name.

    Raises:
        InputError: there are none, or the output lies inside the input.
    """
    if args.video is not None:
        path = Path(os.path.realpath(args.video))  # a circle of links is refused later
        return [VideoEntry(path.name if path.is_dir() else path.stem, args.video, args.mask)]
    if Path(os.path.realpath(args.output)).is_relative_to(os.path.realpath(args.data_path)):
        raise InputError(f"--output {args.output}: lies inside --data_path; choose a folder elsewhere")
    return generic_videos(args.data_path)


@script_main
def main() -> int:
    args = parse_arguments()
    if args.first_frame is not None:
        write_first_frame(open_frames(args.video, strict=args.strict), args.first_frame)
        print(f"{args.first_frame} is written; paint each object in a colour of its own, and give it as --mask")
        return 0
    return evaluate(list_videos(args), load_tracker(args), make_settings(args))


if __name__ == "__main__":
    main()
