"""The server of the page: frames and masks over HTTP, actions and progress over a WebSocket."""

import asyncio
import errno
import logging
import mimetypes
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dataset.masks import MaskReader
from interactive.access import Guard
from interactive.clients import Client, Clients
from interactive.exporting import DOWNLOADS
from interactive.pictures import MAX_SIDE, THUMBNAIL_SIDE, Pictures, encode_mask
from interactive.protocol import MAX_MESSAGE, BadMessage, parse
from interactive.session import Session
from interactive.status import Event
from interactive.worker import Worker
from util.errors import InputError

log = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"
SUFFIXES = {".html", ".css", ".js", ".svg", ".png", ".webp"}  # files of other kinds are not served
MAX_UPLOAD = 64 * 2**20  # bytes
KEPT_FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}
NOT_KEPT = {"cache-control": "no-store"}
PORTS = 50  # tried one after the other


class Server:
    """Serve one session; ``app`` is the application.

    Args:
        session: it belongs to the server's worker until the end of the application, which closes it.
        token: the secret that everybody must know; None: nobody needs one.
    """

    def __init__(self, session: Session, token: str | None = None) -> None:
        self._num_frames, self._workspace = len(session.frames), session.workspace
        self._own_side = min(MAX_SIDE, *session.frames.size)
        self._worker = Worker(session, self._emit)
        self._clients = Clients()
        self._pictures = [(Pictures(session.frames.source), ThreadPoolExecutor(1)) for _ in range(2)]
        self._masks, self._reader = ThreadPoolExecutor(1), MaskReader()
        self._loop: asyncio.AbstractEventLoop | None = None
        routes = [
            Route("/", self._page),
            Route("/page/{name}", self._page),
            Route("/frame/{frame:int}.jpg", self._frame),
            Route("/mask/{frame:int}.png", self._mask),
            Route("/import/{frame:int}", self._import, methods=["POST"]),
            Route("/download/{job}", self._download),
            WebSocketRoute("/session", self._serve_client),
        ]
        self.app = Guard(Starlette(routes=routes, lifespan=self._live), token)

    @asynccontextmanager
    async def _live(self, _: Starlette) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        self._worker.start()
        yield
        await asyncio.to_thread(self._worker.stop)

    def _emit(self, event: Event) -> None:
        """Send an event to all clients, from the worker's thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._clients.broadcast, event)

    async def _page(self, request: Request) -> Response:
        path = PAGE / request.path_params.get("name", "index.html")
        if path.parent != PAGE or path.suffix not in SUFFIXES or not path.is_file():
            return PlainTextResponse("no such file of the page\n", 404)
        kind = mimetypes.guess_type(path.name)[0]
        return FileResponse(path, media_type=kind, headers={"cache-control": "no-cache"})

    async def _frame(self, request: Request) -> Response:
        frame, given = request.path_params["frame"], request.query_params.get("side", "")
        side = min(max(int(given), 1), 4 * MAX_SIDE) if given.isdecimal() and len(given) < 6 else self._own_side
        if frame >= self._num_frames:
            return PlainTextResponse("no such frame\n", 404)
        pictures, pool = self._pictures[side <= THUMBNAIL_SIDE]
        content = pictures.find(frame, side)
        if content is None:
            try:
                content = await asyncio.get_running_loop().run_in_executor(pool, pictures.make, frame, side)
            except InputError as e:
                return PlainTextResponse(f"{e}\n", 500, NOT_KEPT)
        is_kept = request.query_params.get("video") == self._worker.status.key
        return Response(content, media_type="image/jpeg", headers=KEPT_FOR_EVER if is_kept else NOT_KEPT)

    async def _mask(self, request: Request) -> Response:
        frame, shown = request.path_params["frame"], self._worker.shown
        if frame >= self._num_frames:
            return PlainTextResponse("no such frame\n", 404)
        content = await asyncio.get_running_loop().run_in_executor(self._masks, encode_mask, shown, frame)
        is_kept = request.query_params.get("revision") == str(shown.revisions.get(frame, 0)) != "0"
        return Response(content, media_type="image/png", headers=KEPT_FOR_EVER if is_kept else NOT_KEPT)

    async def _import(self, request: Request) -> Response:
        frame, content = request.path_params["frame"], bytearray()
        if not self._clients.may_write(request.query_params.get("client")):
            return JSONResponse({"error": "another page is open and works here: take over first"}, 403)
        async for part in request.stream():
            content += part
            if len(content) > MAX_UPLOAD:
                return JSONResponse({"error": f"a mask of more than {MAX_UPLOAD >> 20} MiB; save it as PNG"}, 413)
        try:
            ids = await asyncio.to_thread(self._read_mask, bytes(content))
        except (InputError, OSError) as e:
            return JSONResponse({"error": str(e)}, 400)
        answer = await self._do("import_mask", {"frame": frame, "ids": ids})
        return JSONResponse(answer, 200 if "ok" in answer else 400)

    def _read_mask(self, content: bytes) -> object:
        """Read an uploaded mask: ``[H,W]`` int32 ids."""
        with tempfile.NamedTemporaryFile(dir=self._workspace, prefix=".import", suffix=".png") as file:
            file.write(content)
            file.flush()
            try:
                return self._reader.read(Path(file.name))
            except InputError as e:
                raise InputError(str(e).replace(file.name, "the mask")) from e

    async def _download(self, request: Request) -> Response:
        job = request.path_params["job"]
        folder = None if self._workspace is None or not job.isalnum() else self._workspace / DOWNLOADS / job
        files = [] if folder is None or not folder.is_dir() else [*folder.iterdir()]
        if len(files) != 1:
            return PlainTextResponse("no such export\n", 404)
        return FileResponse(files[0], filename=files[0].name, headers=NOT_KEPT)

    async def _do(self, name: str, arguments: Mapping[str, object]) -> Event:
        """Do an action and wait for its answer."""
        future, loop = asyncio.get_running_loop().create_future(), asyncio.get_running_loop()
        self._worker.submit(name, arguments, lambda answer: loop.call_soon_threadsafe(future.set_result, answer))
        return await future

    async def _serve_client(self, connection: WebSocket) -> None:
        await connection.accept()
        client = Client(connection)
        self._clients.join(client, self._worker.state)
        writing = asyncio.create_task(client.write())
        try:
            while True:
                message = await connection.receive()
                if message["type"] == "websocket.disconnect":
                    break
                self._hear(client, message.get("text") or "")
        except WebSocketDisconnect:
            pass
        finally:
            self._clients.leave(client, self._worker.state)
            writing.cancel()

    def _hear(self, client: Client, text: str) -> None:
        """Act on a message."""
        try:
            request = parse(text)
            if request.name == "take_over":
                self._clients.take_over(client, self._worker.state)
                client.send({"id": request.request_id, "ok": True})
                return
            if client is not self._clients.writer:
                raise BadMessage("another page is open and works here: take over first", request.request_id)
        except BadMessage as e:
            client.send({"id": e.request_id, "error": str(e)})
            return

        def answer(content: Event) -> None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(client.send, {"id": request.request_id, **content})

        self._worker.submit(request.name, request.arguments, answer)


def bind(host: str, port: int) -> socket.socket:
    """Listen at an address, at the next free port if the port is taken; 0: any free one.

    Raises:
        InputError: the address is none of this machine's, or no port is free.
    """
    for number in range(port, min(port + PORTS, 2**16)):
        try:
            family = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0][0]
            listening = socket.create_server((host, number), family=family, backlog=128)
        except OSError as e:
            if e.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            raise InputError(f"host {host}: no address of this machine ({e.strerror}); choose one") from e
        listening.set_inheritable(True)
        return listening
    raise InputError(f"port {port}: taken, and so are the next ones; choose another")


def serve(server: Server, listening: socket.socket) -> None:
    """Serve until the process is told to end; signals are raised again afterwards."""
    config = uvicorn.Config(
        server.app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        loop="asyncio",
        ws="websockets-sansio",
        ws_max_size=4 * MAX_MESSAGE,  # longer ones than ``MAX_MESSAGE`` are answered, those end the connection
        ws_ping_interval=10,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[listening])
