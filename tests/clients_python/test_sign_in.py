"""`agentstream login` in a terminal: a person approves on a page, and no token is copied."""

import json
import os
import pty
import re
import select
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from agentstream import Forbidden, NotFound, RateLimited, Unreachable
from agentstream.credentials import TokenStore
from agentstream.device import sign_in

from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.session import Session
from tests.support.waiting import eventually

from .command import PYTHON

SECONDS = 60.0  # to wait for a process on a busy machine
CODE = re.compile(rb"enter the code (\w{4}-\w{4})")
STARTED = {
    "deviceCode": "secret",
    "userCode": "WDJB-MJHT",
    "verificationUrl": "https://host/device/",
    "verificationUrlComplete": "https://host/device/?code=WDJB-MJHT",
    "expiresIn": 60,
    "interval": 0.01,
}
PENDING = (202, {"status": "pending"})
MADE = (200, {"token": "ags_made", "user": "maria"})


class Terminal:
    """`agentstream login` in a terminal of its own."""

    def __init__(self, url: str, config: Path, *options: str, **variables: str) -> None:
        env = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")}
        env |= {"XDG_CONFIG_HOME": str(config), **variables}
        self.shown = b""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.execve(PYTHON, [PYTHON, "-m", "agentstream", "login", "--url", url, *options], env)

    def code(self) -> str:
        """The code, once it is shown."""
        while not (found := CODE.search(self.shown)):
            assert self._read(), self.shown
        return found[1].decode()

    def finish(self) -> int:
        """The exit code."""
        while self._read():
            pass
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read(self) -> bytes:
        assert select.select([self._terminal], [], [], SECONDS)[0], self.shown
        try:
            data = os.read(self._terminal, 1000)
        except OSError:  # how a pseudo-terminal ends
            return b""
        self.shown += data
        return data


def decide(live: LiveServer, code: str, decision: str) -> None:
    session = Session(live, "root")
    form = {"csrfmiddlewaretoken": session.cookie("csrftoken"), "code": code, decision: ""}
    body = urllib.parse.urlencode(form).encode()
    assert session.post("/device/", body, Content_Type="application/x-www-form-urlencoded") == 200


def test_after_the_approval_the_token_is_stored_and_works(live: LiveServer, root: Api, tmp_path: Path) -> None:
    login = Terminal(live.url, tmp_path)
    decide(live, login.code(), "approve")
    assert login.finish() == 0
    assert f"open {live.url}/device/".encode() in login.shown
    assert b"Signed in as root." in login.shown
    file = tmp_path / "agentstream" / "tokens.json"
    assert file.stat().st_mode & 0o777 == 0o600
    token = TokenStore(file).get(live.url)
    assert token is not None
    assert token.encode() not in login.shown
    assert Api(live.url, token).get("/workspaces").status == 200
    assert Api(live.url, token).get("/audit").status == 403


def test_after_a_denial_nothing_is_stored(live: LiveServer, root: Api, tmp_path: Path) -> None:
    login = Terminal(live.url, tmp_path)
    decide(live, login.code(), "deny")
    assert login.finish() == 1
    assert b"the sign-in was denied" in login.shown
    assert b"Traceback" not in login.shown
    assert not (tmp_path / "agentstream").exists()


@pytest.fixture
def browser(tmp_path: Path) -> tuple[str, Path]:
    """A browser's command, and the file in which it notes what it has opened."""
    noted, script = tmp_path / "opened", tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > {noted}.new && mv {noted}.new {noted}\n')
    script.chmod(0o700)
    return f"{script} %s", noted


@contextmanager
def answering(*answers: tuple[int, Any]) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A server with one answer for each request, and those that it got; the last answer is repeated."""
    asked: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, body))
            status, answer = answers[min(len(asked), len(answers)) - 1]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems open their own browser")
def test_the_page_is_opened_where_there_is_a_display(browser: tuple[str, Path], tmp_path: Path) -> None:
    command, noted = browser
    with answering((201, STARTED), MADE) as (url, _):
        assert Terminal(url, tmp_path, BROWSER=command, DISPLAY=":0").finish() == 0
        eventually(noted.exists)
    assert noted.read_text() == STARTED["verificationUrlComplete"]


@pytest.mark.parametrize(
    ("options", "display", "page"),
    [
        (["--no-browser"], ":0", STARTED["verificationUrlComplete"]),
        ([], "", STARTED["verificationUrlComplete"]),
        ([], ":0", "file:///etc/passwd"),
        ([], ":0", "-e /etc/passwd"),
    ],
)
def test_no_page_is_opened_otherwise(
    browser: tuple[str, Path], tmp_path: Path, options: list[str], display: str, page: str
) -> None:
    command, noted = browser
    with answering((201, STARTED | {"verificationUrlComplete": page}), MADE) as (url, _):
        assert Terminal(url, tmp_path, *options, BROWSER=command, DISPLAY=display).finish() == 0
    assert not noted.exists()


def test_it_asks_for_what_a_runner_needs_and_says_who_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with answering((201, STARTED), PENDING, MADE) as (url, asked):
        assert sign_in(f"{url}/", client="host a\nb", browser=False) == "ags_made"
    poll = ("/api/device/token", {"deviceCode": "secret"})
    start = {"client": "host a\ufffdb", "scopes": ["publish", "answer", "watch"]}
    assert asked == [("/api/device", start), poll, poll]
    shown = capsys.readouterr().out
    assert "WDJB-MJHT" in shown
    assert "secret" not in shown
    assert "ags_made" not in shown


def test_it_waits_through_errors_of_the_server_and_polls_more_slowly_when_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentstream.device.SLOWER_SECONDS", 0.5)
    limited = (429, {"code": "RATE_LIMITED", "message": "slow down", "retryAfter": 0.1})
    down = (503, {"code": "UNAVAILABLE", "message": "the database is unavailable"})
    with answering((201, STARTED), (502, "no JSON of ours"), down, limited, PENDING, MADE) as (url, asked):
        began = time.monotonic()
        assert sign_in(url, browser=False) == "ags_made"
    assert len(asked) == 6
    assert time.monotonic() - began >= 1.0


def test_it_gives_up_when_the_code_has_expired() -> None:
    brief = (201, STARTED | {"expiresIn": 0.2})
    with answering(brief, PENDING) as (url, _), pytest.raises(NotFound, match="nobody approved"):
        sign_in(url, browser=False)


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ([(404, {"code": "NOT_FOUND", "message": "there is no such thing here"})], NotFound, "login --paste"),
        ([(429, {"code": "RATE_LIMITED", "message": "too many"})], RateLimited, "too many"),
        ([(201, {"userCode": "WDJB-MJHT"})], Unreachable, "expected codes"),
        ([(201, STARTED), (403, {"code": "FORBIDDEN", "message": "denied"})], Forbidden, "denied"),
        ([(201, STARTED), (404, {"code": "NOT_FOUND", "message": "expired"})], NotFound, "expired"),
    ],
)
def test_what_cannot_succeed_ends_at_once(answers: list[Any], error: type[Exception], words: str) -> None:
    with answering(*answers) as (url, asked), pytest.raises(error, match=words):
        sign_in(url, browser=False)
    assert len(asked) == len(answers)


def test_the_server_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = STARTED | {"userCode": "\x1b]0;x\x07", "verificationUrl": "https://host/\x1b[2J\r"}
    with answering((201, hostile), (200, {"token": "ags_made", "user": "\x1b[31mmaria"})) as (url, _):
        sign_in(url, browser=False)
    assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))


@pytest.mark.parametrize("url", ["http://192.0.2.1:8000", "ftp://127.0.0.1", "127.0.0.1:8000", ""])
def test_a_token_is_only_asked_for_where_it_can_come_back_safely(url: str) -> None:
    with pytest.raises(ValueError, match="url: expected"):
        sign_in(url, browser=False)
