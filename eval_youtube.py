"""Segment the videos of YouTube-VOS 2018 or 2019.

    python eval_youtube.py --yv_path ../YouTube --output results --zip

--yv_path holds valid/ (meta.json, Annotations/) and all_frames/valid_all_frames/. Masks of the frames that meta.json
asks for are written to <output>/Annotations/<video>/<frame>.png; the others are computed as far as they are needed.
With --output_all every frame from the first annotated one on is written, and meta.json is not needed.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
from pathlib import Path

from dataset.layouts import youtube_videos
from evaluation.options import ZIP_HELP, load_tracker, make_evaluation_parser, make_settings
from evaluation.run import evaluate
from evaluation.submission import hand_in
from util.distributed import is_main_process
from util.script import script_main

RELEASE_OF_SIZE = {474: "2018 valid", 507: "2019 valid", 508: "2018 test", 541: "2019 test"}  # by number of videos


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser, given, written = make_evaluation_parser(__doc__, size=480)
    given.add_argument("--yv_path", type=Path, default="../YouTube", help="the data set's folder")
    given.add_argument("--split", choices=("valid", "test"), default="valid", help="which videos")
    written.add_argument("--zip", action="store_true", help=ZIP_HELP)
    all_help = "write every frame from the first annotated one on"
    written.add_argument("--output_all", action="store_true", help=all_help)
    return parser.parse_args()


@script_main
def main() -> int:
    args = parse_arguments()
    entries = youtube_videos(args.yv_path, args.split, output_all=args.output_all)
    if is_main_process():
        release = RELEASE_OF_SIZE.get(len(entries), "not the size of any release")
        print(f"{args.yv_path} {args.split}: {len(entries)} videos ({release})")
    masks = args.output / "Annotations"
    status = evaluate(entries, load_tracker(args), make_settings(args, output=masks, output_all=args.output_all))
    if is_main_process():
        archive = args.output / "submission.zip" if args.zip else None
        status = hand_in(entries, masks, archive, status, prefix="Annotations/")
    return status


if __name__ == "__main__":
    main()
