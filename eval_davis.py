"""Segment the videos of DAVIS 2017.

    python eval_davis.py --output results --score
    python eval_davis.py --output results --split testdev --zip

Masks are written to <output>/<video>/<frame>.png with the ids and the palette of the annotation. Test-dev memorises
every third frame, unless --mem_every is given. --score needs the ground truth, which is there for val only; for
test-dev --zip makes the archive for the evaluation server.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
from pathlib import Path

from dataset.layouts import davis_2017_videos
from evaluation.options import ZIP_HELP, add_scoring, check_scoring, load_tracker, make_evaluation_parser, make_settings
from evaluation.run import evaluate
from evaluation.submission import hand_in
from util.distributed import is_main_process
from util.script import script_main

MEM_EVERY = {"val": None, "testdev": 3}  # None: as the network has it


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser, given, written = make_evaluation_parser(__doc__)
    path_help = "holds trainval/ and test-dev/, or DAVIS as one folder"
    given.add_argument("--davis_path", type=Path, default="../DAVIS/2017", help=path_help)
    given.add_argument("--split", choices=MEM_EVERY, default="val", help="which videos")
    add_scoring(written)
    written.add_argument("--zip", action="store_true", help=ZIP_HELP)
    args = parser.parse_args()
    check_scoring(parser, args)
    if args.score and args.split == "testdev":
        parser.error("--score: the ground truth of test-dev is not public; --zip makes the archive for its server")
    args.mem_every = args.mem_every or MEM_EVERY[args.split]
    return args


@script_main
def main() -> int:
    args = parse_arguments()
    entries = davis_2017_videos(args.davis_path, args.split)
    status = evaluate(entries, load_tracker(args), make_settings(args, score=args.score))
    if args.zip and is_main_process():
        status = hand_in(entries, args.output, args.output / "submission.zip", status)
    return status


if __name__ == "__main__":
    main()
