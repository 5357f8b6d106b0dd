"""Score masks against the ground truth: region similarity J and contour accuracy F, as the official DAVIS tool does.

    python evaluate_masks.py --predictions results --annotations ../DAVIS/2017/trainval/Annotations/480p
    python evaluate_masks.py --predictions results --annotations ../DAVIS/2016/Annotations/480p --single_object

Both folders hold a folder of masks for each video, or masks of one video. Where the ground truth has a folder for each
object of a video, as SA-V has, the predictions need the same folders. Every video of the predictions is scored; the
first and the last mask of the ground truth are left out. Prints a table and writes scores.json and scores.csv.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import logging
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from dataset.frames import open_frames
from dataset.images import is_image
from dataset.layouts import list_folders
from evaluation.measuring import Protocol
from evaluation.options import PLOT_HELP
from evaluation.plots import FOLDER, write_plots
from evaluation.scoring import Pair, SequenceScores, format_scores, measure_sequences, summarise_frames, write_scores
from util.errors import InputError
from util.files import claim_folder
from util.options import positive_int
from util.progress import with_progress
from util.script import make_parser, script_main

log = logging.getLogger(__name__)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--predictions", type=Path, required=True, help="folder of masks, or of a folder of masks per video")
    add(
        "--annotations",
        type=Path,
        required=True,
        help="the ground truth, in the same layout and with the same names",
    )
    add("--single_object", action="store_true", help="all ids above 0 are one object, as in DAVIS 2016")
    all_help = "score the objects of all masks, each behind the first mask it is in; else those of the first mask"
    add("--all_objects", action="store_true", help=all_help)
    void_help = "leave out the pixels that have this id in the ground truth, such as 255 in VOST"
    add("--void_id", type=positive_int, metavar="ID", help=void_help)
    last_help = "give the mean J of the last quarter of the frames as well, as VOST does"
    add("--last_quarter", action="store_true", help=last_help)
    add("--plot", action="store_true", help=PLOT_HELP)
    frames_help = "folder of a folder of frames per video (or the frames of one video), to draw the worst masks on"
    add("--frames", type=Path, help=frames_help)
    add("--output", type=Path, help="folder for scores.json and scores.csv (default: the predictions)")
    args = parser.parse_args()
    if args.frames is not None and not args.plot:
        parser.error("--frames goes with --plot")
    return args


def match_sequences(predictions: Path, annotations: Path, *, is_single_object: bool = False) -> dict[str, Pair]:
    """Match the folders of predictions and of ground truth by video, or by ``<video>/<object>``.

    Args:
        is_single_object: whether all ids above 0 are one object.

    Raises:
        InputError: a folder is missing, without masks, or the same as the other.
    """
    for folder in (predictions, annotations):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; expected a folder of masks per video")
    if os.path.realpath(predictions) == os.path.realpath(annotations):
        raise InputError(f"{predictions}: --predictions and --annotations are the same folder; give two")
    folders = [
        path
        for path in list_folders(predictions)
        if (annotations / path.name).is_dir() or (path.name != FOLDER and _holds_masks(path))
    ]
    if not folders and _holds_masks(predictions):
        return {predictions.resolve().name: Pair(predictions, annotations, is_single_object)}
    if not folders:
        raise InputError(f"{predictions}: no masks in it; expected a folder of masks per video")
    if not any((annotations / folder.name).is_dir() for folder in folders):
        raise InputError(f"{annotations}: has none of the videos of {predictions}, such as {folders[0].name}; get them")
    pairs: dict[str, Pair] = {}
    for folder in folders:
        truth = annotations / folder.name
        objects = list_folders(truth) if truth.is_dir() and not _holds_masks(truth) else []
        pairs |= {f"{folder.name}/{path.name}": Pair(folder / path.name, path, True) for path in objects}
        if not objects:
            pairs[folder.name] = Pair(folder, truth, is_single_object)
    return pairs


def find_frames(frames: Path | None, name: str) -> Path | None:
    """Find the frames of a video, or of an object of it: the folder of its name, or else all that is there."""
    if frames is None:
        return None
    video = frames / name.partition("/")[0]
    return video if video.is_dir() else frames


def _holds_masks(folder: Path) -> bool:
    return any(is_image(path) for path in folder.iterdir())


@script_main
def main() -> int:
    args = parse_arguments()
    pairs = match_sequences(args.predictions, args.annotations, is_single_object=args.single_object)
    output = args.output or args.predictions
    protocol = Protocol(all_objects=args.all_objects, void_id=args.void_id, last_quarter=args.last_quarter)
    for name in pairs if args.frames is not None else ():
        open_frames(find_frames(args.frames, name))  # an error now rather than behind the scores
    with claim_folder(output):
        return score(pairs, output, protocol, args.frames, has_plots=args.plot)


def score(pairs: Mapping[str, Pair], output: Path, protocol: Protocol, frames: Path | None, *, has_plots: bool) -> int:
    """Score all videos, print and write the figures.

    Args:
        pairs: what is scored, by name.
        output: the folder to write to.
        protocol: how it is scored.
        frames: see ``find_frames``.
        has_plots: whether to draw plots.

    Returns:
        The exit status: 1 if some of the videos could not be scored.

    Raises:
        InputError: none could be scored.
    """
    scores: dict[str, SequenceScores] = {}
    with closing(measure_sequences(pairs, os.cpu_count() or 1, protocol)) as results:
        for name, result in with_progress(results, "scoring", len(pairs)):
            if not isinstance(result, InputError):
                scores[name] = summarise_frames(result, protocol)
                if has_plots:
                    write_plots(output, name, result, pairs[name], find_frames(frames, name))
            elif len(pairs) == 1:
                raise result
            else:
                log.error("%s", result)
    if not scores:
        raise InputError(f"none of {len(pairs)} videos could be scored")
    print(format_scores(scores, len(pairs)))
    write_scores(scores, output)
    print(f"fractions, also by object, are in {output / 'scores.json'} and scores.csv")
    return 0 if len(scores) == len(pairs) else 1


if __name__ == "__main__":
    main()
