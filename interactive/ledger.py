"""The book of a session: its state, undo and redo, and the workspace that follows each action."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from interactive import record
from interactive.editing import Scribbles
from interactive.objects import Objects
from interactive.propagation import Propagation
from interactive.record import State, Video
from interactive.workspace import PROPAGATED, SHOWN, Workspace
from util.errors import InputError
from util.packing import PackedArray

MAX_UNDO = 100  # actions


class Step(NamedTuple):
    """An action that can be undone, or done again."""

    label: str
    state: State  # where it leads back to


class Ledger:
    """All that changes in a session.

    Args:
        video: what is worked on.
        propagation: its results and interactions are part of the state.
        workspace: folder to follow the state; one that holds a session of this video is gone on with. None: none.

    Raises:
        InputError: a workspace of another video, or one that is in use or cannot be used.
    """

    def __init__(self, video: Video, propagation: Propagation, workspace: Path | None) -> None:
        self.objects = Objects()
        self.drawn: dict[int, PackedArray] = {}  # [H,W] numbers of frames changed since the last round
        self.scribbles: Scribbles | None = None
        self.running: int | None = None  # the frame that the running round has started from
        self.interrupted: int | None = None  # the start of a round that an earlier session did not finish
        self._video, self._propagation = video, propagation
        self._undo: list[Step] = []
        self._redo: list[Step] = []
        self._unwritten: set[int] = set()  # frames whose result the disk did not take
        self._is_closed = False
        self._workspace = None if workspace is None else Workspace(workspace)
        with ExitStack() as on_errors:
            on_errors.callback(self.close)
            if self._workspace is not None and self._workspace.state is not None:
                self._resume(record.read_state(self._workspace, video, propagation))
            elif self._workspace is not None:
                self._commit(None)
            on_errors.pop_all()

    def close(self) -> None:
        """Leave the workspace to others; nothing can be done any more."""
        self._is_closed = True
        if self._workspace is not None:
            self._workspace.close()

    @property
    def state(self) -> State:
        """The state, as undo goes back to it."""
        return State(self.objects, self._propagation.snapshot(), dict(self.drawn), self.scribbles, self.running)

    def restore(self, state: State) -> None:
        """Go to a state, without a trace in undo or in the workspace."""
        self.objects, self.scribbles, self.running = state.objects, state.scribbles, state.running
        self.drawn = dict(state.drawn)
        self._propagation.restore(state.propagation)

    @contextmanager
    def action(self, label: str, *, is_undone: bool = True) -> Iterator[None]:
        """Frame an action: on errors nothing has happened, else it can be undone and is in the workspace.

        Args:
            label: names it for people.
            is_undone: whether undo stops before it.

        Raises:
            InputError: a round is running, or the session is closed.
        """
        self._refuse_when_busy()
        before = self.state
        try:
            yield
            self._propagation.objects = self.objects.numbers
            self._commit(before)
        except BaseException:
            self.restore(before)
            raise
        if is_undone:
            self._undo = [*self._undo, Step(label, before)][-MAX_UNDO:]
            self._redo.clear()

    @property
    def labels(self) -> tuple[str | None, str | None]:
        """Names of the actions that undo and redo would turn to."""
        return tuple(steps[-1].label if steps else None for steps in (self._undo, self._redo))

    def undo(self) -> bool:
        """Go back before the last action; False if there is none."""
        return self._step(self._undo, self._redo)

    def redo(self) -> bool:
        """Do again what was undone last; False if there is nothing."""
        return self._step(self._redo, self._undo)

    def ids(self, frame: int, is_shown: bool = True) -> np.ndarray:
        """Give a frame's mask ``[H,W]`` of ids, as it is shown or as propagation has it."""
        return self.objects.to_ids(self.numbers(frame, is_shown))

    def numbers(self, frame: int, is_shown: bool = True) -> np.ndarray:
        """Give a frame's mask ``[H,W]`` of numbers; objects that are gone may be in it."""
        if is_shown and frame in self.drawn:
            return self.drawn[frame].unpack()
        return self._propagation.ids(frame, {number: number for number in self.objects.numbers})

    def draw(self, frame: int, numbers: np.ndarray) -> None:
        """Set a frame's mask, in an action; what propagation says of the frame stays until the next round."""
        self.drawn[frame] = PackedArray.pack(numbers.astype(np.int32))

    def follow(self, frame: int, *, is_last: bool) -> None:
        """Write the mask of a frame that a round has just reached; a drawn one still shows what was drawn."""
        self._unwritten.add(frame)
        if is_last:
            self.finish_round()
        elif self._workspace is not None:
            kind = PROPAGATED if frame in self.drawn else SHOWN
            self._workspace.write_mask(kind, self._video.names[frame], self.ids(frame, is_shown=False))
            self._unwritten.discard(frame)

    def finish_round(self) -> None:
        """Note that the running round, if there is one, goes no further."""
        if self.running is not None and not self._is_closed:
            before, self.running = self.state, None
            self._commit(before)

    def _resume(self, state: State) -> None:
        """Go to the state of a workspace; what a killed round started from counts as changed again."""
        self.restore(state)
        if state.running is not None:
            self.draw(state.running, self.numbers(state.running))
            self.interrupted, self.running = state.running, None
            self._commit(state)

    def _step(self, source: list[Step], other: list[Step]) -> bool:
        self._refuse_when_busy()
        if not source:
            return False
        before = self.state
        label, state = source[-1]
        self.restore(state)
        try:
            self._commit(before)
        except BaseException:
            self.restore(before)
            raise
        other.append(Step(label, before))
        source.pop()
        return True

    def _commit(self, before: State | None) -> None:
        """Write what changed into the workspace, if there is one."""
        if self._workspace is not None:
            record.commit(self._workspace, self._video, before, self.state, self.ids, self._unwritten)
            self._unwritten.clear()

    def _refuse_when_busy(self) -> None:
        if self._is_closed:
            raise InputError("the session is closed: open it again")
        if self.running is not None:
            raise InputError("a round is running: wait for it, or stop it first")
