"""Average the probabilities of several runs, for example one for each scale on machines of their own, and write masks.

    python eval_youtube.py --scales 480 --flip --save_probabilities --output run480
    python eval_youtube.py --scales 600 --flip --save_probabilities --output run600
    python -m scripts.merge_probabilities --runs run480 run600 --output merged

The runs must hold the same videos and frames, and they all have the same weight. Masks get the names, the format and
the palette that they have in the first run. Runs of earlier releases, with folders named <video>_scores, are read too.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from os import cpu_count
from pathlib import Path

import numpy as np

from dataset.images import decode_image
from output.masks import write_mask
from output.names import MASK, RECORD, TABLE, OutputPaths
from output.probabilities import find_probabilities, read_probabilities
from util.errors import InputError
from util.files import claim_folder
from util.progress import with_progress
from util.script import make_parser, script_main

log = logging.getLogger(__name__)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--runs", type=Path, nargs="+", required=True, help="output folders of eval_*.py with --save_probabilities")
    add("--output", type=Path, required=True, help="folder to write to")
    args = parser.parse_args()
    if len({run.resolve() for run in args.runs}) < max(2, len(args.runs)):
        parser.error("--runs needs two or more different folders")
    if any(args.output.resolve().is_relative_to(run.resolve()) for run in args.runs):
        parser.error("--output must not be one of the runs, nor lie inside one")
    return args


def find_videos(runs: list[Path]) -> dict[Path, list[Path]]:
    """Find the folders of probabilities, one in each run, by the name of the video.

    Raises:
        InputError: there are none, or the runs differ in their videos.
    """
    folders_of_run = [find_probabilities(run) for run in runs]
    videos = sorted(set().union(*folders_of_run))
    for run, folders in zip(runs, folders_of_run):
        if not folders:
            remedy = "run eval_*.py with --save_probabilities"
            raise InputError(f"{run}: no such folder, or no probabilities in it; {remedy}")
        missing = [video for video in videos if video not in folders]
        if missing:
            table = OutputPaths(run / missing[0]).path(TABLE)
            raise InputError(f"{table}: missing, but another run has it; complete the runs")
    return {video: [folders[video] for folders in folders_of_run] for video in videos}


def merge_video(folders: list[Path], masks: Path, output: Path) -> None:
    """Merge all frames of one video.

    Args:
        folders: folders with the probabilities, one of each run.
        masks: folder of the first run's masks.
        output: folder to write masks to.

    Raises:
        InputError: the runs differ in frames, objects or size, or a file is unreadable.
    """
    frames_of_run = [{path.stem for path in folder.glob("[!.]*.npz")} for folder in folders]
    frames = sorted(set().union(*frames_of_run))
    if not frames:
        raise InputError(f"{folders[0]}: no .npz in it, nor in the other runs; run them again")
    for folder, found in zip(folders, frames_of_run):
        missing = [frame for frame in frames if frame not in found]
        if missing:
            raise InputError(f"{folder / missing[0]}.npz: missing, but another run has it; complete the runs")
    output.mkdir(parents=True, exist_ok=True)
    OutputPaths(output).path(RECORD).unlink(missing_ok=True)  # it tells of a run whose masks these replace
    with ThreadPoolExecutor(cpu_count()) as pool:
        list(pool.map(partial(merge_frame, folders=folders, masks=masks, output=output), frames))


def merge_frame(frame: str, folders: list[Path], masks: Path, output: Path) -> None:
    """Average one frame's probabilities and write the mask."""
    first, *others = (read_probabilities(folder / f"{frame}.npz") for folder in folders)
    probabilities, labels = first
    for folder, (other_probabilities, other_labels) in zip(folders[1:], others):
        if not np.array_equal(labels, other_labels) or other_probabilities.shape != probabilities.shape:
            raise InputError(f"{folder / frame}.npz: other objects or another size than in {folders[0]}; run it again")
        probabilities += other_probabilities
    path = OutputPaths(masks).path(MASK, frame)
    mask = decode_image(path, "mask of the first run")
    pixels = np.asarray(mask)
    if pixels.dtype.kind != "u" or pixels.shape != probabilities.shape[1:]:
        raise InputError(f"{path}: not the mask of its probabilities in {folders[0]}; run it again")
    if max(labels, default=0) > np.iinfo(pixels.dtype).max:
        raise InputError(f"{path}: holds 8 bits, too few for the id {max(labels)} in {folders[0]}; run it again")
    ids = np.array([0, *labels], pixels.dtype)[probabilities.argmax(0)]
    write_mask(OutputPaths(output).path(MASK, frame), ids, mask.getpalette())


def merge_videos(videos: dict[Path, list[Path]], masks: Path, output: Path) -> int:
    """Merge all videos. A bad one is reported and does not lose the others.

    Returns:
        The number of videos that failed.

    Raises:
        InputError: a single video failed.
    """
    num_failed = 0
    for video, folders in with_progress(videos.items(), "merging", len(videos)):
        try:
            merge_video(folders, masks / video, output / video)
        except InputError as e:
            if len(videos) == 1:
                raise
            num_failed += 1
            log.error("%s", e)
    return num_failed


@script_main
def main() -> int:
    args = parse_arguments()
    videos = find_videos(args.runs)
    with claim_folder(args.output, [args.output / video for video in videos]):
        num_failed = merge_videos(videos, args.runs[0], args.output)
    if num_failed == len(videos):
        raise InputError(f"none of {num_failed} videos could be merged")
    print(f"masks of {len(videos) - num_failed} of {len(videos)} videos are in {args.output}")
    return 1 if num_failed else 0


if __name__ == "__main__":
    main()
