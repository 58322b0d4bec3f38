"""Agents seen on one device are seen on all; those that have finished since need the user. Nothing is polled."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.chromium import sign_in
from tests.browser.conftest import Place
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser


def done(page: Page) -> Locator:
    return page.get_by_role("region", name="Done, unseen")


def open_board(page: Page, live: LiveServer, place: Place) -> None:
    sign_in(page, live)
    page.goto(place.workspace_url)
    expect(page.locator(".agent-row", has_text="worker")).to_be_visible()


def test_a_finished_agent_needs_you_until_you_have_seen_its_transcript_on_any_device(
    live: LiveServer, place: Place, fresh_browser: Callable[[], BrowserContext]
) -> None:
    board, phone = fresh_browser().new_page(), fresh_browser().new_page()
    open_board(board, live, place)
    expect(done(board)).to_be_hidden()
    place.status("running")
    place.say("done\n")
    place.status("finished")
    expect(done(board)).to_contain_text("worker")
    sign_in(phone, live)
    phone.goto(place.agent_url)
    expect(phone.locator(".entries")).to_contain_text("done")
    expect(done(board)).to_be_hidden()
    assert place.api.get(f"/agents/{place.agent['id']}").data["needs"] is None
    with phone.expect_response(lambda response: response.url.endswith("/seen")):
        place.status("running")
        place.status("idle")
    expect(phone.locator("agent-status")).to_contain_text("Idle")
    expect(board.locator(".agent-row", has_text="worker")).to_contain_text("Idle")
    expect(done(board)).to_be_hidden()


def test_a_transcript_scrolled_up_does_not_count_as_seen(live: LiveServer, place: Place, tab: Page) -> None:
    place.say("line\n" * 400)
    sign_in(tab, live)
    tab.goto(place.agent_url)
    expect(tab.locator(".entries")).to_contain_text("line")
    tab.locator("[data-scroll]").evaluate("element => element.scrollTop = 0")
    expect(tab.locator("[data-new]")).to_be_visible()
    place.status("finished")
    expect(tab.locator("agent-status")).to_contain_text("Finished")
    tab.wait_for_timeout(600)  # longer than it takes to mark it
    assert place.api.get(f"/agents/{place.agent['id']}").data["needs"] == "turn"
    with tab.expect_response(lambda response: response.url.endswith("/seen")):
        tab.locator("[data-new]").click()
    assert place.api.get(f"/agents/{place.agent['id']}").data["needs"] is None


def test_the_pinned_grid_marks_its_agents_as_seen(live: LiveServer, place: Place, tab: Page) -> None:
    place.say("hello\n")
    place.status("finished")
    sign_in(tab, live)
    with tab.expect_response(lambda response: response.url.endswith("/seen")) as marked:
        tab.goto(f"{place.api.url}/pinned/?agents={place.agent['id']}")
    assert marked.value.json()["seq"] == 2


def test_workspaces_come_and_go_without_being_polled(live: LiveServer, place: Place, tab: Page) -> None:
    sign_in(tab, live)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if request.url.endswith("/api/workspaces") else None)
    tab.goto(place.api.url)
    card = tab.locator("[data-strip] > li", has_text="Newly made")
    expect(tab.locator("[data-strip]")).to_contain_text(place.workspace["name"])
    workspace = place.api.workspace("Newly made")
    expect(card).to_be_visible(timeout=3_000)
    assert place.api.call("DELETE", f"/workspaces/{workspace['id']}").status == 204
    expect(card).to_have_count(0, timeout=3_000)
    assert len(asked) <= 3, "once, and once for each change"
