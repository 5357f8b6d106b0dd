"""Segment the videos of DAVIS 2017.

    python eval_davis.py --output results --score
    python eval_davis.py --output results --split testdev --zip

Masks are written to <output>/<video>/<frame>.png with the ids and the palette of the annotation. Test-dev memorises
every third frame, unless --mem_every is given. --score needs the truth, which is there for val only; for test-dev
--zip makes the archive for the evaluation server.
"""

import argparse
import logging
from pathlib import Path

from dataset.benchmarks import davis_2017_videos
from evaluation import evaluate
from evaluation_settings import make_parser, make_settings
from submission import check_submission, write_archive
from util.distributed import is_main_process
from util.errors import exit_on_input_error

MEM_EVERY = {"val": 5, "testdev": 3}


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--davis_path", type=Path, default="../DAVIS/2017", help="holds trainval/ and test-dev/ (default: %(default)s)")
    add("--split", choices=MEM_EVERY, default="val", help="val or testdev (default: val)")
    add("--amp", action="store_true", help="compute in half precision where that is fast")
    add("--score", action="store_true", help="print J and F, and write scores.json and scores.csv")
    add("--zip", action="store_true", help="write <output>/submission.zip for the evaluation server")
    parser.set_defaults(mem_every=None)
    args = parser.parse_args()
    if args.score and args.split == "testdev":
        parser.error("--score: the truth of test-dev is not public; --zip makes the archive for the evaluation server")
    args.mem_every = args.mem_every or MEM_EVERY[args.split]
    return args


@exit_on_input_error
def main() -> int:
    logging.basicConfig(format="note: %(message)s", level=logging.INFO)
    args = parse_arguments()
    entries = davis_2017_videos(args.davis_path, args.split)
    status = evaluate(entries, args.model, make_settings(args, use_amp=args.amp, short_side=-1))
    if args.zip and is_main_process() and check_submission(entries, args.output):
        write_archive(entries, args.output, args.output / "submission.zip")
    return status


if __name__ == "__main__":
    main()
