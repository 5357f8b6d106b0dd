"""Play and propagate a long video in the page, and tell how much memory the browser and the server hold on the way.

python -m tests.browser.examine_memory --frames 2000
"""

import argparse
import re
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import CDPSession, sync_playwright

from tests.browser.person import Person, launch
from tests.browser.serving import Served
from tests.videos import write_video

SIZE, RATE = (64, 96), 50  # height and width; frames a second
STEPS = 8  # measurements of each part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=2000, help="length of the video")
    frames = parser.parse_args().frames
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        video = Path(folder) / "long.mp4"
        write_video(video, [draw_frame(index) for index in range(frames)], RATE)
        browser = launch(playwright)
        with Served(video, Path(folder) / "work") as served:
            person = Person(browser.new_context(viewport={"width": 1280, "height": 720}), served.link, SIZE[::-1])
            tools = person.page.context.new_cdp_session(person.page)
            whole = browser.new_browser_cdp_session()
            print("| part | frame | page: JavaScript | page: nodes | browser's process | server |", flush=True)
            with person.new_mask():
                person.page.keyboard.press("b")
                person.stroke([(30, 30), (50, 34)])
            person.page.locator("#both").click()
            while person.page.locator("#job").is_visible() or not person.page.locator("#propagate").is_visible():
                measure("propagating", person, tools, whole, served)
                time.sleep(frames / 200)
            measure("propagated", person, tools, whole, served)
            person.go_to(0)
            person.page.locator("#play").click()
            for _ in range(STEPS):
                time.sleep(frames / RATE / STEPS)
                measure("playing", person, tools, whole, served)
        print("complaints:", person.complaints)
        browser.close()


def draw_frame(index: int) -> np.ndarray:
    """A bright disc that goes to and fro."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    disc = np.hypot(x - 40 - 25 * np.sin(index / 40), y - 32) < 12
    return np.where(disc[..., None], (220, 160, 40), (30, 60, 90 + index % 60)).astype(np.uint8)


def measure(part: str, person: Person, tools: CDPSession, whole: CDPSession, served: Served) -> None:
    """Print a row of the table."""
    tools.send("HeapProfiler.collectGarbage")
    tools.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in tools.send("Performance.getMetrics")["metrics"]}
    processes = whole.send("SystemInfo.getProcessInfo")["processInfo"]
    renderer = max(held(one["id"]) for one in processes if one["type"] == "renderer")
    frame = person.stage.get_attribute("data-frame")
    heap, nodes = metrics["JSHeapUsedSize"] / 1e6, int(metrics["Nodes"])
    print(f"| {part} | {frame} | {heap:.1f} MB | {nodes} | {renderer:.0f} MB | {held(served.pid):.0f} MB |", flush=True)


def held(pid: int) -> float:
    """Tell how much memory a process holds, in megabytes."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
