"""A browser, a small clip, and a server on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.serving import Served, write_demo_frames

SIZE = (428, 240)
NUM_FRAMES = 12
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: make test-browser installs it")

from playwright.sync_api import Browser, BrowserContext  # noqa: E402

from tests.browser.person import Person, find_browser, launch  # noqa: E402


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if find_browser() is None:
        pytest.skip("no chromium here: install the package `chromium` of the system")
    with sync_api.sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_frames(tmp_path_factory.mktemp("clips") / "clip", NUM_FRAMES, SIZE[1], every=2)


@pytest.fixture(scope="session")
def shared_server(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for tests that mind no work that is there already."""
    with Served(clip, tmp_path_factory.mktemp("shared") / "work", "--size", "160") as served:
        yield served


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture
def sit_down(context: BrowserContext) -> Iterator[Callable[[Served], Person]]:
    """Open a page of a server; no page may have complained at the end."""
    persons: list[Person] = []

    def open_page(served: Served, within: BrowserContext = context, link: str = "") -> Person:
        persons.append(Person(within, link or served.link, SIZE))
        return persons[-1]

    yield open_page
    assert [complaint for person in persons for complaint in person.complaints] == []
