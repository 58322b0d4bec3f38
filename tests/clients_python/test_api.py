"""Names become ids, and every invalid response becomes a clear exception."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from agentstream import Api, InvalidMessage, NotFound, Refused, ServerError, Unauthenticated, Unavailable, Unreachable

from .scripted import within

WORKSPACES = [{"id": "1", "slug": "playground", "name": "Playground"}, {"id": "2", "slug": "lab", "name": "Lab"}]


@contextmanager
def answering(status: int, body: Any, headers: dict[str, str] | None = None) -> Iterator[tuple[Api, list[str]]]:
    """A server with one response to everything, and the requests it got."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            sent = self.rfile.read(length).decode()
            asked.append(f"{self.command} {self.path} {self.headers['Authorization']} {sent}".strip())
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Api(f"http://127.0.0.1:{server.server_port}/", "token"), asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_workspace_is_found_by_its_slug() -> None:
    with answering(200, WORKSPACES) as (api, asked):
        assert within(5, api.workspace("lab")).id == "2"
    assert asked == ["GET /api/workspaces Bearer token"]


def test_a_missing_workspace_is_named() -> None:
    with answering(200, WORKSPACES) as (api, _), pytest.raises(NotFound, match="got 'attic'"):
        within(5, api.workspace("attic"))


def test_an_agent_is_found_by_its_name() -> None:
    with answering(200, [{"id": "9", "name": "Build"}]) as (api, asked):
        assert within(5, api.agent("1", "Build")).id == "9"
    assert asked == ["GET /api/workspaces/1/agents?q=Build&archived=false Bearer token"]


@pytest.mark.parametrize(
    ("status", "code", "exception"),
    [
        (401, "UNAUTHENTICATED", Unauthenticated),
        (404, "NOT_FOUND", NotFound),
        (400, "INVALID_MESSAGE", InvalidMessage),
        (503, "UNAVAILABLE", Unavailable),
        (500, "INTERNAL", ServerError),
    ],
)
def test_the_protocols_errors_are_raised(status: int, code: str, exception: type[Refused]) -> None:
    with answering(status, {"code": code, "message": "because"}) as (api, _), pytest.raises(exception, match="because"):
        within(5, api.workspace("lab"))


@pytest.mark.parametrize(
    ("status", "exception"), [(401, Unauthenticated), (404, NotFound), (502, Unreachable), (418, Refused)]
)
def test_errors_of_proxies_are_raised(status: int, exception: type[Exception]) -> None:
    with answering(status, b"<html>") as (api, _), pytest.raises(exception, match=f"HTTP {status}"):
        within(5, api.workspace("lab"))


def test_a_redirect_is_not_followed_with_the_token() -> None:
    with answering(200, WORKSPACES) as (elsewhere, asked):
        headers = {"Location": f"{elsewhere.url}api/workspaces"}
        with answering(302, b"", headers) as (api, _), pytest.raises(Refused, match="HTTP 302"):
            within(5, api.workspace("lab"))
    assert asked == []


def test_a_response_that_is_not_json_is_an_error() -> None:
    with answering(200, b"<html>") as (api, _), pytest.raises(Unreachable):
        within(5, api.workspace("lab"))


def test_an_unreachable_server_is_an_error() -> None:
    with pytest.raises(Unreachable, match="Connection refused"):
        within(5, Api("http://127.0.0.1:9", "token").workspace("lab"))


def test_an_agent_created_meanwhile_by_another_client_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [[], [], InvalidMessage("INVALID_MESSAGE", "taken"), [{"id": "9", "name": "Build"}]]

    async def call(*args: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Api, "_call", call)
    assert within(5, Api("http://localhost", "token").agent("1", "Build")).id == "9"


@pytest.mark.parametrize("token", ["", "secret token", "secret\n", "sécret"])
def test_an_invalid_token_is_not_repeated(token: str) -> None:
    with pytest.raises(ValueError, match="token: expected printable ASCII") as raised:
        Api("http://localhost", token)
    assert "cret" not in str(raised.value)


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(Api("http://localhost", "secret"))
