"""Segment the validation videos of DAVIS 2016: all annotated objects are one.

    python eval_davis_2016.py --output results --score

Masks are written to <output>/<video>/<frame>.png as grey images of 0 and 255.
"""

import argparse
from pathlib import Path

from dataset.layouts import davis_2016_videos
from evaluation.options import make_parser, make_settings
from evaluation.run import evaluate
from util.script import script_main


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, "--amp", "--score")
    add = parser.add_argument
    add("--davis_path", type=Path, default="../DAVIS/2016", help="the data set's folder (default: %(default)s)")
    return parser.parse_args()


@script_main
def main() -> int:
    args = parse_arguments()
    settings = make_settings(args, use_amp=args.amp, short_side=-1)
    return evaluate(davis_2016_videos(args.davis_path), args.model, settings)


if __name__ == "__main__":
    main()
