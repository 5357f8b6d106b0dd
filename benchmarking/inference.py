"""Speed and memory of segmenting a video: ours, the published twin, and a long video."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import progressbar
import torch
from PIL import Image

from benchmarking.published_twin import PublishedTwin
from benchmarking.report import PRECISIONS, current_memory, format_table, run_apart
from dataset.transforms import prepare_image, prepare_mask
from dataset.videos import Video, VideoEntry
from evaluation_settings import Settings, View
from inference_core import InferenceConfig, InferenceCore
from model.network import STCN
from model.optimise import optimise
from segmentation import segment_video
from util.device import peak_memory
from util.mask_io import write_mask
from util.tensor_util import ToHost


@dataclass(frozen=True)
class Case:
    """One configuration to measure."""

    objects: int
    precision: str  # a key of PRECISIONS
    frames: int
    size: tuple[int, int]  # height, width
    device: str
    network: str  # a key of model.network.SIZES
    repeats: int = 1
    frames_at_once: int = 1
    compile: bool = False


class Measured(NamedTuple):
    """What a process came to; medians over the repeats."""

    fps: float  # from frames in memory to masks in memory
    fps_with_files: float  # with reading JPEGs and writing PNGs beside it; NaN if that was not measured
    memory: float  # peak in GiB, beyond what the libraries hold once imported
    libraries: float  # GiB


def frames_of(case: Case) -> Iterator[np.ndarray]:
    """Frames ``[H,W,3]`` uint8: a picture of coarse and fine noise that moves sideways."""
    random = np.random.default_rng(0)
    height, width = case.size
    coarse = random.integers(0, 200, (height // 16 + 1, width // 16 + 1, 3))
    picture = coarse.repeat(16, 0).repeat(16, 1)[:height, :width] + random.integers(0, 50, (height, width, 3))
    for index in range(case.frames):
        yield np.roll(picture.astype(np.uint8), 2 * index, axis=1)


def first_mask(case: Case) -> np.ndarray:
    """Ids ``[H,W]`` uint8: a row of boxes."""
    height, width = case.size
    mask = np.zeros(case.size, np.uint8)
    for index in range(case.objects):
        left = index * width // case.objects
        mask[height // 3 : 2 * height // 3, left + width // (4 * case.objects) : left + width // (2 * case.objects)] = (
            index + 1
        )
    return mask


def make_network(case: Case) -> STCN:
    """An untrained network: what it computes does not change the time."""
    torch.manual_seed(0)
    return STCN(size=case.network).eval().to(case.device)


def write_clip(case: Case, root: Path) -> VideoEntry:
    """The clip as files."""
    (root / "frames").mkdir()
    for index, frame in enumerate(frames_of(case)):
        Image.fromarray(frame).save(root / "frames" / f"{index:05d}.jpg")
    write_mask(root / "first.png", first_mask(case))
    return VideoEntry("clip", root / "frames", root / "first.png")


def measure_ours(case: Case) -> Measured:
    """Segment the clip from files to files, as the evaluation scripts do."""
    device, dtype = torch.device(case.device), PRECISIONS[case.precision]
    libraries = current_memory(device)
    torch.backends.cudnn.allow_tf32 = dtype != torch.float32
    network = optimise(make_network(case), dtype, use_compile=case.compile)
    fps, fps_with_files = [], []
    with TemporaryDirectory() as folder, torch.inference_mode():
        entry = write_clip(case, Path(folder))
        options = {"compile": case.compile, "frames_at_once": case.frames_at_once, "views": (View(-1),)}
        settings = Settings(Path(folder, "masks"), device, InferenceConfig(), dtype, **options)
        num_warm = min(case.frames, 3 if device.type == "cpu" else 12)
        warm = entry._replace(wanted=frozenset(f"{index:05d}" for index in range(num_warm)))
        segment_video(network, Video(warm), settings, None)
        for _ in range(case.repeats):
            start = time.perf_counter()
            fps.append(case.frames / segment_video(network, Video(entry), settings, None))
            fps_with_files.append(case.frames / (time.perf_counter() - start))
    return Measured(
        statistics.median(fps), statistics.median(fps_with_files), peak_memory(device) - libraries, libraries
    )


def measure_twin(case: Case) -> Measured:
    """Segment the clip with the published twin, all frames in memory beforehand as its loader left them."""
    device, dtype = torch.device(case.device), PRECISIONS[case.precision]
    libraries = current_memory(device)
    torch.backends.cudnn.allow_tf32 = dtype != torch.float32
    network = make_network(case)
    frames = torch.stack([prepare_image(frame, case.size, device) for frame in frames_of(case)])
    mask = prepare_mask(first_mask(case), case.size, device)
    amp_dtype = None if dtype == torch.float32 else dtype
    fps = []
    for num_frames in (min(case.frames, 3), *[case.frames] * case.repeats):  # the first one warms up
        start = time.perf_counter()
        twin = PublishedTwin(network, frames[:num_frames], case.objects, InferenceConfig(), amp_dtype)
        masks = [twin.step(mask if index == 0 else None).argmax(0) for index in range(num_frames)]
        torch.stack(masks).to(torch.uint8).cpu().numpy()
        fps.append(num_frames / (time.perf_counter() - start))
    return Measured(statistics.median(fps[1:]), float("nan"), peak_memory(device) - libraries, libraries)


def compare(cases: list[Case], *, with_twin: bool = True) -> list[dict]:
    """Measure each case beside the twin, each in a process of its own, and print a table.

    On a CPU the twin computes in float32, as published; on CUDA in the precision of the case.
    """
    rows, twins = [], {}
    for case in progressbar.progressbar(cases):
        ours = run_apart(measure_ours, case)
        twin_precision = "float32" if case.device == "cpu" else case.precision
        key = (case.objects, twin_precision)
        if with_twin and key not in twins:
            twins[key] = run_apart(measure_twin, Case(**{**asdict(case), "precision": twin_precision}))
        twin = twins.get(key, Measured(*[float("nan")] * 4))
        rows.append({"case": asdict(case), "ours": ours._asdict(), "twin": twin._asdict()})
    columns = ["objects", "precision", "FPS", "with files", "twin's FPS", "faster", "GiB", "twin's GiB", "less"]
    print(format_table(columns, [_row(row) for row in rows]))
    print(f"memory: peak beyond the {rows[0]['ours']['libraries']:.2f} GiB that the imported libraries hold")
    return rows


def _row(row: dict) -> list:
    ours, twin, case = row["ours"], row["twin"], row["case"]
    speed = [ours["fps"], ours["fps_with_files"], twin["fps"], ours["fps"] / twin["fps"]]
    memory = [ours["memory"], twin["memory"], twin["memory"] / ours["memory"]]
    return [case["objects"], case["precision"], *speed, *memory]


class Stretch(NamedTuple):
    """A hundred frames of a long video."""

    frames: int  # from the start to the end of the stretch
    fps: float
    memory: float  # GiB at its end


def measure_long(case: Case, max_memory_frames: int | None, every: int = 100) -> list[Stretch]:
    """Stream a long video with a bounded memory, without files."""
    device = torch.device(case.device)
    core = InferenceCore(
        optimise(make_network(case), PRECISIONS[case.precision]), InferenceConfig(max_memory_frames=max_memory_frames)
    )
    mask = prepare_mask(first_mask(case), case.size, device)
    stretches, start = [], time.perf_counter()
    for index, frame in enumerate(progressbar.progressbar(frames_of(case), max_value=case.frames)):
        found = core.step(prepare_image(frame, case.size, device), mask if index == 0 else None)
        ToHost(found.max(0).indices.to(torch.uint8)).numpy()
        if (index + 1) % every == 0:
            now = time.perf_counter()
            stretches.append(Stretch(index + 1, every / (now - start), current_memory(device)))
            start = now
    return stretches
