"""Measure how well strokes become masks: mean J after one, two and three rounds of the robot's strokes.

    python -m scripts.examine_strokes --davis_path ../DAVIS/2016
    python -m scripts.examine_strokes --davis_path ../DAVIS/2016 --maker grabcut

Ten frames of each sequence of DAVIS 2016 are examined, each by itself. In the first round the robot draws the middles
of the object and of the background, in later ones those of the errors.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from dataset.images import read_rgb
from dataset.layouts import davis_2016_videos
from dataset.stored_masks import read_stored_ids
from evaluation.metrics import region_similarity
from interactive.davis.robot import draw_lines
from interactive.interaction import GrabCutMaker, Maker, load_maker
from interactive.strokes import NO_STROKE, empty_map, rasterise
from util.device import choose_device
from util.options import positive_int
from util.progress import with_progress
from util.script import make_parser, script_main

NO_MASK = 2  # a mask in which both the object and the background are missing


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    add = parser.add_argument
    add("--davis_path", type=Path, required=True, help="DAVIS 2016, or 2017 in either layout")
    add("--maker", choices=("s2m", "grabcut"), default="s2m", help="what makes masks of strokes")
    add("--s2m_model", type=Path, metavar="FILE", help="weights of S2M (default: the released ones, else the small)")
    add("--rounds", type=positive_int, default=3, help="rounds of strokes on each frame")
    add("--frames", type=positive_int, default=10, help="frames of each sequence, evenly spread")
    add("--short_side", type=positive_int, default=480, help="short side of the frames, in pixels")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    return parser.parse_args()


def examine_frame(maker: Maker, image: np.ndarray, truth: np.ndarray, rounds: int) -> list[float]:
    """Correct one frame again and again: J after each round.

    Args:
        image: ``[H,W,3]`` uint8 RGB.
        truth: ``[H,W]`` uint8, 0 or 1.
    """
    rows, strokes, scores = np.full_like(truth, NO_MASK), empty_map(truth.shape), []
    for _ in range(rounds):
        new = rasterise(draw_lines(truth, rows, (0, 1)), truth.shape)
        strokes = np.where(new == NO_STROKE, strokes, new) if maker.needs_all_strokes else new
        previous = np.where(rows == NO_MASK, 0, rows)
        rows = maker(image, previous, strokes, 1).argmax(0).numpy().astype(np.uint8)
        scores.append(region_similarity(rows, truth))
    return scores


def read_pair(image: Path, mask: Path, short_side: int) -> tuple[np.ndarray, np.ndarray]:
    """Read a frame and its ground truth at a size."""
    rgb, truth = read_rgb(image), (read_stored_ids(mask) > 0).astype(np.uint8)
    scale = short_side / min(truth.shape)
    size = round(truth.shape[1] * scale), round(truth.shape[0] * scale)
    if size != truth.shape[::-1]:
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        truth = cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST)
    return rgb, truth


@script_main
def main() -> None:
    args = parse_arguments()
    device = choose_device(args.device)
    maker = GrabCutMaker() if args.maker == "grabcut" else load_maker(args.s2m_model, device, is_dilated=True)
    pairs = []
    for entry in davis_2016_videos(args.davis_path):
        if entry.frames.is_dir():
            images = sorted(entry.frames.glob("*.jpg"))
            chosen = np.linspace(0, len(images) - 1, args.frames).round().astype(int)
            pairs += [(images[index], entry.truth / f"{images[index].stem}.png") for index in chosen]
    scores, start = [], time.perf_counter()
    for image, mask in with_progress(pairs, maker.name, len(pairs)):
        scores.append(examine_frame(maker, *read_pair(image, mask, args.short_side), args.rounds))
    seconds = (time.perf_counter() - start) / max(1, len(scores) * args.rounds)
    means = " / ".join(f"{100 * value:.1f}" for value in np.mean(scores, 0))
    print(f"{maker.name}, {len(scores)} frames: mean J {means} after each round; {seconds:.2f} s a round")


if __name__ == "__main__":
    main()
