"""Messages are read, or refused in one line that says why."""

import json

import pytest

from interactive.serving.protocol import MAX_MESSAGE, MAX_POINTS, BadMessage, parse


def message(**content: object) -> str:
    return json.dumps({"id": 3, **content})


def test_messages_get_their_defaults() -> None:
    request = parse(message(do="scribble", frame=2, points=[[1, 2.5]], object=0))
    assert request[:2] == (3, "scribble")
    expected = {"frame": 2, "points": [(1.0, 2.5)], "object": 0, "box": False, "region": None}
    assert request.arguments == expected
    assert parse(message(do="colour_object", object=1, colour="#0a10ff")).arguments["colour"] == (10, 16, 255)
    assert parse('{"do": "undo"}').request_id is None


@pytest.mark.parametrize(
    ("text", "request_id", "line"),
    [
        ("{", None, "no JSON"),
        ("[" * 100_000, None, "no JSON"),
        ("[]", None, "no object of JSON"),
        ('{"id": true, "do": "undo"}', None, "id: give a whole number"),
        (" " * (MAX_MESSAGE + 1), None, "a message of 4000001 characters"),
        (message(), 3, "do: 'None' is unknown"),
        (message(do=["undo"]), 3, "is unknown; known are scribble"),
        (message(do="undo", frame=1), 3, "undo: 'frame' is no argument; give none"),
        (message(do="reset"), 3, "reset: frame is missing"),
        (message(do="reset", frame=-1), 3, "frame: expected a whole number from 0"),
        (message(do="reset", frame=True), 3, "frame: expected a whole number from 0"),
        (message(do="reset", frame=10**400), 3, "frame: expected a whole number from 0"),
        ('{"id": 3, "do": "fill", "frame": 1, "object": 1, "point": [NaN, 1]}', None, "NaN is no number"),
        (message(do="fill", frame=1, object=1, point=[10**400, 1]), 3, "point: expected a number"),
        (message(do="fill", frame=1, object=1, point=[1, 2, 3]), 3, "point: expected a point"),
        (message(do="draw", frame=1, object=1, points=[]), 3, "points: expected a list of 1 to 20000 points"),
        (message(do="draw", frame=1, object=1, points=[[1, 1]] * (MAX_POINTS + 1)), 3, "expected a list of 1 to 20000"),
        (message(do="draw", frame=1, object=1, points=[[1, 1]], thickness=0), 3, "thickness: expected a number above"),
        (message(do="scribble", frame=1, object=1, points=[[1, 1]], region=[1, 2]), 3, "region: expected .left, top"),
        (message(do="scribble", frame=1, object=1, points=[[1, 1]], box=1), 3, "box: expected true or false"),
        (message(do="add_object", name="a\nb"), 3, "name: expected a text"),
        (message(do="add_object", name="a" * 101), 3, "name: expected a text"),
        (message(do="add_object", name="a", colour="red"), 3, "colour: expected a colour #rrggbb"),
        (message(do="propagate", direction="up"), 3, "direction: expected one of both, forward, backward"),
        (message(do="propagate", direction=["both"]), 3, "direction: expected one of both"),
    ],
)
def test_bad_messages_are_refused(text: str, request_id: int | None, line: str) -> None:
    with pytest.raises(BadMessage, match=line) as refused:
        parse(text)
    assert refused.value.request_id == request_id
    assert "\n" not in str(refused.value)
