"""The folder in which a session lives: masks as indexed PNG, everything else in one JSON, each file whole.

A commit is all or nothing. Its masks are written into a folder of its own, then the new ``session.json`` names that
folder, then the masks move to their places. Whoever opens the workspace finishes what a killed process left.
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from dataset.stored_masks import read_stored_ids
from output.masks import write_mask
from util.errors import InputError
from util.files import claim_folder, write_then_rename

VERSION = 1
SHOWN = "masks"  # the masks that a person sees, frame by frame
INTERACTED = "interacted"  # masks of the interacted frames
PROPAGATED = "propagated"  # results of changed frames, before the change
STARTS = "starts"  # the mask that the strokes on a frame began with
REMOVED = ".removed"  # suffix of an empty file that stands for a mask to be removed


class Workspace:
    """A folder of files that are whole, whenever the process ends; until ``close`` it is closed to others.

    Args:
        folder: it is made if need be; what an interrupted commit left there is finished or removed.

    Raises:
        InputError: it cannot be written to, holds something else, or is in use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._path = folder, folder / "session.json"
        with ExitStack() as claim:
            claim.enter_context(claim_folder(folder, [folder / SHOWN, folder / PROPAGATED]))
            self.state = self._read()
            self._number = 0 if self.state is None else self.state["commit"]
            foreign = [path.name for path in folder.iterdir() if not path.name.startswith((".", "commit_"))]
            if self.state is None and foreign:
                raise InputError(f"{folder}: holds {foreign[0]} but no session.json; choose an empty folder")
            self._finish()
            self._claim = claim.pop_all()

    def close(self) -> None:
        """Leave the folder to others."""
        self._claim.close()

    def commit(self, state: Mapping[str, object], masks: Mapping[tuple[str, str], np.ndarray | None]) -> None:
        """Write a state and the masks that it changes, all or nothing.

        Args:
            state: what JSON knows.
            masks: ``[H,W]`` ids by kind (such as ``SHOWN``) and frame name; None removes a file.

        Raises:
            OSError: the disk is full or gone; the former state stays.
        """
        number = self._number + 1
        pending = self.folder / f"commit_{number}"
        if pending.exists():  # a failed commit of this number left it
            shutil.rmtree(pending)
        for (kind, name), mask in masks.items():
            path = pending / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            if mask is None:
                path.with_suffix(REMOVED).touch()
            else:
                write_mask(path, shrink_ids(mask))
        content = {"version": VERSION, "commit": number, **state}
        with write_then_rename(self._path) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n")
        self.state, self._number = content, number
        self._finish()

    def write_mask(self, kind: str, name: str, ids: np.ndarray) -> None:
        """Write the mask of one frame, whole."""
        path = self._place(kind, name)
        path.parent.mkdir(exist_ok=True)
        write_mask(path, shrink_ids(ids))

    def read_masks(self, kind: str) -> dict[str, np.ndarray]:
        """Read the masks of a kind by frame name: ``[H,W]`` int32 ids.

        Raises:
            InputError: one is unreadable.
        """
        return {path.stem: read_stored_ids(path) for path in sorted((self.folder / kind).glob("[!.]*.png"))}

    def _place(self, kind: str, name: str) -> Path:
        return self.folder / kind / f"{name}.png"

    def _read(self) -> dict | None:
        if not self._path.exists():
            return None
        try:
            state = json.loads(self._path.read_text())
            if state["version"] != VERSION:
                raise InputError(f"{self._path}: written by another release; open it with that one")
            return {**state, "commit": int(state["commit"])}
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise InputError(f"{self._path}: not a session ({e}); choose another folder") from e

    def _finish(self) -> None:
        """Move the masks of the last commit to their places, and remove what an interrupted one left."""
        pending = self.folder / f"commit_{self._number}"
        for path in sorted(pending.glob("*/[!.]*.png")):
            place = self.folder / path.relative_to(pending)
            place.parent.mkdir(exist_ok=True)
            os.replace(path, place)
        for path in pending.glob(f"*/*{REMOVED}"):
            (self.folder / path.relative_to(pending)).with_suffix(".png").unlink(missing_ok=True)
        for folder in self.folder.glob("commit_*"):
            shutil.rmtree(folder)


def shrink_ids(ids: np.ndarray) -> np.ndarray:
    """Bring ids to the smallest type that holds them: ``[H,W]`` uint8 or uint16."""
    return ids.astype(np.uint8 if ids.max(initial=0) < 256 else np.uint16)
