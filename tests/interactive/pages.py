"""A page as tests see it: it asks, and keeps what it is told."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image
from starlette.testclient import TestClient, WebSocketTestSession

from interactive.server import Server


class Page:
    """A connected client; ``state`` is the last one told."""

    def __init__(self, http: TestClient, socket: WebSocketTestSession) -> None:
        self.http, self._socket = http, socket
        self.events: list[dict] = []  # all but states
        self.state: dict = {}
        self._hear()

    def send(self, text: str) -> dict:
        """Send a text and return its answer."""
        self._socket.send_text(text)
        while "event" in (content := self._hear()):
            pass
        return content

    def ask(self, action: str, **arguments: object) -> dict:
        """Ask for an action and return its answer."""
        return self.send(json.dumps({"id": 1, "do": action, **arguments}))

    def do(self, action: str, **arguments: object) -> dict:
        """Ask for an action that must be done."""
        answer = self.ask(action, **arguments)
        assert answer.get("ok"), answer
        return answer

    def wait(self, is_reached: Callable[[dict], bool]) -> dict:
        """Wait for an event, if it has not come yet; it is given once."""
        while not (found := [event for event in self.events if is_reached(event)]):
            self._hear()
        self.events.remove(found[0])
        return found[0]

    def wait_for_rest(self) -> None:
        """Wait for the end of the job."""
        while self.state["job"] is not None:
            self._hear()

    def mask(self, frame: int) -> np.ndarray:
        """Get a frame's mask: ids."""
        answer = self.http.get(f"/mask/{frame}.png")
        return np.array(Image.open(io.BytesIO(answer.content)))

    def _hear(self) -> dict:
        content = self._socket.receive_json()
        if content.get("event") == "state":
            self.state = content
        elif "event" in content:
            self.events.append(content)
        return content


@contextmanager
def open_page(http: TestClient) -> Iterator[Page]:
    with http.websocket_connect("ws://localhost/session") as socket:
        yield Page(http, socket)


@contextmanager
def serving(session: object, token: str | None = None) -> Iterator[TestClient]:
    """Serve a session to clients of this process."""
    with TestClient(Server(session, token).app, base_url="http://localhost") as http:
        yield http
