"""A person at the page: strokes, clicks and looks, in pixels of the video."""

import base64
import io
import re
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Playwright, expect

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 60_000  # milliseconds; a loaded machine is slow
EDGE = 8  # CSS pixels around the fitting picture, on each side
BACKGROUND_OF_MASKS = (0, 0, 0)

Point = tuple[float, float]


def find_browser() -> str | None:
    """Find a browser of the system."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def launch(playwright: Playwright) -> Browser:
    """Start the browser without a window."""
    return playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)


class Person:
    """Act on one page, and collect what the browser complains about.

    Args:
        context: of the browser; the page is opened in it.
        link: what the server printed.
        size: width and height of the video.
    """

    def __init__(self, context: BrowserContext, link: str, size: tuple[int, int]) -> None:
        self.page, self.size = context.new_page(), size
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._listen)
        self.stage = self.page.locator("#stage")
        self.page.goto(link)
        self.wait_for_frame()

    def _listen(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url')}".strip())

    @property
    def revision(self) -> str:
        """Revision of the mask that is shown."""
        return self.stage.get_attribute("data-revision") or ""

    def at(self, point: Point) -> Point:
        """Turn pixels of the video into those of the window, for a picture that fits."""
        box, (width, height) = self.stage.bounding_box(), self.size
        scale = min((box["width"] - 2 * EDGE) / width, (box["height"] - 2 * EDGE) / height)
        left = box["x"] + (box["width"] - width * scale) / 2
        top = box["y"] + (box["height"] - height * scale) / 2
        return left + point[0] * scale, top + point[1] * scale

    def stroke(self, points: Sequence[Point], *, button: str = "left") -> None:
        """Draw a stroke; a single point is a click."""
        mouse = self.page.mouse
        mouse.move(*self.at(points[0]))
        mouse.down(button=button)
        for point in points[1:]:
            mouse.move(*self.at(point), steps=3)
        mouse.up(button=button)

    @contextmanager
    def new_mask(self) -> AbstractContextManager[None]:
        """Wait, at the end of the block, until the frame shows another mask than before."""
        before = self.revision
        yield
        expect(self.stage).to_have_attribute("data-revision", re.compile(f"^(?!{before}$).+"), timeout=PATIENCE)
        expect(self.stage).to_have_attribute("data-pending", "0", timeout=PATIENCE)

    def wait_for_frame(self, frame: int | None = None) -> None:
        """Wait until a frame is on the screen with its newest mask; None: any."""
        number = re.compile(r"^\d+$") if frame is None else str(frame)
        expect(self.stage).to_have_attribute("data-frame", number, timeout=PATIENCE)
        expect(self.stage).to_have_attribute("data-revision", re.compile(r"^\d+$"), timeout=PATIENCE)

    def go_to(self, frame: int) -> None:
        """Go to a frame by its number."""
        self.page.locator("#frame").fill(str(frame))
        self.page.keyboard.press("Enter")
        self.stage.focus()
        self.wait_for_frame(frame)

    def propagate(self, direction: str = "both") -> None:
        """Propagate and wait until it is done."""
        self.page.locator(f"#{direction}").click()
        expect(self.page.locator(".frame-chip.changed")).to_have_count(0, timeout=PATIENCE)
        self.wait_for_end()

    def wait_for_end(self) -> None:
        """Wait until nothing runs."""
        expect(self.page.locator("#job")).to_be_hidden(timeout=4 * PATIENCE)
        self.wait_for_frame()

    def export(self, kind: str, folder: Path) -> Path:
        """Export by the menu and return the file."""
        with self.page.expect_download(timeout=4 * PATIENCE) as download:
            self.page.locator("#export").click()
            self.page.locator(f"#exports [data-kind='{kind}'][data-to='download']").click()
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def canvas(self) -> np.ndarray:
        """Read the canvas: ``[H,W,3]`` uint8."""
        url = self.page.evaluate("() => document.getElementById('stage').toDataURL()")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))

    @property
    def colours(self) -> dict[int, tuple[int, ...]]:
        """Colours of the listed objects by id."""
        rows = self.page.locator(".object").all()
        colours = {int(row.get_attribute("data-id")): row.locator(".swatch").input_value() for row in rows}
        return {object_id: tuple(bytes.fromhex(colour[1:])) for object_id, colour in colours.items()}

    def shown_ids(self, size: tuple[int, int]) -> np.ndarray:
        """Read the mask from the picture, in the view of masks alone: ``[H,W]`` ids at a mask's ``size``, else -1."""
        picture, (height, width) = self.canvas(), size
        box = self.stage.bounding_box()
        (left, top), (right, bottom) = self.at((0, 0)), self.at(self.size)
        x = left - box["x"] + (np.arange(width) + 0.5) * (right - left) / width
        y = top - box["y"] + (np.arange(height) + 0.5) * (bottom - top) / height
        colours = picture[np.ix_(y.astype(int), x.astype(int))]
        ids = np.full(size, -1)
        for object_id, colour in {0: BACKGROUND_OF_MASKS, **self.colours}.items():
            ids[(colours == colour).all(-1)] = object_id
        return ids
