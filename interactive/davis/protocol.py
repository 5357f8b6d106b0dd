"""The DAVIS interactive protocol: scribble files, scores, the robot's next frame, the summary of a run.

Caelles et al., "The 2018 DAVIS Challenge on Video Object Segmentation", arXiv 1803.00557.
"""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation.metrics import score_frame
from interactive.strokes import Line
from util.errors import InputError

METRICS = ("J_AND_F", "J", "F")
THRESHOLD = 60  # seconds at which the curve is read

Lines = dict[int, list[Line]]  # by frame


class FrameScores(NamedTuple):
    """The scores of one interaction, each ``[T,K]`` in [0, 1]."""

    jaccard: np.ndarray
    contour: np.ndarray

    def metric(self, name: str) -> np.ndarray:
        """Give one of ``METRICS``."""
        return {"J": self.jaccard, "F": self.contour, "J_AND_F": (self.jaccard + self.contour) / 2}[name]


class Sample(NamedTuple):
    """One file of scribbles of one sequence."""

    sequence: str
    scribble_idx: int  # 1, 2 or 3


class Submission(NamedTuple):
    """The result of one interaction of a sample: how long it took, and how good it was."""

    sample: Sample
    interaction: int  # from 1 on
    timing: float  # seconds from handing out the scribbles to the masks
    scores: FrameScores


def read_scribbles(path: Path, num_frames: int, num_objects: int) -> Lines:
    """Read a file of scribbles: the lines of each frame that has any.

    Args:
        num_frames: T of the sequence.
        num_objects: K of the sequence.

    Raises:
        InputError: it is unreadable, holds something else, or does not fit the sequence.
    """
    try:
        frames = json.loads(path.read_text())["scribbles"]
        lines = {
            frame: [Line(np.array(line["path"], float).reshape(-1, 2), int(line["object_id"])) for line in lines]
            for frame, lines in enumerate(frames)
            if lines
        }
    except OSError as e:
        raise InputError(f"{path}: no readable scribbles ({e.strerror}); get them from DAVIS 2017") from e
    except (ValueError, KeyError, TypeError, OverflowError) as e:
        raise InputError(f"{path}: not a file of scribbles ({type(e).__name__}: {e}); get it again") from e
    for frame, line in ((frame, line) for frame, found in lines.items() for line in found):
        if frame >= num_frames or not 0 <= line.object_id <= num_objects:
            known = f"the sequence has {num_frames} frames and {num_objects} objects"
            raise InputError(f"{path}: object {line.object_id} in frame {frame}, but {known}; get it again")
        if not ((line.path >= 0) & (line.path <= 1)).all():
            raise InputError(f"{path}: a line in frame {frame} has points beyond 0 to 1; get it again")
    return lines


def write_scribbles(path: Path, sequence: str, num_frames: int, lines: Lines) -> None:
    """Write a file of scribbles."""
    frames = [
        [{"path": line.path.tolist(), "object_id": line.object_id} for line in lines.get(frame, [])]
        for frame in range(num_frames)
    ]
    path.write_text(json.dumps({"sequence": sequence, "scribbles": frames}))


def score(masks: np.ndarray, truth: np.ndarray, num_objects: int) -> FrameScores:
    """Score the masks ``[T,H,W]`` of all frames, the first and the last included, for the objects 1 to K."""
    pairs = np.array(
        [
            [score_frame(mask == label, wanted == label) for label in range(1, num_objects + 1)]
            for mask, wanted in zip(masks, truth)
        ]
    )
    return FrameScores(pairs[..., 0], pairs[..., 1])


def choose_next_frame(metric: np.ndarray, candidates: Sequence[int] | None, used: Collection[int]) -> int:
    """Choose the frame that the robot looks at: the worst of the candidates, if possible one that it has not used.

    Args:
        metric: ``[T,K]``.
        candidates: None: all frames.
    """
    frames = list(range(len(metric)) if candidates is None else candidates)
    left = [frame for frame in frames if frame not in used] or frames
    return min(left, key=lambda frame: metric[frame].mean())


def summarise(
    submissions: Sequence[Submission],
    num_objects: dict[Sample, int],
    max_interactions: int,
    max_time: float | None,
    metric: str = METRICS[0],
) -> dict[str, object]:
    """Compute the area under the curve of quality over time, and the quality at 60 seconds.

    Args:
        submissions: those of all samples; what is missing of a sample repeats its last result in no time.
        num_objects: K of each sample.
        max_time: seconds per object; None: no limit.
    """
    means = np.zeros((max_interactions, sum(num_objects.values())))
    timings, column = np.zeros((max_interactions, len(num_objects))), 0
    for index, (sample, count) in enumerate(num_objects.items()):
        found = sorted((s for s in submissions if s.sample == sample), key=lambda s: s.interaction)
        for row in range(max_interactions if found else 0):
            submission = found[min(row, len(found) - 1)]
            means[row, column : column + count] = submission.scores.metric(metric).mean(0)
            timings[row, index] = submission.timing if row < len(found) else 0
        column += count
    limit = max_interactions * timings.max() if max_time is None else max_time * _mean_objects(num_objects)
    quality = [0.0, *means.mean(1).tolist(), float(means[-1].mean())]
    time = [0.0, *timings.mean(1).cumsum().tolist(), float(limit)]
    area = sum((time[i + 1] - time[i]) * (quality[i + 1] + quality[i]) / 2 for i in range(len(time) - 1))
    return {
        "auc": area / time[-1],
        "metric_at_threshold": {"threshold": THRESHOLD, metric: float(np.interp(THRESHOLD, time, quality))},
        "curve": {"time": time, metric: quality},
    }


def _mean_objects(num_objects: dict[Sample, int]) -> float:
    """Average the number of objects over the sequences."""
    by_sequence = {sample.sequence: count for sample, count in num_objects.items()}
    return float(np.mean(list(by_sequence.values())))
