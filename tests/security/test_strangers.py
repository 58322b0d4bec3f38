"""Without signing in, nobody sees the API's documentation or any files other than those that pages use."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.session import Session


def asked(url: str, token: str | None = None) -> tuple[int, str, bytes]:
    """The status, final address and body."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.url, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.url, error.read()


@pytest.mark.parametrize("path", ["/api/docs", "/api/openapi.json"])
@pytest.mark.parametrize("token", [None, "ags_wrong"])
def test_the_apis_documentation_needs_a_sign_in(live: LiveServer, path: str, token: str | None) -> None:
    status, url, body = asked(live.url + path, token)
    assert (status, url) == (200, f"{live.url}/sign-in/?next={path}")
    assert b"agent_id" not in body


@pytest.mark.parametrize("path", ["/api/docs", "/api/openapi.json"])
def test_the_apis_documentation_is_there_for_sessions_and_tokens(live: LiveServer, root: Api, path: str) -> None:
    status, url, _ = asked(live.url + path, root.token)
    assert (status, url) == (200, live.url + path)
    session = Session(live, "root")
    assert session.get(path)[:2] == (200, live.url + path)


def test_no_developer_files_are_served(live: LiveServer) -> None:
    folders = [ROOT / "static", ROOT / "clients" / "js"]
    found = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".sh", ".lock", ".toml"}
    ]
    for path in (path for path in found if "node_modules" not in path.parts):
        assert asked(f"{live.url}/static/{_address(path)}")[0] == 404, path
    assert asked(f"{live.url}/static/vendor/vendor.py")[0] == 404


def _address(path: Path) -> str:
    for folder, prefix in ((ROOT / "static", ""), (ROOT / "clients" / "js", "clients/js/")):
        if path.is_relative_to(folder):
            return prefix + str(path.relative_to(folder))
    raise AssertionError(path)
