"""The language of page and server, checked once, where messages come in.

Coordinates are pixels of the video's own size (x right, y down), frames are numbers from 0, objects are ids. A message
of the page is ``{"id": 12, "do": NAME, ...arguments}``; it is answered once, by ``{"id": 12, "ok": true, ...}`` or by
``{"id": 12, "error": LINE}``. ``ACTIONS`` lists the names and their arguments; ``docs/interactive.md`` explains them,
and the events that the server sends.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple, NoReturn

from interactive.interaction import Region
from interactive.objects import Colour
from interactive.strokes import PEN
from util.errors import InputError

MAX_MESSAGE = 4_000_000  # characters
MAX_POINTS = 20_000  # in one stroke
MAX_NAME = 100  # characters
MAX_NUMBER = 10**6  # frames, or pixels
DIRECTIONS = ("both", "forward", "backward")
PLACES = ("download", "workspace")

Check = Callable[[object], object]  # gives a checked value, or raises a ValueError that says what is expected


class Request(NamedTuple):
    """Something that a client asks for."""

    request_id: int | str | None  # the client's own number, which the answer repeats
    name: str  # a key of ``ACTIONS``
    arguments: Mapping[str, object]


class BadMessage(InputError):
    """A message that cannot be used.

    Args:
        line: says why.
        request_id: its number, as far as it can be read.
    """

    def __init__(self, line: str, request_id: int | str | None = None) -> None:
        super().__init__(line)
        self.request_id = request_id


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_NUMBER:
        raise ValueError(f"a whole number from 0 to {MAX_NUMBER}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise ValueError("a number")
    return float(value)


def _positive(value: object) -> float:
    if _number(value) <= 0:
        raise ValueError("a number above 0")
    return float(value)


def _point(value: object) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("a point [x, y]")
    return _number(value[0]), _number(value[1])


def _points(value: object) -> list[tuple[float, float]]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_POINTS:
        raise ValueError(f"a list of 1 to {MAX_POINTS} points")
    return [_point(point) for point in value]


def _region(value: object) -> Region:
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError("[left, top, right, bottom]")
    return Region(*(math.floor(_number(side)) for side in value))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME or not value.isprintable():
        raise ValueError(f"a text of at most {MAX_NAME} printable characters")
    return value.strip()


def _colour(value: object) -> Colour:
    try:
        red, green, blue = bytes.fromhex(value.removeprefix("#"))
    except (AttributeError, ValueError) as e:
        raise ValueError("a colour #rrggbb") from e
    return red, green, blue


def _one_of(*choices: str) -> Check:
    def check(value: object) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value

    return check


class Optional(NamedTuple):
    """An argument that may be left out, or be null."""

    check: Check
    default: object = None


ON_OBJECT = {"object": _whole}
ACTIONS: dict[str, dict[str, Check | Optional]] = {
    "scribble": {
        "frame": _whole,
        "points": _points,
        **ON_OBJECT,
        "box": Optional(_flag, False),
        "region": Optional(_region),
    },
    "draw": {"frame": _whole, "points": _points, **ON_OBJECT, "thickness": Optional(_positive, float(PEN))},
    "fill": {"frame": _whole, "point": _point, **ON_OBJECT},
    "end_strokes": {},
    "reset": {"frame": _whole, "object": Optional(_whole)},
    "withdraw": {"frame": _whole},
    "add_object": {"name": Optional(_name, ""), "colour": Optional(_colour)},
    "rename_object": {**ON_OBJECT, "name": _name},
    "colour_object": {**ON_OBJECT, "colour": _colour},
    "remove_object": ON_OBJECT,
    "undo": {},
    "redo": {},
    "propagate": {"direction": Optional(_one_of(*DIRECTIONS), "both"), "frame": Optional(_whole)},
    "pause": {},
    "resume": {},
    "cancel": {},
    "export": {"kind": _name, "to": Optional(_one_of(*PLACES), "workspace")},
    "take_over": {},
    "ping": {},
}


def parse(text: str) -> Request:
    """Read a message.

    Raises:
        BadMessage: it is too long, no JSON, no known action, or its arguments are not those of the action.
    """
    if len(text) > MAX_MESSAGE:
        raise BadMessage(f"a message of {len(text)} characters; {MAX_MESSAGE} are read")
    try:
        content = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as e:
        raise BadMessage(f"no JSON ({e})") from e
    if not isinstance(content, dict):
        raise BadMessage("no object of JSON: send id, do and the arguments")
    request_id = content.pop("id", None)
    if isinstance(request_id, bool) or not isinstance(request_id, (int, str, type(None))):
        raise BadMessage("id: give a whole number or a text")
    name = content.pop("do", None)
    if not isinstance(name, str) or name not in ACTIONS:
        raise BadMessage(f"do: {str(name)[:40]!r} is unknown; known are {', '.join(ACTIONS)}", request_id)
    try:
        return Request(request_id, name, _check_arguments(ACTIONS[name], content))
    except ValueError as e:
        raise BadMessage(f"{name}: {e}", request_id) from e


def _check_arguments(expected: Mapping[str, Check | Optional], given: Mapping[str, object]) -> dict[str, object]:
    unknown = [name for name in given if name not in expected]
    if unknown:
        raise ValueError(f"{unknown[0][:40]!r} is no argument; give {', '.join(expected) or 'none'}")
    checked = {}
    for name, check in expected.items():
        if isinstance(check, Optional):
            if given.get(name) is None:
                checked[name] = check.default
                continue
            check = check.check
        elif name not in given:
            raise ValueError(f"{name} is missing")
        try:
            checked[name] = check(given[name])
        except ValueError as e:
            raise ValueError(f"{name}: expected {e}") from e
    return checked


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
