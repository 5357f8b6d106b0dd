"""The one loop behind all ``eval_*.py``: frames in, masks out, videos one after the other.

Reading and writing run in threads beside the computing: a loader some frames ahead, writers behind. Each frame is
read once and each mask written as soon as it is final.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import progressbar
import torch
import torch.nn.functional as F
from torch import Tensor

from dataset.transforms import input_size, prepare_image, prepare_mask
from dataset.videos import Frame, Video, VideoEntry
from inference_core import InferenceConfig, InferenceCore
from model.checkpoint import load_network
from model.network import STCN
from util.device import choose_amp_dtype, choose_device, describe_device, peak_memory
from util.download import DEFAULT_WEIGHTS
from util.errors import InputError
from util.pipeline import prefetch
from util.video_output import Prediction, VideoOutput

FRAMES_AHEAD = 4


@dataclass(frozen=True)
class Settings:
    """What is the same for all videos of a run."""

    output: Path  # masks go to output/<video>/
    device: torch.device
    config: InferenceConfig
    short_side: int = 480  # of the network's input, in pixels; -1: native size
    overlay: bool = False
    save_scores: bool = False
    keep_annotations: bool = False
    resume: bool = False
    max_objects: int = 50
    ignore_id: int | None = None

    @property
    def extra_endings(self) -> list[str]:
        """What is written beside a video's folder once its last frame is done."""
        endings = {"_overlay.mp4": self.overlay, "_scores.csv": self.save_scores}
        return [ending for ending, is_wanted in endings.items() if is_wanted]


@dataclass
class Totals:
    """Sums over the videos of a run."""

    videos: int = 0
    frames: int = 0
    objects: int = 0
    seconds: float = 0.0  # computing, without reading and writing

    def __str__(self) -> str:
        counts = f"{self.videos} video(s), {self.frames} frames, {self.objects} objects"
        if not self.frames:
            return counts
        return f"{counts}, {self.frames / self.seconds:.2f} FPS without reading and writing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that all evaluation scripts share."""
    add = parser.add_argument
    add("--model", type=Path, default=DEFAULT_WEIGHTS, help="weights, a .pth (default: saves/stcn.pth)")
    add("--output", type=Path, required=True, help="folder to write to")
    add("--top", type=positive_int, default=20, help="memory positions read per query position (default: 20)")
    add("--mem_every", type=positive_int, default=5, help="memorise every n-th frame (default: 5)")
    add("--include_last", action="store_true", help="hold the last frame as a temporary memory as well")
    add("--max_memory_frames", type=positive_int, help="bound on memory frames, for long videos (default: none)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    add("--overlay", action="store_true", help="write <video>_overlay.mp4 with coloured, numbered objects")
    add("--save_scores", action="store_true", help="write probabilities (.npz per frame) and confidences (.csv)")
    add("--keep_annotations", action="store_true", help="write given masks through unchanged")
    add("--max_objects", type=positive_int, default=50, help="refuse masks with more ids than this (default: 50)")
    add("--ignore_id", type=positive_int, help='an id that means "not labelled" in masks, e.g. 255 (default: none)')
    add("--resume", action="store_true", help="skip videos whose results are all there")


def positive_int(text: str) -> int:
    """Type of an option."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def make_settings(args: argparse.Namespace, *, use_amp: bool, short_side: int) -> Settings:
    """Settings from the options of ``add_arguments``.

    Raises:
        InputError: an unusable device.
    """
    device = choose_device(args.device)
    torch.backends.cudnn.allow_tf32 = use_amp  # without AMP, float32 means float32
    config = InferenceConfig(
        top_k=args.top,
        mem_every=args.mem_every,
        include_last=args.include_last,
        max_memory_frames=args.max_memory_frames,
        amp_dtype=choose_amp_dtype(device) if use_amp else None,
    )
    names = ("output", "overlay", "save_scores", "keep_annotations", "resume", "max_objects", "ignore_id")
    options = {name: getattr(args, name) for name in names}
    return Settings(device=device, config=config, short_side=short_side, **options)


def evaluate(entries: Sequence[VideoEntry], model: Path, settings: Settings) -> int:
    """Segment all videos. A bad one is reported and does not lose the others.

    Returns:
        The exit status: 0, or 1 if some of the videos failed.

    Raises:
        InputError: nothing could be done, or a single video failed.
    """
    for entry in entries:
        _refuse_output_among_input(settings.output, entry)
    network = load_network(model, settings.device)
    totals, failures = Totals(), []  # of the errors only their text: a traceback would keep a video's memory alive
    for index, entry in enumerate(entries):
        try:
            with _failures_as_input_errors(entry, settings):
                _segment_entry(network, entry, settings, totals, f"{entry.name} ({index + 1} of {len(entries)})")
        except InputError as e:
            if len(entries) == 1:
                raise
            failures.append(str(e))
            print(f"error: {e}", file=sys.stderr)
    if len(failures) == len(entries):
        raise InputError(f"none of {len(entries)} videos could be segmented")
    memory = f"peak memory {peak_memory(settings.device):.2f} GiB"
    print(f"{totals}, {memory} ({describe_device(settings.device, settings.config.amp_dtype)})")
    print(f"masks are in {settings.output}")
    return 1 if failures else 0


def _segment_entry(network: STCN, entry: VideoEntry, settings: Settings, totals: Totals, title: str) -> None:
    """Open one video, segment it if need be, and add it to the totals."""
    video = Video(entry, max_objects=settings.max_objects, ignore_id=settings.ignore_id)
    folder = settings.output / video.name
    paths = [folder / f"{name}.png" for name in video.output_names]
    paths += [folder.with_name(folder.name + ending) for ending in settings.extra_endings]
    if settings.resume and all(path.exists() for path in paths):
        print(f"{title}: all is there, skipped")
        return
    for path in paths:  # of an earlier run: an interrupted rerun must not look finished
        path.unlink(missing_ok=True)
    totals.seconds += segment_video(network, video, settings, title)
    totals.videos += 1
    totals.frames += len(video.output_names)
    totals.objects += len(video.labels)


@contextmanager
def _failures_as_input_errors(entry: VideoEntry, settings: Settings) -> Iterator[None]:
    """Tell of memory, disks and folders that fail in one line."""
    try:
        yield
    except OSError as e:
        raise InputError(f"{e.filename or settings.output}: {e.strerror or e}; mend this and run with --resume") from e
    except (RuntimeError, MemoryError) as e:
        if not _is_out_of_memory(e):
            raise
        raise InputError(f"{entry.name}: out of memory; try --max_memory_frames 20 or a smaller --size") from e


def _is_out_of_memory(error: Exception) -> bool:
    """CUDA has an error class of its own; the CPU and Apple's GPU raise a RuntimeError."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def segment_video(network: STCN, video: Video, settings: Settings, title: str) -> float:
    """Segment one video and write the results.

    Returns:
        Seconds of computing: from frames in memory to masks in memory.
    """
    core = InferenceCore(network, settings.config)
    id_dtype = np.uint8 if video.labels[-1] < 256 else np.uint16
    seconds = 0.0
    bar = progressbar.ProgressBar(
        max_value=len(video.output_names),
        max_error=False,  # damaged video files may hold more frames than they tell
        widgets=[title, " ", progressbar.Bar(), " ", progressbar.SimpleProgress(), " ", progressbar.AdaptiveETA()],
    )
    output = VideoOutput(
        settings.output / video.name,
        video.palette,
        video.frames.frame_rate,
        overlay=settings.overlay,
        save_scores=settings.save_scores,
    )
    with output, bar:
        for frame in prefetch(video, FRAMES_AHEAD):
            start = time.perf_counter()
            prediction = _segment_frame(core, frame, settings, id_dtype)
            seconds += time.perf_counter() - start
            output.write(prediction)
            bar.increment()
    return seconds


def _segment_frame(core: InferenceCore, frame: Frame, settings: Settings, id_dtype: type) -> Prediction:
    """From a frame in host memory to its mask in host memory, at the frame's own size."""
    frame_size = frame.image.shape[:2]
    size = input_size(*frame_size, settings.short_side)
    image = prepare_image(frame.image, size, settings.device)
    mask = None if frame.mask is None else prepare_mask(frame.mask, size, settings.device)
    probabilities = resize_probabilities(core.step(image, mask, frame.labels), frame_size)
    rows = probabilities.argmax(0).to(torch.uint8 if len(probabilities) <= 256 else torch.int16).cpu().numpy()
    ids = np.array([0, *core.labels], id_dtype)[rows]
    if settings.keep_annotations and frame.mask is not None:
        ids[np.isin(ids, frame.labels)] = 0
        ids = np.where(frame.mask > 0, frame.mask, ids).astype(id_dtype)
    scores = probabilities.half().cpu().numpy() if settings.save_scores else None
    return Prediction(frame.name, frame.image, ids, tuple(core.labels), scores)


def resize_probabilities(probabilities: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring probabilities ``[1+K,h,w]`` to the output's size: ``[1+K,H,W]``."""
    if probabilities.shape[1:] == size:
        return probabilities
    return F.interpolate(probabilities[None], size, mode="bilinear", align_corners=False)[0]


def _refuse_output_among_input(output: Path, entry: VideoEntry) -> None:
    """The output must neither lie inside the input nor overwrite it."""
    target = (output / entry.name).resolve()
    for source in (entry.frames.resolve(), entry.masks.resolve()):
        is_inside = output.resolve().is_relative_to(source) or target.is_relative_to(source)
        if is_inside or source.is_relative_to(target):
            raise InputError(f"--output {output}: would write into the input {source}; choose a folder elsewhere")
