"""Score folders of masks against the ground truth with J and F: per object, per sequence and over all.

The official semi-supervised protocol of DAVIS: the first and the last frame of a sequence are left out, and the
objects are those of its first ground-truth mask.
"""

import csv
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from dataset.images import list_images
from dataset.stored_masks import read_stored_ids
from evaluation.metrics import score_frame, summarise
from util.errors import InputError
from util.files import make_folder, write_then_rename
from util.ids import UNLABELLED_ID
from util.pipeline import map_ahead

log = logging.getLogger(__name__)

Measures = dict[str, float]  # J_mean .. F_decay, J&F_mean; fractions
SequenceScores = dict[int, Measures]  # by object id
NUM_SHOWN = 10  # ids in a message
MEASURES = ("J&F_mean", "J_mean", "J_recall", "J_decay", "F_mean", "F_recall", "F_decay")


def score_sequence(predictions: Path, truth: Path, *, is_single_object: bool = False) -> SequenceScores:
    """Score the masks of one video.

    Args:
        predictions: folder of masks.
        truth: folder of the ground truth; its names count.
        is_single_object: whether all ids above 0 are one object.

    Returns:
        The measures of each object in the first ground-truth mask. The official tool counts all numbers up to the
        largest id there, which is the same where none is left out.

    Raises:
        InputError: missing predictions, another size, unknown ids, or a ground truth that cannot be scored.
    """
    if os.path.realpath(predictions) == os.path.realpath(truth):
        raise InputError(f"{predictions}: predictions and ground truth are the same folder; give two")
    truth_paths = list_truth(truth)
    names = list(truth_paths)
    prediction_paths = _list_masks(predictions)
    missing = [name for name in names[1:-1] if name not in prediction_paths]
    if missing:
        raise InputError(f"{predictions}: lacks {len(missing)} of {len(names) - 2} masks, first {missing[0]}; add them")
    if prediction_paths.keys() - truth_paths.keys():
        log.info("%s: %d masks have no ground truth", predictions, len(prediction_paths.keys() - truth_paths.keys()))
    read = partial(read_stored_ids, allow_colours=is_single_object)
    labels = _find_labels(read(truth_paths[names[0]]), truth_paths[names[0]], is_single_object)
    frames = []
    for name in names[1:-1]:
        wanted, found = read(truth_paths[name]), read(prediction_paths[name])
        _check(found, wanted, labels, prediction_paths[name])
        frames.append([score_frame(_region(found, label), _region(wanted, label)) for label in labels])
    return {label or 1: _measures(*zip(*scores)) for label, scores in zip(labels, zip(*frames))}


def list_truth(folder: Path) -> dict[str, Path]:
    """List the ground-truth masks of a video by name, in natural order.

    Raises:
        InputError: there are too few to score against.
    """
    paths = _list_masks(folder)
    if len(paths) < 3:
        raise InputError(
            f"{folder}: {len(paths)} mask(s), but the first and the last are not scored; give the masks of all frames"
        )
    return paths


def score_sequences(
    pairs: Mapping[str, tuple[Path, Path]], num_threads: int, *, is_single_object: bool = False
) -> Iterator[tuple[str, SequenceScores | InputError]]:
    """Score several videos in parallel.

    Args:
        pairs: folders of predictions and of ground truth, by the name of the video.

    Yields:
        Name and scores of each video, in the given order; for one that cannot be scored the error.
    """

    def score(pair: tuple[Path, Path]) -> SequenceScores | InputError:
        try:
            return score_sequence(*pair, is_single_object=is_single_object)
        except InputError as e:
            return e
        except OSError as e:
            return InputError(f"{e.filename}: {e.strerror}; fix this and score again")

    # Decoding, OpenCV and NumPy leave the interpreter to other threads.
    yield from zip(pairs, map_ahead(score, pairs.values(), num_threads))


def average(measures: Iterable[Measures]) -> Measures:
    """Average each measure."""
    measures = list(measures)
    return {key: sum(item[key] for item in measures) / len(measures) for key in MEASURES}


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
        table.writerow(["sequence", "object", *MEASURES])
        for name, objects in scores.items():
            for label, measures in objects.items():
                table.writerow([name, label, *(measures[key] for key in MEASURES)])
            table.writerow([name, "all", *(summary["sequences"][name][key] for key in MEASURES)])
        table.writerow(["all", "all", *(summary[key] for key in MEASURES)])


def format_scores(scores: Mapping[str, SequenceScores], num_videos: int) -> str:
    """Make a table in per cent: a line per sequence, one for all objects, and how many of the videos it covers."""
    summary = summarise_scores(scores)
    rows = {**summary["sequences"], f"all {len(summary['objects'])} objects": summary}
    width = max(map(len, ["sequence", *rows]))
    lines = [f"{'sequence':{width}}" + "".join(f"{key.replace('_', ' '):>10}" for key in MEASURES)]
    lines += [f"{name:{width}}" + "".join(f"{100 * row[key]:10.1f}" for key in MEASURES) for name, row in rows.items()]
    note = f"per cent; {len(scores)} of {num_videos} videos scored"
    return "\n".join([*lines[:-1], "-" * len(lines[0]), lines[-1], note])


def _measures(similarities: tuple[float, ...], accuracies: tuple[float, ...]) -> Measures:
    (j_mean, j_recall, j_decay), (f_mean, f_recall, f_decay) = summarise(similarities), summarise(accuracies)
    return dict(zip(MEASURES, ((j_mean + f_mean) / 2, j_mean, j_recall, j_decay, f_mean, f_recall, f_decay)))


def _list_masks(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected masks named by frame")
    return list_images(folder)


def _find_labels(first_truth: np.ndarray, path: Path, is_single_object: bool) -> Sequence[int | None]:
    """Ids to score; None for a single object, that is all ids above 0."""
    is_object = (first_truth > 0) & (is_single_object | (first_truth != UNLABELLED_ID))
    if not is_object.any():
        hint = "" if is_single_object else "; masks of 0 and 255 hold a single object (single_object)"
        raise InputError(f"{path}: no object in the first ground-truth mask{hint}")
    return [None] if is_single_object else np.unique(first_truth[is_object]).tolist()


def _region(mask: np.ndarray, label: int | None) -> np.ndarray:
    return mask > 0 if label is None else mask == label


def _check(found: np.ndarray, wanted: np.ndarray, labels: Sequence[int | None], path: Path) -> None:
    if found.shape != wanted.shape:
        sizes = ("x".join(map(str, mask.shape[::-1])) for mask in (found, wanted))
        raise InputError("{}: {} pixels, but the ground truth has {}; write masks at native size".format(path, *sizes))
    if labels[-1] is None:
        return
    is_known = np.zeros(1 + max(found.max(), labels[-1]), bool)
    is_known[[0, *labels]] = True
    unknown = found[~is_known[found]]
    if unknown.size:
        known = ", ".join(map(str, labels[:NUM_SHOWN])) + (", .." if len(labels) > NUM_SHOWN else "")
        raise InputError(
            f"{path}: holds id {unknown[0]}, but the first ground-truth mask has {known}; "
            "correct it, or score all ids as one object (single_object)"
        )
