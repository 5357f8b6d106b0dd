"""A session: one video, its objects, what a person did to its frames, rounds, undo, and the workspace.

A page, a program or a robot drives it. It knows no graphics.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import torch

from dataset.transforms import input_size, prepare_image
from interactive.editor import Editor
from interactive.frames import FrameAccess
from interactive.ledger import Ledger
from interactive.models import Models
from interactive.propagation import Direction, Propagation, PropagationConfig
from interactive.record import Video
from output.record import describe_source
from util.errors import InputError


class Progress(NamedTuple):
    """A frame that a round has reached; first the one that it starts from, with 0 done."""

    frame: int
    done: int
    total: int


class Session(Editor, AbstractContextManager):
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
        frames = FrameAccess(video)
        working_size = input_size(*frames.size, min(size or 10**6, *frames.size))
        self.models, self.workspace, self._config = models, workspace, config or PropagationConfig()
        self.propagation = Propagation(  # for those who need probabilities
            models.network, self._read_frame, len(frames), working_size, models.fusion, self._config
        )
        facts = Video(describe_source(video), frames.names, working_size)
        super().__init__(frames, working_size, models.maker, Ledger(facts, self.propagation, workspace))

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def interacted(self) -> tuple[int, ...]:
        """Frames whose masks are certain, in the order of their rounds."""
        return self.propagation.interacted

    @property
    def interrupted(self) -> int | None:
        """The frame of a round that an earlier session in this workspace did not finish; it counts as changed."""
        return self._ledger.interrupted

    @property
    def fusion_name(self) -> str:
        """Name of the way in which an earlier and a new result become one, for people."""
        if self.models.fusion is not None:
            return "network"
        return "by distance" if self._config.is_blended else "none"

    def has_result(self, frame: int) -> bool:
        """Tell whether a frame was interacted or reached by a round."""
        return self.propagation.has_result(frame)

    def withdraw(self, frame: int) -> None:
        """Forget that a frame's mask is certain.

        Raises:
            InputError: it is not.
        """
        if frame not in self.interacted:
            raise InputError(f"frame {frame}: was not interacted, so there is nothing to withdraw")
        with self._ledger.action("withdrawal"):
            self.propagation.withdraw(frame)

    def propagate(self, direction: Direction = "both", frame: int | None = None) -> Iterator[Progress]:
        """Propagate every changed frame, in the order of the changes; whoever stops iterating keeps what is done.

        Args:
            direction: where to go from each.
            frame: a frame to propagate although nothing has changed in it.

        Raises:
            InputError: there is nothing to propagate, or no object.
        """
        for number, start in enumerate(self._starts(frame)):
            yield from self._round(start, direction, is_first=number == 0)

    def count_frames(self, direction: Direction = "both", frame: int | None = None) -> int:
        """Count the frames that ``propagate`` would compute, in all rounds; arguments and errors are the same."""
        starts = self._starts(frame)
        return sum(self.propagation.count_frames(s, direction, starts[:number]) for number, s in enumerate(starts))

    def _starts(self, frame: int | None) -> list[int]:
        """List the frames that rounds start from."""
        if frame is not None:
            self._check_frame(frame)
        frames = list(dict.fromkeys([*self.changed, *([] if frame is None else [frame])]))
        if not frames or not self._ledger.objects.numbers:
            raise InputError("nothing to propagate: mark an object in a frame first")
        return frames

    def _round(self, frame: int, direction: Direction, *, is_first: bool) -> Iterator[Progress]:
        ledger = self._ledger
        with ledger.action("propagation", is_undone=is_first):
            rows = ledger.objects.to_rows(ledger.numbers(frame))
            ledger.scribbles = None
            ledger.drawn.pop(frame, None)
            steps = self.propagation.round(frame, rows, direction)
            ledger.running = frame
        progress = Progress(frame, 0, self.propagation.count_frames(frame, direction))
        try:
            if progress.total == 0:
                ledger.finish_round()
            yield progress
            for step in steps:
                ledger.follow(step.frame, is_last=step.done == step.total)
                yield Progress(*step[:3])
        finally:
            ledger.finish_round()

    def _read_frame(self, frame: int) -> torch.Tensor:
        return prepare_image(self.image(frame), self.size, self.models.network.device)
