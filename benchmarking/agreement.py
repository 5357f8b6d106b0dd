"""Compare masks computed in reduced precision with those computed in float32."""

from pathlib import Path

import numpy as np
import torch

from benchmarking.report import format_table
from dataset.videos import VideoEntry
from tracker import VideoTracker
from util.errors import InputError
from util.progress import with_progress


def segment_in(
    precision: str, model: Path, entry: VideoEntry, device: torch.device, side: int | None = None
) -> np.ndarray:
    """Segment a video, at its native size or at a short side: masks ``[T,H,W]`` of all frames."""
    tracker = VideoTracker.load(model, device, precision, size=side)
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
    results = [compare_precision(precision, model, entry, device) for entry in entries]
    columns = ["video", "frames", "% of pixels differ", "in the worst frame", "% object"]
    print(format_table(columns, [list(result.values()) for result in results]))
    return results


def compare_precision(
    precision: str, model: Path, entry: VideoEntry, device: torch.device, side: int | None = None
) -> dict[str, object]:
    """Tell the percentage of a video's pixels that differ from those in float32: mean and worst of all frames."""
    exact, reduced = (segment_in(name, model, entry, device, side) for name in ("float32", precision))
    by_frame = 100 * (exact != reduced).mean((1, 2))
    shares = {
        "mean": float(by_frame.mean()),
        "worst": float(by_frame.max()),
        "object": 100 * float((exact > 0).mean()),
    }
    return {"video": entry.name, "frames": len(exact), **shares}
