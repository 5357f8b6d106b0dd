"""Rounds and exports: work that goes frame by frame."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from interactive.serving.exporting import export
from interactive.serving.status import Event
from interactive.session import Progress, Session

Steps = Generator[Progress, None, Event | None]


@dataclass
class Job:
    """A running round or export."""

    kind: str  # "propagate" or "export"
    facts: Event  # more about it, for the page
    total: int  # frames
    steps: Steps  # may return an event
    done: int = 0
    frame: int | None = None  # done last
    is_paused: bool = False

    @property
    def is_round(self) -> bool:
        """Whether it changes the session."""
        return self.kind == "propagate"

    def advance(self) -> Progress:
        """Do the next frame.

        Raises:
            StopIteration: all are done.
        """
        step = next(self.steps)
        self.frame = step.frame
        self.done += not self.is_round or step.done > 0
        return step

    def describe(self) -> Event:
        """Describe it for the page."""
        facts = {"kind": self.kind, "paused": self.is_paused, "done": self.done, "total": self.total}
        return {**facts, "frame": self.frame, **self.facts}


def start_round(session: Session, arguments: Mapping[str, object]) -> Job:
    """Begin to propagate.

    Raises:
        InputError: there is nothing to propagate.
    """
    direction, frame = arguments["direction"], arguments["frame"]
    total = session.count_frames(direction, frame)
    return Job("propagate", {"direction": direction}, total, session.propagate(direction, frame))


def start_export(session: Session, arguments: Mapping[str, object]) -> Job:
    """Begin to export what the session shows now; it may be changed meanwhile.

    Raises:
        InputError: an unknown kind.
    """
    facts = {"what": arguments["kind"], "to": arguments["to"]}
    steps = export(session, arguments["kind"], is_download=arguments["to"] == "download")
    return Job("export", facts, len(session.frames), steps)


JOBS = {"propagate": start_round, "export": start_export}
