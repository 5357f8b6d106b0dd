"""Make the pictures of the documents: the page at work on the demo clip.

    python -m tests.browser.pictures

It writes docs/interactive.webp and docs/interactive_mark.webp.
"""

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.person import Person, launch
from tests.browser.serving import DEMO, ROOT, Served

SIZE, WINDOW = (854, 480), {"width": 1280, "height": 720}
WORKSPACE = Path("results/pictures")  # its name is seen
QUALITY, LARGEST = 78, 150_000  # 0 to 100; bytes
STROKES = {  # name -> strokes on the object, strokes on what is not part of it
    "astronaut": (
        [
            [(330, 420), (390, 330), (432, 150), (452, 320), (500, 440)],
            [(290, 430), (330, 340)],
            [(590, 420), (640, 470)],
        ],
        [[(255, 40), (262, 240), (225, 440)], [(520, 60), (540, 220), (720, 400)]],
    ),
    "cup": ([[(690, 80), (740, 70), (790, 100), (720, 190), (670, 140)]], []),
    "shuttle": ([[(110, 120), (130, 220), (150, 330)]], []),
}


def main() -> None:
    shutil.rmtree(ROOT / WORKSPACE, ignore_errors=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        with Served(DEMO / "clip.mp4", WORKSPACE) as served:
            context = browser.new_context(viewport=WINDOW, color_scheme="dark", reduced_motion="reduce")
            person = Person(context, served.link, SIZE)
            mark_all(person)
            save(person, "interactive_mark.webp")
            person.propagate()
            person.page.get_by_role("button", name="Close the hint").click()
            person.go_to(8)
            save(person, "interactive.webp")
        browser.close()


def mark_all(person: Person) -> None:
    """Mark and name all objects of the first frame."""
    for name, (on, off) in STROKES.items():
        person.page.locator("#add").click()
        rename = person.page.get_by_role("button", name=f"Rename object {list(STROKES).index(name) + 1}")
        rename.click()
        person.page.keyboard.type(name)
        person.page.keyboard.press("Enter")
        person.page.get_by_role("button", name=f"Rename {name}").wait_for()
        for stroke in [*on, *off]:
            with person.new_mask():
                person.stroke(stroke, button="left" if stroke in on else "right")


def save(person: Person, name: str) -> None:
    """Write what is on the screen."""
    person.page.mouse.move(0, 0)
    person.page.evaluate("document.activeElement.blur()")
    person.page.wait_for_timeout(500)
    picture = Image.open(io.BytesIO(person.page.screenshot()))
    picture.save(ROOT / "docs" / name, quality=QUALITY, method=6)
    size = (ROOT / "docs" / name).stat().st_size
    assert size <= LARGEST, f"docs/{name}: {size} bytes"
    print(f"docs/{name}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
