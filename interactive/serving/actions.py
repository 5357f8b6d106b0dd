"""The actions of the protocol, done on a session."""

from collections.abc import Callable, Mapping

from interactive.serving.status import Event
from interactive.session import Session
from util.errors import InputError

Action = Callable[[Session, Mapping[str, object]], Event | None]  # gives what the answer says beside "ok"


def _scribble(session: Session, given: Mapping[str, object]) -> None:
    region, is_box = given["region"], given["box"]
    session.scribble(given["frame"], given["points"], given["object"], region=region, is_box=is_box)


def _add_object(session: Session, given: Mapping[str, object]) -> Event:
    return {"object": session.add_object(given["name"], colour=given["colour"])}


def _undo(session: Session, _: Mapping[str, object]) -> None:
    if not session.undo():
        raise InputError("nothing to undo")


def _redo(session: Session, _: Mapping[str, object]) -> None:
    if not session.redo():
        raise InputError("nothing to redo")


EDITS: dict[str, Action] = {
    "scribble": _scribble,
    "draw": lambda session, given: session.draw(given["frame"], given["points"], given["object"], given["thickness"]),
    "fill": lambda session, given: session.fill(given["frame"], given["point"], given["object"]),
    "end_strokes": lambda session, _: session.end_strokes(),
    "reset": lambda session, given: session.reset(given["frame"], given["object"]),
    "withdraw": lambda session, given: session.withdraw(given["frame"]),
    "add_object": _add_object,
    "rename_object": lambda session, given: session.rename_object(given["object"], given["name"]),
    "colour_object": lambda session, given: session.colour_object(given["object"], given["colour"]),
    "remove_object": lambda session, given: session.remove_object(given["object"]),
    "import_mask": lambda session, given: session.import_mask(given["frame"], given["ids"]),
    "undo": _undo,
    "redo": _redo,
}
