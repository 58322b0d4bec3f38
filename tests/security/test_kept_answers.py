"""Browsers and proxies don't cache what a person has seen, and browsers stay on HTTPS once they have used it."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.services import AgentService
from tests.support.api import Api, agent_of
from tests.support.server import LiveServer
from workspaces.services import WorkspaceService

CALLS = ["/workspaces", "/tokens", "/agents/{agent}", "/agents/{agent}/events", "/agents/{agent}/viewers", "/docs"]
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def behind_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("tls"), HTTPS="1") as server:
        yield server


def headers_of(url: str, token: str | None, **headers: str) -> dict[str, str]:
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}", **sent})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return dict(error.headers)


@pytest.mark.django_db
def test_no_page_is_cached() -> None:
    user = User.objects.create(username="ada", is_staff=True, is_superuser=True)
    workspace = WorkspaceService.create("Team", owner_id=user.pk)
    agent = AgentService.create(workspace.pk, "one")
    client = Client()
    client.force_login(user)
    pages = ["/", "/pinned/", "/w/team/", "/w/team/people/", "/w/team/usage/", "/account/tokens/", f"/a/{agent.pk}/"]
    for page in [*pages, "/device/", "/admin/", "/admin/agents/agent/", "/no/such/page", "/w/none/"]:
        answer = client.get(page)
        assert "no-store" in answer["Cache-Control"], page


@pytest.mark.parametrize("path", [*CALLS, "/agents/" + NOBODY, "/no/such/call"])
def test_no_api_response_is_cached(live: LiveServer, root: Api, path: str) -> None:
    url = f"{live.url}/api{path.format(agent=agent_of(root)[1])}"
    assert "no-store" in headers_of(url, root.token)["Cache-Control"]


def test_no_stream_is_cached(live: LiveServer, root: Api) -> None:
    url = f"{live.url}/api/agents/{agent_of(root)[1]}/stream"
    assert headers_of(url, root.token)["Cache-Control"] == "no-store"


def test_static_files_are_cached(live: LiveServer) -> None:
    assert "no-store" not in headers_of(f"{live.url}/static/img/mark.svg", None)["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/static/img/mark.svg", *(f"/api{path}" for path in CALLS), "/api/no/such/call"]
)
def test_every_response_over_https_has_hsts(behind_tls: LiveServer, path: str) -> None:
    root = Api(behind_tls.url, behind_tls.token("root", "--create", "--superuser"))
    url = behind_tls.url + path.format(agent=NOBODY)
    assert headers_of(url, root.token, X_Forwarded_Proto="https")["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in headers_of(url, root.token)
