"""The rules of who may use the server: tokens, names of hosts, origins, and headers that keep other sites out."""

import hmac
import os
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from util.files import write_then_rename

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
HEADERS = {
    "content-security-policy": "default-src 'self'; connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """Let only those pass who may, and give every answer its headers; wraps the application.

    Args:
        token: the secret that everybody must know, first from the link, then from a cookie; None: nobody needs one, but
            then the server must be asked for by a name of this machine itself, so that no other site's name can be
            made to lead to it.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        cause = self._find_fault(scope, headers)
        if cause is not None and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": cause})
        elif cause is not None:
            await PlainTextResponse(cause + "\n", 403)(scope, receive, _with_headers(send, headers))
        elif scope["type"] == "http" and self._token is not None and self._is_in_link(scope):
            welcome = RedirectResponse("/", 303)
            welcome.set_cookie(self._cookie(scope), self._token, httponly=True, samesite="strict")
            await welcome(scope, receive, _with_headers(send, headers))
        else:
            await self._app(scope, receive, _with_headers(send, headers))

    def _find_fault(self, scope: Scope, headers: Mapping[str, str]) -> str | None:
        """Say why a request is refused, or None."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._token is None and _host_name(host) not in LOOPBACK_NAMES:
            return "another host's name: open the link that the server printed"
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return "a request of another site"
        if self._token is None or self._is_in_link(scope) or self._is_in_cookie(scope, headers):
            return None
        return "no token: open the link that the server printed"

    def _is_in_link(self, scope: Scope) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return any(self._matches(token) for token in given)

    def _is_in_cookie(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        name = self._cookie(scope)
        return name in cookies and self._matches(cookies[name].value)

    def _matches(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    def _cookie(self, scope: Scope) -> str:
        """Name the cookie; all ports of a host share them."""
        return f"stcn_{scope['server'][1]}"


def needs_token(host: str) -> bool:
    """Tell whether others than this machine can reach an address."""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def read_token(path: Path) -> str:
    """Read the token of a workspace, or make one: links stay good when the server is started again."""
    if path.exists() and (token := path.read_text().strip()):  # an empty one would let everybody in
        return token
    token = secrets.token_urlsafe(16)
    with write_then_rename(path) as temporary:
        os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
        temporary.write_text(token + "\n")
    return token


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _with_headers(send: Send, request: Mapping[str, str]) -> Send:
    """Add our headers to an answer."""
    host = request.get("host", "")
    is_plain = all(c.isalnum() or c in ".-:[]_" for c in host) and host
    sockets = f" ws://{host} wss://{host}" if is_plain else ""  # older browsers do not count them as 'self'

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            ours = [(name.encode(), value.format(sockets=sockets).encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message["headers"], *ours]}
        await send(message)

    return send_with_headers
