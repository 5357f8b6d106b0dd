"""Measure fusion: mean J of the frames between two marked ones, by each way to merge their two results.

    python -m scripts.examine_fusion --videos MY_DATA --hold_out A_VIDEO ANOTHER --fusion_model fusion.pth

The first, the middle and the last frame of each video get their true mask, each in a trial of its own. It is
propagated, the worst frame gets its true mask as well, and the frames between both are propagated from there: the
newest result counts (none), both are blended by distance (linear), or the network merges them (learned).
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from dataset.images import read_rgb
from dataset.stored_masks import read_stored_ids
from dataset.transforms import prepare_image
from dataset.vos_dataset import TrainingVideo, find_videos
from evaluation.metrics import region_similarity
from interactive.models import Models, load_models
from interactive.propagation import Propagation, PropagationConfig
from util.device import PRECISIONS
from util.errors import InputError
from util.progress import with_progress
from util.script import make_parser, script_main

WAYS = ("none", "linear", "learned")
OBJECT = 1  # all ids of the masks are one object


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--videos", type=Path, required=True, help="folder with JPEGImages/<video> and Annotations/<video>")
    add("--hold_out", nargs="+", metavar="VIDEO", help="videos of it to examine (default: all)")
    add("--model", type=Path, metavar="FILE", help="weights of STCN (default: as for eval_generic.py)")
    add("--fusion_model", type=Path, required=True, metavar="FILE", help="weights of fusion")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    add("--precision", choices=("auto", *PRECISIONS), default="auto", help="what STCN computes in")
    return parser.parse_args()


def examine(truth: Sequence[np.ndarray], start: int, make: Callable[[str], Propagation]) -> list[float] | None:
    """Mark a frame and then the worst one.

    Args:
        truth: ``[H,W]`` uint8, 0 or 1, of each frame.
        start: the frame to mark first.
        make: gives a propagation of the video that merges in one of ``WAYS``.

    Returns:
        mean J of the frames between both, for each way; None if there is no frame between.
    """
    first = make(WAYS[0])
    for _ in first.round(start, truth[start]):
        pass
    scores = {frame: _score(first, frame, truth) for frame in range(len(truth)) if frame != start}
    worst = min(scores, key=scores.__getitem__)
    between = range(min(start, worst) + 1, max(start, worst))
    means, snapshot = [], first.snapshot()
    for way in WAYS if between else ():
        second = make(way)
        second.restore(snapshot)
        for _ in second.round(worst, truth[worst], "backward" if start < worst else "forward"):
            pass
        means.append(float(np.mean([_score(second, frame, truth) for frame in between])))
    return means or None


def _score(propagation: Propagation, frame: int, truth: Sequence[np.ndarray]) -> float:
    return region_similarity(propagation.ids(frame, {OBJECT: 1}).astype(np.uint8), truth[frame])


def open_video(video: TrainingVideo, models: Models) -> tuple[list[np.ndarray], Callable[[str], Propagation]]:
    """Read the ground truth of a video, and give what ``examine`` needs."""
    pairs = video.annotated_frames()
    truth = [(read_stored_ids(mask) > 0).astype(np.uint8) for _, mask in pairs]
    size, network = truth[0].shape, models.network

    def make(way: str) -> Propagation:
        fusion = models.fusion if way == "learned" else None
        config = PropagationConfig(is_blended=way != "none")
        propagation = Propagation(network, read_frame, len(truth), size, fusion, config)
        propagation.objects = (OBJECT,)
        return propagation

    def read_frame(frame: int) -> Tensor:
        return prepare_image(read_rgb(pairs[frame][0]), size, network.device)

    return truth, make


@script_main
def main() -> None:
    args = parse_arguments()
    models = load_models(args.model, args.fusion_model, device=args.device, precision=args.precision, use_grabcut=True)
    videos = find_videos(args.videos / "JPEGImages", args.videos / "Annotations", names=args.hold_out)
    rows: dict[str, np.ndarray] = {}
    for video in with_progress(videos, "fusion", len(videos)):
        truth, make = open_video(video, models)
        trials = [examine(truth, start, make) for start in sorted({0, len(truth) // 2, len(truth) - 1})]
        if found := [means for means in trials if means]:
            rows[video.frames.name] = np.mean(found, 0)
    if not rows:
        raise InputError(f"{args.videos}: no video has frames between two marked ones; give longer videos")
    for name, means in {**rows, "mean": np.mean(list(rows.values()), 0)}.items():
        print(f"{name:<28}", *(f"{way} {100 * value:.1f}" for way, value in zip(WAYS, means)), sep="  ")


if __name__ == "__main__":
    main()
