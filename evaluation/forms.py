"""Results in the forms of data sets that store masks object by object.

A form takes the entries and the folder of the masks, ``<masks>/<video>/<frame>.png``. It writes files beside that
folder, and returns their paths relative to where they lie.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dataset.burst import frame_name, load_burst
from dataset.images import list_images
from dataset.object_masks import ObjectMasks
from dataset.stored_masks import find_labels, read_stored_ids
from dataset.videos import VideoEntry, resize_mask
from output.masks import write_mask
from util.files import make_folder, write_then_rename
from util.progress import with_progress
from util.report import announce
from util.rle import encode

BURST_FILE = "predictions.json"


def write_object_folders(entries: Sequence[VideoEntry], masks: Path) -> list[Path]:
    """Write ``<video>/<object>/<frame>.png``, 255 for the object and 0 elsewhere, as SA-V has them.

    Frames before the first object get empty masks.
    """
    written = []
    for entry in with_progress(entries, "masks by object", len(entries)):
        objects = {1: ""} if entry.object_masks is None else dict(enumerate(entry.object_masks.objects, 1))
        names = list(list_images(entry.masks)) if entry.object_masks is None else entry.object_masks.names
        for label in objects:
            make_folder(masks.parent / entry.name / objects[label])
        size = read_stored_ids(masks / entry.name / f"{max(entry.wanted)}.png").shape
        for name in names:
            ids = read_stored_ids(masks / entry.name / f"{name}.png") if name in entry.wanted else np.zeros(size, int)
            for label, item in objects.items():
                region = ids > 0 if entry.object_masks is None else ids == label
                path = Path(entry.name, item, f"{name}.png")
                write_mask(masks.parent / path, np.where(region, 255, 0).astype(np.uint8), None)
                written.append(path)
    announce(f"masks by object are in {masks.parent}, as <video>/<object>/<frame>.png")
    return written


def write_burst(entries: Sequence[VideoEntry], masks: Path) -> list[Path]:
    """Write ``predictions.json``: the file of BURST that was read, with the masks found in place of its own."""
    content = load_burst(entries[0].masks)
    for entry, sequence in with_progress(list(zip(entries, content["sequences"])), "run lengths", len(entries)):
        sequence["segmentations"] = [
            _encode_frame(masks / entry.name, frame_name(frame), entry) for frame in sequence["annotated_image_paths"]
        ]
    with write_then_rename(masks.parent / BURST_FILE) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")
    announce(f"run lengths are in {masks.parent / BURST_FILE}")
    return [Path(BURST_FILE)]


def _encode_frame(folder: Path, name: str, entry: VideoEntry) -> Mapping[str, Mapping[str, object]]:
    """Encode the objects that are seen in a frame, by track."""
    if name not in entry.wanted:
        return {}
    source: ObjectMasks = entry.object_masks
    ids = resize_mask(read_stored_ids(folder / f"{name}.png"), source.size)
    return {source.objects[label - 1]: {"rle": encode(ids == label)["counts"]} for label in find_labels(ids)}
