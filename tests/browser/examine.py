"""Segment the sequences of DAVIS 2016 through the page as a person would, and score it before and after a correction.

    python -m tests.browser.examine --davis_path ../DAVIS/2016

The robot of the interactive protocol says where strokes are needed: in the first frame, then in the worst one.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

from dataset.layouts import davis_2016_videos
from dataset.stored_masks import read_stored_ids
from dataset.videos import VideoEntry
from evaluation.metrics import region_similarity
from interactive.davis.robot import draw_lines
from tests.browser.person import Person, launch
from tests.browser.serving import Served

POINTS = 24  # in each stroke


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--davis_path", type=Path, required=True, help="DAVIS 2016")
    parser.add_argument("--only", nargs="*", help="names of sequences (default: all that are there)")
    args = parser.parse_args()
    print("| sequence | frames | strokes | J | worst frame | further strokes | J after the correction |", flush=True)
    rows = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for entry in davis_2016_videos(args.davis_path):
            if entry.frames.is_dir() and (not args.only or entry.name in args.only):
                rows.append(examine(browser, entry))
        browser.close()
    before, after = np.mean(rows, 0)
    print(f"| mean | | | {before:.1f} | | | {after:.1f} |")


def examine(browser: Browser, entry: VideoEntry) -> tuple[float, float]:
    """Segment a sequence, print a row of the table, and return J in per cent before and after the correction."""
    truths = [(read_stored_ids(path) > 0).astype(np.uint8) for path in sorted(entry.truth.glob("*.png"))]
    nothing = np.full_like(truths[0], 2)  # both the object and the background are missing
    with tempfile.TemporaryDirectory() as folder, Served(entry.frames, Path(folder) / "work") as served:
        person = Person(
            browser.new_context(viewport={"width": 1280, "height": 720}), served.link, truths[0].shape[::-1]
        )
        first = mark(person, truths[0], nothing)
        person.propagate()
        scores = score(served, truths)
        worst = int(np.argmin(scores))
        person.go_to(worst)
        further = mark(person, truths[worst], read_masks(served)[worst])
        person.propagate()
        result = 100 * float(np.mean(scores)), 100 * float(np.mean(score(served, truths)))
        person.page.context.close()
    before, after = (f"{value:.1f}" for value in result)
    worst_score = f"{worst} ({100 * scores[worst]:.0f})"
    print(f"| {entry.name} | {len(truths)} | {first} | {before} | {worst_score} | {further} | {after} |", flush=True)
    for complaint in person.complaints:
        print(complaint, flush=True)
    return result


def mark(person: Person, truth: np.ndarray, prediction: np.ndarray) -> int:
    """Draw what the robot draws and return the number of strokes; those on the object come first."""
    lines = draw_lines(truth, prediction, (1, 0))
    for line in lines:
        chosen = np.linspace(0, len(line.path) - 1, POINTS).round().astype(int)
        points = line.path[chosen] * truth.shape[::-1]
        with person.new_mask():
            person.stroke(points.tolist(), button="left" if line.object_id else "right")
    return len(lines)


def read_masks(served: Served) -> list[np.ndarray]:
    """Read the masks of all frames from the workspace."""
    return [(read_stored_ids(path) > 0).astype(np.uint8) for path in sorted((served.workspace / "masks").glob("*.png"))]


def score(served: Served, truths: list[np.ndarray]) -> list[float]:
    """Score all frames."""
    masks = read_masks(served)
    assert len(masks) == len(truths)
    return [region_similarity(mask, truth) for mask, truth in zip(masks, truths)]


if __name__ == "__main__":
    main()
