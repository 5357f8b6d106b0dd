"""Average the probabilities of several runs, for example of one scale each on a machine of its own, and write masks.

    python eval_youtube.py --scales 480 --flip --save_scores --output run480
    python eval_youtube.py --scales 600 --flip --save_scores --output run600
    python -m scripts.merge_probabilities --runs run480 run600 --output merged

The runs must hold the same videos and frames; each counts alike. Masks get the names, the format and the palette that
they have in the first run.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from os import cpu_count
from pathlib import Path

import numpy as np
import progressbar

from dataset.images import decode_image
from output.masks import write_mask
from util.errors import InputError
from util.files import make_folder
from util.script import script_main

FOLDER, TABLE = "_scores", "_scores.csv"  # of a video


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--runs", type=Path, nargs="+", required=True, help="output folders of eval_*.py runs with --save_scores")
    add("--output", type=Path, required=True, help="folder to write to")
    args = parser.parse_args()
    if len({run.resolve() for run in args.runs}) < max(2, len(args.runs)):
        parser.error("--runs needs two or more different folders")
    if args.output.resolve() in {run.resolve() for run in args.runs}:
        parser.error("--output must not be one of the runs")
    return args


def list_videos(runs: list[Path]) -> list[Path]:
    """Folders of masks that have scores, relative to a run.

    Raises:
        InputError: there are none, or the runs differ in them.
    """
    videos_of_run = [
        {path.relative_to(run).with_name(path.name.removesuffix(TABLE)) for path in run.rglob(f"?*{TABLE}")}
        for run in runs
    ]  # a video's table is written last
    for run, videos in zip(runs, videos_of_run):
        if not videos:
            raise InputError(f"{run}: no such folder, or no scores in it; run eval_*.py with --save_scores")
        absent = sorted(set.union(*videos_of_run) - videos)
        if absent:
            raise InputError(f"{run / absent[0]}{TABLE}: missing, but another run has it; complete the runs")
    return sorted(videos_of_run[0])


def merge_video(video: Path, runs: list[Path], output: Path) -> None:
    """Merge all frames of one video.

    Raises:
        InputError: the runs differ in frames, objects or size, or a file is unreadable.
    """
    folders = [run / video.with_name(video.name + FOLDER) for run in runs]
    names_of_run = [{path.stem for path in folder.glob("*.npz")} for folder in folders]
    for folder, names in zip(folders, names_of_run):
        absent = sorted(set.union(*names_of_run) - names)
        if absent:
            raise InputError(f"{folder / absent[0]}.npz: missing, but another run has it; complete the runs")
    (output / video).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(cpu_count()) as pool:
        merge = partial(merge_frame, folders=folders, reference=runs[0] / video, output=output / video)
        list(pool.map(merge, sorted(names_of_run[0])))


def merge_frame(name: str, folders: list[Path], reference: Path, output: Path) -> None:
    """Average one frame's probabilities and write the mask in the format of that in ``reference``."""
    views = [read_scores(folder / f"{name}.npz") for folder in folders]
    probabilities, labels = views[0]
    for folder, (other_probabilities, other_labels) in zip(folders[1:], views[1:]):
        if not np.array_equal(labels, other_labels) or other_probabilities.shape != probabilities.shape:
            raise InputError(f"{folder / name}.npz: other objects or another size than in {folders[0]}; run it again")
        probabilities += other_probabilities
    mask = decode_image(reference / f"{name}.png", "mask of the first run")
    palette, dtype = mask.getpalette(), np.asarray(mask).dtype
    write_mask(output / f"{name}.png", np.array([0, *labels], dtype)[probabilities.argmax(0)], palette)


def read_scores(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities ``[1+K,H,W]`` float32 and ids ``[K]`` of a frame.

    Raises:
        InputError: unreadable.
    """
    try:
        with np.load(path) as scores:
            probabilities, labels = scores["probabilities"].astype(np.float32), scores["labels"]
    except Exception as e:  # zip, zlib and NumPy raise whatever damaged bytes make them raise
        raise InputError(f"{path}: unreadable scores ({e}); run it again") from e
    if len(probabilities) != 1 + len(labels):
        raise InputError(f"{path}: {len(labels)} objects, but {len(probabilities)} rows; run it again")
    return probabilities, labels


@script_main
def main() -> int:
    args = parse_arguments()
    videos, num_failed = list_videos(args.runs), 0
    make_folder(args.output)
    for video in progressbar.progressbar(videos):
        try:
            merge_video(video, args.runs, args.output)
        except InputError as e:
            if len(videos) == 1:
                raise
            num_failed += 1
            print(f"error: {e}", file=sys.stderr)
    if num_failed == len(videos):
        raise InputError(f"none of {num_failed} videos could be merged")
    print(f"masks of {len(videos) - num_failed} of {len(videos)} videos are in {args.output}")
    return 1 if num_failed else 0


if __name__ == "__main__":
    main()
