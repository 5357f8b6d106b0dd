"""A session: one video, its objects, what a person did to its frames, rounds, undo, and the workspace.

A page, a program or a robot drives it. It knows no graphics.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from dataset.arrays import check_ids
from dataset.transforms import input_size, prepare_image
from dataset.videos import resize_mask
from interactive.editing import Scribbles, Stroke, check_points, fit, make_mask
from interactive.frames import FrameAccess
from interactive.interaction import Region
from interactive.ledger import Ledger
from interactive.models import Models
from interactive.objects import enlarge
from interactive.propagation import Direction, Propagation, PropagationConfig
from interactive.record import Video
from interactive.strokes import NO_STROKE, PEN, draw_stroke, empty_map
from interactive.workspace import shrink_ids
from output.masks import write_mask
from output.record import describe_source
from util.errors import InputError
from util.files import make_folder
from util.packing import PackedArray


class Progress(NamedTuple):
    """A frame that a round has reached; first the one that it starts from, with 0 done."""

    frame: int
    done: int
    total: int


class Session(AbstractContextManager):
    """The work on one video; a ``with`` block, or ``close``, leaves the workspace to others at its end.

    Masks are computed at a working size, ``size`` pixels on the short side; they come and go at the video's own size.

    Args:
        video: a folder of images or a video file.
        models: the networks.
        workspace: folder to keep the session in; one that holds a session of this video goes on with it. None: none.
        size: short side to compute at, in pixels; None: the video's own.
        config: settings of propagation.

    Raises:
        InputError: an unreadable video, or a workspace of another one or in use.
    """

    def __init__(
        self,
        video: Path,
        models: Models,
        workspace: Path | None = None,
        *,
        size: int | None = 480,
        config: PropagationConfig | None = None,
    ) -> None:
        self.frames, self.models = FrameAccess(video), models
        self.size = input_size(*self.frames.size, min(size or 10**6, *self.frames.size))
        self._scale = self.size[0] / self.frames.size[0]
        self.propagation = Propagation(  # for those who need probabilities
            models.network, self._read_frame, len(self.frames), self.size, models.fusion, config or PropagationConfig()
        )
        self._ledger = Ledger(Video(describe_source(video), self.frames.names, self.size), self.propagation, workspace)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        self._ledger.close()

    @property
    def objects(self) -> dict[int, str]:
        """Names of the objects by id, in the order of their entry."""
        return self._ledger.objects.names

    @property
    def interacted(self) -> tuple[int, ...]:
        """Frames whose masks are certain, in the order of their rounds."""
        return self.propagation.interacted

    @property
    def changed(self) -> tuple[int, ...]:
        """Frames changed since the last round, in the order in which they were changed first."""
        return tuple(self._ledger.drawn)

    @property
    def maker_name(self) -> str:
        """Name of the maker of masks from strokes, for people."""
        return self.models.maker.name

    def has_result(self, frame: int) -> bool:
        """Tell whether a frame was interacted or reached by a round."""
        return self.propagation.has_result(frame)

    def image(self, frame: int) -> np.ndarray:
        """Read a frame: ``[H,W,3]`` uint8 RGB, not to be written to.

        Raises:
            InputError: there is no such frame, or it is damaged.
        """
        self._check_frame(frame)
        return self.frames[frame]

    def ids(self, frame: int) -> np.ndarray:
        """Give a frame's mask at the video's own size: ``[H,W]`` int32 ids, 0 for background."""
        self._check_frame(frame)
        return enlarge(self._ledger.ids(frame), self.frames.size)

    def add_object(self, name: str = "", object_id: int | None = None) -> int:
        """Add an object and return its id.

        Raises:
            InputError: the id is taken or no id.
        """
        with self._ledger.action():
            self._ledger.objects, object_id = self._ledger.objects.with_new(name, object_id)
        return object_id

    def remove_object(self, object_id: int) -> None:
        """Remove an object from all frames.

        Raises:
            InputError: it is not known.
        """
        with self._ledger.action():
            self._ledger.scribbles = None
            self._ledger.objects = self._ledger.objects.without(object_id)

    def rename_object(self, object_id: int, name: str) -> None:
        """Give an object another name.

        Raises:
            InputError: it is not known.
        """
        with self._ledger.action():
            self._ledger.objects = self._ledger.objects.renamed(object_id, name)

    def scribble(
        self,
        frame: int,
        points: Sequence[tuple[float, float]],
        object_id: int,
        *,
        region: Region | None = None,
        is_box: bool = False,
    ) -> None:
        """Draw a stroke and make the frame's mask of all strokes that are open there.

        Args:
            frame: number of the frame.
            points: x and y in pixels of the video; a single one is a click. Of a box two opposite corners.
            object_id: the object that the stroke is on; 0: the background. It is negative for all others.
            region: the part of the frame to work on, in pixels of the video; None: the whole frame.
            is_box: whether the points are a box around the object.

        Raises:
            InputError: an unknown object, no such frame, or points that are none.
        """
        self._check_frame(frame)
        ledger, stroke_points = self._ledger, check_points(points, self._scale, count=2 if is_box else None)
        region = None if region is None else region.scaled(self._scale, self.size)
        with ledger.action():
            stroke = Stroke(stroke_points, ledger.objects.number(object_id), is_box)
            scribbles = ledger.scribbles
            if scribbles is None or (scribbles.frame, scribbles.region) != (frame, region):
                scribbles = Scribbles(frame, region, PackedArray.pack(ledger.numbers(frame)))
            ledger.scribbles = scribbles._replace(strokes=(*scribbles.strokes, stroke))
            image = fit(self.image(frame), self.size)
            ledger.draw(frame, make_mask(ledger.scribbles, ledger.objects, image, self.models.maker))

    def draw(self, frame: int, points: Sequence[tuple[float, float]], object_id: int, thickness: float = PEN) -> None:
        """Paint a line literally: a brush for an object, an eraser with id 0.

        Args:
            thickness: in pixels of the video, as OpenCV counts it; the others as for ``scribble``.

        Raises:
            InputError: an unknown object, or a frame that does not exist.
        """
        self._check_frame(frame)
        ledger, scaled = self._ledger, check_points(points, self._scale)
        with ledger.action():
            ledger.scribbles = None
            numbers, strokes = ledger.numbers(frame), empty_map(self.size)
            draw_stroke(strokes, scaled, ledger.objects.number(object_id), max(1, round(thickness * self._scale)))
            ledger.draw(frame, np.where(strokes == NO_STROKE, numbers, strokes))

    def import_mask(self, frame: int, ids: np.ndarray) -> None:
        """Take a mask ``[H,W]`` of ids at the video's own size; ids that are not known become objects.

        Raises:
            InputError: another size, or numbers that are no ids.
        """
        self._check_frame(frame)
        ledger, ids = self._ledger, check_ids(ids, self.frames.size)
        with ledger.action():
            ledger.scribbles = None
            for object_id in np.setdiff1d(ids, [0, *ledger.objects.names]).tolist():
                ledger.objects, _ = ledger.objects.with_new("", object_id)
            ledger.draw(frame, ledger.objects.to_numbers(resize_mask(ids, self.size)))

    def reset(self, frame: int, object_id: int | None = None) -> None:
        """Empty a frame's mask, or take one object out of it.

        Raises:
            InputError: an unknown object, or a frame that does not exist.
        """
        self._check_frame(frame)
        ledger, numbers = self._ledger, self._ledger.numbers(frame)
        with ledger.action():
            ledger.scribbles = None
            gone = numbers > 0 if object_id is None else numbers == ledger.objects.number(object_id)
            ledger.draw(frame, np.where(gone, 0, numbers))

    def end_strokes(self) -> None:
        """End the open strokes: the next one starts from the mask that they made."""
        if self._ledger.scribbles is not None:
            with self._ledger.action():
                self._ledger.scribbles = None

    def withdraw(self, frame: int) -> None:
        """Forget that a frame's mask is certain.

        Raises:
            InputError: it is not.
        """
        if frame not in self.interacted:
            raise InputError(f"frame {frame}: was not interacted, so there is nothing to withdraw")
        with self._ledger.action():
            self.propagation.withdraw(frame)

    def propagate(self, direction: Direction = "both", frame: int | None = None) -> Iterator[Progress]:
        """Propagate every changed frame, in the order of the changes; whoever stops iterating keeps what is done.

        Args:
            direction: where to go from each.
            frame: a frame to propagate although nothing has changed in it.

        Raises:
            InputError: there is nothing to propagate, or no object.
        """
        if frame is not None:
            self._check_frame(frame)
        frames = list(dict.fromkeys([*self.changed, *([] if frame is None else [frame])]))
        if not frames or not self._ledger.objects.numbers:
            raise InputError("nothing to propagate: mark an object in a frame first")
        for number, start in enumerate(frames):
            yield from self._round(start, direction, is_first=number == 0)

    def undo(self) -> bool:
        """Go back before the last action, exactly; False if there is none."""
        return self._ledger.undo()

    def redo(self) -> bool:
        """Do again what was undone last; False if there is nothing."""
        return self._ledger.redo()

    def save_masks(self, folder: Path) -> None:
        """Write the mask of every frame at the video's own size: indexed PNGs, or 16-bit grey ones for ids above 255.

        Raises:
            InputError: the folder cannot be made.
        """
        make_folder(folder)
        for frame, name in enumerate(self.frames.names):
            write_mask(folder / f"{name}.png", shrink_ids(self.ids(frame)))

    def _round(self, frame: int, direction: Direction, *, is_first: bool) -> Iterator[Progress]:
        ledger = self._ledger
        with ledger.action(is_undone=is_first):
            rows = ledger.objects.to_rows(ledger.numbers(frame))
            ledger.scribbles = None
            ledger.drawn.pop(frame, None)
            steps = self.propagation.round(frame, rows, direction)
        ledger.is_running = True
        try:
            yield Progress(frame, 0, self.propagation.count_frames(frame, direction))
            for step in steps:
                ledger.follow(step.frame)
                yield Progress(*step[:3])
        finally:
            ledger.is_running = False

    def _check_frame(self, frame: int) -> None:
        if not 0 <= frame < len(self.frames):
            raise InputError(f"frame {frame}: the video has frames 0 to {len(self.frames) - 1}")

    def _read_frame(self, frame: int) -> torch.Tensor:
        return prepare_image(self.image(frame), self.size, self.models.network.device)
