"""The whole work in a browser, with the small networks: mark, propagate, correct, export, and go on after a kill."""

from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import NUM_FRAMES, SIZE
from tests.browser.person import PATIENCE, Person
from tests.browser.serving import DEMO, Served

pytestmark = pytest.mark.browser

BODY = [(190, 200), (200, 150), (215, 70), (225, 150), (260, 200)]  # the astronaut
SKY = [(130, 20), (130, 120), (110, 220)]
RIGHT = [(250, 30), (270, 110), (320, 140), (390, 200)]


@pytest.fixture
def served(clip: Path, tmp_path: Path) -> Iterator[Served]:
    with Served(clip, tmp_path / "work") as served:
        yield served


def check_shown(person: Person, served: Served, frame: int) -> np.ndarray:
    """The page shows the workspace's mask, pixel by pixel; returns it."""
    with Image.open(served.workspace / "masks" / f"{frame:05d}.png") as mask:
        ids = np.asarray(mask)
    person.page.get_by_role("radio", name="Mask", exact=True).click()
    person.wait_for_frame(frame)
    person.page.wait_for_timeout(150)  # a frame of the animation
    assert np.array_equal(person.shown_ids(ids.shape), ids)
    person.page.get_by_role("radio", name="Overlay", exact=True).click()
    return ids


def overlap(ids: np.ndarray, frame: int, object_id: int) -> float:
    """Intersection over union with an object of the demo's ground truth, of which the clip has every second frame."""
    with Image.open(DEMO / "masks" / f"{2 * frame:05d}.png") as truth:
        wanted = np.asarray(truth.resize(ids.shape[::-1], Image.Resampling.NEAREST)) == object_id
    return float((wanted & (ids > 0)).sum() / (wanted | (ids > 0)).sum())


def mark_and_propagate(person: Person, served: Served) -> None:
    with person.new_mask():
        person.stroke(BODY)  # adds an object by itself
    with person.new_mask():
        person.stroke(SKY, button="right")
    with person.new_mask():
        person.stroke(RIGHT, button="right")
    first = check_shown(person, served, 0)
    assert overlap(first, 0, 1) > 0.5
    person.propagate("forward")
    person.go_to(NUM_FRAMES - 1)
    assert overlap(check_shown(person, served, NUM_FRAMES - 1), NUM_FRAMES - 1, 1) > 0.4


def pause_and_correct(person: Person, served: Served) -> None:
    page = person.page
    person.go_to(6)
    with person.new_mask():
        person.stroke(BODY)
    page.locator("#both").click()
    page.locator("#pause").click()
    expect(page.locator("#job-text")).to_contain_text("Paused", timeout=PATIENCE)
    page.reload()
    expect(page.locator("#job-text")).to_contain_text("Paused", timeout=PATIENCE)
    person.go_to(9)
    page.get_by_role("radio", name="Brush").click()
    with person.new_mask():  # ends the round; what is done stays
        person.stroke([(20, 200), (60, 200)])
    assert check_shown(person, served, 9)[200, 40] == 1
    page.get_by_role("radio", name="Scribble").click()
    person.propagate()
    assert page.locator(".frame-chip").count() == 3


def undo_and_redo(person: Person, served: Served) -> None:
    person.go_to(9)
    with person.new_mask():
        person.page.get_by_role("button", name="Empty this frame").click()
    with person.new_mask():
        person.page.keyboard.press("Control+z")
    assert check_shown(person, served, 9)[200, 40] == 1
    with person.new_mask():
        person.page.keyboard.press("Control+Shift+Z")
    with person.new_mask():
        person.page.locator("#undo").click()


def export_all(person: Person, folder: Path) -> None:
    with av.open(str(person.export("overlay", folder))) as video:
        assert sum(1 for _ in video.decode(video=0)) == NUM_FRAMES
        assert (video.streams.video[0].width, video.streams.video[0].height) == SIZE
    with ZipFile(person.export("masks", folder)) as archive:
        assert sum(name.endswith(".png") for name in archive.namelist()) == NUM_FRAMES


def test_from_the_first_stroke_to_the_export(served: Served, sit_down: Callable, tmp_path: Path) -> None:
    person = sit_down(served)
    expect(person.page.locator("#hint")).to_contain_text("Draw a stroke")
    mark_and_propagate(person, served)
    pause_and_correct(person, served)
    undo_and_redo(person, served)
    export_all(person, tmp_path)
    before = check_shown(person, served, 9)

    person.page.reload()
    person.wait_for_frame(9)  # the browser remembers the frame
    assert np.array_equal(check_shown(person, served, 9), before)

    served.kill()
    expect(person.page.locator("#banner")).to_contain_text("connection", timeout=PATIENCE)
    served.start()
    expect(person.page.locator("#banner")).to_be_hidden(timeout=PATIENCE)
    assert np.array_equal(check_shown(person, served, 9), before)
    with person.new_mask():
        person.stroke(BODY)
    person.complaints = [text for text in person.complaints if "ERR_CONNECTION_REFUSED" not in text]
