"""The pages that are connected: one of them writes, the others look on."""

import asyncio
import json
import secrets
from collections import deque

from starlette.websockets import WebSocket, WebSocketDisconnect

from interactive.serving.status import Event

MAX_NOTES = 20
MAX_WAITING = 2000  # messages; a client that is further behind is dropped, and gets the whole state when it comes back


class Client:
    """A connected page."""

    def __init__(self, socket: WebSocket) -> None:
        self.key = secrets.token_hex(8)  # by which it names itself in other requests
        self._socket = socket
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(MAX_WAITING)

    def send(self, event: Event) -> None:
        """Queue a message."""
        try:
            self._waiting.put_nowait(json.dumps(event, separators=(",", ":")))
        except asyncio.QueueFull:
            self.drop()

    def drop(self) -> None:
        """End the connection."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def write(self) -> None:
        """Send what is queued until the connection ends."""
        try:
            while (text := await self._waiting.get()) is not None:
                await self._socket.send_text(text)
            await self._socket.close(1013)
        except (WebSocketDisconnect, RuntimeError):  # it is gone already
            return


class Clients:
    """All of them, the writer first; used in the event loop alone."""

    def __init__(self) -> None:
        self._clients: list[Client] = []
        self._notes: deque[Event] = deque(maxlen=MAX_NOTES)  # nobody has been told yet

    @property
    def writer(self) -> Client | None:
        """The one that may change things."""
        return self._clients[0] if self._clients else None

    def may_write(self, key: str | None) -> bool:
        """Tell whether a request beside the connections may change things: its sender is the writer, or nobody else."""
        return not self._clients or key == self._clients[0].key or (key is None and len(self._clients) == 1)

    def join(self, client: Client, state: Event) -> None:
        """Take a client in and tell it the whole state."""
        self._clients.append(client)
        self._tell(client, state)
        while self._notes:
            self._tell(client, self._notes.popleft())

    def leave(self, client: Client, state: Event) -> None:
        """Forget a client; if it was the writer, the next one is."""
        was_writer = client is self.writer
        self._clients.remove(client)
        if was_writer and self._clients:
            self._tell(self._clients[0], state)

    def take_over(self, client: Client, state: Event) -> None:
        """Make a client the writer."""
        self._clients.remove(client)
        self._clients.insert(0, client)
        self.broadcast(state)

    def broadcast(self, event: Event) -> None:
        """Send an event to all; a note waits for the first client if there is none."""
        if event["event"] == "note" and not self._clients:
            self._notes.append(event)
        for client in self._clients:
            self._tell(client, event)

    def _tell(self, client: Client, event: Event) -> None:
        if event["event"] == "state":
            event = {**event, "writer": client is self.writer, "client": client.key}
        client.send(event)
