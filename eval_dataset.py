"""Segment, score and hand in the videos of data sets that later systems report.

    python eval_dataset.py --dataset mose --path ../MOSE --output results --zip
    python eval_dataset.py --dataset lvos --path ../LVOS --output results --score --plot
    python eval_dataset.py --dataset long_video --split x3 --path ../LongVideo --output results --score
    python eval_dataset.py --dataset sav --path ../SA-V --output results --score --separately

Only the first mask of each object is input, however many masks the data come with; the others are ground truth. Masks
are written to <output>/<video>/<frame>.png. Those of SA-V and BURST go to <output>/masks/, and in the form of the data
set to <output>/<video>/<object>/<frame>.png or <output>/predictions.json.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import functools
from pathlib import Path

from dataset.videos import VideoEntry
from evaluation.data_sets import DATA_SETS, DataSet
from evaluation.options import ZIP_HELP, add_scoring, check_scoring, load_tracker, make_evaluation_parser, make_settings
from evaluation.run import evaluate, refuse_output_among_input
from evaluation.submission import hand_in
from util.distributed import is_main_process
from util.errors import InputError
from util.script import script_main


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser, given, written = make_evaluation_parser(__doc__, size=480)
    given.add_argument("--dataset", choices=DATA_SETS, required=True, help="whose layout and defaults")
    given.add_argument("--path", type=Path, required=True, help="the data set's folder")
    splits = "; ".join(f"{name}: {', '.join(data_set.splits)}" for name, data_set in DATA_SETS.items())
    given.add_argument("--split", help=f"which videos ({splits}; default: the first)")
    separately_help = (
        "SA-V: segment each object by itself, so that masks may overlap (slower, and objects compete less)"
    )
    given.add_argument("--separately", action="store_true", help=separately_help)
    add_scoring(written)
    written.add_argument("--zip", action="store_true", help=ZIP_HELP)
    all_help = "write every frame from the first annotated one on"
    written.add_argument("--output_all", action="store_true", help=all_help)
    args = parser.parse_args()
    check_scoring(parser, args)
    data_set = DATA_SETS[args.dataset]
    args.split = args.split or data_set.splits[0]
    if args.split not in data_set.splits:
        parser.error(f"--split {args.split}: --dataset {args.dataset} has {', '.join(data_set.splits)}")
    if args.separately and args.dataset != "sav":
        parser.error("--separately goes with --dataset sav")
    args.max_memory_frames = args.max_memory_frames or data_set.max_memory_frames
    args.ignore_id = args.ignore_id or data_set.ignore_id
    return args


def list_videos(args: argparse.Namespace, data_set: DataSet) -> list[VideoEntry]:
    """List the videos that the options name.

    Raises:
        InputError: they are not there, or their ground truth is asked for but not public.
    """
    read = functools.partial(data_set.list_videos, separately=True) if args.separately else data_set.list_videos
    entries = read(args.path, args.split)
    hidden = [entry.name for entry in entries if entry.truth is None]
    if args.score and hidden:
        raise InputError(
            f"{args.path}: no ground truth of {hidden[0]} of {args.split}; leave out --score, or take --zip"
        )
    return entries


@script_main
def main() -> int:
    args = parse_arguments()
    data_set = DATA_SETS[args.dataset]
    entries = list_videos(args, data_set)
    if is_main_process():
        print(f"{args.path}: {data_set.title} {args.split}, {len(entries)} videos")
    masks = args.output if data_set.form is None else args.output / "masks"
    for entry in entries:  # a form writes to <output>/<video> as well
        refuse_output_among_input(args.output, entry.name, (entry.frames, entry.masks, entry.truth))
    settings = make_settings(
        args, output=masks, score=args.score, output_all=args.output_all, protocol=data_set.protocol
    )
    status = evaluate(entries, load_tracker(args), settings)
    if is_main_process():
        archive = args.output / "submission.zip" if args.zip else None
        status = hand_in(entries, masks, archive, status, form=data_set.form)
    return status


if __name__ == "__main__":
    main()
