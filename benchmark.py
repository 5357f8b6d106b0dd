"""Measure speed, on whatever machine this is; needs neither weights nor data.

    python benchmark.py data              training clips per core-second
    python benchmark.py data --json FILE

Clips are made from the repository's demo clip, as photographs of 400 x 300 and as a video of 854 x 480 pixels. The
published throughputs that they are compared with were measured with the published code on a server core.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import progressbar
import torch
from PIL import Image
from torch.utils.data import Dataset

from dataset.frames import VideoFile
from dataset.static_dataset import StaticTransformDataset, find_pairs
from dataset.training_clip import ClipKey
from dataset.vos_dataset import VOSDataset, find_videos
from util.download import PROJECT_ROOT
from util.errors import script_main
from util.files import write_then_rename

DEMO = PROJECT_ROOT / "demo"
PUBLISHED = {"static": 1.8, "video": 12.7}  # clips per core-second of the published data sets


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    subjects = parser.add_subparsers(dest="subject", required=True)
    data = subjects.add_parser("data", help="training clips per core-second")
    data.add_argument("--clips", type=int, default=60, help="per repeat (default: 60)")
    data.add_argument("--repeats", type=int, default=3, help="of which the median counts (default: 3)")
    data.add_argument("--json", type=Path, help="file to write the figures to")
    return parser.parse_args()


def write_demo_data(root: Path) -> None:
    """The demo clip as a video ``JPEGImages``, ``Annotations`` and as photographs ``static``."""
    folders = [root / "JPEGImages/demo", root / "Annotations/demo", root / "static"]
    for folder in folders:
        folder.mkdir(parents=True)
    for name, image in VideoFile(DEMO / "clip.mp4").read():
        with Image.open(DEMO / "masks" / f"{name}.png") as mask:
            Image.fromarray(image).save(folders[0] / f"{name}.jpg", quality=90)
            mask.save(folders[1] / f"{name}.png")
            Image.fromarray(image).resize((400, 300)).save(folders[2] / f"{name}.jpg", quality=90)
            mask.resize((400, 300), Image.NEAREST).save(folders[2] / f"{name}.png")


def clips_per_core_second(data: Dataset, num_clips: int, repeats: int) -> float:
    """Median throughput of one core over several repeats."""
    throughputs = []
    for repeat in progressbar.progressbar(range(1 + repeats)):  # the first one warms up
        start = time.process_time()
        for index in range(num_clips):
            data[ClipKey(repeat, index % len(data), 15)]
        throughputs.append(num_clips / (time.process_time() - start))
    return statistics.median(throughputs[1:])


def measure_data(args: argparse.Namespace) -> dict[str, float]:
    """Throughput of both kinds of training data, beside the published ones."""
    torch.set_num_threads(1)  # as in a data loader's worker
    cv2.setNumThreads(1)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        write_demo_data(root)
        sets = {
            "static": StaticTransformDataset(find_pairs(root / "static")),
            "video": VOSDataset(find_videos(root / "JPEGImages", root / "Annotations")),
        }
        figures = {name: clips_per_core_second(data, args.clips, args.repeats) for name, data in sets.items()}
    for name, figure in figures.items():
        ratio = figure / PUBLISHED[name]
        print(f"{name}: {figure:.1f} clips per core-second, {ratio:.1f} times the published {PUBLISHED[name]}")
    return figures


SUBJECTS: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {"data": measure_data}


@script_main
def main() -> None:
    args = parse_arguments()
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    )
    figures = SUBJECTS[args.subject](args)
    if args.json is not None:
        with write_then_rename(args.json) as temporary:
            temporary.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
