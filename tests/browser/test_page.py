"""Other ways to use the page: the keyboard alone, a small window, two pages, a lost connection; and accessibility."""

import base64
import contextlib
import io
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, WebSocketRoute, expect

from output.masks import write_mask
from tests.browser.conftest import NUM_FRAMES
from tests.browser.person import PATIENCE, Person
from tests.browser.serving import ROOT, Served

pytestmark = pytest.mark.browser

AXE = ROOT / ".browser" / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True, "reduced_motion": "reduce"}


class Wire:
    """Carries connections to a server until it is cut."""

    def __init__(self, port: int) -> None:
        self._target, self._pairs, self._is_cut = port, [], False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if self._is_cut:
                near.close()
                continue
            pair = near, socket.create_connection(("127.0.0.1", self._target))
            self._pairs.append(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while content := source.recv(65536):
                sink.sendall(content)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def cut(self, is_cut: bool = True) -> None:
        self._is_cut = is_cut
        for pair in self._pairs if is_cut else []:
            for end in pair:
                with_shutdown(end)
        self._pairs = [] if is_cut else self._pairs

    def close(self) -> None:
        self.cut()
        with_shutdown(self._listening)


def with_shutdown(end: socket.socket) -> None:
    """Close a socket at once, also for a thread that waits for it."""
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@pytest.fixture
def wire(shared_server: Served) -> Iterator[Wire]:
    wire = Wire(int(shared_server.link.rstrip("/").rsplit(":", 1)[1]))
    yield wire
    wire.close()


@pytest.fixture
def person(shared_server: Served, sit_down: Callable) -> Person:
    """A page without objects, whatever was done before."""
    person = sit_down(shared_server)
    removers = person.page.get_by_role("button", name="from the video")
    while count := removers.count():
        removers.first.click()
        expect(removers).to_have_count(count - 1)
    person.go_to(0)
    return person


def press(person: Person, *keys: str) -> None:
    for key in keys:
        person.page.keyboard.press(key)


def test_the_keyboard_alone_does_all(person: Person, tmp_path: Path) -> None:
    page = person.page
    press(person, "n")
    expect(page.locator(".object.chosen")).to_have_count(1)
    press(person, "c", "Enter", *["ArrowDown"] * 6, *["Shift+ArrowRight"] * 4)
    with person.new_mask():
        press(person, "Enter")
    press(person, "Escape", "v")
    with person.new_mask():
        press(person, "Control+z")
    with person.new_mask():
        press(person, "Control+Shift+Z")
    press(person, "v", "p")
    expect(page.locator(".frame-chip.changed")).to_have_count(0, timeout=PATIENCE)
    person.wait_for_end()
    press(person, "End")
    person.wait_for_frame(NUM_FRAMES - 1)
    press(person, "Shift+ArrowLeft", "ArrowRight")
    person.wait_for_frame(NUM_FRAMES - 10)
    press(person, "Space")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Stop playing")
    press(person, "Space", "Home", "x", "Tab")
    with page.expect_download(timeout=PATIENCE) as download:
        press(person, "Shift+Tab", "Enter")
    assert Path(download.value.path()).stat().st_size > 0
    press(person, "?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press(person, "Escape")


def test_a_painted_stroke_is_there_at_once_and_stays(person: Person) -> None:
    press(person, "n", "b", "v")  # masks alone
    expect(person.page.locator(".object.chosen")).to_have_count(1)
    mouse, points = person.page.mouse, [(100, 120), (300, 120)]
    mouse.move(*person.at(points[0]))
    mouse.down()
    mouse.move(*person.at(points[1]), steps=5)
    person.page.wait_for_timeout(150)  # a frame of the animation; the button is still down
    box, colour = person.stage.bounding_box(), person.colours[1]

    def is_painted() -> bool:
        x, y = person.at((200, 120))
        return bool((person.canvas()[int(y - box["y"]), int(x - box["x"])] == colour).all())

    assert is_painted()
    with person.new_mask():
        mouse.up()
    assert is_painted()
    press(person, "e")
    with person.new_mask():
        person.stroke(points)
    assert not is_painted()


def test_a_box_a_fill_and_a_mask_file(person: Person, tmp_path: Path) -> None:
    press(person, "r")
    with person.new_mask():
        person.stroke([(120, 25), (342, 232)])  # adds the object
    press(person, "n", "f")
    expect(person.page.locator(".object.chosen kbd")).to_have_text("2")
    with person.new_mask():
        person.stroke([(210, 150)])
    press(person, "Shift+Delete")
    expect(person.stage).to_have_attribute("data-pending", "0")
    press(person, "v")
    for object_id in (2, 300):  # 300 needs two bytes for a pixel
        write_square(tmp_path / "mask.png", object_id)
        with person.new_mask():
            person.page.locator("#file").set_input_files(tmp_path / "mask.png")
        person.page.wait_for_timeout(150)
        assert person.shown_ids((160, 285))[80, 140] == object_id


def write_square(path: Path, object_id: int) -> None:
    ids = np.zeros((240, 428), np.uint16 if object_id > 255 else np.uint8)
    ids[60:180, 100:300] = object_id
    write_mask(path, ids)


def test_the_page_reads_masks_of_two_bytes_exactly(person: Person) -> None:
    smooth = np.add.outer(np.arange(40) ** 2, 7 * np.arange(30))
    ids = np.concatenate([smooth, np.random.default_rng(0).integers(0, 2**16, (9, 30))]).astype(np.uint16)
    stream = io.BytesIO()
    Image.fromarray(ids).save(stream, "PNG")
    read = """(text) => import("/page/png.js").then(async ({ readIds }) =>
        [...(await readIds(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer)).ids])"""
    assert person.page.evaluate(read, base64.b64encode(stream.getvalue()).decode()) == ids.ravel().tolist()


def test_a_phone_sized_window_has_all(browser: Browser, shared_server: Served, sit_down: Callable) -> None:
    with browser.new_context(**PHONE) as context:
        person = sit_down(shared_server, context)
        page = person.page
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for name in ("#tools", "#both", "#export", "#strip", "#undo", "#play", "#stage"):
            box = page.locator(name).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= PHONE["viewport"]["width"]
            assert box["y"] + box["height"] <= PHONE["viewport"]["height"]
        page.locator("#panel").tap()
        with person.new_mask():
            page.locator("#add").tap()
            page.locator("#panel").tap()
            page.touchscreen.tap(*person.at((215, 150)))
        pinch(person)
        assert page.locator("#zoom-fit").text_content() != "100 %"


def pinch(person: Person) -> None:
    """Move two fingers apart on the picture; that is no stroke."""
    tools = person.page.context.new_cdp_session(person.page)
    x, y = person.at((215, 120))

    def touch(kind: str, gap: int) -> None:
        points = [{"x": x - gap, "y": y, "id": 0}, {"x": x + gap, "y": y, "id": 1}]
        tools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if gap else []})

    before = person.revision
    touch("touchStart", 20)
    for gap in (30, 40, 50):
        touch("touchMove", gap)
    touch("touchEnd", 0)
    person.page.wait_for_timeout(150)
    assert person.revision == before
    assert person.stage.get_attribute("data-pending") == "0"


def test_a_second_page_looks_on_until_it_takes_over(person: Person, shared_server: Served, sit_down: Callable) -> None:
    second = sit_down(shared_server)
    expect(second.page.locator("#banner")).to_contain_text("Another page")
    expect(second.page.locator("#add")).to_be_disabled()
    with second.new_mask():
        person.stroke([(200, 150), (215, 70)])
    second.page.get_by_role("button", name="Take over").click()
    expect(person.page.locator("#banner")).to_contain_text("Another page")
    expect(second.page.locator("#banner")).to_be_hidden()
    with person.new_mask():
        second.stroke([(230, 180)])


def test_a_lost_connection_comes_back_without_a_click(shared_server: Served, sit_down: Callable, wire: Wire) -> None:
    person = sit_down(shared_server, link=f"http://127.0.0.1:{wire.port}/")
    with person.new_mask():
        person.stroke([(200, 150), (215, 90)])
    wire.cut()
    expect(person.page.locator("#banner")).to_contain_text("connection")
    wire.cut(False)
    expect(person.page.locator("#banner")).to_be_hidden(timeout=PATIENCE)
    with person.new_mask():
        person.stroke([(230, 180)])
    person.complaints = [text for text in person.complaints if "net::ERR" not in text]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_accessibility_rules_hold(person: Person, theme: str) -> None:
    if not AXE.exists():
        pytest.skip("no axe-core here: make test-browser fetches it from npm")
    page = person.page
    page.emulate_media(color_scheme=theme)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    with person.new_mask():
        person.stroke([(200, 150), (215, 70)])
    page.evaluate(AXE.read_text())
    for key in ("Escape", "x", "Escape", "?"):
        press(person, key)
        found = page.evaluate("() => axe.run()")["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def test_zooming_moves_neither_strokes_nor_masks(person: Person) -> None:
    press(person, "n", "b", "v")
    expect(person.page.locator(".object.chosen")).to_have_count(1)
    place = person.at((100, 60))
    person.page.mouse.move(*place)
    person.page.mouse.wheel(0, -400)  # around the pointer, under which the same pixel stays
    expect(person.page.locator("#zoom-fit")).not_to_have_text("100 %")
    with person.new_mask():
        person.page.mouse.click(*place)
    press(person, "0")
    expect(person.page.locator("#zoom-fit")).to_have_text("100 %")
    person.page.wait_for_timeout(150)
    rows, columns = np.nonzero(person.shown_ids((160, 285)) == 1)
    assert (columns.mean() * 428 / 285, rows.mean() * 1.5) == pytest.approx((100, 60), abs=3)


def test_objects_are_named_coloured_hidden_and_frames_withdrawn(person: Person) -> None:
    page = person.page
    press(person, "b")
    with person.new_mask():
        person.stroke([(100, 60), (140, 60)])
    page.get_by_role("button", name="Rename object 1").click()
    page.keyboard.type("tower")
    press(person, "Enter")
    page.get_by_label("Colour of tower").fill("#00ff80")
    press(person, "Escape", "v")
    page.wait_for_timeout(300)
    assert person.colours == {1: (0, 255, 128)}
    assert (person.shown_ids((160, 285)) == 1).any()
    page.get_by_role("button", name="Hide tower").click()
    page.wait_for_timeout(300)
    assert not (person.shown_ids((160, 285)) == 1).any()
    person.propagate("forward")
    page.get_by_role("button", name="Withdraw frame 0").click()
    expect(page.locator(".frame-chip")).to_have_count(0)
    page.get_by_role("button", name="Remove tower from the video").click()
    page.locator("#add").click()  # the new object gets the id that is free again
    expect(page.get_by_role("button", name="Hide object 1")).to_be_visible()


def test_a_typed_number_becomes_a_frame_and_keys_work_after_it(person: Person) -> None:
    field = person.page.locator("#frame")
    for _ in range(2):  # the second time the frame is shown already
        field.fill("99")
        press(person, "Enter")
        expect(field).to_have_value(str(NUM_FRAMES - 1))
    press(person, "ArrowLeft")
    expect(field).to_have_value(str(NUM_FRAMES - 2))


def test_the_progress_of_an_export_computes_no_frame(person: Person) -> None:
    computed = """(kind) => import("/page/session.js").then(({ readProgress }) => readProgress(
        { revisions: [0], computed: [0], presence: new Map() }, { frame: 0, revision: 0, present: [], job: { kind } }
    ).computed[0])"""
    assert [person.page.evaluate(computed, kind) for kind in ("propagate", "export")] == [1, 0]


def test_an_export_that_came_to_nothing_is_not_downloaded_later(
    context: BrowserContext, shared_server: Served, sit_down: Callable
) -> None:
    held, downloads = [], []

    def carry(page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        server.on_message(lambda text: held.append((page, text)) if '"exported"' in text else page.send(text))

    context.route_web_socket("**/session", carry)
    person = sit_down(shared_server)
    person.page.on("download", lambda download: downloads.append(download))
    person.page.locator("#export").click()
    person.page.locator("#exports [data-kind='masks'][data-to='download']").click()
    expect(person.page.locator("#job")).to_be_visible()
    person.wait_for_end()
    (page, text) = held[0]
    page.send(text)  # as if another page had asked for it
    expect(person.page.get_by_text("The export is ready")).to_be_visible()
    person.page.wait_for_timeout(300)
    assert downloads == []
