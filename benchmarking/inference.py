"""Measure speed and memory of segmenting a video: the project, the published twin, and a long video."""

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarking.published_twin import PublishedTwin
from benchmarking.report import format_table, run_apart
from dataset.passes import Frame
from dataset.transforms import prepare_image, prepare_mask
from dataset.videos import VideoEntry
from evaluation.run import EvaluationSettings, segment_to_files
from inference_core import InferenceConfig, InferenceCore
from model.network import STCN
from model.optimise import optimise
from output.masks import write_mask
from output.result import FrameResult
from tracker import TrackerConfig, VideoTracker
from tracking.plan import plan_frames
from tracking.session import TrackerSession
from util.device import PRECISIONS, allow_tf32, held_memory, peak_memory, restart_peak_memory
from util.progress import with_progress
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
    graphs: bool = False
    tune: bool = False  # let cuDNN try its algorithms


class Measured(NamedTuple):
    """Figures that one process measured."""

    fps: float  # frames per second from frames in memory to masks in memory, median over the repeats
    fps_with_files: float | None  # the same from JPEGs to PNGs; None: not measured
    memory: float  # peak in GiB, beyond what the libraries hold once imported if that is known
    libraries: float | None  # GiB that the libraries hold once imported; None: the system does not tell


def frames_of(case: Case) -> Iterator[np.ndarray]:
    """Make the frames ``[H,W,3]`` uint8: a picture of coarse and fine noise that moves sideways."""
    random = np.random.default_rng(0)
    height, width = case.size
    coarse = random.integers(0, 200, (height // 16 + 1, width // 16 + 1, 3))
    picture = coarse.repeat(16, 0).repeat(16, 1)[:height, :width] + random.integers(0, 50, (height, width, 3))
    picture = picture.astype(np.uint8)
    for index in range(case.frames):
        yield np.roll(picture, 2 * index, axis=1)


def first_mask(case: Case) -> np.ndarray:
    """Make the first mask ``[H,W]``, uint8 ids: a row of boxes."""
    height, width = case.size
    mask = np.zeros(case.size, np.uint8)
    for index in range(case.objects):
        left = index * width // case.objects + width // (4 * case.objects)
        right = index * width // case.objects + width // (2 * case.objects)
        mask[height // 3 : 2 * height // 3, left:right] = index + 1
    return mask


def make_network(case: Case) -> STCN:
    """Make an untrained network: the weights do not change the time."""
    torch.manual_seed(0)
    return STCN(size=case.network).eval().to(case.device)


def write_clip(case: Case, root: Path) -> VideoEntry:
    """Write the clip as files."""
    (root / "frames").mkdir()
    for index, frame in enumerate(frames_of(case)):
        Image.fromarray(frame).save(root / "frames" / f"{index:05d}.jpg")
    write_mask(root / "first.png", first_mask(case))
    return VideoEntry("clip", root / "frames", root / "first.png")


def measure_ours(case: Case) -> Measured:
    """Segment the clip from files to files, as the evaluation scripts do; then from memory to memory."""
    device, dtype = torch.device(case.device), PRECISIONS[case.precision]
    libraries = held_memory(device)
    allow_tf32(dtype)
    network = optimise(make_network(case), dtype, use_compile=case.compile, use_graphs=case.graphs)
    with TemporaryDirectory() as folder, torch.inference_mode():
        entry = write_clip(case, Path(folder))
        tracker = VideoTracker(network, TrackerConfig(size=None, exact=True, frames_at_once=case.frames_at_once))
        settings = EvaluationSettings(Path(folder, "masks"))
        num_warm = case.frames if case.compile or case.graphs else min(case.frames, 3 if device.type == "cpu" else 12)
        warm = entry._replace(wanted=frozenset(f"{index:05d}" for index in range(num_warm)))
        segment_to_files(tracker, tracker.open(warm), settings)
        video = tracker.open(entry)
        with_files = [_seconds(lambda: segment_to_files(tracker, video, settings)) for _ in range(case.repeats)]
        memory = _beyond(libraries, device)
        frames = list(video.read())
        num_memory_frames = plan_frames(video, tracker.config).num_memory_frames

        def segment_from_memory() -> None:
            session = TrackerSession(network, tracker.config, num_memory_frames=num_memory_frames)
            for _ in session.run(frames):
                pass

        alone = [_seconds(segment_from_memory) for _ in range(case.repeats)]
    fps, fps_with_files = (case.frames / statistics.median(seconds) for seconds in (alone, with_files))
    return Measured(fps, fps_with_files, memory, libraries)


def measure_in_memory(case: Case) -> dict[str, float]:
    """Segment the clip from memory to memory, after a first time that warms up.

    Returns:
        frames per second, the median over the repeats, and the peak of memory in GiB.
    """
    device, dtype = torch.device(case.device), PRECISIONS[case.precision]
    allow_tf32(dtype)
    torch.backends.cudnn.benchmark = case.tune
    segment = make_segmentation(case)
    deque(segment(), maxlen=0)
    seconds = [_seconds(lambda: deque(segment(), maxlen=0)) for _ in range(case.repeats)]
    torch.backends.cudnn.benchmark = False
    return {"fps": case.frames / statistics.median(seconds), "peak_gib": peak_memory(device)}


def make_segmentation(case: Case) -> Callable[[], Iterator[FrameResult]]:
    """Make a function that segments the clip, frame by frame, from memory to memory."""
    network = optimise(make_network(case), PRECISIONS[case.precision], use_compile=case.compile, use_graphs=case.graphs)
    frames, config = frames_with_mask(case), TrackerConfig(size=None, exact=True, frames_at_once=case.frames_at_once)
    return lambda: TrackerSession(network, config).run(frames)


def frames_with_mask(case: Case) -> list[Frame]:
    """Make the frames of a clip, the first of which has the mask."""
    mask, labels = first_mask(case), tuple(range(1, 1 + case.objects))
    return [
        Frame(f"{index:05d}", image, mask if index == 0 else None, labels if index == 0 else (), is_wanted=True)
        for index, image in enumerate(frames_of(case))
    ]


def _beyond(libraries: float | None, device: torch.device) -> float:
    """Tell how far the peak of memory lies above what the libraries hold, in GiB."""
    return peak_memory(device) - (libraries or 0)


def _seconds(task: Callable[[], object]) -> float:
    """Measure the time of a task that ends with its results in host memory."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def measure_twin(case: Case) -> Measured:
    """Segment the clip with the published twin; all frames are in memory beforehand, as its loader left them."""
    device, dtype = torch.device(case.device), PRECISIONS[case.precision]
    libraries = held_memory(device)
    allow_tf32(dtype)
    network = make_network(case)
    frames = torch.stack([prepare_image(frame, case.size, device) for frame in frames_of(case)])
    mask = prepare_mask(first_mask(case), case.size, device)
    segment_with_twin(network, frames[:3], mask, case, dtype)  # warms up
    seconds = [_seconds(lambda: segment_with_twin(network, frames, mask, case, dtype)) for _ in range(case.repeats)]
    return Measured(case.frames / statistics.median(seconds), None, _beyond(libraries, device), libraries)


def segment_with_twin(network: STCN, frames: Tensor, mask: Tensor, case: Case, dtype: torch.dtype) -> np.ndarray:
    """Segment frames ``[T,3,H,W]``: rows of the most probable objects, ``[T,H,W]`` uint8."""
    amp_dtype = None if dtype == torch.float32 else dtype
    with torch.autocast(frames.device.type, amp_dtype, enabled=amp_dtype is not None):  # casts the weights once
        twin = PublishedTwin(network, frames, case.objects, InferenceConfig(mem_every=network.mem_every), amp_dtype)
        rows = [twin.step(mask if index == 0 else None).argmax(0).to(torch.uint8) for index in range(len(frames))]
    return torch.stack(rows).cpu().numpy()


def compare(cases: list[Case], *, with_twin: bool = True) -> list[dict]:
    """Measure each case beside the twin, each in a process of its own, and print a table.

    On CUDA the twin computes in the precision of the case; elsewhere in float32, as published.
    """
    rows, twins = [], {}  # twins: by number of objects and precision
    for case in with_progress(cases, "cases", len(cases)):
        ours = run_apart(measure_ours, case)
        twin_precision = case.precision if case.device.startswith("cuda") else "float32"
        key = (case.objects, twin_precision)
        if with_twin and key not in twins:
            twins[key] = run_apart(measure_twin, replace(case, precision=twin_precision))
        twin = twins[key]._asdict() | {"precision": twin_precision} if with_twin else None
        rows.append({"case": asdict(case), "ours": ours._asdict(), "twin": twin})
    columns = ["objects", "precision", "FPS", "with files", "twin's FPS", "faster", "GiB", "twin's GiB", "less"]
    print(format_table(columns, [_row(row) for row in rows]))
    libraries = rows[0]["ours"]["libraries"]
    if libraries is None:
        print("memory: peak of the process, imported libraries included")
    else:
        print(f"memory: peak beyond the {libraries:.2f} GiB that the imported libraries hold")
    return rows


def _row(row: dict) -> list:
    ours, twin, case = row["ours"], row["twin"], row["case"]
    columns = [case["objects"], case["precision"], ours["fps"], ours["fps_with_files"]]
    if twin is None:
        return [*columns, "-", "-", ours["memory"], "-", "-"]
    columns += [twin["fps"], ours["fps"] / twin["fps"]]
    return [*columns, ours["memory"], twin["memory"], twin["memory"] / ours["memory"]]


class Stretch(NamedTuple):
    """A hundred frames of a long video."""

    frames: int  # number of frames up to the end of the stretch
    fps: float  # frames per second
    memory: float  # peak in GiB


def measure_long(case: Case, max_memory_frames: int | None, every: int = 100) -> list[Stretch]:
    """Stream a long video with a bounded memory, without files.

    Args:
        max_memory_frames: bound on the memory frames; None: no bound.
        every: frames in a stretch.
    """
    device, dtype = torch.device(case.device), PRECISIONS[case.precision]
    allow_tf32(dtype)
    core = InferenceCore(optimise(make_network(case), dtype), InferenceConfig(max_memory_frames=max_memory_frames))
    mask = prepare_mask(first_mask(case), case.size, device)
    stretches, start, previous = [], time.perf_counter(), None
    restart_peak_memory(device)
    for index, frame in enumerate(with_progress(frames_of(case), "frames", case.frames)):
        found = core.step(prepare_image(frame, case.size, device), mask if index == 0 else None)
        rows = ToHost(found.max(0).indices.to(torch.uint8))
        if previous is not None:
            previous.numpy()
        previous = rows
        if (index + 1) % every == 0:
            now = time.perf_counter()
            stretches.append(Stretch(index + 1, every / (now - start), peak_memory(device)))
            restart_peak_memory(device)
            start = now
    return stretches
