"""Segment a list of videos one after the other, score and report: the common part of all ``eval_*.py``.

Started by ``torchrun``, the processes divide the videos among themselves.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from dataset.layouts import refuse_duplicate_names
from dataset.videos import Video, VideoEntry, count_frames
from evaluation.measuring import DAVIS, Protocol, list_truth, measure_sequence
from evaluation.plots import write_plots
from evaluation.resuming import describe_run
from evaluation.scoring import Pair, SequenceScores, format_scores, summarise_frames, write_scores
from output.names import OutputPaths
from output.record import RunRecord
from output.video import EXPORTS, VideoOutput
from tracker import VideoTracker
from util.device import describe_device, describe_peak_memory, held_memory, make_current, note_if_busy
from util.distributed import ProcessGroup, divide, process_group
from util.errors import InputError, is_out_of_memory
from util.files import claim_folder
from util.report import announce

log = logging.getLogger(__name__)

MEMORY_OF_LIBRARIES = held_memory(torch.device("cpu"))  # in GiB, once they are imported, before a network is loaded


@dataclass(frozen=True)
class EvaluationSettings:
    """The results to write for each video, and their folder."""

    output: Path  # masks go to output/<video>/
    exports: tuple[str, ...] = ("masks",)  # keys of output.video.EXPORTS
    resume: bool = False  # skip videos whose results are all there, made of the same things
    overwrite: bool = False  # remove results of another video that has the same name
    weights: Path | None = None  # the network's file, for the record beside the results
    score: bool = False  # against the entries' ground truth
    plot: bool = False  # draw the scores of each video, and its worst frames
    protocol: Protocol = DAVIS  # the objects and pixels that are scored
    output_all: bool = False  # write frames that a data set does not ask for as well


class VideoResult(NamedTuple):
    """The outcome of one video."""

    name: str
    frames: int = 0  # read in this run, from the first annotated to the last wanted one
    objects: int = 0
    seconds: float = 0.0  # from files to files
    scores: SequenceScores | None = None
    error: str | None = None


def evaluate(entries: Sequence[VideoEntry], tracker: VideoTracker, settings: EvaluationSettings) -> int:
    """Segment all videos. A bad one is reported and does not lose the others.

    Returns:
        The exit status: 0, or in the main process 1 if some of the videos failed.

    Raises:
        InputError: nothing could be done, or a single video failed.
    """
    refuse_duplicate_names(entries)
    for entry in entries:
        _refuse_output_among_input(settings.output, entry)
        _note_hidden(entry)
    make_current(tracker.network.device)
    with process_group() as group, _claimed_output(entries, settings, group):
        if group.is_main and tracker.network.device.type == "cpu":
            note_if_busy()
        results = _segment_videos(_own_share(entries, group), tracker, settings, group)
        _report_process(results, tracker, group)
        shares = group.gather(results)
    errors = [result.error for results in shares for result in results if result.error is not None]
    if not group.is_main:
        return 0  # the main process speaks for all; torchrun would end it if another failed earlier
    if len(errors) == len(entries):
        raise InputError(errors[0] if len(errors) == 1 else f"all {len(errors)} videos failed")
    _report_all(shares, entries, settings)
    return 1 if errors else 0


def segment_to_files(
    tracker: VideoTracker, video: Video, settings: EvaluationSettings, title: str | None = None
) -> None:
    """Segment one video and write the results.

    Args:
        title: of the progress bars; None: no bar.
    """
    need_probabilities = any(EXPORTS[export].needs_probabilities for export in settings.exports)
    results = tracker.segment(video, need_probabilities=need_probabilities, title=title)
    output = VideoOutput(
        OutputPaths.below(settings.output, video.name).folder,
        video.palette,
        video.frames.frame_rate,
        settings.exports,
        audio=video.frames.path if video.passes.is_whole and video.frames.path.is_file() else None,
    )
    needs_others = "overlay" in settings.exports and video.passes.is_whole  # the overlay then lines up with the video
    with output:
        for _, image in video.read_leading() if needs_others else ():
            output.write_leading(image)
        for result in results:
            output.write(result)
        for _, image in video.read_trailing() if needs_others else ():
            output.write_leading(image)


@contextmanager
def _claimed_output(entries: Sequence[VideoEntry], settings: EvaluationSettings, group: ProcessGroup) -> Iterator[None]:
    """Keep other runs out of the output; the main process does so for all, before any of them writes."""
    inner = set().union(*(OutputPaths.below(settings.output, entry.name).folders() for entry in entries))
    with claim_folder(settings.output, inner) if group.is_main else nullcontext():
        group.gather(None)
        yield


def _note_hidden(entry: VideoEntry) -> None:
    if entry.name.startswith("."):
        log.warning("%s: the name begins with a dot, so that its results are hidden files", entry.name)


def _own_share(entries: Sequence[VideoEntry], group: ProcessGroup) -> Sequence[VideoEntry]:
    """The videos of this process, all if it is alone."""
    if group.size == 1:
        return entries
    indices = divide([count_frames(entry) for entry in entries], group.size)[group.rank]
    return [entries[index] for index in indices]


def _segment_videos(
    entries: Sequence[VideoEntry], tracker: VideoTracker, settings: EvaluationSettings, group: ProcessGroup
) -> list[VideoResult]:
    results = []  # an error is kept as text: its traceback would keep the video's memory alive
    for index, entry in enumerate(entries):
        title = f"{entry.name} ({index + 1} of {len(entries)})"
        try:
            with _failures_as_input_errors(entry, settings):
                results.append(_segment_entry(tracker, entry, settings, title, show_bar=group.is_main))
        except InputError as e:
            results.append(VideoResult(entry.name, error=str(e)))
        if results[-1].error is not None and (len(entries) > 1 or group.size > 1):
            log.error("%s", results[-1].error)
    return results


def _segment_entry(
    tracker: VideoTracker, entry: VideoEntry, settings: EvaluationSettings, title: str, *, show_bar: bool
) -> VideoResult:
    """Open one video, segment it if need be, and score it if asked."""
    video = tracker.open(entry, output_all=settings.output_all)
    if settings.score:
        _check_truth(entry, video)
    paths = OutputPaths.below(settings.output, video.name)
    files = paths.finished_files(video.output_names, settings.exports)
    record = RunRecord(paths, describe_run(entry, tracker, settings.weights), files)
    if settings.resume and record.is_done():
        announce(f"{title}: all is there, skipped")
        result = VideoResult(video.name)
    else:
        start = time.perf_counter()
        record.begin(overwrite=settings.overwrite)
        segment_to_files(tracker, video, settings, title if show_bar else None)
        record.finish()
        seconds = time.perf_counter() - start
        result = VideoResult(video.name, len(video.frame_names), len(video.labels), seconds)
    if not settings.score:
        return result
    try:
        return result._replace(scores=_score_entry(entry, paths, settings))
    except InputError as e:
        return result._replace(error=str(e))


def _score_entry(entry: VideoEntry, paths: OutputPaths, settings: EvaluationSettings) -> SequenceScores:
    """Score a video that is segmented, and draw the scores if asked."""
    pair = Pair(paths.folder, entry.truth, entry.is_single_object)
    frames = measure_sequence(
        pair.predictions, pair.truth, is_single_object=pair.is_single_object, protocol=settings.protocol
    )
    if settings.plot:
        write_plots(settings.output, entry.name, frames, pair, entry.frames)
    return summarise_frames(frames, settings.protocol)


def _check_truth(entry: VideoEntry, video: Video) -> None:
    """Refuse a video that cannot be scored before it is segmented."""
    truth = list_truth(entry.truth)
    missing = [name for name in video.frames.names if name not in truth]
    if missing:
        raise InputError(
            f"{entry.truth}: lacks the masks of {len(missing)} frames, first {missing[0]}; "
            "complete it, or segment without scoring"
        )


def _report_process(results: Sequence[VideoResult], tracker: VideoTracker, group: ProcessGroup) -> None:
    """Print what this process did, unless it did nothing."""
    if not any(result.frames or result.error is None for result in results):
        return
    name = "" if group.size == 1 else f"process {group.rank} of 0 to {group.size - 1}: "
    network = tracker.network
    libraries = MEMORY_OF_LIBRARIES if network.device.type == "cpu" else None
    memory = describe_peak_memory(network.device, libraries)
    announce(f"{name}{_describe([results])}, {memory} ({describe_device(network.device, network.dtype)})")


def _report_all(
    shares: Sequence[Sequence[VideoResult]], entries: Sequence[VideoEntry], settings: EvaluationSettings
) -> None:
    """Print what all processes did together, and the scores."""
    if len(shares) > 1:
        announce(_describe(shares))
    others = " and ".join(export for export in settings.exports if export != "masks")
    announce(f"masks are in {settings.output}" + (f", {others} beside them" if others else ""))
    scores_by_name = {result.name: result.scores for share in shares for result in share}
    scores = {entry.name: scores_by_name[entry.name] for entry in entries if scores_by_name[entry.name]}
    if scores:
        announce(format_scores(scores, len(entries)))
        write_scores(scores, settings.output)
        announce(f"fractions, also by object, are in {settings.output / 'scores.json'} and scores.csv")


def _describe(shares: Sequence[Sequence[VideoResult]]) -> str:
    """Counts and speed of the processes' results."""
    done = [result for share in shares for result in share if result.frames or result.error is None]
    frames, seconds = sum(result.frames for result in done), sum(result.seconds for result in done)
    counts = f"{len(done)} video(s), {frames} frames, {sum(result.objects for result in done)} objects"
    if not frames:
        return counts
    speed = f"{counts}, {frames / seconds:.2f} FPS with reading and writing"
    if len(shares) == 1:
        return speed
    slowest = max(sum(result.seconds for result in share) for share in shares)
    return f"{speed} in each process, {frames / slowest:.2f} in all {len(shares)} together"


@contextmanager
def _failures_as_input_errors(entry: VideoEntry, settings: EvaluationSettings) -> Iterator[None]:
    """Report memory, disks and folders that fail in one line."""
    try:
        yield
    except OSError as e:
        raise InputError(f"{e.filename or settings.output}: {e.strerror or e}; fix this and resume") from e
    except (RuntimeError, MemoryError) as e:
        if not is_out_of_memory(e):
            raise
        raise InputError(f"{entry.name}: out of memory; bound the memory frames, or compute at a smaller size") from e


def _refuse_output_among_input(output: Path, entry: VideoEntry) -> None:
    """Refuse an output that lies inside the input or would overwrite it."""
    root, target = (Path(os.path.realpath(path)) for path in (output, output / entry.name))
    for source in map(os.path.realpath, filter(None, (entry.frames, entry.masks, entry.truth))):
        is_inside = root.is_relative_to(source) or target.is_relative_to(source)
        if is_inside or Path(source).is_relative_to(target):
            raise InputError(f"output {output}: would write into the input {source}; choose a folder elsewhere")
