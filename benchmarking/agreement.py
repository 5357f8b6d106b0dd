"""How far masks computed in reduced precision differ from those in float32."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from benchmarking.report import format_table
from dataset.videos import Video, VideoEntry
from evaluation.options import Settings, View
from inference_core import InferenceConfig
from model.checkpoint import load_network
from model.optimise import optimise
from tracker import segment_video
from util.device import PRECISIONS, allow_tf32
from util.errors import InputError


def segment_in(precision: str, model: Path, entry: VideoEntry, output: Path, device: torch.device) -> list[np.ndarray]:
    """Masks ``[H,W]`` of all frames at native size."""
    allow_tf32(PRECISIONS[precision])
    network = optimise(load_network(model, device), PRECISIONS[precision])
    settings = Settings(output, device, InferenceConfig(), PRECISIONS[precision], views=(View(-1),))
    segment_video(network, Video(entry), settings, f"{entry.name}, {precision}")
    masks = []
    for path in sorted((output / entry.name).glob("*.png")):
        with Image.open(path) as image:
            masks.append(np.array(image))
    return masks


def compare_precisions(
    precision: str, model: Path, entries: list[VideoEntry], device: torch.device
) -> list[dict[str, object]]:
    """Print and return the share of pixels that differ, of each video.

    Raises:
        InputError: the precision is not a reduced one.
    """
    if precision == "float32":
        raise InputError("nothing to compare: float32 is not reduced; give --precision bfloat16 or float16")
    results = []
    for entry in entries:
        with TemporaryDirectory() as folder:
            exact, reduced = (
                np.stack(segment_in(name, model, entry, Path(folder, name), device)) for name in ("float32", precision)
            )
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
