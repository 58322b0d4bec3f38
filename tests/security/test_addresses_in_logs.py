"""Secrets in URLs aren't logged, because links and tickets would work for anyone who reads them there."""

import asyncio
import http.cookiejar
import re
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.logs import redacted
from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.viewer import viewer


class LoggingServer(LiveServer):
    """A server that writes an access log."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.access_log = data_dir / "access.log"
        self.command = ("manage.py", "serve", "--access-log", str(self.access_log))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoggingServer]:
    with LoggingServer(tmp_path_factory.mktemp("logging")) as server:
        yield server


@pytest.fixture
def root_of(server: LoggingServer) -> Api:
    return Api(server.url, server.token("root", "--create", "--superuser"))


def opened(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with opener.open(url, timeout=10):
        pass


def test_the_access_log_has_no_invitation(server: LoggingServer, root_of: Api) -> None:
    workspace = root_of.workspace("Team")
    url = root_of.post(f"/workspaces/{workspace['id']}/invitations", {"role": "viewer"}).data["url"]
    secret = url.rstrip("/").rpartition("/")[2]
    opened(url)
    log = server.access_log.read_text()
    assert "/invitation/…/" in log
    assert secret not in log + server.log


def test_the_access_log_has_no_sign_in_link(server: LoggingServer) -> None:
    link = server.run("signinlink", "root").split()[-1]
    assert link.startswith("http")
    opened(link)
    log = server.access_log.read_text()
    secrets = re.findall(r"[\w-]{20,}", link)
    assert secrets
    assert "/sign-in/link/" in log
    assert not [secret for secret in secrets if secret in log + server.log]


def test_the_access_log_has_no_ticket(server: LoggingServer, root_of: Api) -> None:
    ticket = root_of.post("/tickets").data["ticket"]

    async def scenario() -> None:
        async with viewer(f"{server.ws_url}?ticket={ticket}", None) as one:
            await one.ask("ping")

    asyncio.run(scenario())
    log = server.access_log.read_text()
    assert "WSCONNECT /ws/" in log
    assert ticket not in log + server.log


def test_no_request_can_look_like_two_access_log_entries(server: LoggingServer) -> None:
    entries = server.access_log.read_text().count("\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        path = b'/healthz?x="\x1b[2J\x85200'
        client.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        while client.recv(65_536):
            pass
    log = server.access_log.read_text()
    assert log.count("\n") - entries <= 1
    assert all(line.isprintable() and line.count('"') == 2 for line in log.splitlines())


@pytest.mark.parametrize(
    "address",
    [
        "/invitation/agi_SECRETSECRETSECRET/",
        "/invitation/agi_SECRETSECRETSECRET",
        "/%69nvitation/agi_SECRETSECRETSECRET/",
        "/sign-in/link/SECRET/",
        "/sign-in/?next=/invitation/SECRET/",
        "/sign-in/?next=%2Finvitation%2FSECRET%2F",
        "WSCONNECT /ws/?ticket=SECRET",
        "/api/workspaces?token=SECRET",
        "/device/?code=SECRET",
    ],
)
def test_secrets_are_masked_and_the_rest_is_kept(address: str) -> None:
    assert "SECRET" not in redacted(address)
    assert "…" in redacted(address)


def test_an_address_without_secrets_is_logged_unchanged() -> None:
    address = "GET /api/agents/1/events?since=5&type=agent:output"
    assert redacted(address) == address
