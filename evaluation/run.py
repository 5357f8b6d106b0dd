"""Segment a list of videos one after the other, score and report: the common part of all ``eval_*.py``.

Started by ``torchrun``, the processes divide the videos among themselves.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from dataset.layouts import refuse_duplicate_names
from dataset.videos import Video, VideoEntry, count_frames
from evaluation.measuring import DAVIS, Protocol, measure_sequence
from evaluation.plots import write_plots
from evaluation.report import VideoResult, report_all, report_process
from evaluation.resuming import describe_run
from evaluation.scoring import Pair, SequenceScores, summarise_frames
from evaluation.truth import open_truth
from output.export import GREEN_SCREEN
from output.names import OutputPaths
from output.record import Facts, RunRecord
from output.result import FrameResult
from output.video import EXPORTS, VideoOutput
from tracker import VideoTracker
from tracking.session import Batch
from tracking.together import run_together
from util.device import make_current, note_if_busy
from util.distributed import ProcessGroup, divide, process_group
from util.errors import InputError, is_out_of_memory
from util.files import claim_folder
from util.progress import with_progress
from util.report import announce

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationSettings:
    """The results to write for each video, and their folder."""

    output: Path  # masks go to output/<video>/
    exports: tuple[str, ...] = ("masks",)  # keys of output.video.EXPORTS
    green_colour: tuple[int, int, int] = GREEN_SCREEN  # R, G and B behind the objects of the export "green"
    resume: bool = False  # skip videos whose results are all there, made of the same things
    overwrite: bool = False  # remove results of another video that has the same name
    weights: Path | None = None  # the network's file, for the record beside the results
    score: bool = False  # against the entries' ground truth
    plot: bool = False  # draw the scores of each video, and its worst frames
    protocol: Protocol = DAVIS  # the objects and pixels that are scored
    output_all: bool = False  # write frames that a data set does not ask for as well
    videos_at_once: int = 1  # videos whose frames are encoded together


Job = Generator[Batch, None, VideoResult]  # segments one video; yields its batches of frames before they are encoded


def evaluate(entries: Sequence[VideoEntry], tracker: VideoTracker, settings: EvaluationSettings) -> int:
    """Segment all videos. A bad one is reported and does not lose the others.

    Returns:
        The exit status: 0, or in the main process 1 if some of the videos failed.

    Raises:
        InputError: nothing could be done, or a single video failed.
    """
    refuse_duplicate_names(entries)
    for entry in entries:
        refuse_output_among_input(settings.output, entry.name, (entry.frames, entry.masks, entry.truth))
        _note_hidden(entry)
    make_current(tracker.network.device)
    with process_group() as group, _claimed_output(entries, settings, group):
        if group.is_main and tracker.network.device.type == "cpu":
            note_if_busy()
            if settings.videos_at_once > 1:
                log.warning("several videos at once gain nothing on a CPU, which a single frame keeps busy")
        results = _segment_videos(_own_share(entries, group), tracker, settings, group)
        report_process(results, tracker, group)
        shares = group.gather(results)
    errors = [result.error for results in shares for result in results if result.error is not None]
    if not group.is_main:
        return 0  # the main process speaks for all; torchrun would end it if another failed earlier
    if len(errors) == len(entries):
        raise InputError(errors[0] if len(errors) == 1 else f"all {len(errors)} videos failed")
    report_all(shares, [entry.name for entry in entries], settings.output, settings.exports)
    return 1 if errors else 0


def segment_to_files(
    tracker: VideoTracker, video: Video, settings: EvaluationSettings, title: str | None = None
) -> None:
    """Segment one video and write the results.

    Args:
        title: of the progress bars; None: no bar.
    """
    deque(_segment_in_steps(tracker, video, settings, title), maxlen=0)


def _segment_in_steps(
    tracker: VideoTracker, video: Video, settings: EvaluationSettings, title: str | None
) -> Iterator[Batch]:
    """Segment one video and write the results; yield each batch of frames before it is encoded."""
    need_probabilities = any(EXPORTS[export].needs_probabilities for export in settings.exports)
    steps = tracker.segment_in_steps(video, need_probabilities=need_probabilities, title=title)
    output = VideoOutput(
        OutputPaths.below(settings.output, video.name).folder,
        video.palette,
        video.frames.frame_rate,
        settings.exports,
        audio=video.frames.path if video.passes.is_whole and video.frames.path.is_file() else None,
        labels=video.labels,
        background=settings.green_colour,
    )
    shows_all = any(EXPORTS[export].shows_all_frames for export in settings.exports)
    needs_others = shows_all and video.passes.is_whole  # exported videos then line up with the video
    with output:
        for _, image in video.read_leading() if needs_others else ():
            output.write_leading(image)
        for step in steps:
            if isinstance(step, FrameResult):
                output.write(step)
            else:
                yield step
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
    number, is_alone = settings.videos_at_once, len(entries) == group.size == 1
    titles = [f"{entry.name} ({index + 1} of {len(entries)})" for index, entry in enumerate(entries)]
    bars = titles if group.is_main and number == 1 else [None] * len(entries)  # bars side by side cannot be read
    jobs = (
        _segment_or_report(tracker, entry, settings, title, bar, is_alone=is_alone)
        for entry, title, bar in zip(entries, titles, bars)
    )
    results = run_together(jobs, tracker.network, number)
    if number == 1:
        return list(results)
    results = _share_time(with_progress(results, "videos", len(entries)) if group.is_main else results)
    places = {entry.name: index for index, entry in enumerate(entries)}
    return sorted(results, key=lambda result: places[result.name])


def _share_time(results: Iterable[VideoResult]) -> Iterator[VideoResult]:
    """Let the seconds of videos that were segmented at the same time add up to the time that passed."""
    last = time.perf_counter()
    for result in results:
        if result.frames:
            now = time.perf_counter()
            result, last = result._replace(seconds=now - last), now
        yield result


def _segment_or_report(
    tracker: VideoTracker,
    entry: VideoEntry,
    settings: EvaluationSettings,
    title: str,
    bar: str | None,
    *,
    is_alone: bool,
) -> Job:
    """Segment one of the videos; if it fails, report that unless it is alone."""
    try:
        with failures_as_input_errors(entry.name, settings.output):
            result = yield from _segment_entry(tracker, entry, settings, title, bar)
    except InputError as e:  # kept as text: its traceback would keep the video's memory alive
        result = VideoResult(entry.name, error=str(e))
    if result.error is not None and not is_alone:
        log.error("%s", result.error)
    return result


def _segment_entry(
    tracker: VideoTracker, entry: VideoEntry, settings: EvaluationSettings, title: str, bar: str | None
) -> Job:
    """Open one video, segment it if need be, and score it if asked."""
    video = tracker.open(entry, output_all=settings.output_all)
    if settings.score:
        _check_truth(entry, video)
    paths = OutputPaths.below(settings.output, video.name)
    files = paths.finished_files(video.output_names, settings.exports, video.labels)
    record = RunRecord(paths, _describe_results(entry, tracker, settings), files)
    if settings.resume and record.is_done():
        announce(f"{title}: all is there, skipped")
        result = VideoResult(video.name)
    else:
        start = time.perf_counter()
        record.begin(overwrite=settings.overwrite)
        yield from _segment_in_steps(tracker, video, settings, bar)
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
    pair = Pair(paths.folder, entry.object_masks or entry.truth, entry.is_single_object)
    frames = measure_sequence(
        pair.predictions, pair.truth, is_single_object=pair.is_single_object, protocol=settings.protocol
    )
    if settings.plot:
        write_plots(settings.output, entry.name, frames, pair, entry.frames)
    scores = summarise_frames(frames, settings.protocol)
    if entry.object_masks is None:
        return scores
    return {entry.object_masks.objects[label - 1]: measures for label, measures in scores.items()}


def _describe_results(entry: VideoEntry, tracker: VideoTracker, settings: EvaluationSettings) -> Facts:
    """Describe what a video's results are made of; a usual green is left out, as earlier records do."""
    facts = describe_run(entry, tracker, settings.weights)
    if "green" not in settings.exports or settings.green_colour == GREEN_SCREEN:
        return facts
    return {**facts, "options": {**facts["options"], "green_colour": list(settings.green_colour)}}


def _check_truth(entry: VideoEntry, video: Video) -> None:
    """Refuse a video that cannot be scored before it is segmented."""
    truth = open_truth(entry.object_masks or entry.truth)
    missing = [name for name in entry.wanted or video.frames.names if name not in truth.names]
    if missing:
        raise InputError(
            f"{entry.truth}: lacks the masks of {len(missing)} frames, first {missing[0]}; "
            "complete it, or segment without scoring"
        )


@contextmanager
def failures_as_input_errors(name: str, output: Path) -> Iterator[None]:
    """Report memory, disks and folders that fail, while a video is segmented, in one line."""
    try:
        yield
    except OSError as e:
        raise InputError(f"{e.filename or output}: {e.strerror or e}; fix this and resume") from e
    except (RuntimeError, MemoryError) as e:
        if not is_out_of_memory(e):
            raise
        raise InputError(f"{name}: out of memory; bound the memory frames, or compute at a smaller size") from e


def refuse_output_among_input(output: Path, name: str, sources: Iterable[Path | None]) -> None:
    """Refuse an output that lies inside the input or would overwrite it.

    Raises:
        InputError: it does.
    """
    root, target = (Path(os.path.realpath(path)) for path in (output, output / name))
    for source in map(os.path.realpath, filter(None, sources)):
        is_inside = root.is_relative_to(source) or target.is_relative_to(source)
        if is_inside or Path(source).is_relative_to(target):
            raise InputError(f"output {output}: would write into the input {source}; choose a folder elsewhere")
