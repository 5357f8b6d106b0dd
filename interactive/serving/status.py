"""The face of a session, in the words of the protocol: objects, ranges of frames, revisions of masks."""

import hashlib
import json
import time
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import numpy as np

from dataset.stored_masks import find_labels
from interactive.editing import Scribbles
from interactive.objects import Objects
from interactive.record import State
from interactive.results import FrameProbabilities
from interactive.session import Session
from output.record import describe_source
from output.video import EXPORTS
from util.device import held_memory
from util.packing import PackedArray

Event = dict[str, object]  # as JSON knows it

LABELS = {  # for people; other exports have their names
    "masks": "masks (PNG)",
    "overlay": "overlay video (MP4)",
    "probabilities": "probabilities (NPZ)",
    "coco": "annotations for COCO (JSON)",
    "youtube_vis": "annotations for YouTube-VIS (JSON)",
    "csv": "table of objects (CSV)",
    "cutout": "cut-outs (PNG)",
    "alpha": "soft masks (PNG)",
    "green": "green screen (MP4)",
    "prores": "ProRes with transparency (MOV)",
}
FIRST_EXPORTS = ("masks", "overlay")


class Shown(NamedTuple):
    """A session at one moment. It never changes, so that every thread may read it."""

    state: State
    size: tuple[int, int]
    revisions: dict[int, int]  # by frame; a frame that has none is empty
    present: dict[int, frozenset[int]]  # numbers of the objects in each frame
    labels: tuple[str | None, str | None]  # names of what undo and redo would do

    def ids(self, frame: int) -> np.ndarray:
        """Read a frame's mask at the working size: ``[H,W]`` int32 ids."""
        ids = self.state.ids(frame)
        return np.zeros(self.size, np.int32) if ids is None else ids

    def find_present(self, frame: int) -> list[int]:
        """List the ids of the objects of which a frame has a pixel."""
        numbers = self.present.get(frame, ())
        return [entry.object_id for entry in self.state.objects.entries if entry.number in numbers]


class Status:
    """Follow a session: give a revision to each frame whose mask has changed, and describe all of it.

    Args:
        session: its owner calls ``update`` alone; ``describe`` may be called in any thread.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._revision = time.time_ns() // 10**6  # browsers may keep masks of an earlier run
        self.version = str(self._revision)  # differs between runs
        source = {**describe_source(session.frames.source.path), "size": session.frames.size}
        self.key = hashlib.blake2b(json.dumps(source).encode(), digest_size=6).hexdigest()
        state = session.state
        nothing = state._replace(drawn={}, propagation=state.propagation._replace(results={}))
        self.shown = Shown(nothing, session.size, {}, {}, (None, None))
        self.update()

    def update(self, *, goes_on: bool = False) -> None:
        """Look at the session: ``shown`` is then what it shows now.

        Args:
            goes_on: whether a round has done a further frame. All its frames get one revision.
        """
        old, state = self.shown.state, self._session.state
        looks, former_looks = ({entry._replace(name="") for entry in s.objects.entries} for s in (state, old))
        numbers = {entry.number for entry in looks ^ former_looks}  # objects that came, went, or look different
        revisions, present = dict(self.shown.revisions), dict(self.shown.present)
        self._revision += not goes_on
        for frame in {*revisions, *state.drawn, *state.propagation.results}:
            content, former = _content(state, frame), _content(old, frame)
            if content is None:
                del revisions[frame], present[frame]
            elif content is not former:
                revisions[frame], present[frame] = self._revision, _find_present(content)
            elif not numbers.isdisjoint(present[frame]):
                revisions[frame] = self._revision
        labels = self._session.undo_label, self._session.redo_label
        self.shown = Shown(state, self._session.size, revisions, present, labels)

    def describe(self) -> Event:
        """Describe everything but what differs between clients, and the running job."""
        shown = self.shown
        state, colours = shown.state, shown.state.objects.colours
        return {
            "event": "state",
            "version": self.version,
            "video": self._describe_video(),
            "working_size": list(shown.size),
            "objects": [
                {"id": entry.object_id, "name": entry.name, "colour": "#" + bytes(colours[entry.object_id]).hex()}
                for entry in state.objects.entries
            ],
            "interacted": list(state.propagation.interactions),
            "changed": list(state.changed),
            "computed": find_ranges(state.propagation.results),
            "presence": {
                entry.object_id: find_ranges(
                    frame for frame, numbers in shown.present.items() if entry.number in numbers
                )
                for entry in state.objects.entries
            },
            "revisions": _find_runs(shown.revisions),
            "strokes": state.scribbles and self._describe_strokes(state.scribbles, state.objects),
            "undo": shown.labels[0],
            "redo": shown.labels[1],
            "exports": list_exports(),
            "info": self._describe_machine(len(state.propagation.interactions)),
        }

    def _describe_video(self) -> Event:
        frames = self._session.frames
        height, width = frames.size
        facts = {"name": frames.source.path.name, "key": self.key, "frames": len(frames)}
        facts |= {"width": width, "height": height, "rate": float(frames.source.frame_rate)}
        if any(name != f"{number:05d}" for number, name in enumerate(frames.names)):
            facts["names"] = frames.names
        return facts

    def _describe_strokes(self, scribbles: Scribbles, objects: Objects) -> Event:
        scale = self._session.scale
        ids = {0: 0, **{entry.number: entry.object_id for entry in objects.entries}}
        strokes = [
            {
                "points": [[round(x / scale, 2), round(y / scale, 2)] for x, y in stroke.points],
                "object": ids[stroke.number],
                "box": stroke.is_box,
            }
            for stroke in scribbles.strokes
        ]
        region = scribbles.region and [round(side / scale) for side in scribbles.region]
        return {"frame": scribbles.frame, "region": region, "strokes": strokes}

    def _describe_machine(self, num_memory_frames: int) -> Event:
        models, workspace = self._session.models, self._session.workspace
        network, weights = models.network, models.weights.get("stcn")
        return {
            "device": str(network.device),
            "precision": str(network.dtype).removeprefix("torch."),
            "network": "STCN" if weights is None else f"STCN ({weights.name})",
            "maker": self._session.maker_name,
            "fusion": self._session.fusion_name,
            "memory": round((held_memory(network.device) or 0) * 1024),  # MiB
            "memory_frames": num_memory_frames,
            "workspace": workspace and str(workspace),
        }


def list_exports() -> list[list[str]]:
    """List what can be exported: kind, and a label for people."""
    kinds = [*FIRST_EXPORTS, *(kind for kind in EXPORTS if kind not in FIRST_EXPORTS)]
    return [[kind, LABELS.get(kind, kind.replace("_", " "))] for kind in kinds]


def find_ranges(frames: Iterable[int]) -> list[list[int]]:
    """Find the runs of consecutive numbers: first and last of each."""
    numbered = enumerate(sorted(frames))
    groups = ([frame for _, frame in group] for _, group in groupby(numbered, lambda item: item[1] - item[0]))
    return [[group[0], group[-1]] for group in groups]


def _find_runs(revisions: dict[int, int]) -> list[list[int]]:
    """Find the runs of frames of one revision: first, last, revision."""
    frames_of: dict[int, list[int]] = {}
    for frame, revision in revisions.items():
        frames_of.setdefault(revision, []).append(frame)
    runs = ([*run, revision] for revision, frames in frames_of.items() for run in find_ranges(frames))
    return sorted(runs)


def _content(state: State, frame: int) -> PackedArray | FrameProbabilities | None:
    return state.drawn.get(frame, state.propagation.results.get(frame))


def _find_present(content: PackedArray | FrameProbabilities) -> frozenset[int]:
    return frozenset(find_labels(content.unpack())) if isinstance(content, PackedArray) else content.present
