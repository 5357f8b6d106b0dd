"""The record of a session in its workspace: how it is written, and how it comes back."""

from collections.abc import Callable, Container
from typing import NamedTuple

import numpy as np

from interactive.editing import Scribbles, Stroke
from interactive.interaction import Region
from interactive.objects import Entry, Objects, check_colour
from interactive.propagation import Propagation, Snapshot
from interactive.workspace import INTERACTED, PROPAGATED, SHOWN, STARTS, Workspace
from util.errors import InputError
from util.packing import PackedArray

START = "start"  # name of the mask that the open strokes began with

Masks = dict[tuple[str, str], np.ndarray | None]


class State(NamedTuple):
    """Everything that undo goes back to; nothing in it ever changes."""

    objects: Objects
    propagation: Snapshot
    drawn: dict[int, PackedArray]  # [H,W] numbers of frames changed since the last round
    scribbles: Scribbles | None
    running: int | None = None  # the frame that the running round has started from

    @property
    def changed(self) -> tuple[int, ...]:
        """Frames changed since their last round was finished, in the order in which they were changed first."""
        return (*self.drawn, *([] if self.running is None else [self.running]))

    def ids(self, frame: int) -> np.ndarray | None:
        """Read a frame's mask ``[H,W]`` of ids, as it is shown; None: nothing is there."""
        if frame in self.drawn:
            return self.objects.to_ids(self.drawn[frame].unpack())
        result = self.propagation.results.get(frame)
        return None if result is None else result.ids({entry.number: entry.object_id for entry in self.objects.entries})


class Video(NamedTuple):
    """The facts that tell one video from another."""

    source: dict[str, object]  # as ``describe_source`` says
    names: list[str]
    size: tuple[int, int]  # at which the session works

    @property
    def facts(self) -> dict[str, object]:
        """All of it as JSON knows it."""
        return {**self.source, "frames": len(self.names), "size": list(self.size)}


def commit(
    workspace: Workspace,
    video: Video,
    before: State | None,
    after: State,
    read_ids: Callable[[int, bool], np.ndarray],
    unwritten: Container[int] = (),
) -> None:
    """Write what an action changed.

    Args:
        before: None: everything is new.
        read_ids: gives a frame's mask ``[H,W]`` of ids, as it is shown or (False) as propagation has it.
        unwritten: frames whose result could not be written when a round reached them.
    """
    names, objects = video.names, after.objects
    old = before or State(Objects(), Snapshot((), {}, {}), {}, None)
    renumbered = {number for number, _ in _ids(old.objects) ^ _ids(objects)}  # their pixels change in all masks
    masks: Masks = {}
    results, old_results = after.propagation.results, old.propagation.results
    for frame in {*results, *old_results, *after.drawn, *old.drawn}:
        is_known = frame in after.drawn or frame in results
        differs = frame in results and not renumbered.isdisjoint(results[frame].present)
        differs |= frame in after.drawn and bool(renumbered)
        same_drawing = after.drawn.get(frame) is old.drawn.get(frame)
        same_result = results.get(frame) is old_results.get(frame) and frame not in unwritten
        if differs or not same_drawing or not (same_result or frame in after.drawn):
            masks[SHOWN, names[frame]] = read_ids(frame, True) if is_known else None
        if frame in after.drawn and (differs or frame not in old.drawn or not same_result):
            masks[PROPAGATED, names[frame]] = read_ids(frame, False) if frame in results else None
    for frame, interaction in after.propagation.interactions.items():
        former = old.propagation.interactions.get(frame)
        differs = not renumbered.isdisjoint(interaction.objects)
        if differs or former is None or former.mask is not interaction.mask:
            numbers = np.array([0, *interaction.objects])[interaction.mask.unpack()]
            masks[INTERACTED, names[frame]] = objects.to_ids(numbers)
    if after.scribbles and (renumbered or not old.scribbles or old.scribbles.start is not after.scribbles.start):
        masks[STARTS, START] = objects.to_ids(after.scribbles.start.unpack())
    workspace.commit(describe(video, after), masks)


def _ids(objects: Objects) -> set[tuple[int, int]]:
    return {entry[:2] for entry in objects.entries}


def describe(video: Video, state: State) -> dict[str, object]:
    """Write a state as JSON knows it; frames go by their names."""
    names, scribbles, known = video.names, state.scribbles, set(state.objects.numbers)
    interactions = state.propagation.interactions.items()
    return {
        "video": video.facts,
        "objects": [entry._asdict() for entry in state.objects.entries],
        "next_number": state.objects.next_number,
        "interacted": [
            {"frame": names[frame], "objects": [number for number in interaction.objects if number in known]}
            for frame, interaction in interactions
        ],
        "changed": [names[frame] for frame in state.drawn],
        "running": None if state.running is None else names[state.running],
        "scribbles": scribbles
        and {
            "frame": names[scribbles.frame],
            "region": scribbles.region,
            "strokes": [stroke._asdict() for stroke in scribbles.strokes],
        },
    }


def read_state(workspace: Workspace, video: Video, propagation: Propagation) -> State:
    """Bring a session back: its results and interactions into ``propagation``, all of it as a state.

    Raises:
        InputError: the workspace belongs to another video, or is damaged.
    """
    content = workspace.state
    try:
        facts = video.facts.items()
        differing = [
            f"{name} ({content['video'][name]}, now {value})"
            for name, value in facts
            if name != "path" and content["video"][name] != value
        ]
        if differing:  # in more than the place: it may be moved
            known = f"a session of {content['video']['path']}, but {', '.join(differing)} differ"
            raise InputError(f"{workspace.folder}: {known}; choose another workspace")
        entries = tuple(_read_entry(entry) for entry in content["objects"])
        objects = Objects(entries, content["next_number"])
        number_of = {name: index for index, name in enumerate(video.names)}
        changed = [number_of[name] for name in content["changed"]]
        masks = {
            kind: {
                number_of.get(name, START): objects.to_numbers(ids) for name, ids in workspace.read_masks(kind).items()
            }
            for kind in (SHOWN, INTERACTED, PROPAGATED, STARTS)
        }
        propagation.objects = objects.numbers
        for item in content["interacted"]:
            frame, known = number_of[item["frame"]], tuple(item["objects"])
            rows = objects._replace(entries=tuple(e for e in entries if e.number in known))
            propagation.interact(frame, rows.to_rows(masks[INTERACTED][frame]), known)
        for frame, numbers in masks[SHOWN].items():
            result = masks[PROPAGATED].get(frame) if frame in changed else numbers
            if result is not None:
                propagation.set_result(frame, objects.to_rows(result))
        drawn = {frame: PackedArray.pack(masks[SHOWN][frame]) for frame in changed}
        running = content.get("running")  # earlier releases did not write it
        running = None if running is None else number_of[running]
        scribbles = _read_scribbles(content["scribbles"], number_of, masks[STARTS].get(START))
    except (KeyError, TypeError, ValueError, IndexError) as e:
        raise InputError(f"{workspace.folder}: a damaged session ({type(e).__name__}: {e}); choose another") from e
    return State(objects, propagation.snapshot(), drawn, scribbles, running)


def _read_entry(content: dict) -> Entry:
    entry = Entry(**content)
    return entry if entry.colour is None else entry._replace(colour=check_colour(entry.colour))


def _read_scribbles(content: dict | None, number_of: dict[str, int], start: np.ndarray | None) -> Scribbles | None:
    if content is None:
        return None
    region = content["region"] and Region(*content["region"])
    strokes = tuple(
        Stroke(tuple(map(tuple, item["points"])), item["number"], item["is_box"]) for item in content["strokes"]
    )
    return Scribbles(number_of[content["frame"]], region, PackedArray.pack(start), strokes)
