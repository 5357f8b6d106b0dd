"""The options that mark objects on a frame by boxes and points, for all commands that begin with a first mask."""

import argparse
import os
from pathlib import Path

import numpy as np

from dataset.frames import FrameFolder, read_first_frame, read_frame
from dataset.masks import MaskReader
from dataset.video_file import VideoFile
from interactive.prompts import Prompt, first_mask
from output.masks import write_mask
from util.errors import InputError
from util.files import make_folder
from util.ids import MAX_ID
from util.options import finite, whole_number

BOX_HELP = (
    "box around an object in the first frame (or --mask_frame): left, top, width, height; repeat for more objects"
)
POINTS_HELP = "points on an object in that frame, or with ,0 beside it; repeat for more objects"
OBJECT_HELP = (
    "the id of the object that the next --box and --points mark together (default: each marks its own, 1, 2, ..)"
)


class _Mark(argparse.Action):
    """Keep the marks in the order in which they are given."""

    def __call__(self, _: object, namespace: argparse.Namespace, values: object, option: str | None = None) -> None:
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or []), (option, values)])


def add_prompt_options(group: argparse._ArgumentGroup) -> None:
    """Add ``--box``, ``--points`` and ``--object`` to a command; they are kept in order as ``args.marks``."""

    def add(name: str, **options: object) -> None:
        group.add_argument(name, dest="marks", action=_Mark, **options)

    add("--box", type=finite, nargs=4, metavar=("X", "Y", "W", "H"), help=BOX_HELP)
    add("--points", type=_point, nargs="+", metavar="X,Y[,0|1]", help=POINTS_HELP)
    add("--object", type=whole_number(1, MAX_ID), metavar="ID", help=OBJECT_HELP)


def read_prompts(marks: list[tuple[str, object]]) -> dict[int, Prompt]:
    """Turn the options into the marks of each object, by id.

    Args:
        marks: ``args.marks``, of ``add_prompt_options``.

    Raises:
        InputError: options of which it is not clear what they mark.
    """
    has_objects = any(option == "--object" for option, _ in marks)
    if has_objects and marks[0][0] != "--object":
        raise InputError(f"{marks[0][0]} before the first --object; give --object ID before the marks of each object")
    prompts: dict[int, Prompt] = {}
    label = 0
    for option, value in marks:
        if option == "--object":
            label = value
            prompts.setdefault(label, Prompt())
            continue
        label = label if has_objects else label + 1
        prompts[label] = _add(prompts.get(label, Prompt()), option, value, label)
    return prompts


def write_prompted_mask(
    marks: list[tuple[str, object]],
    frames: FrameFolder | VideoFile,
    path: Path,
    frame: str | None = None,
    *,
    overwrite: bool,
) -> None:
    """Write the mask that the options make of a frame; one that is there and the same stays as it is.

    Args:
        marks: ``args.marks``, of ``add_prompt_options``.
        path: the mask's.
        frame: name or number of the frame; None: the first.
        overwrite: whether another mask there is replaced.

    Raises:
        InputError: marks or a frame that cannot be used, another mask is there, or the path lies among the frames.
    """
    if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(frames.path)):
        raise InputError(f"{path}: would become part of the video {frames.path}; choose another place")
    image = read_first_frame(frames) if frame is None else read_frame(frames, frame)
    write_mask_of_frame(marks, image, path, overwrite=overwrite)


def write_mask_of_frame(marks: list[tuple[str, object]], image: np.ndarray, path: Path, *, overwrite: bool) -> None:
    """Write the mask that the options make of a frame ``[H,W,3]`` uint8 RGB, as ``write_prompted_mask`` does."""
    ids = first_mask(image, read_prompts(marks))
    if path.exists() and not overwrite:
        if not np.array_equal(MaskReader().read(path), ids):
            raise InputError(f"{path}: another mask than that of these marks; give it as --mask, or add --overwrite")
        return
    make_folder(path.parent)
    write_mask(path, ids)


def _add(prompt: Prompt, option: str, value: list, label: int) -> Prompt:
    if option == "--points":
        return Prompt(prompt.box, (*prompt.points, *value))
    if prompt.box is not None:
        raise InputError(f"--object {label}: two times --box; give one box for each object")
    return Prompt(value, prompt.points)


def _point(text: str) -> tuple[float, ...]:
    """Parse an option's value: x and y of a point, and perhaps 1 (on the object) or 0 (beside it)."""
    parts = text.split(",")
    if len(parts) not in (2, 3) or parts[2:] not in ([], ["0"], ["1"]):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no point; give X,Y or X,Y,1 on the object, X,Y,0 beside it")
    return tuple(finite(part) for part in parts)
