"""The thread that owns the session: it does what clients ask, one after the other, and jobs frame by frame between."""

import logging
from collections.abc import Callable, Mapping
from queue import Empty, Queue
from threading import Thread
from typing import NamedTuple

from interactive.serving.actions import EDITS
from interactive.serving.jobs import JOBS, Job
from interactive.serving.status import Event, Shown, Status
from interactive.session import Session
from util.device import release_free_memory
from util.errors import InputError, is_out_of_memory

log = logging.getLogger(__name__)


class Order(NamedTuple):
    """Something to be done, and who hears of it."""

    name: str  # a key of ``EDITS`` or ``JOBS``, or pause, resume or cancel
    arguments: Mapping[str, object]
    answer: Callable[[Event], None]  # called in this thread


class Worker(Thread):
    """Work on a session until ``stop``.

    Args:
        session: nobody else uses it from ``start`` on.
        emit: takes the events of the protocol, in this thread.
    """

    def __init__(self, session: Session, emit: Callable[[Event], None]) -> None:
        super().__init__(name="session", daemon=True)
        self._session, self._emit = session, emit
        self._status = Status(session)
        self._orders: Queue[Order | None] = Queue()
        self._job: Job | None = None
        self.key = self._status.key  # stands for the video

    @property
    def shown(self) -> Shown:
        """The masks and objects at this moment; for any thread."""
        return self._status.shown

    def describe(self) -> Event:
        """Describe the whole state, as an event; for any thread."""
        job = self._job
        return {**self._status.describe(), "job": job and job.describe()}

    def submit(self, name: str, arguments: Mapping[str, object], answer: Callable[[Event], None]) -> None:
        """Ask for an action; ``answer`` is called once, with ``ok`` or ``error``."""
        self._orders.put(Order(name, arguments, answer))

    def stop(self) -> None:
        """End the thread after the frame that it works on; the session is closed then."""
        if self.is_alive():
            self._orders.put(None)
            self.join()

    def run(self) -> None:
        """Serve."""
        while True:
            is_idle = self._job is None or self._job.is_paused
            try:
                order = self._orders.get(block=is_idle)
            except Empty:
                self._advance()
                continue
            if order is None:
                break
            self._serve(order)
        self._session.close()  # before the job ends: a round that was not finished is noted in the workspace

    def _serve(self, order: Order) -> None:
        """Do what is asked; the state is told before the answer."""
        try:
            facts = self._act(order) or {}
            if order.name in EDITS:
                self._status.update()
            frame = order.arguments.get("frame")
            if order.name in EDITS and frame is not None:
                facts = {**facts, "revision": self.shown.revisions.get(frame, 0)}
            self._emit(self.describe())
            order.answer({"ok": True, **facts})
        except Exception as e:
            order.answer({"error": describe_error(e)})

    def _act(self, order: Order) -> Event | None:
        job = self._job
        if order.name in ("pause", "resume", "cancel"):
            if job is None:
                raise InputError(f"{order.name}: nothing is running")
            job.is_paused = order.name == "pause"
            if order.name == "cancel":
                self._end_job()
            return None
        if job is not None and (job.is_round or order.name in JOBS):
            if not job.is_paused:
                raise InputError(f"{'a round' if job.is_round else 'an export'} is running: pause or cancel it first")
            self._end_job()
        if order.name in JOBS:
            self._job = JOBS[order.name](self._session, order.arguments)
            return None
        return EDITS[order.name](self._session, order.arguments)

    def _advance(self) -> None:
        """Do a frame of the job; errors end it, and nothing else."""
        job = self._job
        try:
            step = job.advance()
            if job.is_round:
                self._status.update(goes_on=step.done > 0)
            self._emit(self.describe() if job.is_round and step.done == 0 else self._describe_step(job, step.frame))
        except StopIteration as end:
            self._end_job(end.value)
        except Exception as e:
            self._end_job({"event": "note", "level": "error", "text": describe_error(e)})

    def _describe_step(self, job: Job, frame: int) -> Event:
        facts = {"revision": self.shown.revisions.get(frame, 0), "present": self.shown.find_present(frame)}
        return {"event": "progress", "job": job.describe(), "frame": frame, **facts}

    def _end_job(self, event: Event | None = None) -> None:
        """End the running job, and tell what came of it; what it did stays."""
        job, self._job = self._job, None
        try:
            job.steps.close()
            self._status.update(goes_on=True)
            release_free_memory(self._session.models.network.device)
        except Exception as e:
            event = {"event": "note", "level": "error", "text": describe_error(e)}
        if event is not None:
            self._emit(event)
        self._emit(self.describe())


def describe_error(error: Exception) -> str:
    """Describe what went wrong in one line."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror or error}; make room on the disk, or free its folder"
    if is_out_of_memory(error):
        return "out of memory: choose a smaller size or another device"
    log.error("%s: %s", type(error).__name__, error, exc_info=log.isEnabledFor(logging.DEBUG))
    return f"{type(error).__name__}: {error}"
