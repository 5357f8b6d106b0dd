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
from interactive.objects import Entry
from interactive.record import State
from interactive.session import Session
from output.record import describe_source
from output.video import EXPORTS
from util.device import held_memory
from util.packing import PackedArray

Event = dict[str, object]  # as JSON knows it

LABELS = {"masks": "masks (PNG)", "overlay": "overlay video (MP4)", "probabilities": "probabilities (NPZ)"}
FIRST_EXPORTS = ("masks", "overlay")


class Shown(NamedTuple):
    """The masks of all frames at one moment. It never changes, so that every thread may read it."""

    state: State
    size: tuple[int, int]
    revisions: dict[int, int]  # by frame; a frame that has none is empty

    def ids(self, frame: int) -> np.ndarray:
        """Read a frame's mask at the working size: ``[H,W]`` int32 ids."""
        ids = self.state.ids(frame)
        return np.zeros(self.size, np.int32) if ids is None else ids


class Status:
    """Follow a session: give a revision to each frame whose mask has changed, and describe all of it.

    Args:
        session: it is looked at in ``update`` alone, and in ``describe``.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.version = f"{time.time_ns():x}"  # differs between runs
        self._revision = time.time_ns() // 10**6  # browsers may keep masks of an earlier run
        self._present: dict[int, frozenset[int]] = {}  # numbers of the objects in each frame
        state = session.state
        self.shown = Shown(
            state._replace(drawn={}, propagation=state.propagation._replace(results={})), session.size, {}
        )
        source = {**describe_source(session.frames.source.path), "size": session.frames.size}
        self.key = hashlib.blake2b(json.dumps(source).encode(), digest_size=6).hexdigest()
        self.update()

    def update(self, *, goes_on: bool = False) -> None:
        """Look at the session: ``shown`` is then what it shows now.

        Args:
            goes_on: whether a round has done a further frame. All its frames get one revision.
        """
        old, state = self.shown.state, self._session.state
        renumbered = {entry[:2] + entry[3:] for entry in {*old.objects.entries} ^ {*state.objects.entries}}
        numbers = {number for number, *_ in renumbered}
        revisions, self._revision = dict(self.shown.revisions), self._revision + (not goes_on)
        for frame in {*old.drawn, *old.propagation.results, *state.drawn, *state.propagation.results}:
            content, former = _content(state, frame), _content(old, frame)
            if content is None:
                revisions.pop(frame, None)
                self._present.pop(frame, None)
            elif content is not former or not numbers.isdisjoint(self._present[frame]):
                revisions[frame] = self._revision
                self._present[frame] = _find_present(state, frame) if content is not former else self._present[frame]
        self.shown = Shown(state, self._session.size, revisions)

    def present(self, frame: int) -> list[int]:
        """List the ids of the objects of which a frame has a pixel."""
        numbers = self._present.get(frame, ())
        return [entry.object_id for entry in self.shown.state.objects.entries if entry.number in numbers]

    def describe(self) -> Event:
        """Describe everything but what differs between clients, and the running job."""
        state, session = self.shown.state, self._session
        interactions, results = state.propagation.interactions, state.propagation.results
        return {
            "event": "state",
            "version": self.version,
            "video": self._describe_video(),
            "working_size": list(session.size),
            "objects": [_describe_object(entry, session.colours) for entry in state.objects.entries],
            "interacted": list(interactions),
            "changed": list(state.drawn),
            "computed": find_ranges(results),
            "presence": {
                entry.object_id: find_ranges(f for f, numbers in self._present.items() if entry.number in numbers)
                for entry in state.objects.entries
            },
            "revisions": _find_runs(self.shown.revisions),
            "strokes": state.scribbles and self._describe_strokes(state.scribbles),
            "undo": session.undo_label,
            "redo": session.redo_label,
            "exports": list_exports(),
            "info": self._describe_machine(),
        }

    def _describe_video(self) -> Event:
        frames = self._session.frames
        height, width = frames.size
        facts = {"name": frames.source.path.name, "key": self.key, "frames": len(frames)}
        facts |= {"width": width, "height": height, "rate": float(frames.source.frame_rate)}
        if any(name != f"{number:05d}" for number, name in enumerate(frames.names)):
            facts["names"] = frames.names
        return facts

    def _describe_strokes(self, scribbles: Scribbles) -> Event:
        scale, objects = self._session.scale, self.shown.state.objects
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

    def _describe_machine(self) -> Event:
        session, models = self._session, self._session.models
        network = models.network
        weights = models.weights.get("stcn")
        return {
            "device": str(network.device),
            "precision": str(network.dtype).removeprefix("torch."),
            "network": "STCN" if weights is None else f"STCN ({weights.name})",
            "maker": session.maker_name,
            "fusion": "by distance" if models.fusion is None else "network",
            "memory": round((held_memory(network.device) or 0) * 1024),  # MiB
            "memory_frames": len(session.interacted),
            "workspace": session.workspace and str(session.workspace),
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


def _content(state: State, frame: int) -> object:
    return state.drawn.get(frame, state.propagation.results.get(frame))


def _find_present(state: State, frame: int) -> frozenset[int]:
    content = _content(state, frame)
    return frozenset(find_labels(content.unpack())) if isinstance(content, PackedArray) else content.present


def _describe_object(entry: Entry, colours: dict[int, tuple[int, int, int]]) -> Event:
    colour = "#" + bytes(colours[entry.object_id]).hex()
    return {"id": entry.object_id, "name": entry.name, "colour": colour}
