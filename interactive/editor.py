"""The marking half of a session: its objects, what a person does to single frames, and undo."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from dataset.arrays import check_ids
from dataset.videos import resize_mask
from interactive.editing import Scribbles, check_points, fill_area, fit, make_mask, make_stroke
from interactive.frames import FrameAccess
from interactive.interaction import Maker, Region
from interactive.ledger import Ledger
from interactive.objects import Colour, check_colour, enlarge
from interactive.record import State
from interactive.strokes import NO_STROKE, PEN, draw_stroke, empty_map
from interactive.workspace import shrink_ids
from output.masks import write_mask
from util.errors import InputError
from util.files import make_folder
from util.packing import PackedArray


class Editor:
    """Actions on objects and single frames; ``Session`` adds propagation.

    Args:
        frames: of the video.
        size: ``(height, width)`` to work at.
        maker: makes masks of strokes.
        ledger: the state of the session.
    """

    def __init__(self, frames: FrameAccess, size: tuple[int, int], maker: Maker, ledger: Ledger) -> None:
        self.frames, self.size = frames, size
        self.scale = size[0] / frames.size[0]  # working size by the video's own
        self._maker, self._ledger = maker, ledger

    def close(self) -> None:
        """End the session: the workspace is left to others, and every further action is refused."""
        self._ledger.close()

    @property
    def objects(self) -> dict[int, str]:
        """Names of the objects by id, in the order of their entry."""
        return self._ledger.objects.names

    @property
    def colours(self) -> dict[int, Colour]:
        """Colours of the objects by id: R, G and B."""
        return self._ledger.objects.colours

    @property
    def changed(self) -> tuple[int, ...]:
        """Frames changed since their last round was finished, in the order in which they were changed first."""
        return self._ledger.state.changed

    @property
    def maker_name(self) -> str:
        """Name of the maker of masks from strokes, for people."""
        return self._maker.name

    @property
    def state(self) -> State:
        """All that can change, at this moment; it never changes itself, so that other threads may read it."""
        return self._ledger.state

    @property
    def undo_label(self) -> str | None:
        """Name of the action that ``undo`` would take back; None: there is none."""
        return self._ledger.labels[0]

    @property
    def redo_label(self) -> str | None:
        """Name of the action that ``redo`` would do again; None: there is none."""
        return self._ledger.labels[1]

    def image(self, frame: int) -> np.ndarray:
        """Read a frame: ``[H,W,3]`` uint8 RGB, not to be written to.

        Raises:
            InputError: there is no such frame, or it is damaged.
        """
        self._check_frame(frame)
        return self.frames[frame]

    def ids(self, frame: int) -> np.ndarray:
        """Give a frame's mask at the video's own size: ``[H,W]`` int32 ids, 0 for background."""
        return enlarge(self.working_ids(frame), self.frames.size)

    def working_ids(self, frame: int) -> np.ndarray:
        """Give a frame's mask at the working size: ``[H,W]`` int32 ids, 0 for background."""
        self._check_frame(frame)
        return self._ledger.ids(frame)

    def add_object(self, name: str = "", object_id: int | None = None, colour: Colour | None = None) -> int:
        """Add an object and return its id.

        Args:
            colour: R, G and B; None: the overlay's next.

        Raises:
            InputError: the id is taken or no id, or the colour is none.
        """
        colour = None if colour is None else check_colour(colour)
        with self._ledger.action("new object"):
            self._ledger.objects, object_id = self._ledger.objects.with_new(name, object_id, colour)
        return object_id

    def remove_object(self, object_id: int) -> None:
        """Remove an object from all frames.

        Raises:
            InputError: it is not known.
        """
        with self._ledger.action("removal of an object"):
            self._ledger.scribbles = None
            self._ledger.objects = self._ledger.objects.without(object_id)

    def rename_object(self, object_id: int, name: str) -> None:
        """Give an object another name.

        Raises:
            InputError: it is not known.
        """
        with self._ledger.action("new name"):
            self._ledger.objects = self._ledger.objects.changed(object_id, name=name)

    def colour_object(self, object_id: int, colour: Colour) -> None:
        """Give an object another colour: R, G and B.

        Raises:
            InputError: it is not known, or the colour is none.
        """
        with self._ledger.action("new colour"):
            self._ledger.objects = self._ledger.objects.changed(object_id, colour=check_colour(colour))

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
            InputError: an unknown object, no such frame, or points that are none or all outside.
        """
        self._check_frame(frame)
        ledger, stroke_points = self._ledger, check_points(points, self.scale, count=2 if is_box else None)
        region = None if region is None else region.scaled(self.scale, self.size)
        with ledger.action("box" if is_box else "stroke"):
            stroke = make_stroke(stroke_points, ledger.objects.number(object_id), self.size, is_box=is_box)
            scribbles = ledger.scribbles
            if scribbles is None or (scribbles.frame, scribbles.region) != (frame, region):
                scribbles = Scribbles(frame, region, PackedArray.pack(ledger.numbers(frame)))
            ledger.scribbles = scribbles._replace(strokes=(*scribbles.strokes, stroke))
            image = fit(self.image(frame), self.size)
            ledger.draw(frame, make_mask(ledger.scribbles, ledger.objects, image, self._maker))

    def draw(self, frame: int, points: Sequence[tuple[float, float]], object_id: int, thickness: float = PEN) -> None:
        """Paint a line literally: a brush for an object, an eraser with id 0.

        Args:
            thickness: in pixels of the video, as OpenCV counts it; the others as for ``scribble``.

        Raises:
            InputError: an unknown object, a frame that does not exist, or a line outside of it.
        """
        self._check_frame(frame)
        scaled, strokes = check_points(points, self.scale), empty_map(self.size)
        number = self._ledger.objects.number(object_id)
        draw_stroke(strokes, scaled, number, max(1, round(thickness * self.scale)))
        if (strokes == NO_STROKE).all():
            raise InputError("a line outside the frame: draw inside of it")
        drawn = np.where(strokes == NO_STROKE, self._ledger.numbers(frame), strokes)
        self._change("brush" if object_id else "eraser", frame, drawn)

    def fill(self, frame: int, point: tuple[float, float], object_id: int) -> None:
        """Give the connected area of one id around a point to an object, or with id 0 to the background.

        Args:
            point: x and y in pixels of the video.

        Raises:
            InputError: an unknown object, no such frame, or a point outside of it.
        """
        self._check_frame(frame)
        (scaled,), number = check_points([point], self.scale), self._ledger.objects.number(object_id)
        self._change("fill", frame, fill_area(self._ledger.numbers(frame), scaled, number))

    def import_mask(self, frame: int, ids: np.ndarray) -> None:
        """Take a mask ``[H,W]`` of ids at the video's own size; ids that are not known become objects.

        Raises:
            InputError: another size, or numbers that are no ids.
        """
        self.import_masks([(frame, ids)])

    def import_masks(self, masks: Iterable[tuple[int, np.ndarray]]) -> None:
        """Take masks by frame, each as for ``import_mask``, in one action.

        Raises:
            InputError: as for ``import_mask``; then none is taken.
        """
        ledger = self._ledger
        with ledger.action("import"):
            ledger.scribbles = None
            for frame, given in masks:
                self._check_frame(frame)
                ids = check_ids(given, self.frames.size)
                for object_id in np.setdiff1d(ids, [0, *ledger.objects.names]).tolist():
                    ledger.objects, _ = ledger.objects.with_new("", object_id)
                ledger.draw(frame, ledger.objects.to_numbers(resize_mask(ids, self.size)))

    def reset(self, frame: int, object_id: int | None = None) -> None:
        """Empty a frame's mask, or take one object out of it.

        Raises:
            InputError: an unknown object, or a frame that does not exist.
        """
        self._check_frame(frame)
        numbers = self._ledger.numbers(frame)
        gone = numbers > 0 if object_id is None else numbers == self._ledger.objects.number(object_id)
        self._change("reset", frame, np.where(gone, 0, numbers))

    def end_strokes(self) -> None:
        """End the open strokes: the next one starts from the mask that they made."""
        if self._ledger.scribbles is not None:
            with self._ledger.action("end of strokes"):
                self._ledger.scribbles = None

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

    def _change(self, label: str, frame: int, numbers: np.ndarray) -> None:
        with self._ledger.action(label):
            self._ledger.scribbles = None
            self._ledger.draw(frame, numbers)

    def _check_frame(self, frame: int) -> None:
        if not 0 <= frame < len(self.frames):
            raise InputError(f"frame {frame}: the video has frames 0 to {len(self.frames) - 1}")
