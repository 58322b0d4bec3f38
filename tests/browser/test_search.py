"""Search everywhere: from any page to the match in a transcript, whatever an agent wrote."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import Complaints, sign_in
from tests.browser.conftest import Place
from tests.support.server import LiveServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser


def indexed(place: Place, word: str) -> None:
    eventually(lambda: place.api.get(f"/search?q={word}").data["results"])


def test_ctrl_k_finds_what_was_said_and_leads_to_its_place(live: LiveServer, place: Place, tab: Page) -> None:
    place.publish("p", *(("agent:output", {"content": f"line {n}\n"}) for n in range(700)))
    place.say("a needlework <img src=x onerror='document.title=1'>\n")
    place.publish("q", *(("agent:output", {"content": f"later {n}\n"}) for n in range(700)))
    indexed(place, "needlework")
    sign_in(tab, live)
    tab.goto(place.api.url)
    expect(tab.locator("[data-strip]")).to_contain_text(place.workspace["name"])
    tab.keyboard.press("Control+k")
    field = tab.get_by_role("searchbox", name="Search everywhere")
    field.fill("needlew")
    result = tab.locator(".search-results a")
    expect(result).to_have_count(1)
    expect(result.locator("mark")).to_have_text("needlew")
    expect(result).to_contain_text("<img src=x onerror='document.title=1'>")
    assert tab.locator(".search-results img").count() == 0
    field.press("Enter")
    tab.wait_for_url(f"**/a/{place.agent['id']}/#701")
    expect(tab.locator("[data-target]")).to_contain_text("needlework")


def test_slash_searches_where_a_page_has_no_search_of_its_own(
    live: LiveServer, place: Place, tab: Page, complaints: Complaints
) -> None:
    sign_in(tab, live)
    tab.goto(f"{place.api.url}/pinned/")
    tab.locator("main").press("/")
    field = tab.get_by_role("searchbox", name="Search everywhere")
    expect(field).to_be_focused()
    field.fill('"unbalanced')
    expect(tab.get_by_role("dialog").get_by_role("status")).to_contain_text("expected a closing")
    complaints.clear()  # of the refusal
    field.fill("worker")
    expect(tab.locator(".search-results a").first).to_contain_text("worker")
    field.press("ArrowDown")
    expect(tab.locator(".search-results a").first).to_be_focused()


def test_the_palette_goes_to_pages_and_does_what_the_menu_does(
    tab: Page, live: LiveServer, place: Place, owner: str
) -> None:
    sign_in(tab, live, owner)
    tab.goto(f"{live.url}/account/tokens/")  # a page without a stream
    field = tab.get_by_role("searchbox", name="Search everywhere")
    results = tab.locator(".search-results li")
    tab.keyboard.press("/")
    expect(results.filter(has_text="Overview")).to_be_visible()
    field.fill("theme dark")
    expect(results).to_have_text(["Theme: darkaction"])  # at once, before the server has answered
    field.press("Enter")
    expect(field).to_have_count(0)
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
    tab.keyboard.press("Control+k")
    field.fill("workspace people")
    expect(results.first).to_contain_text("workspace: people")
    field.press("ArrowDown")
    expect(results.first.get_by_role("link")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(re.compile(rf"/w/{place.workspace['slug']}/people/"))
    expect(tab.get_by_role("button", name="Nothing needs you")).to_be_visible()
    tab.keyboard.press("Meta+k")
    field.fill("keyboard")
    expect(results.first).to_have_text("Keyboard shortcutsaction")
    field.press("Enter")
    expect(tab.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("Go to the next agent that needs you")
