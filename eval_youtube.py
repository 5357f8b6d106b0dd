"""Segment the videos of YouTube-VOS 2018 or 2019.

    python eval_youtube.py --yv_path ../YouTube --output results --zip

--yv_path holds valid/ (meta.json, Annotations/) and all_frames/valid_all_frames/. Masks of the frames that meta.json
asks for are written to <output>/Annotations/<video>/<frame>.png; the others are computed as far as needed.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from dataset.layouts import youtube_videos
from evaluation.options import make_parser, make_settings
from evaluation.run import evaluate
from evaluation.submission import hand_in
from util.distributed import is_main_process
from util.script import script_main

RELEASE_OF_SIZE = {474: "2018 valid", 507: "2019 valid", 508: "2018 test", 541: "2019 test"}  # by number of videos


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, "--amp", "--zip")
    add = parser.add_argument
    add("--yv_path", type=Path, default="../YouTube", help="the data set's folder (default: %(default)s)")
    add("--split", choices=("valid", "test"), default="valid", help="valid or test (default: valid)")
    add("--output_all", action="store_true", help="write every frame from the first annotated one on")
    return parser.parse_args()


@script_main
def main() -> int:
    args = parse_arguments()
    entries = youtube_videos(args.yv_path, args.split)
    if is_main_process():
        release = RELEASE_OF_SIZE.get(len(entries), "not the size of any release")
        print(f"{args.yv_path} {args.split}: {len(entries)} videos ({release})")
    masks = args.output / "Annotations"
    settings = replace(make_settings(args, use_amp=args.amp, short_side=480), output=masks)
    status = evaluate(entries, args.model, settings)
    if is_main_process():
        archive = args.output / "submission.zip" if args.zip else None
        status = hand_in(entries, masks, archive, status, prefix="Annotations/")
    return status


if __name__ == "__main__":
    main()
