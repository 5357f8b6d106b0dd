"""The server as a page sees it: pictures, actions, jobs, two clients, imports and exports."""

import errno
import io
import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import interactive.session
from dataset.frames import open_frames
from interactive.server import Server
from interactive.serving.actions import EDITS
from interactive.serving.worker import Worker
from interactive.session import Session
from output.masks import write_mask
from output.names import OutputPaths
from output.overlay import draw_overlay
from output.probabilities import read_probabilities
from output.video import EXPORTS
from tests.conftest import files_in
from tests.interactive.conftest import NUM_FRAMES
from tests.interactive.pages import Page, open_page, serving

STROKE = [[10, 10], [30, 25]]


@pytest.fixture
def session(open_session: Callable[[], Session]) -> Session:
    return open_session()


@pytest.fixture
def http(session: Session) -> Iterator[TestClient]:
    with serving(session) as client:
        yield client


@pytest.fixture
def page(http: TestClient) -> Iterator[Page]:
    with open_page(http) as found:
        yield found


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """Rounds wait here before they read a frame; whatever a page asks for lets one pass, and is heard after it."""
    semaphore, prepare, submit = threading.Semaphore(0), interactive.session.prepare_image, Worker.submit

    def wait(*args: object) -> object:
        semaphore.num_read += 1
        semaphore.acquire()
        return prepare(*args)

    def ask(*args: object) -> None:
        submit(*args)
        semaphore.release()

    monkeypatch.setattr("interactive.session.prepare_image", wait)
    monkeypatch.setattr(Worker, "submit", ask)
    semaphore.num_read = 0
    yield semaphore
    semaphore.release(1000)


def wait_for_read(gate: threading.Semaphore, number: int) -> None:
    """Wait until the round has asked for that many frames."""
    while gate.num_read < number:
        time.sleep(0.01)


def start_round(page: Page, gate: threading.Semaphore) -> None:
    """Propagate forward from frame 1; wait in the third frame."""
    paint(page)
    while gate.acquire(blocking=False):
        pass
    page.do("propagate", direction="forward")  # lets the first frame pass
    gate.release()
    page.wait(lambda content: content.get("frame") == 2)
    wait_for_read(gate, 3)


def paint(page: Page, frame: int = 1) -> int:
    """Add an object and paint it."""
    object_id = page.do("add_object", name="cup")["object"]
    page.do("draw", frame=frame, points=STROKE, object=object_id, thickness=8)
    return object_id


def is_exported(event: dict) -> bool:
    return event["event"] == "exported"


def test_the_files_of_the_page_and_no_others_are_served(http: TestClient, tmp_path: Path) -> None:
    for path in ("/page/..%2fserver.py", "/page/%2e%2e%2fserver.py", "/page//etc/passwd"):
        assert http.get(path).status_code == 404
    for name in ("%2e%2e", "%00.js", "server.py", "nowhere.js", "x" * 5000 + ".js"):
        assert http.get(f"/page/{name}").status_code == 404
    answer = http.get("/frame/0.jpg")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    for path in ("/download/%2e%2e%2fsession.json", "/download/nothing", "/download/"):
        assert http.get(path).status_code == 404
    for path in (f"/frame/{NUM_FRAMES}.jpg", f"/mask/{NUM_FRAMES}.png", "/frame/-1.jpg", f"/frame/{'9' * 5000}.jpg"):
        assert http.get(path).status_code == 404


def test_frames_are_small_and_kept_as_long_as_the_video_is_the_same(page: Page, session: Session) -> None:
    for query, size in (("", (64, 48)), ("?side=24", (32, 24)), ("?side=500", (64, 48)), ("?side=x", (64, 48))):
        with Image.open(io.BytesIO(page.http.get(f"/frame/2.jpg{query}").content)) as image:
            assert image.size == size
            if size == (64, 48):
                assert np.abs(np.array(image).astype(int) - session.frames[2]).mean() < 4
    key = page.state["video"]["key"]
    assert "immutable" in page.http.get(f"/frame/2.jpg?video={key}").headers["cache-control"]
    assert page.http.get("/frame/2.jpg?video=other").headers["cache-control"] == "no-store"


def test_a_person_marks_propagates_and_undoes(page: Page, session: Session) -> None:
    assert page.state["writer"]
    assert page.state["video"] | {"key": ""} == {
        **{"name": "frames", "key": "", "frames": NUM_FRAMES, "width": 64, "height": 48, "rate": 24.0}
    }
    first = paint(page)
    assert page.state["objects"] == [{"id": first, "name": "cup", "colour": "#e61e35"}]
    assert (page.state["changed"], page.state["undo"]) == ([1], "brush")
    answer = page.do("scribble", frame=1, points=STROKE, object=0)
    assert page.state["revisions"] == [[1, 1, answer["revision"]]]
    assert page.state["strokes"]["strokes"] == [{"points": STROKE, "object": 0, "box": False}]
    page.do("undo")
    page.do("propagate", direction="both")
    page.wait_for_rest()
    steps = [event for event in page.events if event["event"] == "progress"]
    assert [step["frame"] for step in steps] == [2, 3, 4, 5, 0]
    assert steps[-1]["job"] | {"frame": 0} == {
        **{"kind": "propagate", "paused": False, "done": 5, "total": 5, "frame": 0, "direction": "both"}
    }
    for frame in range(NUM_FRAMES):
        assert np.array_equal(page.mask(frame), session.working_ids(frame))
    shown = [frame for frame in range(NUM_FRAMES) if (session.ids(frame) == first).any()]
    assert page.state["presence"] == {str(first): [[shown[0], shown[-1]]]}
    assert (page.state["computed"], page.state["interacted"]) == ([[0, 5]], [1])
    assert (page.state["changed"], page.state["undo"], page.state["redo"]) == ([], "propagation", None)
    page.do("undo")
    assert (page.state["computed"], page.state["changed"], page.state["redo"]) == ([], [1], "propagation")
    assert page.mask(4).max() == 0


def test_objects_have_names_and_colours_that_can_be_undone(page: Page) -> None:
    first = page.do("add_object", name="cup", colour="#102030")["object"]
    page.do("draw", frame=0, points=[[5, 5]], object=first)
    revision = page.state["revisions"]
    page.do("rename_object", object=first, name="bowl")
    assert page.state["revisions"] == revision
    page.do("colour_object", object=first, colour="#ffeedd")
    assert page.state["revisions"] != revision
    assert page.state["objects"] == [{"id": first, "name": "bowl", "colour": "#ffeedd"}]
    with Image.open(io.BytesIO(page.http.get("/mask/0.png").content)) as image:
        assert image.getpalette()[3:6] == [255, 238, 221]
    page.do("undo")
    assert page.state["objects"][0]["colour"] == "#102030"
    page.do("fill", frame=0, point=[60, 40], object=first)
    assert (page.mask(0) == first).all()
    page.do("remove_object", object=first)
    assert page.mask(0).max() == 0
    page.do("undo")
    assert (page.mask(0) == first).all()


def test_masks_are_kept_as_long_as_their_revision(page: Page) -> None:
    revision = page.do("draw", frame=3, points=STROKE, object=page.do("add_object", name="")["object"])["revision"]
    kept = page.http.get(f"/mask/3.png?revision={revision}").headers["cache-control"]
    page.do("reset", frame=3)
    assert "immutable" in kept
    assert page.http.get(f"/mask/3.png?revision={revision}").headers["cache-control"] == "no-store"


def test_bad_messages_leave_the_connection(page: Page) -> None:
    for text in ("{", "[]", '{"do": "undo", "id": NaN}', '"' + "x" * 4_000_000 + '"'):
        answer = page.send(text)
        assert answer["id"] is None
        assert "\n" not in answer["error"]
    for action, arguments in (
        ("dance", {}),
        ("undo", {}),
        ("cancel", {}),
        ("propagate", {}),
        ("export", {"kind": "nothing"}),
        ("export", {"kind": "masks", "to": "/etc"}),
        ("scribble", {"frame": 0, "points": [[-5, -5]], "object": 1}),
        ("draw", {"frame": 99, "points": STROKE, "object": 0}),
        ("fill", {"frame": 0, "point": [64, 48], "object": 0}),
        ("remove_object", {"object": 7}),
    ):
        assert "error" in page.ask(action, **arguments)
    page.do("ping")
    assert paint(page) == 1
    assert "stroke outside the frame" in page.ask("scribble", frame=0, points=[[200, 5], [90, 5]], object=1)["error"]


def test_a_round_is_paused_looked_at_and_resumed(page: Page, gate: threading.Semaphore) -> None:
    start_round(page, gate)
    assert "a round is running" in page.ask("draw", frame=5, points=STROKE, object=1)["error"]
    wait_for_read(gate, 4)
    page.do("pause")
    paused = page.state["job"]
    assert (paused["paused"], paused["done"], paused["frame"]) == (True, 3, 4)
    gate.release(10)
    assert page.http.get("/frame/4.jpg").status_code == page.http.get("/mask/4.png").status_code == 200
    page.do("resume")
    page.wait_for_rest()
    assert page.state["computed"] == [[1, 5]]


def test_an_edit_ends_a_paused_round(page: Page, gate: threading.Semaphore) -> None:
    start_round(page, gate)
    page.do("pause")
    page.do("draw", frame=5, points=STROKE, object=1)
    assert (page.state["job"], page.state["computed"], page.state["changed"]) == (None, [[1, 3]], [5])
    gate.release(100)
    page.do("propagate", direction="both")
    page.wait_for_rest()
    assert page.state["computed"] == [[1, 5]]


def test_a_round_goes_on_without_a_client_and_shows_itself_to_the_next(
    http: TestClient, gate: threading.Semaphore
) -> None:
    with open_page(http) as page:
        start_round(page, gate)
    with open_page(http) as page:
        assert page.state["job"]["kind"] == "propagate"
        assert page.state["computed"] == [[1, 2]]
        assert [run[:2] for run in page.state["revisions"]] == [[1, 2]]
        page.do("cancel")
        assert (page.state["job"], page.state["computed"], page.state["undo"]) == (None, [[1, 3]], "propagation")


def test_one_page_writes_and_others_look_on(http: TestClient) -> None:
    with open_page(http) as one:
        with open_page(http) as two:
            assert (one.state["writer"], two.state["writer"]) == (True, False)
            assert "another page" in two.ask("add_object", name="")["error"]
            mask = {"content": b"", "headers": {"origin": "http://localhost"}}
            assert two.http.post(f"/import/0?client={two.state['client']}", **mask).status_code == 403
            assert two.http.post("/import/0", **mask).status_code == 403
            two.do("take_over")
            assert two.state["writer"]
            two.do("add_object", name="")
            assert "another page" in one.ask("undo")["error"]
            assert (one.state["writer"], len(one.state["objects"])) == (False, 1)
        while not one.state["writer"]:
            one.ask("ping")
        one.do("undo")


def test_a_page_that_takes_over_during_an_import_stops_it(
    http: TestClient, truth: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mask(tmp_path / "mask.png", truth[2].astype(np.uint8))
    read = Server._read_mask
    with open_page(http) as one, open_page(http) as two:

        def read_slowly(*args: object) -> np.ndarray:
            two.do("take_over")
            return read(*args)

        monkeypatch.setattr(Server, "_read_mask", read_slowly)
        where = f"/import/2?client={one.state['client']}"
        assert http.post(where, content=(tmp_path / "mask.png").read_bytes()).status_code == 403
        two.do("end_strokes")
        assert two.state["objects"] == []


def test_masks_are_imported(page: Page, truth: np.ndarray, tmp_path: Path) -> None:
    write_mask(tmp_path / "mask.png", truth[2].astype(np.uint8))
    content, where = (tmp_path / "mask.png").read_bytes(), f"?client={page.state['client']}"
    assert page.http.post(f"/import/2{where}", content=content).json()["ok"]
    assert np.array_equal(page.mask(2), truth[2])
    page.do("undo")
    assert page.state["objects"] == []
    assert page.mask(2).max() == 0
    spoiled = page.http.post(f"/import/2{where}", content=b"no image")
    assert spoiled.status_code == 400
    assert "the mask: unreadable" in spoiled.json()["error"]
    assert page.http.post(f"/import/99{where}", content=content).status_code == 404
    Image.fromarray(np.zeros((48, 96), np.uint8)).save(tmp_path / "wide.png")
    wide = page.http.post(f"/import/2{where}", content=(tmp_path / "wide.png").read_bytes())
    assert "give [H,W] of its size" in wide.json()["error"]
    large = page.http.post(f"/import/2{where}", content=bytes(65 * 2**20))
    assert large.status_code == 413
    foreign = page.http.post(f"/import/2{where}", content=content, headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403
    assert page.state["changed"] == []


def test_masks_are_downloaded_and_the_workspace_gets_them(page: Page, session: Session, tmp_path: Path) -> None:
    paint(page)
    exported = []
    for place in ("download", "workspace"):
        page.do("export", kind="masks", to=place)
        page.do("draw", frame=5, points=STROKE, object=1)  # comes too late for the export
        exported.append(page.wait(is_exported))
        page.do("undo")
    download, kept = exported
    answer = page.http.get(download["url"])
    assert f'filename="{download["name"]}"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = archive.namelist()
        masks = [np.array(Image.open(archive.open(name))) for name in names]
    assert names == [f"frames/{frame:05d}.png" for frame in range(NUM_FRAMES)]
    assert all(np.array_equal(mask, session.ids(frame)) for frame, mask in enumerate(masks))
    assert files_in(Path(kept["path"])) == names
    assert Path(kept["path"]).is_relative_to(tmp_path / "workspace")


def test_the_overlay_has_every_frame_and_the_objects_colours(page: Page, session: Session) -> None:
    paint(page)
    page.do("colour_object", object=1, colour="#0000ff")
    page.do("export", kind="overlay", to="workspace")
    path = page.wait(is_exported)["path"]
    frames = open_frames(Path(path) / "frames_overlay.mp4")
    assert (len(frames.names), frames.frame_rate, frames.size) == (NUM_FRAMES, 24, (48, 64))
    (_, image), *_ = frames.read(1)
    chosen, usual = (
        draw_overlay(session.frames[1], session.ids(1), [1], chosen=colours) for colours in ({1: (0, 0, 255)}, {})
    )
    differing = (chosen != usual).any(2)
    errors = (np.abs(image[differing] - drawn[differing].astype(int)).mean() for drawn in (chosen, usual))
    assert next(errors) < 0.6 * next(errors)


def test_a_cancelled_export_leaves_no_download(page: Page, session: Session, tmp_path: Path) -> None:
    paint(page)
    page.do("export", kind="masks", to="download")
    page.do("pause")
    page.do("cancel")
    assert page.state["job"] is None
    assert files_in(tmp_path / "workspace" / ".downloads") == []
    assert "error" in page.ask("cancel")


def test_a_damaged_frame_is_a_note(page: Page, clip: Path) -> None:
    paint(page)
    (clip / "00004.jpg").write_bytes(b"no image")
    page.do("propagate", direction="forward")
    note = page.wait(lambda content: content.get("event") == "note")
    page.wait_for_rest()
    assert "00004.jpg" in note["text"]
    assert page.state["computed"] == [[1, 3]]
    assert page.http.get("/frame/4.jpg").status_code == 500
    page.do("undo")


def test_an_error_that_nobody_expected_is_told_once(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setitem(EDITS, "undo", fail)
    assert page.ask("undo")["error"] == "KeyError: 'lost'"
    page.do("ping")
    assert page.events == []


def test_a_full_disk_is_an_error_and_nothing_is_lost(
    page: Page, reopen: Callable[[], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "session.json")

    paint(page)
    with monkeypatch.context() as patch:
        patch.setattr("interactive.workspace.write_mask", fail)
        assert "No space left" in page.ask("draw", frame=5, points=STROKE, object=1)["error"]
        page.ask("propagate", direction="forward")
        page.wait_for_rest()
        assert any("No space left" in event.get("text", "") for event in page.events)
    assert page.state["changed"] == [1]
    page.do("propagate", direction="forward")
    page.wait_for_rest()
    again = reopen()
    assert all(np.array_equal(again.working_ids(frame), page.mask(frame)) for frame in range(NUM_FRAMES))


@pytest.mark.parametrize("kind", EXPORTS)
def test_whatever_can_be_exported_is_there_to_its_last_file(kind: str, page: Page, session: Session) -> None:
    paint(page)
    page.do("propagate", direction="forward")
    page.wait_for_rest()
    page.do("draw", frame=4, points=STROKE, object=1)
    assert kind in [name for name, _ in page.state["exports"]]
    page.do("export", kind=kind, to="workspace")
    workspace = page.wait(is_exported)
    page.wait_for_rest()
    page.do("export", kind=kind, to="download")
    download = page.wait(is_exported)
    expected = OutputPaths(Path(workspace["path"]) / "frames").finished_files(session.frames.names, [kind])
    assert all(path.stat().st_size for path in expected)
    assert len(page.http.get(download["url"]).content) > 100


def test_exported_probabilities_agree_with_the_masks(page: Page, session: Session) -> None:
    paint(page)
    page.do("propagate", direction="forward")
    page.wait_for_rest()
    page.do("draw", frame=4, points=[[40, 40]], object=1, thickness=9)
    page.do("export", kind="probabilities", to="workspace")
    folder = Path(page.wait(is_exported)["path"]) / "frames_probabilities"
    for frame in range(NUM_FRAMES):
        probabilities, labels = read_probabilities(folder / f"{frame:05d}.npz")
        assert labels.tolist() == [1]
        assert np.array_equal(probabilities.argmax(0), session.ids(frame))
