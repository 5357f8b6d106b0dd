"""Sessions: what a person does, undo, and the workspace that follows."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from interactive.interaction import DrawingMaker, GrabCutMaker, Region
from interactive.models import Models
from interactive.propagation import PropagationConfig
from interactive.session import Session
from output.overlay import COLOURS
from tests.conftest import read_ids
from tests.interactive.conftest import NUM_FRAMES, assert_same, shown, summary, work
from util.errors import InputError


def test_a_workspace_opened_again_shows_the_same_after_each_action(
    open_session: Callable, reopen: Callable, truth: np.ndarray
) -> None:
    session = open_session()
    for act in work(session, truth):
        act()
        assert_same(reopen(), session)
    while session.undo():
        assert_same(reopen(), session)


def test_a_stopped_round_that_passed_a_drawn_frame_is_kept(
    open_session: Callable, reopen: Callable, truth: np.ndarray
) -> None:
    session = open_session()
    for frame in (0, 2):
        session.import_mask(frame, truth[frame])
    list(islice(session.propagate(), 4))
    assert session.has_result(2)
    assert_same(reopen(), session)
    session.draw(4, [(20, 20)], 1)
    assert_same(reopen(), session)
    session.reset(2)
    assert_same(reopen(), session)


def test_undo_and_redo_go_through_the_same_states(open_session: Callable, truth: np.ndarray) -> None:
    session, states = open_session(), []
    for act in work(session, truth):
        states.append((summary(session), shown(session)))
        act()
    states.append((summary(session), shown(session)))
    steps = [(session.undo, state) for state in states[-2::-1]] + [(session.redo, state) for state in states[1:]]
    for step, (expected, masks) in steps:
        assert step()
        assert summary(session) == expected
        assert all(np.array_equal(mask, same) for mask, same in zip(shown(session), masks))
    assert not session.redo()


def test_a_session_goes_on_from_its_workspace(open_session: Callable, reopen: Callable, truth: np.ndarray) -> None:
    """Memory is rebuilt from the interacted masks: what follows is the same as without the interruption."""
    session = open_session()
    session.import_mask(1, truth[1])
    list(session.propagate())
    again = reopen()
    for one in (session, again):
        one.import_mask(5, truth[5])
        for _ in one.propagate("forward"):
            pass
    assert_same(again, session)


def test_strokes_make_the_mask_anew_from_the_same_start(models: Models, clip: Path, truth: np.ndarray) -> None:
    starts = []

    class Recorder(DrawingMaker):
        def __call__(self, image, previous, strokes, num_objects):
            starts.append(((previous > 0).sum(), (strokes >= 0).sum()))
            return super().__call__(image, previous, strokes, num_objects)

    session = Session(clip, Models(models.network, Recorder()))
    session.add_object()
    for _ in range(2):
        session.scribble(0, [(10, 10), (20, 10)], 1)
        session.scribble(0, [(10, 30), (20, 30)], 1)
        session.end_strokes()
    (first, few), (second, more), (third, _), _ = starts
    assert (first, second) == (0, 0)
    assert more > few
    assert third == (session.ids(0) > 0).sum()


def test_masks_have_the_size_of_the_video(models: Models, clip: Path, truth: np.ndarray, tmp_path: Path) -> None:
    session = Session(clip, models, size=32)
    session.import_mask(0, truth[0])
    assert session.ids(0).shape == (48, 64)
    assert (session.ids(0) == truth[0]).mean() > 0.95
    session.draw(0, [(32, 24)], 2, thickness=12)
    assert session.ids(0)[24, 32] == 2
    session.save_masks(tmp_path / "saved")
    saved = [read_ids(path) for path in sorted((tmp_path / "saved").iterdir())]
    assert all(np.array_equal(mask, same) for mask, same in zip(saved, shown(session), strict=True))


def test_without_weights_boxes_find_objects(models: Models, clip: Path) -> None:
    session = Session(clip, Models(models.network, GrabCutMaker()))
    session.add_object()
    session.scribble(0, [(8, 8), (56, 40)], 1, is_box=True)
    assert session.maker_name == "GrabCut"
    assert 0 < (session.ids(0) == 1).sum() < 48 * 32


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda session: session.scribble(0, [(1, 1)], 9), "object 9 is not known"),
        (lambda session: session.scribble(NUM_FRAMES, [(1, 1)], 1), "the video has frames 0 to 5"),
        (lambda session: session.scribble(0, [], 1), "a stroke of shape"),
        (lambda session: session.scribble(0, [(float("nan"), 1)], 1), "a stroke of shape"),
        (lambda session: session.scribble(0, [(1, 1)], 1, is_box=True), "give 2 points"),
        (lambda session: session.scribble(0, [(-50, -50), (-20, 9)], 1), "a stroke outside the frame"),
        (lambda session: session.scribble(0, [(70, -9), (99, 60)], 0), "a stroke outside the frame"),
        (lambda session: session.draw(0, [(99, 99)], 1), "a line outside the frame"),
        (lambda session: session.scribble(0, [(1, 1)], 1, region=Region(70, 1, 90, 9)), "outside the frame"),
        (lambda session: session.import_mask(0, np.zeros((3, 3), int)), "give .H,W. of its size"),
        (lambda session: session.add_object("", 1), "object 1: taken"),
        (lambda session: session.withdraw(2), "was not interacted"),
        (lambda session: next(session.propagate()), "nothing to propagate"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    open_session: Callable, reopen: Callable, act: Callable, message: str
) -> None:
    session = open_session()
    session.add_object()
    before = summary(session)
    with pytest.raises(InputError, match=message):
        act(session)
    assert summary(session) == before
    assert_same(reopen(), session)


def test_a_stroke_needs_an_object(open_session: Callable) -> None:
    session = open_session()
    with pytest.raises(InputError, match="add an object first"):
        session.scribble(0, [(1, 1)], 0)
    assert not session.changed


def test_a_running_round_locks_the_session(open_session: Callable, truth: np.ndarray) -> None:
    session = open_session()
    session.import_mask(1, truth[1])
    steps = session.propagate()
    next(steps)
    with pytest.raises(InputError, match="a round is running"):
        session.reset(0)
    steps.close()
    session.reset(0)


def test_areas_are_filled_up_to_other_ids(open_session: Callable, truth: np.ndarray) -> None:
    session = open_session()
    session.import_mask(0, truth[0])
    row, column = np.argwhere(truth[0] == 1)[0]
    before = session.ids(0)
    session.fill(0, (column + 0.9, row + 0.9), 2)
    _, parts = cv2.connectedComponents((before == 1).astype(np.uint8), connectivity=4)
    assert np.array_equal(session.ids(0), np.where(parts == parts[row, column], 2, before))
    with pytest.raises(InputError, match="a point outside the frame"):
        session.fill(0, (64, 5), 2)
    assert session.undo_label == "fill"


def test_colours_are_the_overlays_unless_chosen(open_session: Callable, reopen: Callable, tmp_path: Path) -> None:
    session = open_session()
    for _ in range(3):
        session.add_object()
    session.colour_object(2, (1, 2, 3))
    expected = {1: COLOURS[0], 2: (1, 2, 3), 3: COLOURS[2]}
    assert session.colours == reopen().colours == expected
    session.remove_object(1)
    assert session.colours[3] == COLOURS[2]
    session.undo()
    session.undo()
    assert session.colours[2] == COLOURS[1]
    assert (session.undo_label, session.redo_label) == ("new object", "new colour")
    with pytest.raises(InputError, match="give R, G and B from 0 to 255"):
        session.colour_object(1, (0, 0, 256))
    path = tmp_path / "workspace" / "session.json"
    content = json.loads(path.read_text())
    for entry in content["objects"]:
        del entry["colour"]  # as earlier releases wrote it
    del content["running"]
    path.write_text(json.dumps(content))
    assert reopen().colours == {1: COLOURS[0], 2: COLOURS[1], 3: COLOURS[2]}


def test_many_masks_are_one_action(open_session: Callable, reopen: Callable, truth: np.ndarray) -> None:
    session = open_session()
    session.import_masks(enumerate(truth))
    assert session.changed == tuple(range(NUM_FRAMES))
    assert_same(reopen(), session)
    session.undo()
    assert (session.changed, session.objects) == ((), {})
    with pytest.raises(InputError, match="the video has frames 0 to 5"):
        session.import_masks([(0, truth[0]), (NUM_FRAMES, truth[0])])
    assert not session.changed


def test_a_round_that_was_not_finished_counts_as_changed_when_it_comes_back(
    open_session: Callable, reopen: Callable, truth: np.ndarray
) -> None:
    session = open_session()
    session.import_mask(2, truth[2])
    steps = session.propagate("forward")
    for _ in range(2):
        next(steps)
    again = reopen()
    assert (again.interrupted, again.changed, again.interacted) == (2, (2,), (2,))
    assert [frame for frame in range(NUM_FRAMES) if again.has_result(frame)] == [2, 3]
    assert again.count_frames("both") == len(list(again.propagate())) - 1 == NUM_FRAMES - 1
    steps.close()
    stopped = reopen()
    assert (stopped.interrupted, stopped.changed) == (None, ())


def test_frames_to_come_are_counted_over_all_rounds(open_session: Callable, truth: np.ndarray) -> None:
    session = open_session()
    for frame in (4, 1):
        session.import_mask(frame, truth[frame])
    expected = session.count_frames("both", 3)
    assert expected == sum(progress.done > 0 for progress in session.propagate("both", 3))


def test_a_closed_session_does_nothing_any_more(open_session: Callable, reopen: Callable, truth: np.ndarray) -> None:
    session = open_session()
    session.import_mask(0, truth[0])
    session.close()
    for act in (session.add_object, session.undo, session.redo, lambda: session.reset(0)):
        with pytest.raises(InputError, match="the session is closed: open it again"):
            act()
    assert_same(reopen(), session)


def test_a_session_tells_how_results_are_fused(models: Models, clip: Path) -> None:
    def name(fusion: object, is_blended: bool) -> str:
        config = PropagationConfig(is_blended=is_blended)
        return Session(clip, replace(models, fusion=fusion), config=config).fusion_name

    assert [name(None, True), name(None, False), name(object(), True)] == ["by distance", "none", "network"]
