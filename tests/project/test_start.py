"""Starting: the first time, again, and under each supported server."""

import asyncio
import http.cookiejar
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.api import Api, agent_of, report
from tests.support.server import LiveServer
from tests.support.viewer import contents, viewer
from tests.support.waiting import eventually

LINK = re.compile(r"http://\S+/sign-in/link/\S+/")


class Browser:
    """Follows redirects and keeps cookies."""

    def __init__(self) -> None:
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))

    def get(self, url: str, form: bytes | None = None) -> tuple[int, str, str]:
        """Status, final URL and text."""
        try:
            with self._opener.open(url, form, timeout=10) as response:
                return response.status, response.url, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.url, error.read().decode()

    def submit(self, url: str) -> tuple[int, str, str]:
        """Submit the form without fields of the page at `url`."""
        token = next(str(cookie.value) for cookie in self._jar if cookie.name == "csrftoken")
        return self.get(url, urllib.parse.urlencode({"csrfmiddlewaretoken": token}).encode())


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """What `make run` starts, on an empty DATA_DIR."""
    server = LiveServer(tmp_path_factory.mktemp("first"))
    server.command, server.fresh = ("manage.py", "up"), True
    server.start()
    yield server
    server.stop(20)


def links(server: LiveServer, count: int = 1) -> list[str]:
    eventually(lambda: len(LINK.findall(server.log)) >= count, otherwise=lambda: server.log)
    return LINK.findall(server.log)


def test_first_start_prints_a_link_that_works_once(first_start: LiveServer) -> None:
    [link] = links(first_start)
    browser = Browser()
    _, _, page = browser.get(link)
    assert "Sign in as admin?" in page
    status, url, page = browser.submit(link)
    assert (status, url) == (200, f"{first_start.url}/"), page
    assert "Playground" in page
    _, url, _ = Browser().get(link)
    assert url.endswith("/sign-in/?link-failed")


def test_first_start_shows_a_real_process_at_work(first_start: LiveServer) -> None:
    root = Api(first_start.url, first_start.token("admin"))
    [workspace] = root.get("/workspaces").data
    assert workspace["slug"] == "playground"
    [agent] = eventually(lambda: root.get(f"/workspaces/{workspace['id']}/agents").data)

    def outputs() -> list[str]:
        found = root.get(f"/agents/{agent['id']}/events").data["events"]
        return [event["payload"]["content"] for event in found if event["type"] == "agent:output"]

    eventually(lambda: len(outputs()) >= 3)
    events = outputs()
    assert events[0].startswith("Taking stock of")
    assert "lines" in events[1]


def test_nothing_is_open_without_signing_in(first_start: LiveServer) -> None:
    links(first_start)
    for path in ("/", "/w/playground/", "/admin/"):
        _, url, _ = Browser().get(first_start.url + path)
        assert "/sign-in/" in url or "/admin/login/" in url, path


def test_the_secret_key_is_made_and_kept_private(first_start: LiveServer) -> None:
    key = first_start.data_dir / "secret_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text()) > 50


def test_a_second_start_keeps_everything_and_greets_again(first_start: LiveServer) -> None:
    links(first_start)
    before = (first_start.data_dir / "secret_key").read_text()
    assert first_start.stop(20) == 0
    started = time.monotonic()
    first_start.start()
    assert time.monotonic() - started < 10
    assert len(links(first_start, 2)) == 2
    assert (first_start.data_dir / "secret_key").read_text() == before
    root = Api(first_start.url, first_start.token("admin"))
    [workspace] = root.get("/workspaces").data
    [agent] = root.get(f"/workspaces/{workspace['id']}/agents").data
    assert agent["status"] in ("offline", "finished"), "a process that has gone is not shown as running"


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "daphne", "-p", "{port}", "realtime_project.asgi:application"),
        ("manage.py", "runserver", "--noreload", "127.0.0.1:{port}"),
    ],
    ids=["daphne", "runserver"],
)
def test_other_ways_to_serve(tmp_path: Path, command: tuple[str, ...]) -> None:
    server = LiveServer(tmp_path)
    server.command = tuple(part.format(port=server.port) for part in command)
    with server:
        root = Api(server.url, server.token("root", "--superuser"))
        _, agent_id = agent_of(root)

        async def scenario() -> None:
            async with viewer(server.ws_url, root.token) as one:
                await report(root, agent_id, "before")
                await one.subscribe("agent", agent_id, since=0)
                await report(root, agent_id, "after")
                assert contents(await one.events(2)) == ["before", "after"]

        asyncio.run(scenario())
    assert "Traceback" not in server.log


def test_an_orderly_stop_closes_sockets_with_1012_and_exits_0(own_live: LiveServer) -> None:
    root = Api(own_live.url, own_live.token("root", "--superuser"))
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        async with viewer(own_live.ws_url, root.token) as one:
            await one.subscribe("agent", agent_id)
            os.kill(own_live.pid, signal.SIGTERM)
            await asyncio.wait_for(one.socket.wait_closed(), 5)
            assert one.socket.close_code == 1012

    asyncio.run(scenario())
    assert own_live.stop() == 0
    assert "Traceback" not in own_live.log


def test_createtoken_prints_a_token_alone(own_live: LiveServer) -> None:
    token = own_live.manage("createtoken", "ada", "--create")
    assert re.fullmatch(r"ags_[\w-]{43}", token)
    assert Api(own_live.url, token).get("/workspaces").data == []
    with pytest.raises(RuntimeError, match="--create creates one"):
        own_live.manage("createtoken", "nobody")


def test_the_token_is_stored_hashed_and_not_logged(own_live: LiveServer) -> None:
    token = own_live.token("ada", "--superuser")
    Api(own_live.url, token).get("/workspaces")
    own_live.stop()
    for path in (path for path in own_live.data_dir.rglob("*") if path.is_file()):
        assert token.encode() not in path.read_bytes(), path


def test_the_openapi_page_and_schema_work(live: LiveServer, root: Api) -> None:
    known = {"Authorization": f"Bearer {root.token}"}
    with urllib.request.urlopen(urllib.request.Request(f"{live.url}/api/docs", headers=known)) as page:
        assert "swagger" in page.read().decode()
    with urllib.request.urlopen(f"{live.url}/static/ninja/swagger-ui-bundle.js") as script:
        assert script.status == 200
    with urllib.request.urlopen(urllib.request.Request(f"{live.url}/api/openapi.json", headers=known)) as schema:
        paths = json.load(schema)["paths"]
    for path in ("/api/agents/{agent_id}/events", "/api/workspaces/{workspace_id}/events", "/api/tickets"):
        assert path in paths


def test_pages_carry_a_strict_content_security_policy(live: LiveServer) -> None:
    with urllib.request.urlopen(f"{live.url}/sign-in/") as page:
        policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_debug_is_off_unless_asked(live: LiveServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(f"{live.url}/no/such/page")
    with missing.value as error:
        assert error.code == 404
        assert "DEBUG" not in error.read().decode()


def test_manage_py_test_runs_the_python_tests() -> None:
    run = subprocess.run(
        [sys.executable, "manage.py", "test", "tests/project/test_start.py", "-k", "no_such_test"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "deselected" in run.stdout, run.stdout + run.stderr
