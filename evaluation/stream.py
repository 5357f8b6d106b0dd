"""Segment a stream to files: masks as they come, the other results at its end, whatever ends it."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np

from dataset.masks import MaskReader
from dataset.stored_masks import find_labels
from dataset.streams import Stream
from dataset.videos import read_first_mask
from evaluation.resuming import describe_stream_run
from evaluation.run import EvaluationSettings, failures_as_input_errors, refuse_output_among_input
from output.live import LivePage
from output.names import OutputPaths
from output.overlay import draw_overlay
from output.record import RunRecord
from output.result import FrameResult
from output.video import EXPORTS, VideoOutput
from tracker import VideoTracker
from util.device import make_current, note_if_busy
from util.files import claim_folder
from util.progress import with_progress
from util.report import announce
from util.signals import first_signal_calls

log = logging.getLogger(__name__)


class FirstMask(NamedTuple):
    """The mask of a stream's first frame."""

    ids: np.ndarray  # [H,W] object ids
    palette: list[int]  # 768 numbers to write masks with
    source: Path  # its file


def read_mask_of_stream(path: Path, stream: Stream, tracker: VideoTracker) -> FirstMask:
    """Read the mask of a stream's first frame from a file.

    Raises:
        InputError: it cannot be used.
    """
    config = tracker.config
    reader = MaskReader(config.ignore_id, config.background)
    ids = read_first_mask(path, reader, stream.first.shape[:2], config.max_objects)
    return FirstMask(ids, reader.palette, path)


def name_stream(address: str) -> str:
    """Name the results of a stream: by the last part of an address, else by its host."""
    if address == "-":
        return "stdin"
    if address.isdecimal():
        return f"camera{address}"
    parts = urlsplit(address)
    name = Path(parts.path).stem or parts.hostname or "stream"
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)


def segment_stream(
    stream: Stream, mask: FirstMask, tracker: VideoTracker, settings: EvaluationSettings, *, show: bool = False
) -> int:
    """Segment a stream until it ends, is lost or a signal comes; what is there is then completed.

    Args:
        show: whether a page of this machine shows the overlay as it comes.

    Returns:
        The exit status: 0, or 1 if the stream was lost on the way.

    Raises:
        InputError: the mask or the folder cannot be used.
        KeyboardInterrupt: a signal came; the results are complete.
    """
    name = name_stream(stream.address)
    paths = OutputPaths.below(settings.output, name)
    refuse_output_among_input(settings.output, name, [mask.source])
    facts = describe_stream_run(stream.label, mask.source, tracker, settings.weights)
    make_current(tracker.network.device)
    if tracker.network.device.type == "cpu":
        note_if_busy()
    with ExitStack() as stack:
        stack.enter_context(claim_folder(settings.output, paths.folders()))
        stack.enter_context(failures_as_input_errors(name, settings.output))
        stack.enter_context(first_signal_calls(stream.stop))
        record = RunRecord(paths, facts, [])
        record.begin(overwrite=settings.overwrite)
        page = stack.enter_context(LivePage()) if show else None
        if page is not None:
            announce(f"the live overlay is at {page.address}")
        _write_results(stream, mask, tracker, settings, record, paths, page)
    if stream.error is None:
        return 0
    log.error("%s", stream.error)
    return 1


def _write_results(
    stream: Stream,
    mask: FirstMask,
    tracker: VideoTracker,
    settings: EvaluationSettings,
    record: RunRecord,
    paths: OutputPaths,
    page: LivePage | None,
) -> None:
    """Write the results of each frame, and report what was done."""
    need_probabilities = any(EXPORTS[export].needs_probabilities for export in settings.exports)
    results = tracker.track_stream(stream, mask.ids, need_probabilities=need_probabilities)
    names, start = [], time.perf_counter()
    labels = find_labels(mask.ids)
    output = VideoOutput(
        paths.folder,
        mask.palette,
        stream.frame_rate,
        settings.exports,
        labels=labels,
        background=settings.green_colour,
    )
    with output:
        for result in with_progress(_shown(results, page), paths.folder.name, None):
            output.write(result)
            names.append(result.name)
    record.finish(paths.finished_files(names, settings.exports, labels))
    lost = [f"{stream.num_dropped} dropped"] if stream.is_realtime else []
    lost += [f"{stream.num_damaged} damaged and left out"] if stream.num_damaged else []
    speed = len(names) / (time.perf_counter() - start)
    announce(f"{stream.label}: {', '.join([f'{len(names)} frames', *lost])}, {speed:.2f} FPS with reading and writing")
    others = " and ".join(export for export in settings.exports if export != "masks")
    announce(f"masks are in {paths.folder}" + (f", {others} beside them" if others else ""))


def _shown(results: Iterator[FrameResult], page: LivePage | None) -> Iterator[FrameResult]:
    """Show the overlay of each result, if there is a page."""
    for result in results:
        if page is not None:
            page.show(draw_overlay(result.image, result.ids, result.labels))
        yield result
