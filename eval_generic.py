"""Segment your own videos: given the mask of each object where it first appears, write the masks of every frame.

One video, as a file or a folder of frames, with the mask of its first frame (or a folder of masks named by frame):

    python eval_generic.py --video clip.mp4 --mask painted.png --output results --overlay

Boxes or points make the first mask without painting; it is written to <output>/<video>_first_mask.png:

    python eval_generic.py --video clip.mp4 --box 490 220 150 140 --output results
    python eval_generic.py --video clip.mp4 --points 500,230 520,300 700,100,0 --output results

To paint a mask, get the first frame as it will be seen:

    python eval_generic.py --video clip.mp4 --first_frame first.png

With the mask of another frame (backwards too, where frames lie before it):

    python eval_generic.py --video clip.mp4 --mask painted.png --mask_frame 40 --direction both --output results

A stream (a camera by its number, rtsp:// or http:// addresses, - for standard input):

    python eval_generic.py --video rtsp://camera.local/live --box 40 30 120 90 --output results --realtime --show

Many videos, as DATA/JPEGImages/<video>/*.jpg and DATA/Annotations/<video>/*.png (a mask has its frame's base name):

    python eval_generic.py --data_path DATA --output results

Masks are written to <output>/<video>/<frame>.png, with the ids of the given masks: from the first annotated frame on,
with --direction backward up to the last one, with --direction both for all frames.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import os
from pathlib import Path

from dataset.frames import open_frames, write_first_frame, write_frame
from dataset.layouts import generic_videos
from dataset.videos import VideoEntry
from evaluation.choices import add_choices, check_choices, choose
from evaluation.options import load_tracker, make_evaluation_parser, make_settings
from evaluation.run import EvaluationSettings, evaluate
from evaluation.stream import name_stream, read_mask_of_stream, segment_stream
from evaluation.stream_options import add_stream_options, check_stream_options, open_stream, video_or_stream
from interactive.prompt_options import add_prompt_options, write_mask_of_frame, write_prompted_mask
from output.names import FIRST_MASK, OutputPaths
from util.errors import InputError
from util.script import script_main

PAINT = "paint each object in a colour of its own, and give it as"
CORRECT = "if it needs correcting, paint in it and give it as --mask"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser, given, written = make_evaluation_parser(__doc__, size=480, precision="auto", exact=None, needs_output=False)
    source = given.add_mutually_exclusive_group(required=True)
    video_help = "a video file or a folder of frames; or a stream: a camera's number, an address, - for standard input"
    source.add_argument("--video", type=video_or_stream, help=video_help)
    source.add_argument("--data_path", type=Path, help="folder with JPEGImages/<video> and Annotations/<video>")
    given.add_argument("--mask", type=Path, help="mask of the first frame, or a folder of masks named by frame")
    add_prompt_options(given)
    only_help = "write the mask of --box and --points, to look at it, and stop"
    written.add_argument("--mask_only", action="store_true", help=only_help)
    first_help = "write the first frame of --video (or --mask_frame) to this file, to paint its mask, and stop"
    written.add_argument("--first_frame", type=Path, metavar="PNG", help=first_help)
    add_choices(parser.add_argument_group("direction, and choice of masks and frames"))
    add_stream_options(given, written)
    args = parser.parse_args()
    check_stream_options(parser, args)
    check_choices(parser, args)
    if args.first_frame is not None and args.video is None:
        parser.error("--first_frame goes with --video")
    _check_masks(parser, args)
    if args.first_frame is None and args.output is None:
        parser.error("--output is required: the folder to write to")
    return args


def _check_masks(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options that contradict each other on where the first mask comes from."""
    mark = args.marks[0][0] if args.marks else None
    if mark is not None and (args.mask is not None or args.video is None):
        parser.error(f"{mark} makes the first mask of a --video; leave out {'--mask' if args.video else '--data_path'}")
    if args.first_frame is not None and mark is not None:
        parser.error(f"--first_frame and {mark}: the frame is written to look for marks; leave one of them out")
    if args.mask_only and mark is None:
        parser.error("--mask_only goes with --box or --points")
    if args.first_frame is None and mark is None and (args.video is None) != (args.mask is None):
        parser.error("--video and --mask go together; or mark the objects by --box or --points")


def make_first_mask(args: argparse.Namespace) -> Path:
    """Make the first mask of boxes and points, and write it beside the results.

    Returns:
        its path.

    Raises:
        InputError: marks or a video that cannot be used.
    """
    path = OutputPaths.below(args.output, _name_video(args.video)).path(FIRST_MASK)
    frames = open_frames(args.video, strict=args.strict)
    write_prompted_mask(args.marks, frames, path, args.mask_frame, overwrite=args.overwrite)
    print(f"{path} is the first mask; {CORRECT}")
    return path


def _name_video(video: Path) -> str:
    path = Path(os.path.realpath(video))  # a circle of links is refused later
    return path.name if path.is_dir() else path.stem


def list_videos(args: argparse.Namespace) -> list[VideoEntry]:
    """List the videos that the options name.

    Raises:
        InputError: there are none, or the output lies inside the input.
    """
    if args.video is not None:
        return [VideoEntry(_name_video(args.video), args.video, args.mask)]
    if Path(os.path.realpath(args.output)).is_relative_to(os.path.realpath(args.data_path)):
        raise InputError(f"--output {args.output}: lies inside --data_path; choose a folder elsewhere")
    return generic_videos(args.data_path)


def run_on_stream(args: argparse.Namespace, settings: EvaluationSettings) -> int:
    """Segment a stream, or write what its first mask is painted on or made of."""
    tracker = None if args.first_frame or args.mask_only else load_tracker(args)  # before frames come
    with open_stream(args) as stream:
        if args.first_frame is not None:
            write_frame(stream.first, args.first_frame)
            print(f"{args.first_frame} is written; {PAINT} --mask")
            return 0
        if args.marks:
            args.mask = OutputPaths.below(args.output, name_stream(args.video)).path(FIRST_MASK)
            write_mask_of_frame(args.marks, stream.first, args.mask, overwrite=args.overwrite)
            print(f"{args.mask} is the first mask; {CORRECT}")
        if tracker is None:
            return 0
        mask = read_mask_of_stream(args.mask, stream, tracker)
        return segment_stream(stream, mask, tracker, settings, show=args.show)


@script_main
def main() -> int:
    args = parse_arguments()
    settings = make_settings(args)  # before anything is written
    if isinstance(args.video, str):
        return run_on_stream(args, settings)
    if args.first_frame is not None:
        write_first_frame(open_frames(args.video, strict=args.strict), args.first_frame, args.mask_frame)
        given = "--mask" if args.mask_frame is None else f"--mask, with --mask_frame {args.mask_frame}"
        print(f"{args.first_frame} is written; {PAINT} {given}")
        return 0
    tracker = None if args.mask_only else load_tracker(args)  # before the first mask is written
    if args.marks:
        args.mask = make_first_mask(args)
    if tracker is None:
        return 0
    return evaluate(choose(list_videos(args), args), tracker, settings)


if __name__ == "__main__":
    main()
