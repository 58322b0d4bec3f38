"""The admin: every change goes through the services, and a token is shown once."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Token
from agents.models import Agent
from agents.services import AgentService
from streams.models import Event
from workspaces.models import Membership, Workspace
from workspaces.services import WorkspaceService

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin_user() -> User:
    return User.objects.create(username="boss", is_staff=True, is_superuser=True)


@pytest.fixture
def browser(admin_user: User) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


def changes() -> list[str]:
    """What workspaces' streams tell of, oldest first."""
    payloads = Event.objects.filter(type="workspace:updated").order_by("time", "seq").values_list("payload", flat=True)
    return [re.search(r'"change":"(\w+)"', payload)[1] for payload in payloads]  # type: ignore[index]


def test_a_token_is_shown_once(browser: Client, admin_user: User) -> None:
    form = {"user": admin_user.pk, "name": "ci", "scopes": ["publish"], "expires_at_0": "", "expires_at_1": ""}
    answer = browser.post("/admin/accounts/token/add/", form)
    secret = re.search(r"ags_[\w-]{43}", answer.content.decode())
    assert secret
    assert "no-store" in answer["Cache-Control"]
    token = Token.objects.get()
    assert secret[0] not in (token.hash, token.hint)
    for page in ("/admin/accounts/token/", f"/admin/accounts/token/{token.pk}/change/"):
        assert secret[0] not in browser.get(page).content.decode()


def test_what_the_admin_changes_is_recorded(browser: Client, admin_user: User) -> None:
    workspace = WorkspaceService.create("Team")
    agent = AgentService.create(workspace.pk, "agent")
    browser.post(f"/admin/agents/agent/{agent.pk}/change/", {"name": "renamed"})
    browser.post(
        "/admin/workspaces/membership/add/", {"workspace": workspace.pk, "user": admin_user.pk, "role": "viewer"}
    )
    browser.post(f"/admin/workspaces/membership/{Membership.objects.get().pk}/change/", {"role": "owner"})
    browser.post(f"/admin/agents/agent/{agent.pk}/delete/", {"post": "yes"})
    assert changes() == ["agent_added", "agent_updated", "member_added", "member_updated", "agent_removed"]
    assert not Agent.objects.exists()
    browser.post(f"/admin/workspaces/workspace/{workspace.pk}/delete/", {"post": "yes"})
    assert not Workspace.objects.exists()


def test_agents_are_listed_filtered_and_searched(browser: Client) -> None:
    workspace = WorkspaceService.create("Team")
    agent = AgentService.create(workspace.pk, "needle")
    AgentService.create(workspace.pk, "hay")
    page = browser.get("/admin/agents/agent/?q=needle&status__exact=idle").content.decode()
    assert f'data-agent="{agent.pk}"' in page
    assert "hay" not in page
    assert 'type="module"' in page


def test_renaming_an_agent_to_a_taken_name_is_a_form_error(browser: Client) -> None:
    workspace, other = WorkspaceService.create("Team"), WorkspaceService.create("Other")
    agent = AgentService.create(workspace.pk, "one")
    AgentService.create(workspace.pk, "two")
    AgentService.create(other.pk, "three")
    address = f"/admin/agents/agent/{agent.pk}/change/"
    answer = browser.post(address, {"name": " two"})
    assert answer.status_code == 200
    assert "expected a name that no other agent in the workspace has" in answer.content.decode()
    for name in ("one", "three"):
        assert browser.post(address, {"name": name}).status_code == 302, "its own name, and one of another workspace"
    assert Agent.objects.get(pk=agent.pk).name == "three"


def test_a_services_refusal_is_shown_on_the_page(browser: Client) -> None:
    answer = browser.post(
        "/admin/workspaces/workspace/add/",
        {"name": "Team", "slug": "---", "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0},
        follow=True,
    )
    assert answer.status_code == 200
    assert "Expected a slug of letters, digits, - and _" in answer.content.decode()
    assert not Workspace.objects.exists()


@pytest.mark.parametrize("path", ["accounts/token", "workspaces/membership", "agents/agent", "workspaces/workspace"])
@pytest.mark.parametrize("value", ["nobody", "\0", "9" * 30])
def test_an_invalid_id_is_a_form_error(browser: Client, path: str, value: str) -> None:
    inline = {"memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 0, "memberships-0-user": value}
    form = {
        "user": value,
        "workspace": value,
        "name": "x",
        "slug": "x",
        "role": "viewer",
        "scopes": ["publish"],
        **inline,
    }
    answer = browser.post(f"/admin/{path}/add/", form)
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()


def test_an_invalid_id_in_the_address_is_ignored(browser: Client) -> None:
    assert browser.get("/admin/workspaces/membership/add/?user=nobody&workspace=nowhere").status_code == 200
