"""Tokens, names of hosts and origins."""

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from interactive.serving.access import needs_token, read_token
from tests.interactive.pages import open_page, serving


def is_heard(http: TestClient, **headers: str) -> bool:
    try:
        with http.websocket_connect("ws://localhost/session", headers=headers):
            return True
    except WebSocketDisconnect:
        return False


def test_the_loopback_is_not_served_under_other_names_or_to_other_sites(open_session: Callable) -> None:
    with serving(open_session()) as http:
        for host in ("localhost", "localhost:8417", "127.0.0.1:1", "[::1]:8417"):
            assert http.get("/frame/0.jpg", headers={"host": host}).status_code == 200
        for host in ("evil.example", "evil.example:8417", "localhost.evil.example", "[", "", "127.0.0.1@evil.example"):
            assert http.get("/frame/0.jpg", headers={"host": host}).status_code == 403
        assert is_heard(http)
        assert is_heard(http, origin="http://localhost")
        others = ("http://evil.example", "http://localhost:1", "http://localhost.evil.example")
        for origin in (*others, "null", "http://[", "http://evil.example@localhost"):
            assert not is_heard(http, origin=origin)
            assert http.get("/frame/0.jpg", headers={"origin": origin}).status_code == 403


def test_elsewhere_a_token_is_needed_first_in_the_link_then_in_a_cookie(open_session: Callable) -> None:
    with serving(open_session(), "secret") as http:
        for path in ("/", "/frame/0.jpg", "/page/main.js", "/?token=", "/?token=wrong", "/?token=secret2"):
            assert http.get(path, follow_redirects=False).status_code == 403
        assert not is_heard(http)
        assert http.get("/frame/0.jpg", headers={"cookie": "stcn_80=wrong"}).status_code == 403
        welcome = http.get("/?token=secret", follow_redirects=False)
        assert (welcome.status_code, welcome.headers["location"]) == (303, "/")
        assert "HttpOnly" in welcome.headers["set-cookie"]
        assert "samesite=strict" in welcome.headers["set-cookie"].lower()
        assert http.get("/frame/0.jpg").status_code == 200
        assert http.get("/frame/0.jpg", headers={"host": "any.example"}).status_code == 200
        assert http.get("/frame/0.jpg", headers={"origin": "http://evil.example"}).status_code == 403
        with open_page(http) as page:
            assert page.state["writer"]


@pytest.mark.parametrize(
    ("host", "is_needed"),
    [("127.0.0.1", False), ("localhost", False), ("::1", False), ("0.0.0.0", True), ("10.1.2.3", True), ("name", True)],
)
def test_addresses_that_others_reach_need_a_token(host: str, is_needed: bool) -> None:
    assert needs_token(host) == is_needed


def test_a_workspace_keeps_its_token_to_itself(tmp_path: Path) -> None:
    token = read_token(tmp_path / ".token")
    assert len(token) > 20
    assert read_token(tmp_path / ".token") == token
    assert (tmp_path / ".token").stat().st_mode & 0o077 == 0
    (tmp_path / ".token").write_text("\n")  # an empty secret would be anybody's
    assert len(read_token(tmp_path / ".token")) > 20
