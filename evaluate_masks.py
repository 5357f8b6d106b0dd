"""Score masks against the ground truth: region similarity J and contour accuracy F, as the official DAVIS tool does.

    python evaluate_masks.py --predictions results --annotations ../DAVIS/2017/trainval/Annotations/480p
    python evaluate_masks.py --predictions results --annotations ../DAVIS/2016/Annotations/480p --single_object

Both folders hold a folder of masks for each video, or masks of one video. Every video of the predictions is scored;
the first and the last frame are left out. Prints a table and writes scores.json and scores.csv.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import logging
import os
from contextlib import closing
from pathlib import Path

from dataset.images import is_image
from evaluation.scoring import SequenceScores, format_scores, score_sequences, write_scores
from util.errors import InputError
from util.files import claim_folder
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
    add("--output", type=Path, help="folder for scores.json and scores.csv (default: the predictions)")
    return parser.parse_args()


def match_sequences(predictions: Path, annotations: Path) -> dict[str, tuple[Path, Path]]:
    """Match the folders of predictions and of ground truth by video.

    Raises:
        InputError: a folder is missing, without masks, or the same as the other.
    """
    for folder in (predictions, annotations):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; expected a folder of masks per video")
    if os.path.realpath(predictions) == os.path.realpath(annotations):
        raise InputError(f"{predictions}: --predictions and --annotations are the same folder; give two")
    folders = sorted(path for path in predictions.iterdir() if path.is_dir() and not path.name.startswith("."))
    folders = [path for path in folders if (annotations / path.name).is_dir() or _holds_masks(path)]
    if not folders and _holds_masks(predictions):
        return {predictions.resolve().name: (predictions, annotations)}
    if not folders:
        raise InputError(f"{predictions}: no masks in it; expected a folder of masks per video")
    if not any((annotations / folder.name).is_dir() for folder in folders):
        raise InputError(f"{annotations}: has none of the videos of {predictions}, such as {folders[0].name}; get them")
    return {folder.name: (folder, annotations / folder.name) for folder in folders}


def _holds_masks(folder: Path) -> bool:
    return any(is_image(path) for path in folder.iterdir())


@script_main
def main() -> int:
    args = parse_arguments()
    pairs = match_sequences(args.predictions, args.annotations)
    output = args.output or args.predictions
    with claim_folder(output):
        return score(pairs, output, is_single_object=args.single_object)


def score(pairs: dict[str, tuple[Path, Path]], output: Path, *, is_single_object: bool) -> int:
    """Score all videos, print and write the figures.

    Returns:
        The exit status: 1 if some of the videos could not be scored.

    Raises:
        InputError: none could be scored.
    """
    scores: dict[str, SequenceScores] = {}
    with closing(score_sequences(pairs, os.cpu_count() or 1, is_single_object=is_single_object)) as results:
        for name, result in with_progress(results, "scoring", len(pairs)):
            if not isinstance(result, InputError):
                scores[name] = result
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
