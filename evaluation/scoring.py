"""Score folders of masks against the ground truth with J and F: per object, per sequence and over all.

The official semi-supervised protocol of DAVIS: the first and the last frame of a sequence are left out, and the
objects are those of its first ground-truth mask.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataset.object_masks import ObjectMasks
from evaluation.measuring import DAVIS, FrameScores, Protocol, measure_sequence
from evaluation.metrics import summarise
from util.errors import InputError
from util.files import make_folder, write_then_rename
from util.pipeline import map_ahead

Measures = dict[str, float]  # J_mean .. F_decay, J&F_mean, and J_last if it was asked for; fractions
SequenceScores = dict[int, Measures]  # by object id
MEASURES = ("J&F_mean", "J_mean", "J_recall", "J_decay", "F_mean", "F_recall", "F_decay")


class Pair(NamedTuple):
    """The masks of one video, and what they are scored against."""

    predictions: Path  # folder of masks
    truth: Path | ObjectMasks  # folder of the ground truth, or masks by object
    is_single_object: bool = False  # whether all ids above 0 are one object


def score_sequence(
    predictions: Path, truth: Path, *, is_single_object: bool = False, protocol: Protocol = DAVIS
) -> SequenceScores:
    """Score the masks of one video.

    Args:
        predictions: folder of masks.
        truth: folder of the ground truth; its names count.
        is_single_object: whether all ids above 0 are one object.
        protocol: what is scored.

    Returns:
        The measures of each object. By default the objects are those in the first ground-truth mask; the official tool
        counts all numbers up to the largest id there, which is the same where none is left out.

    Raises:
        InputError: missing predictions, another size, unknown ids, or a ground truth that cannot be scored.
    """
    return summarise_frames(
        measure_sequence(predictions, truth, is_single_object=is_single_object, protocol=protocol), protocol
    )


def summarise_frames(scores: FrameScores, protocol: Protocol = DAVIS) -> SequenceScores:
    """Average the scores of a video's frames by object."""
    return {label: _measures(values, protocol) for label, values in scores.values.items()}


def measure_sequences(
    pairs: Mapping[str, Pair], num_threads: int, protocol: Protocol = DAVIS
) -> Iterator[tuple[str, FrameScores | InputError]]:
    """Measure several videos in parallel.

    Args:
        pairs: by the name of the video.

    Yields:
        Name and scores of each video, in the given order; for one that cannot be scored the error.
    """

    def measure(pair: Pair) -> FrameScores | InputError:
        try:
            return measure_sequence(
                pair.predictions, pair.truth, is_single_object=pair.is_single_object, protocol=protocol
            )
        except InputError as e:
            return e
        except OSError as e:
            return InputError(f"{e.filename}: {e.strerror}; fix this and score again")

    # Decoding, OpenCV and NumPy leave the interpreter to other threads.
    yield from zip(pairs, map_ahead(measure, pairs.values(), num_threads))


def average(measures: Iterable[Measures]) -> Measures:
    """Average each measure."""
    measures = list(measures)
    return {key: sum(item[key] for item in measures) / len(measures) for key in measures[0]}


def summarise_scores(scores: Mapping[str, SequenceScores]) -> dict:
    """Average the measures over all objects; those of ``sequences`` and ``objects`` (``<sequence>_<id>``) beside."""
    objects = {f"{name}_{label}": item for name, items in scores.items() for label, item in items.items()}
    sequences = {name: average(items.values()) for name, items in scores.items()}
    return {**average(objects.values()), "sequences": sequences, "objects": objects}


def write_scores(scores: Mapping[str, SequenceScores], output: Path) -> None:
    """Write ``scores.json`` (see ``summarise_scores``) and ``scores.csv`` (a row per object, sequence, and for all).

    Raises:
        InputError: ``output`` cannot be a folder.
    """
    summary = summarise_scores(scores)
    make_folder(output)
    with write_then_rename(output / "scores.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n")
    with write_then_rename(output / "scores.csv") as temporary, temporary.open("w", newline="") as file:
        table = csv.writer(file)
        keys = [key for key in summary if key not in ("sequences", "objects")]
        table.writerow(["sequence", "object", *keys])
        for name, objects in scores.items():
            for label, measures in objects.items():
                table.writerow([name, label, *(measures[key] for key in keys)])
            table.writerow([name, "all", *(summary["sequences"][name][key] for key in keys)])
        table.writerow(["all", "all", *(summary[key] for key in keys)])


def format_scores(scores: Mapping[str, SequenceScores], num_videos: int) -> str:
    """Make a table in per cent: a line per sequence, one for all objects, and how many of the videos it covers."""
    summary = summarise_scores(scores)
    title = f"all {len(summary['objects'])} objects"
    rows = {**summary["sequences"], title: average(summary["objects"].values())}
    width = max(map(len, ["sequence", *rows]))
    lines = [f"{'sequence':{width}}" + "".join(f"{key.replace('_', ' '):>10}" for key in rows[title])]
    lines += [f"{name:{width}}" + "".join(f"{100 * row[key]:10.1f}" for key in row) for name, row in rows.items()]
    note = f"per cent; {len(scores)} of {num_videos} videos scored"
    return "\n".join([*lines[:-1], "-" * len(lines[0]), lines[-1], note])


def _measures(values: np.ndarray, protocol: Protocol) -> Measures:
    """Average J and F ``[N,2]`` of one object over the frames that score it."""
    similarities, accuracies = values[~np.isnan(values[:, 0])].T
    (j_mean, j_recall, j_decay), (f_mean, f_recall, f_decay) = summarise(similarities), summarise(accuracies)
    measures = dict(zip(MEASURES, ((j_mean + f_mean) / 2, j_mean, j_recall, j_decay, f_mean, f_recall, f_decay)))
    if protocol.last_quarter:
        measures["J_last"] = float(similarities[3 * len(similarities) // 4 :].mean())
    return measures
