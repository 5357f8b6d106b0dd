"""All that a GPU has to show, as a list of small steps: on a CPU the same ones run in small."""

import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch

from benchmarking.agreement import compare_precision
from benchmarking.inference import Case, make_segmentation, measure_in_memory, measure_twin
from benchmarking.readout import measure_readout
from benchmarking.report import format_cell, format_table
from benchmarking.training import DEMO, make_trainer, measure_data, measure_steps, random_clips
from benchmarking.worker import Worker
from dataset.videos import VideoEntry
from evaluation.run import EvaluationSettings, segment_to_files
from evaluation.scoring import score_sequence, summarise_scores
from model.memory import as_multiplied, get_similarity
from model.network import STRIDE
from model.weights import SMALL_WEIGHTS
from tracker import VideoTracker
from util.device import PRECISIONS, allow_tf32, choose_amp_dtype, default_frames_at_once


class Extent(NamedTuple):
    """The amounts to measure."""

    case: Case  # for inference, with any number of objects
    objects: tuple[int, ...]
    memory_frames: tuple[int, ...]
    steps: int  # training steps
    batches: tuple[tuple[int, int], ...]  # clips and objects: of the published stages 0, and 1 to 3
    crop: int
    demo_side: int | None  # short side at which the demo is computed; None: native
    is_whole: bool  # with what takes long: compiling, data loading


class Step(NamedTuple):
    """One thing to measure."""

    name: str
    measure: Callable[..., dict]
    arguments: tuple


def choose_extent(device: torch.device, *, is_quick: bool) -> Extent:
    """Choose as much as the device can do in minutes."""
    precision = str(choose_amp_dtype(device) or torch.bfloat16).removeprefix("torch.")
    if device.type == "cpu":
        case = Case(1, precision, 6, (48, 64), "cpu", "small")
        return Extent(case, (1, 2), (1, 3), 2, ((2, 1), (1, 2)), 64, 64, is_whole=not is_quick)
    case = Case(1, precision, 100, (480, 854), str(device), "full", 2, default_frames_at_once(device))
    objects = (1, 3, 5) if is_quick else (1, 3, 5, 10)
    return Extent(case, objects, (1, 20, 100), 20, ((8, 1), (4, 2)), 384, None, is_whole=not is_quick)


def plan(extent: Extent) -> Iterator[Step]:
    """List the steps, the most important ones first."""
    case = extent.case
    device, precision = torch.device(case.device), case.precision
    yield Step(f"demo, {precision} against float32", measure_agreement, (precision, extent.demo_side, device))
    yield Step(f"similarity, {precision}", measure_similarity, (precision, device))
    yield Step("host waits, inference", count_waits_of_inference, (case,))
    for objects in extent.objects:
        chosen = replace(case, objects=objects)
        yield Step(f"FPS, {objects} object(s), twin", measure_twin_alone, (replace(chosen, repeats=1),))
        yield Step(f"FPS, {objects} object(s)", measure_in_memory, (chosen,))
        yield Step(f"FPS, {objects} object(s), CUDA graphs", measure_in_memory, (replace(chosen, graphs=True),))
    for frames in extent.memory_frames:
        yield Step(f"readout, {frames} memory frame(s)", measure_readout_of, (case, frames))
    for batch, objects in extent.batches:
        arguments = case.network, batch, extent.crop, objects, precision, device, extent.steps
        yield Step(f"training, {batch} clips of {objects} object(s)", measure_steps, arguments)
    yield Step("host waits, training", count_waits_of_training, (case, extent.crop))
    yield Step("training resumed", measure_resumed, (case, extent.crop))
    yield Step(f"demo scores, {precision}", score_demo, (precision, extent.demo_side, device))
    most = max(extent.objects)
    tuned = replace(case, objects=most, graphs=True, tune=True)
    yield Step(f"FPS, {most} object(s), CUDA graphs, tuned", measure_in_memory, (tuned,))
    for objects in (1, most):
        yield Step(f"profile, {objects} object(s)", profile, (replace(case, objects=objects, frames=24),))
    if extent.is_whole:
        yield Step("demo scores, float32", score_demo, ("float32", extent.demo_side, device))
        yield Step("training clips per core-second", measure_data, (10, 1))
        for objects in extent.objects:
            chosen = replace(case, objects=objects, compile=True)
            yield Step(f"FPS, {objects} object(s), compiled", measure_in_memory, (chosen,))


def run_steps(extent: Extent, minutes: float) -> Iterator[dict[str, object]]:
    """Measure step by step: the name of each, its figures or its error, and the seconds that it took."""
    end = time.monotonic() + 60 * minutes
    with Worker(torch.device(extent.case.device)) as worker:
        for step in plan(extent):
            start = time.monotonic()
            if start >= end:
                yield {"step": step.name, "error": "no time was left"}
                continue
            figures, error = worker.call(step.measure, step.arguments, end - start)
            row = {"step": step.name, "seconds": round(time.monotonic() - start, 1)}
            yield row | ({"error": error} if figures is None else figures)


def describe_row(row: dict[str, object]) -> str:
    """Describe what a step measured, or why it failed, in a line."""
    figures = {name: value for name, value in row.items() if name not in ("step", "seconds")}
    return ", ".join(f"{name} {format_cell(value)}" for name, value in figures.items())


def format_rows(rows: Sequence[dict[str, object]]) -> str:
    """Make a Markdown table of all steps."""
    cells = [[row["step"], describe_row(row), row.get("seconds", "-")] for row in rows]
    return format_table(["step", "measured", "s"], cells)


def demo_entry() -> VideoEntry:
    """Name the demo's video, whose masks are the ground truth as well."""
    return VideoEntry("clip", DEMO / "clip.mp4", DEMO / "masks/00000.png", truth=DEMO / "masks")


def measure_agreement(precision: str, side: int | None, device: torch.device) -> dict[str, object]:
    """Compare the masks of the demo, by the small network's trained weights."""
    found = compare_precision(precision, SMALL_WEIGHTS, demo_entry(), device, side)
    return {"percent_of_pixels": found["mean"], "worst_frame": found["worst"], "frames": found["frames"]}


@torch.inference_mode()
def measure_similarity(precision: str, device: torch.device) -> dict[str, object]:
    """Compare similarities of random keys with those in float64, relative to the largest."""
    torch.manual_seed(0)
    memory, query = (torch.randn(1, 64, n, device=device).to(PRECISIONS[precision]) for n in (5000, 1500))
    found = get_similarity(memory, query).double()
    exact = (2 * memory.double().transpose(1, 2) @ query.double() - memory.double().square().sum(1)[:, :, None]) / 8
    error = ((found - exact).abs().max() / exact.abs().max()).item()
    return {"largest_error": error, "multiplied_in": str(as_multiplied(memory).dtype).removeprefix("torch.")}


def measure_twin_alone(case: Case) -> dict[str, float]:
    """Measure the published twin in the precision of the case, on a CPU in float32."""
    measured = measure_twin(case if case.device.startswith("cuda") else replace(case, precision="float32"))
    return {"fps": measured.fps, "peak_gib": measured.memory}


def measure_readout_of(case: Case, frames: int) -> dict[str, float]:
    """Measure the memory bank beside the dense readout."""
    cells = tuple(side // STRIDE for side in case.size)
    arguments = frames, case.objects, cells, case.device, case.precision
    ours, dense = (measure_readout(is_dense, *arguments) for is_dense in (False, True))
    memory = {"extra_mib": 1024 * ours.memory, "dense_extra_mib": 1024 * dense.memory}
    return {"ms": 1000 * ours.seconds, "dense_ms": 1000 * dense.seconds, **memory}


def profile(case: Case) -> dict[str, object]:
    """Tell what the device computes for a frame: its milliseconds, how many kernels, and which take the most."""
    is_cuda = case.device.startswith("cuda")
    allow_tf32(PRECISIONS[case.precision])
    segment = make_segmentation(case)
    deque(segment(), maxlen=0)
    with torch.profiler.profile() as profiler:  # looks at the CPU, and at CUDA where it is
        deque(segment(), maxlen=0)
    events = [event for event in profiler.key_averages() if not is_cuda or event.device_type.name == "CUDA"]
    times = {event.key: event.self_device_time_total if is_cuda else event.self_cpu_time_total for event in events}
    total = sum(times.values())
    top = sorted(times.items(), key=lambda item: -item[1])[:8]
    shares = ", ".join(f"{100 * micros / total:.0f} % {name[:60].replace('|', '/')}" for name, micros in top)
    count = sum(event.count for event in events)
    return {"ms_per_frame": total / 1000 / case.frames, "kernels_per_frame": count / case.frames, "most": shares}


def count_waits(task: Callable[[], object], device: torch.device) -> dict[str, object]:
    """Count how often a task lets the host wait for a GPU, and name the lines that do."""
    if device.type != "cuda":
        task()
        return {"waits": 0}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            task()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    places = [f"{Path(w.filename).name}:{w.lineno}" for w in caught if "called a synchroniz" in str(w.message)]
    counts = ", ".join(f"{place} {count} times" for place, count in Counter(places).most_common(12))
    return {"waits": len(places), **({"places": counts} if places else {})}


def count_waits_of_inference(case: Case) -> dict[str, object]:
    """Count waits in the loop over the frames of a clip of three objects, after a first time that warms up."""
    allow_tf32(PRECISIONS[case.precision])
    segment = make_segmentation(replace(case, objects=3, frames=24))
    deque(segment(), maxlen=0)
    results = segment()
    next(results)  # the start is not the loop
    return {**count_waits(lambda: deque(results, maxlen=0), torch.device(case.device)), "frames": 24}


def count_waits_of_training(case: Case, crop: int) -> dict[str, object]:
    """Count waits in two steps of training, after two that warm up."""
    device = torch.device(case.device)
    trainer, clips = make_trainer(case.network, 2, case.precision, device), random_clips(1, crop, 2)
    for _ in range(2):
        trainer.step([clips])
    return {**count_waits(lambda: [trainer.step([clips]) for _ in range(2)], device), "steps": 2}


def measure_resumed(case: Case, crop: int) -> dict[str, float]:
    """Compare a training of four steps with one that is resumed after two: loss and weights."""
    device, clips = torch.device(case.device), random_clips(1, crop, 2)
    whole, resumed = (make_trainer(case.network, 2, case.precision, device) for _ in range(2))
    for _ in range(2):
        whole.step([clips])
    with TemporaryDirectory() as folder:
        torch.save(whole.state_dict(), Path(folder, "checkpoint.pth"))
        resumed.load_state_dict(torch.load(Path(folder, "checkpoint.pth"), map_location="cpu", weights_only=True))
    losses = [[trainer.step([clips]).loss for _ in range(2)][-1] for trainer in (whole, resumed)]
    weights = zip(whole.network.parameters(), resumed.network.parameters())
    largest = max((mine - other).abs().max().item() for mine, other in weights)
    return {"loss": losses[0], "loss_resumed": losses[1], "largest_difference_of_weights": largest}


def score_demo(precision: str, side: int | None, device: torch.device) -> dict[str, float]:
    """Score the demo's masks by the small network's trained weights: J and F in percent."""
    tracker = VideoTracker.load(SMALL_WEIGHTS, str(device), precision, size=side)
    entry = demo_entry()
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        segment_to_files(tracker, tracker.open(entry), EvaluationSettings(Path(folder)))
        seconds = time.perf_counter() - start
        scores = summarise_scores({entry.name: score_sequence(Path(folder, entry.name), entry.truth)})
    return {name: 100 * scores[name] for name in ("J&F_mean", "J_mean", "F_mean")} | {"segmenting_s": seconds}
