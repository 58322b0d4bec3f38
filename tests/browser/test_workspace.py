"""Home and workspace pages change by themselves."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.chromium import expect_state, sign_in
from tests.browser.conftest import Place
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser


def row(page: Page, name: str) -> Locator:
    return page.locator(".agent-row", has_text=name)


@pytest.fixture
def board(tab: Page, live: LiveServer, place: Place) -> Page:
    sign_in(tab, live)
    tab.goto(place.workspace_url)
    expect(row(tab, "worker")).to_be_visible()
    return tab


def test_status_and_context_change_without_reload(board: Page, place: Place) -> None:
    worker = row(board, "worker")
    expect(worker).to_contain_text("Idle")
    expect(worker).to_contain_text("No context reported")
    place.status("running")
    place.context(42)
    expect(worker).to_contain_text("Running")
    expect(worker.get_by_role("meter")).to_have_attribute("aria-valuenow", "42")


def test_those_who_need_a_person_come_first(board: Page, place: Place) -> None:
    attention = board.get_by_role("region", name="Needs attention")
    expect(attention).to_be_hidden()
    place.api.agent(place.workspace["id"], "another")
    place.status("waiting", "awaiting_approval")
    expect(attention).to_contain_text("worker")
    expect(attention).to_contain_text("for approval")
    expect(board).to_have_title(re.compile(r"^\(1\) "))
    place.status("running")
    expect(attention).to_be_hidden()
    place.context(95)
    expect(attention).to_contain_text("95 %")


def test_agents_come_and_go(board: Page, place: Place) -> None:
    added = place.api.agent(place.workspace["id"], "newcomer")
    expect(row(board, "newcomer")).to_be_visible()
    assert place.api.call("DELETE", f"/agents/{added['id']}").status == 204
    expect(row(board, "newcomer")).to_have_count(0)
    assert place.api.call("DELETE", f"/agents/{place.agent['id']}").status == 204
    expect(board.get_by_role("heading", name="No agents here yet")).to_be_visible()
    expect(board.locator("copy-command").first).to_contain_text(f"--workspace {place.workspace['slug']}")


def test_a_rename_in_the_admin_appears_at_once(
    board: Page, place: Place, live: LiveServer, fresh_browser: Callable[[], BrowserContext]
) -> None:
    transcript = board.context.new_page()
    transcript.goto(place.agent_url)
    expect_state(transcript, "Live")
    admin = fresh_browser().new_page()
    sign_in(admin, live)
    admin.goto(f"{live.url}/admin/agents/agent/{place.agent['id']}/change/")
    admin.get_by_label("Name").fill("renamed <b>worker</b>")
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(row(board, "renamed <b>worker</b>")).to_be_visible()
    expect(transcript.get_by_role("heading", level=1)).to_have_text("renamed <b>worker</b>")


def test_home_counts_live_and_names_those_who_wait(board: Page, place: Place, live: LiveServer) -> None:
    board.goto(live.url)
    card = board.locator(".workspace-card", has_text=place.workspace["name"])
    expect(card).to_contain_text("1 idle")
    place.status("waiting", "awaiting_input")
    expect(card).to_contain_text("1 waiting")
    expect(card.locator(".urgent-list")).to_contain_text("waiting for input")
    expect(board.locator(".workspace-card").first).to_have_attribute("data-urgent", "waiting")
    card.get_by_role("link", name=re.compile("worker")).click()
    expect(board).to_have_url(place.agent_url)


def test_who_is_a_member_of_nothing_is_told_what_to_do(tab: Page, live: LiveServer) -> None:
    live.token("newcomer")
    sign_in(tab, live, "newcomer")
    expect(tab.get_by_role("heading", name="No workspace yet")).to_be_visible()
    expect(tab.locator("copy-command").first).to_contain_text("createtoken newcomer")
    expect_state(tab, "Live")
