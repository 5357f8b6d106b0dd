"""A run of the DAVIS interactive protocol over sequences: samples, report, curve, summary; it can go on later."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dataset.frames import open_frames
from dataset.images import list_images
from dataset.stored_masks import read_stored_ids
from dataset.videos import VideoEntry
from interactive.davis.protocol import FrameScores, Sample, Submission, read_scribbles, summarise
from interactive.davis.run import Processor, ProtocolConfig, run_sample
from interactive.models import Models
from interactive.propagation import PropagationConfig
from output.chart import Line, Panel, write_chart
from output.masks import write_mask
from util.errors import InputError
from util.files import make_folder, write_then_rename
from util.progress import with_progress

REPORT = "report.csv"
COLUMNS = ("sequence", "scribble_idx", "interaction", "object_id", "frame", "jaccard", "contour", "j_and_f", "timing")


@dataclass(frozen=True)
class InteractiveSettings:
    """Settings of a run: what it does and writes."""

    output: Path
    save_masks: bool = False  # write the masks of each sample's last submission
    resume: bool = False  # skip samples that an earlier run finished
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    propagation: PropagationConfig = field(default_factory=PropagationConfig)


def list_samples(entries: Iterable[VideoEntry]) -> dict[Sample, tuple[VideoEntry, Path]]:
    """List the samples of sequences in DAVIS's layout: three files of scribbles each.

    Raises:
        InputError: a sequence has none.
    """
    samples = {}
    for entry in entries:
        folder = entry.frames.parents[2] / "Scribbles" / entry.name
        files = sorted(folder.glob("[0-9]*.json"))
        if not files:
            raise InputError(f"{folder}: no files of scribbles; get davis2017_scribbles, or make some")
        samples |= {Sample(entry.name, int(path.stem)): (entry, path) for path in files}
    return samples


def evaluate_interactive(entries: Sequence[VideoEntry], models: Models, settings: InteractiveSettings) -> dict:
    """Run the protocol over sequences, and write report, curve and summary.

    Returns:
        the summary.

    Raises:
        InputError: sequences, scribbles or an earlier report that cannot be used.
    """
    samples = list_samples(entries)
    make_folder(settings.output)
    report = settings.output / REPORT
    submissions = read_report(report) if settings.resume and report.exists() else []
    finished = {submission.sample for submission in submissions}
    counts = {sample: _count_objects(entry) for sample, (entry, _) in samples.items()}
    left = [sample for sample in samples if sample not in finished]
    for sample in with_progress(left, "interactive", len(left)) if left else ():
        submissions += _run(sample, *samples[sample], models, counts[sample], settings)
        write_report(report, submissions)
    protocol = settings.protocol
    wanted = [submission for submission in submissions if submission.sample in samples]
    summary = summarise(wanted, counts, protocol.max_interactions, protocol.max_time, protocol.metric)
    with write_then_rename(settings.output / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n")
    curve = Line(summary["curve"]["time"], summary["curve"][protocol.metric])
    write_chart(settings.output / "curve.png", [Panel("J&F", [curve])], "seconds")
    return summary


def read_report(path: Path) -> list[Submission]:
    """Read the submissions of a report.

    Raises:
        InputError: it is no report.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        groups: dict[tuple, list[dict]] = {}
        for row in rows:
            groups.setdefault((row["sequence"], int(row["scribble_idx"]), int(row["interaction"])), []).append(row)
        return [_read_group(key, rows) for key, rows in groups.items()]
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise InputError(f"{path}: not a report of an earlier run ({e}); start anew, or give another output") from e


def write_report(path: Path, submissions: Iterable[Submission]) -> None:
    """Write a row for each object in each frame of each submission."""
    with write_then_rename(path) as temporary, temporary.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for sample, interaction, timing, scores in submissions:
            both = scores.metric("J_AND_F")
            for (frame, index), jaccard in np.ndenumerate(scores.jaccard):
                values = (jaccard, scores.contour[frame, index], both[frame, index])
                table.writerow([*sample, interaction, index + 1, frame, *map(float, values), timing])


def _run(
    sample: Sample, entry: VideoEntry, scribbles: Path, models: Models, num_objects: int, settings: InteractiveSettings
) -> Iterator[Submission]:
    """Run one sample."""
    images = [image for _, image in open_frames(entry.frames).read()]
    paths = list_images(entry.truth)
    truth = [read_stored_ids(path) for path in paths.values()]
    if [mask.shape for mask in truth] != [images[0].shape[:2]] * len(images):
        raise InputError(f"{entry.truth}: masks of other frames than {entry.frames} has; get the data set again")
    processor = Processor(images, num_objects, models, settings.propagation)
    lines, masks = read_scribbles(scribbles, len(images), num_objects), None
    if not lines:
        raise InputError(f"{scribbles}: no scribbles in it; get it again")
    for submission, masks in run_sample(  # noqa: B007 (the last masks are written)
        sample, lines, np.stack(truth), processor.interact, num_objects, settings.protocol
    ):
        yield submission
    if settings.save_masks and masks is not None:
        folder = settings.output / str(sample.scribble_idx - 1) / sample.sequence
        folder.mkdir(parents=True, exist_ok=True)
        for name, mask in zip(paths, masks):
            write_mask(folder / f"{name}.png", mask.astype(np.uint8))


def _count_objects(entry: VideoEntry) -> int:
    """Count the objects of a sequence: ids from 1 to the largest of its first mask."""
    largest = int(read_stored_ids(entry.masks).max())
    if not largest:
        raise InputError(f"{entry.masks}: no object in it; get the data set again")
    return largest


def _read_group(key: tuple[str, int, int], rows: list[dict]) -> Submission:
    sequence, scribble_idx, interaction = key
    shape = 1 + max(int(row["frame"]) for row in rows), max(int(row["object_id"]) for row in rows)
    scores = FrameScores(np.full(shape, np.nan), np.full(shape, np.nan))
    for row in rows:
        place = int(row["frame"]), int(row["object_id"]) - 1
        scores.jaccard[place], scores.contour[place] = float(row["jaccard"]), float(row["contour"])
    return Submission(Sample(sequence, scribble_idx), interaction, float(rows[0]["timing"]), scores)
