"""Facts that decide on the results of a video: its files, the weights and the options."""

from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from dataset.videos import VideoEntry
from output.record import Facts, describe_source, digest_file
from tracker import VideoTracker

IRRELEVANT = {"frames_at_once", "max_objects"}  # settings of the tracker that change no result


def describe_run(entry: VideoEntry, tracker: VideoTracker, weights: Path | None) -> Facts:
    """Describe what a video's results are made of.

    Args:
        weights: the network's file; None: unknown.
    """
    choices = {name: value for name, value in _choices(entry).items() if value != VideoEntry._field_defaults[name]}
    facts = {"video": describe_source(entry.frames), "masks": describe_source(entry.masks)}
    return facts | _describe_tracker(tracker, weights, choices | {"one_object": entry.is_single_object})


def describe_stream_run(label: str, mask: Path, tracker: VideoTracker, weights: Path | None) -> Facts:
    """Describe what a stream's results are made of. No other run can have the same frames.

    Args:
        label: names the stream.
        mask: the file of its first mask.
        weights: as for ``describe_run``.
    """
    start = datetime.now(timezone.utc).isoformat()
    facts = {"video": {"path": f"{label}, {start}"}, "masks": describe_source(mask)}
    return facts | _describe_tracker(tracker, weights, {})


def _describe_tracker(tracker: VideoTracker, weights: Path | None, choices: dict[str, object]) -> Facts:
    options = {name: value for name, value in asdict(tracker.config).items() if name not in IRRELEVANT}
    options |= {"precision": str(tracker.network.dtype).removeprefix("torch."), **choices}
    return {"weights": {"digest": None if weights is None else digest_file(weights)}, "options": options}


def _choices(entry: VideoEntry) -> dict[str, object]:
    """List what was chosen for a video. Records leave defaults out, as those of earlier releases do."""
    return {name: getattr(entry, name) for name in ("mask_frame", "direction", "masks_used")}
