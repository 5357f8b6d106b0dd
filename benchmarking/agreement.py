"""Compare masks computed in reduced precision with those computed in float32."""

from pathlib import Path

import numpy as np
import torch

from benchmarking.report import format_table
from dataset.videos import VideoEntry
from tracker import VideoTracker
from util.errors import InputError
from util.progress import with_progress


def segment_in(precision: str, model: Path, entry: VideoEntry, device: torch.device) -> np.ndarray:
    """Segment a video: masks ``[T,H,W]`` of all frames at native size."""
    tracker = VideoTracker.load(model, device, precision, size=None)
    video = tracker.open(entry)
    results = with_progress(tracker.segment(video), f"{entry.name}, {precision}", len(video.output_names))
    return np.stack([result.ids for result in results])


def compare_precisions(
    precision: str, model: Path, entries: list[VideoEntry], device: torch.device
) -> list[dict[str, object]]:
    """Print and return the percentage of pixels that differ, for each video.

    Raises:
        InputError: the precision is float32.
    """
    if precision == "float32":
        raise InputError("precision float32: nothing to compare, since it is not reduced; choose bfloat16 or float16")
    results = []
    for entry in entries:
        exact = segment_in("float32", model, entry, device)
        reduced = segment_in(precision, model, entry, device)
        by_frame = 100 * (exact != reduced).mean((1, 2))
        shares = {
            "mean": float(by_frame.mean()),
            "worst": float(by_frame.max()),
            "object": 100 * float((exact > 0).mean()),
        }
        results.append({"video": entry.name, "frames": len(exact), **shares})
    columns = ["video", "frames", "% of pixels differ", "in the worst frame", "% object"]
    print(format_table(columns, [list(result.values()) for result in results]))
    return results
