"""The last words of a run over videos: counts, speed, memory, scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from evaluation.scoring import SequenceScores, format_scores, write_scores
from tracker import VideoTracker
from util.device import describe_device, describe_peak_memory, held_memory
from util.distributed import ProcessGroup
from util.report import announce

MEMORY_OF_LIBRARIES = held_memory(torch.device("cpu"))  # in GiB, once they are imported, before a network is loaded


class VideoResult(NamedTuple):
    """The outcome of one video."""

    name: str
    frames: int = 0  # read in this run, from the first annotated to the last wanted one
    objects: int = 0
    seconds: float = 0.0  # from files to files
    scores: SequenceScores | None = None
    error: str | None = None


def report_process(results: Sequence[VideoResult], tracker: VideoTracker, group: ProcessGroup) -> None:
    """Print what this process did, unless it did nothing."""
    if not any(result.frames or result.error is None for result in results):
        return
    name = "" if group.size == 1 else f"process {group.rank} of 0 to {group.size - 1}: "
    network = tracker.network
    libraries = MEMORY_OF_LIBRARIES if network.device.type == "cpu" else None
    memory = describe_peak_memory(network.device, libraries)
    announce(f"{name}{_describe([results])}, {memory} ({describe_device(network.device, network.dtype)})")


def report_all(
    shares: Sequence[Sequence[VideoResult]], names: Sequence[str], output: Path, exports: Sequence[str]
) -> None:
    """Print what all processes did together, and the scores.

    Args:
        shares: the results by process.
        names: of all videos, in order.
        output: the folder of the results.
        exports: the kinds of results.
    """
    if len(shares) > 1:
        announce(_describe(shares))
    others = " and ".join(export for export in exports if export != "masks")
    announce(f"masks are in {output}" + (f", {others} beside them" if others else ""))
    scores_by_name = {result.name: result.scores for share in shares for result in share}
    scores = {name: scores_by_name[name] for name in names if scores_by_name[name]}
    if scores:
        announce(format_scores(scores, len(names)))
        write_scores(scores, output)
        announce(f"fractions, also by object, are in {output / 'scores.json'} and scores.csv")


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
