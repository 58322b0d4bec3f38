"""`agentstream doctor` says what is wrong on this machine."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from agentstream.connect.doctor import doctor

from tests.clients_python.place import Place
from tests.support.server import LiveServer


def examined(home: Path, url: str, workspace: str, capsys: pytest.CaptureFixture[str], **more: str) -> dict[str, str]:
    """What the doctor finds, with its verdict, by what it looked at."""
    folder = home / ".config" / "agentstream"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(f'[collector]\nurl = "{url}"\nworkspace = "{workspace}"\n')
    environment = {"HOME": str(home), "PATH": "", "XDG_CONFIG_HOME": str(home / ".config")}
    doctor({**environment, "XDG_STATE_HOME": str(home / ".state"), **more})
    lines = (line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines())
    return {what: f"{verdict} {found}" for verdict, what, found in lines}


@contextmanager
def server_whose_clock_is_off(seconds: float) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Date", formatdate(time.time() + seconds, usegmt=True))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_machine_whose_clock_agrees_with_the_servers(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = examined(tmp_path, place.url, place.slug, capsys, AGENTSTREAM_TOKEN=place.token)
    assert found["server"].startswith("ok")
    assert found["clock"] == "ok agrees with the server's"
    assert found["access"].startswith("ok to workspace")


@pytest.mark.parametrize(("off", "said"), [(10_810, "3 hours behind"), (-130, "2 minutes ahead of")])
def test_a_wrong_clock_is_reported_with_the_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], off: float, said: str
) -> None:
    with server_whose_clock_is_off(off) as url:
        found = examined(tmp_path, url, "any", capsys)
    assert found["clock"] == f"BAD {said} the server's: set the clock of one of the two"


def test_the_server_tells_its_time_with_every_answer(live: LiveServer) -> None:
    for path in ("/healthz", "/", "/static/img/mark.svg", "/api/no/such/call"):
        try:
            answer = urllib.request.urlopen(live.url + path, timeout=10)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            (told,) = answer.headers.get_all("Date")
            assert abs(parsedate_to_datetime(told).timestamp() - time.time()) < 60, path
