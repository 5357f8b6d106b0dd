"""Segment the validation videos of DAVIS 2016: all annotated objects are one.

    python eval_davis_2016.py --output results --score

Masks are written to <output>/<video>/<frame>.png as grey images of 0 and 255.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
from pathlib import Path

from dataset.layouts import davis_2016_videos
from evaluation.options import add_scoring, check_scoring, load_tracker, make_evaluation_parser, make_settings
from evaluation.run import evaluate
from util.script import script_main


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser, given, written = make_evaluation_parser(__doc__)
    given.add_argument("--davis_path", type=Path, default="../DAVIS/2016", help="folder of DAVIS 2016, or of all DAVIS")
    add_scoring(written)
    args = parser.parse_args()
    check_scoring(parser, args)
    return args


@script_main
def main() -> int:
    args = parse_arguments()
    entries = davis_2016_videos(args.davis_path)
    return evaluate(entries, load_tracker(args), make_settings(args, score=args.score))


if __name__ == "__main__":
    main()
