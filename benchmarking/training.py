"""Speed of training: clips that are made, steps that are computed."""

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import torch
from PIL import Image
from torch.utils.data import Dataset

from dataset.frames import VideoFile
from dataset.static_dataset import StaticTransformDataset, find_pairs
from dataset.training_clip import Clip, ClipKey, ClipSpec
from dataset.vos_dataset import VOSDataset, find_videos
from model.network import STCN
from training.trainer import OptimizerConfig, Trainer
from util.device import PRECISIONS, allow_tf32, peak_memory, restart_peak_memory
from util.files import PROJECT_ROOT
from util.progress import with_progress

DEMO = PROJECT_ROOT / "demo"
PUBLISHED = {"static": 1.8, "video": 12.7}  # clips per core-second of the published data sets


def write_demo_data(root: Path) -> None:
    """Write the demo clip as a video, ``JPEGImages`` and ``Annotations``, and as photographs, ``static``."""
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
    """Measure the median throughput of one core over several repeats."""
    throughputs = []
    for repeat in with_progress(range(1 + repeats), "repeats", 1 + repeats):  # the first one warms up
        start = time.process_time()
        for index in range(num_clips):
            data[ClipKey(repeat, index % len(data), 15)]
        throughputs.append(num_clips / (time.process_time() - start))
    return statistics.median(throughputs[1:])


def measure_data(num_clips: int, repeats: int) -> dict[str, float]:
    """Measure the throughput of both kinds of training data, and print it beside the published one."""
    torch.set_num_threads(1)  # as in a data loader's worker
    cv2.setNumThreads(1)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        write_demo_data(root)
        sets = {
            "static": StaticTransformDataset(find_pairs(root / "static"), ClipSpec()),
            "video": VOSDataset(find_videos(root / "JPEGImages", root / "Annotations"), ClipSpec(num_objects=2)),
        }
        figures = {name: clips_per_core_second(data, num_clips, repeats) for name, data in sets.items()}
    for name, figure in figures.items():
        ratio = figure / PUBLISHED[name]
        print(f"{name}: {figure:.1f} clips per core-second, {ratio:.1f} times the published {PUBLISHED[name]}")
    return figures


def measure_steps(
    network: str, batch: int, crop: int, num_objects: int, precision: str, device: torch.device, steps: int
) -> dict[str, float]:
    """Measure training steps per second without loading clips: the median over the steps after the first."""
    trainer = make_trainer(network, num_objects, precision, device)
    clip = random_clips(batch, crop, num_objects)
    restart_peak_memory(device)
    seconds = []
    for _ in with_progress(range(1 + steps), "steps", 1 + steps):
        start = time.perf_counter()
        trainer.step([clip])  # reads the loss, and so waits for a GPU
        seconds.append(time.perf_counter() - start)
    speed = 1 / statistics.median(seconds[1:])
    print(f"{speed:.3g} steps per second, {batch * speed:.3g} clips per second, first step {seconds[0]:.1f} s")
    return {"steps_per_second": speed, "clips_per_second": batch * speed, "peak_gib": peak_memory(device)}


def make_trainer(network: str, num_objects: int, precision: str, device: torch.device) -> Trainer:
    """Make the trainer of an untrained network: of stage 0 with one object, of a later one with more."""
    torch.manual_seed(0)
    dtype = PRECISIONS[precision]
    allow_tf32(dtype)
    config = OptimizerConfig(amp_dtype=None if dtype == torch.float32 else dtype)
    return Trainer(STCN(size=network, single_object=num_objects == 1).to(device), config)


def random_clips(batch: int, crop: int, num_objects: int) -> Clip:
    """Make a batch of clips of noise, in which each object is a stripe."""
    frames = torch.randint(0, 256, (batch, 3, 3, crop, crop), dtype=torch.uint8)
    masks = torch.zeros(batch, 3, num_objects, crop, crop, dtype=torch.uint8)
    for index in range(num_objects):
        masks[:, :, index, index * crop // num_objects : (2 * index + 1) * crop // (2 * num_objects)] = 255
    return Clip(frames, masks, torch.ones(batch, num_objects, dtype=torch.bool), "random")
