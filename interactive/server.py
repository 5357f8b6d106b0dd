"""The server of the page: frames and masks over HTTP, actions and progress over a WebSocket."""

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dataset.masks import MaskReader
from dataset.videos import have_same_shape, resize_mask
from interactive.serving.access import Guard
from interactive.serving.clients import Client, Clients
from interactive.serving.exporting import DOWNLOADS, remove_downloads
from interactive.serving.notes import NoteHandler
from interactive.serving.pictures import MAX_SIDE, THUMBNAIL_SIDE, Pictures, encode_mask
from interactive.serving.protocol import BadMessage, parse
from interactive.serving.status import Event
from interactive.serving.worker import Worker
from interactive.session import Session
from util.errors import InputError

log = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"
KINDS = {  # no other files of the page are served; what systems have noted about suffixes may be wrong
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
}
MAX_DIGITS = 9  # more are no number of a frame
MAX_UPLOAD = 64 * 2**20  # bytes
OTHER_WRITES = "another page is open and works here: take over first"
KEPT_FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}
NOT_KEPT = {"cache-control": "no-store"}


class Server:
    """Serve one session; ``app`` is the application.

    Args:
        session: it belongs to the server's worker until the end of the application, which closes it.
        token: the secret that everybody must know; None: nobody needs one.
    """

    def __init__(self, session: Session, token: str | None = None) -> None:
        self._num_frames, self._workspace = len(session.frames), session.workspace
        if self._workspace is not None:
            remove_downloads(self._workspace)
        self._size = session.frames.size
        self._own_side = min(MAX_SIDE, *self._size)
        self._worker = Worker(session, self._emit)
        self._clients = Clients()
        if session.interrupted is not None:
            text = f"the round from frame {session.interrupted} was interrupted: propagate again to finish it"
            self._clients.broadcast({"event": "note", "level": "warning", "text": text})
        self._pictures = [(Pictures(session.frames), ThreadPoolExecutor(1)) for _ in range(2)]
        self._masks, self._reader = ThreadPoolExecutor(1), MaskReader()
        self._loop: asyncio.AbstractEventLoop | None = None
        routes = [
            Route("/", self._page),
            Route("/page/{name}", self._page),
            Route("/frame/{frame}.jpg", self._frame),
            Route("/mask/{frame}.png", self._mask),
            Route("/import/{frame}", self._import, methods=["POST"]),
            Route("/download/{job}", self._download),
            WebSocketRoute("/session", self._serve_client),
        ]
        self.app = Guard(Starlette(routes=routes, lifespan=self._live), token)

    @asynccontextmanager
    async def _live(self, _: Starlette) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        self._worker.start()
        notes = NoteHandler(self._emit)
        logging.getLogger().addHandler(notes)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(notes)
            await asyncio.to_thread(self.stop)

    def stop(self) -> None:
        """End the worker, which closes the session; what is in work is finished up to its next frame."""
        self._worker.stop()

    def _emit(self, event: Event) -> None:
        """Send an event to all clients, from any thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._clients.broadcast, event)

    async def _page(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        path = next((path for path in PAGE.glob("*.*") if path.name == name and path.suffix in KINDS), None)
        if path is None:
            return PlainTextResponse("no such file of the page\n", 404)
        return FileResponse(path, media_type=KINDS[path.suffix], headers={"cache-control": "no-cache"})

    def _find_frame(self, request: Request) -> int | None:
        """Read the number of a frame; None: there is no such frame."""
        text = request.path_params["frame"]
        frame = int(text) if text.isdecimal() and len(text) < MAX_DIGITS else self._num_frames
        return frame if frame < self._num_frames else None

    async def _frame(self, request: Request) -> Response:
        frame, given = self._find_frame(request), request.query_params.get("side", "")
        is_given = given.isdecimal() and len(given) < MAX_DIGITS
        side = min(max(int(given), 1), 4 * MAX_SIDE) if is_given else self._own_side
        if frame is None:
            return PlainTextResponse("no such frame\n", 404)
        pictures, pool = self._pictures[side <= THUMBNAIL_SIDE]
        content = pictures.find(frame, side)
        if content is None:
            try:
                content = await asyncio.get_running_loop().run_in_executor(pool, pictures.make, frame, side)
            except InputError as e:
                return PlainTextResponse(f"{e}\n", 500, NOT_KEPT)
        is_kept = request.query_params.get("video") == self._worker.key
        return Response(content, media_type="image/jpeg", headers=KEPT_FOR_EVER if is_kept else NOT_KEPT)

    async def _mask(self, request: Request) -> Response:
        frame, shown = self._find_frame(request), self._worker.shown
        if frame is None:
            return PlainTextResponse("no such frame\n", 404)
        content = await asyncio.get_running_loop().run_in_executor(self._masks, encode_mask, shown, frame)
        is_kept = request.query_params.get("revision") == str(shown.revisions.get(frame, 0)) != "0"
        return Response(content, media_type="image/png", headers=KEPT_FOR_EVER if is_kept else NOT_KEPT)

    async def _import(self, request: Request) -> Response:
        frame, content = self._find_frame(request), bytearray()
        if frame is None:
            return JSONResponse({"error": f"the video has frames 0 to {self._num_frames - 1}"}, 404)
        client = request.query_params.get("client")
        if not self._clients.may_write(client):
            return JSONResponse({"error": OTHER_WRITES}, 403)
        async for part in request.stream():
            content += part
            if len(content) > MAX_UPLOAD:
                return JSONResponse({"error": f"a mask of more than {MAX_UPLOAD >> 20} MiB; save it as PNG"}, 413)
        try:
            ids = await asyncio.get_running_loop().run_in_executor(self._masks, self._read_mask, bytes(content))
        except (InputError, OSError) as e:
            return JSONResponse({"error": str(e)}, 400)
        if not self._clients.may_write(client):  # another page took over meanwhile
            return JSONResponse({"error": OTHER_WRITES}, 403)
        answer = await self._do("import_mask", {"frame": frame, "ids": ids})
        return JSONResponse(answer, 200 if "ok" in answer else 400)

    def _read_mask(self, content: bytes) -> np.ndarray:
        """Read an uploaded mask: ``[H,W]`` int32 ids, of the video's size if it has its shape."""
        with tempfile.NamedTemporaryFile(dir=self._workspace, prefix=".import", suffix=".png") as file:
            file.write(content)
            file.flush()
            try:
                ids = self._reader.read(Path(file.name))
            except InputError as e:
                raise InputError(str(e).replace(file.name, "the mask")) from e
        return resize_mask(ids, self._size) if have_same_shape(ids.shape, self._size) else ids

    async def _download(self, request: Request) -> Response:
        job = request.path_params["job"]
        folder = None if self._workspace is None or not job.isalnum() else self._workspace / DOWNLOADS / job
        files = [] if folder is None or not folder.is_dir() else [*folder.iterdir()]
        if len(files) != 1:
            return PlainTextResponse("no such export\n", 404)
        return FileResponse(files[0], filename=files[0].name, headers=NOT_KEPT)

    async def _do(self, name: str, arguments: Mapping[str, object]) -> Event:
        """Do an action and wait for its answer."""
        future = asyncio.get_running_loop().create_future()
        self._submit(name, arguments, lambda answer: future.cancelled() or future.set_result(answer))
        return await future

    def _submit(self, name: str, arguments: Mapping[str, object], answer: Callable[[Event], None]) -> None:
        """Ask for an action; the answer is given in the loop."""

        def give(content: Event) -> None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(answer, content)

        self._worker.submit(name, arguments, give)

    async def _serve_client(self, connection: WebSocket) -> None:
        await connection.accept()
        client = Client(connection)
        self._clients.join(client, self._worker.describe())
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
            self._clients.leave(client, self._worker.describe())
            writing.cancel()

    def _hear(self, client: Client, text: str) -> None:
        """Act on a message."""
        try:
            request = parse(text)
            if request.name in ("take_over", "ping"):
                if request.name == "take_over":
                    self._clients.take_over(client, self._worker.describe())
                client.send({"id": request.request_id, "ok": True})
                return
            if client is not self._clients.writer:
                raise BadMessage(OTHER_WRITES, request.request_id)
        except BadMessage as e:
            client.send({"id": e.request_id, "error": str(e)})
            return
        number = {"id": request.request_id}
        self._submit(request.name, request.arguments, lambda content: client.send({**number, **content}))
