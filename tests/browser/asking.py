"""Helpers for the tests of requests on the dashboard: agents that ask, and people who look at cards."""

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.chromium import expect_state, sign_in
from tests.browser.conftest import Place
from tests.support.api import Api
from tests.support.server import LiveServer

UNTIL_STEADY = re.compile("^$")


def ask(place: Place, request: dict[str, Any], agent_id: str | None = None) -> None:
    asked = place.api.post(f"/agents/{agent_id or place.agent['id']}/requests", request)
    assert asked.status == 201, asked


def answer(api: Api, place: Place, request_id: str, **given: Any) -> int:
    return api.post(f"/agents/{place.agent['id']}/requests/{request_id}/answer", given).status


def resolution(place: Place, request_id: str) -> dict[str, Any]:
    found: dict[str, Any] = place.api.get(f"/agents/{place.agent['id']}/requests/{request_id}").data["resolution"]
    return found


def tell(place: Place, **resolved: Any) -> None:
    """Settle a request as its producer does, because it was answered elsewhere or is no longer needed."""
    place.publish(f"told-{resolved['requestId']}", ("agent:request_resolved", resolved))


def card(page: Page, title: str = "") -> Locator:
    return page.get_by_role("article").filter(has_text=title)


def settled(card: Locator) -> Locator:
    """The card, once it has stood still long enough to accept answers."""
    card.scroll_into_view_if_needed()
    expect(card).not_to_have_attribute("data-settling", UNTIL_STEADY)
    return card


def press(card: Locator, key: str) -> None:
    card.focus()  # which may scroll
    settled(card)
    card.page.keyboard.press(key)


def step(page: Page, to: str) -> Locator:
    """Go to the next request in the stack, which must be the one with this title."""
    page.get_by_role("button", name="Next request").click()
    expect(card(page, to)).to_be_visible()
    return card(page, to)


def ended(how: str, given: str = "") -> re.Pattern[str]:
    """How a request ended, by whom, when, and what was answered: "Approved by you, 09:05"."""
    return re.compile(rf"^{re.escape(how)}, \d\d:\d\d{re.escape(f': {given}' if given else '')}$")


def outcome(page: Page, title: str = "") -> Locator:
    return card(page, title).locator(".request-outcome")


def join(place: Place, live: LiveServer, name: str, role: str) -> Api:
    """A member of the workspace, by the name of their account."""
    api = Api(live.url, live.token(name))
    place.add(name, role)
    return api


def open_page(page: Page, live: LiveServer, url: str, username: str = "root") -> Page:
    sign_in(page, live, username)
    page.goto(url)
    expect_state(page, "Live")
    return page
