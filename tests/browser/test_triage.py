"""The overview as a list to work through: what needs the reader comes first, and nothing moves under the pointer."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.agents.requests import permission
from tests.browser.asking import ask, ended, join, settled
from tests.browser.chromium import expect_state, sign_in
from tests.browser.conftest import Place
from tests.support.api import Api
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser

PUSH = {"name": "Bash", "input": {"command": "git push --force-with-lease\necho done", "cwd": "/srv/app"}}
EDIT = {"name": "Edit", "input": {}, "changes": [{"path": "app/ledger.py", "patch": "@@ -1 +1 @@\n-a\n+b\n"}]}


def report(place: Place, name: str, *statuses: str, reason: str | None = None) -> dict[str, Any]:
    agent = place.api.agent(place.workspace["id"], name)
    for status in statuses:
        body = {"status": status, **({"reason": reason} if reason else {})}
        assert place.api.post(f"/agents/{agent['id']}/status", body).status == 201
    return agent


def names(page: Page, group: str) -> Locator:
    return page.get_by_role("region", name=re.compile(f"^{group}")).locator(".agent-name")


def row(page: Page, name: str) -> Locator:
    return page.locator(".agent-row", has=page.get_by_text(name, exact=True))


@pytest.fixture
def team(place: Place) -> dict[str, dict[str, Any]]:
    """The place's worker has never run; beside it, an agent in each state."""
    pusher, editor = (place.api.agent(place.workspace["id"], name) for name in ("z-pusher", "a-editor"))
    ask(place, permission("r1", title="Allow Bash?", tool=PUSH), pusher["id"])
    ask(place, permission("r2", title="Allow Edit?", tool=EDIT), editor["id"])
    turn = report(place, "turn", "running", "idle")
    return {
        "pusher": pusher,
        "editor": editor,
        "turn": turn,
        "failed": report(place, "failed", "error"),
        "lost": report(place, "lost", "offline", reason="lost"),
        "busy": report(place, "busy", "running"),
        "done": report(place, "done", "finished"),
    }


@pytest.fixture
def home(tab: Page, live: LiveServer, owner: str, team: dict[str, Any]) -> Page:
    sign_in(tab, live, owner)
    tab.goto(live.url)
    expect_state(tab, "Live")
    expect(names(tab, "Inactive")).to_have_text(["worker"])
    return tab


def test_what_needs_the_reader_comes_first_and_says_what_it_asks(
    home: Page, place: Place, team: dict[str, Any], live: LiveServer, owner: str
) -> None:
    expect(names(home, "Needs you")).to_have_text(["z-pusher", "a-editor", "turn"])
    expect(names(home, "Failed or lost")).to_have_text(["lost", "failed"])
    expect(names(home, "Running")).to_have_text(["busy"])
    expect(names(home, "Done, unseen")).to_have_text(["done"])
    expect(row(home, "z-pusher").locator(".agent-line")).to_have_text("$ git push --force-with-lease")
    expect(row(home, "z-pusher").locator(".request-folder")).to_have_text("/srv/app")
    expect(row(home, "a-editor").locator(".agent-line")).to_have_text("Edit app/ledger.py")
    expect(row(home, "turn")).to_contain_text("your turn")
    needs = home.get_by_role("button", name="5 need you")
    expect(needs).to_be_visible()
    expect(home).to_have_title(re.compile(r"^\(5\) Overview"))

    busy = team["busy"]["id"]
    place.api.output(busy, "Wrote the tests.\n```\n")
    expect(row(home, "busy").locator(".agent-line")).to_have_text("Wrote the tests.")
    assert place.api.post(f"/agents/{busy}/input", {"content": "and the docs?"}).status == 201
    place.api.output(busy, "```python\n")
    place.api.output(busy, "Now the docs.")
    expect(row(home, "busy").locator(".agent-line")).to_have_text("Now the docs.")

    settled(row(home, "z-pusher").get_by_role("article")).get_by_role("button", name="Yes").click()
    expect(row(home, "z-pusher").locator(".request-outcome")).to_have_text(ended("Approved by you"))
    home.mouse.move(0, 0)
    expect(home.get_by_role("button", name="4 need you")).to_be_visible()
    home.goto(f"{live.url}/account/tokens/")  # a page without a stream
    home.get_by_role("button", name="4 need you").click()
    entries = home.get_by_role("list", name="Agents that need you").get_by_role("link")
    expect(entries).to_have_count(4)
    expect(entries.first).to_contain_text("a-editor")
    expect(entries.first).to_contain_text("Allow Edit?")
    expect(home).to_have_title(re.compile(r"^\(4\) "))
    entries.last.click()
    expect(home).to_have_url(re.compile(r"/a/"))


def test_every_page_tells_at_once_who_needs_the_reader(
    tab: Page, live: LiveServer, place: Place, owner: str, root: Api
) -> None:
    """Also about a workspace that the page doesn't show, and one that the reader joins meanwhile."""
    other = Place(root, root.workspace(f"other {owner}"), place.agent)
    sign_in(tab, live, owner)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url) if request.url.endswith("/api/needs") else None)
    tab.goto(f"{live.url}/account/tokens/")
    expect(tab.get_by_role("button", name="Nothing needs you")).to_be_visible()
    report(place, "stuck", "error")
    expect(tab.get_by_role("button", name="1 needs you")).to_be_visible()
    report(other, "stuck too", "error")
    other.add(owner, "viewer")
    expect(tab.get_by_role("button", name="2 need you")).to_be_visible()
    before = len(asked)
    tab.wait_for_timeout(3_500)
    assert len(asked) == before, "it asks again though nothing has changed"


def test_a_dismissed_failure_is_gone_for_that_reader_until_the_status_changes(
    home: Page, place: Place, team: dict[str, Any], live: LiveServer, fresh_browser: Callable[[], BrowserContext]
) -> None:
    other = fresh_browser().new_page()
    name = f"eve-{place.agent['id'][:8]}"
    join(place, live, name, "viewer")
    sign_in(other, live, name)
    other.goto(live.url)
    expect(row(other, "z-pusher")).to_contain_text("Waiting for an operator")
    expect(row(other, "z-pusher").get_by_role("button", name="Yes")).to_have_count(0)
    home.get_by_role("button", name="Dismiss failed").click()
    home.get_by_role("button", name="Dismiss lost").click()
    home.mouse.move(0, 0)
    expect(names(home, "Failed or lost")).to_have_count(0)
    expect(names(home, "Inactive")).to_have_text(["failed", "lost", "worker"])
    expect(names(other, "Failed or lost")).to_have_text(["lost", "failed"])
    home.reload()
    expect(names(home, "Inactive")).to_have_text(["failed", "lost", "worker"])
    report_again(place.api, team["failed"]["id"])
    expect(names(home, "Failed or lost")).to_have_text(["failed"])


def report_again(api: Api, agent_id: str) -> None:
    for status in ("running", "error"):
        assert api.post(f"/agents/{agent_id}/status", {"status": status}).status == 201


def test_nothing_moves_while_the_pointer_or_the_focus_is_in_the_list(
    home: Page, place: Place, team: dict[str, Any]
) -> None:
    def shaken() -> None:
        """One agent above the pointer is answered, one begins to ask, one is new and one is deleted."""
        assert place.api.post(f"/agents/{team['pusher']['id']}/requests/r1/answer", {"option": "no"}).status == 200
        ask(place, permission("late", title="May I?"), team["busy"]["id"])
        place.api.agent(place.workspace["id"], "a newcomer")
        assert place.api.call("DELETE", f"/agents/{team['lost']['id']}").status == 204

    def places() -> Any:
        """Where the rows are within the list; a notice above it moves the whole list."""
        script = """rows => {
          const top = (one) => one.getBoundingClientRect().top;
          const list = top(rows[0].closest("[data-groups]"));
          return rows.map((row) => [row.querySelector(".agent-name").textContent, Math.round(top(row) - list)]);
        }"""
        return home.locator(".agent-row").evaluate_all(script)

    row(home, "done").hover()
    before = places()
    shaken()
    update = home.get_by_role("button", name=re.compile("Update the list"))
    expect(update).to_have_text(re.compile(r"^[3-5] changes · "))
    expect(row(home, "busy")).to_contain_text("Waiting")  # what rows say is current
    expect(row(home, "z-pusher").locator(".request-outcome")).to_have_text(ended("Denied by root"))
    assert places() == before
    update.click()
    expect(names(home, "Inactive")).to_contain_text(["a newcomer", "worker"])
    expect(row(home, "busy").get_by_role("article")).to_be_visible()
    expect(row(home, "lost")).to_have_count(0)
    expect(update).to_be_hidden()

    home.mouse.move(0, 0)
    row(home, "a-editor").get_by_role("link").focus()
    home.keyboard.press("Tab")
    before = places()
    report_again(place.api, team["done"]["id"])
    expect(update).to_be_visible()
    assert places() == before
    home.get_by_role("heading", level=1).click()
    expect(names(home, "Failed or lost")).to_contain_text(["done"])


def test_keys_move_through_the_list_and_back_keeps_the_place(home: Page, place: Place, team: dict[str, Any]) -> None:
    home.keyboard.press("n")
    expect(row(home, "z-pusher").get_by_role("link")).to_be_focused()
    home.keyboard.press("j")
    home.keyboard.press("n")
    expect(row(home, "turn").get_by_role("link")).to_be_focused()
    home.keyboard.press("k")
    expect(row(home, "a-editor").get_by_role("link")).to_be_focused()
    home.set_viewport_size({"width": 390, "height": 500})
    row(home, "done").scroll_into_view_if_needed()
    row(home, "done").get_by_role("link").focus()
    at = row(home, "done").bounding_box()
    assert at is not None and home.evaluate("scrollY") > 300
    home.keyboard.press("Enter")
    expect(home).to_have_url(re.compile(team["done"]["id"]))
    expect_state(home, "Live")
    expect(home.get_by_role("button", name="need you")).to_be_visible()
    home.keyboard.press("n")  # from an agent that needs nobody to the one that has waited longest
    expect(home).to_have_url(re.compile(team["pusher"]["id"]))
    expect_state(home, "Live")
    home.keyboard.press("/")
    expect(home.get_by_role("searchbox", name="Search this transcript")).to_be_focused()
    home.go_back()
    home.go_back()
    expect(names(home, "Inactive")).to_contain_text(["worker"])
    expect(row(home, "done")).to_be_in_viewport()
    now = row(home, "done").bounding_box()
    assert now is not None and abs(now["y"] - at["y"]) < 150, "it may have moved on to Inactive"


SMALL = """() => [...document.querySelectorAll("main :is(button, input, .agent-row > a, .workspace-card)")]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43.5)
  .map((one) => `${one.tagName} ${one.className} ${one.textContent.trim()} ${one.getBoundingClientRect().height}`)"""


def test_on_a_phone_the_first_agent_is_in_view_and_approved_with_one_tap(
    chromium: Browser, live: LiveServer, place: Place, owner: str, team: dict[str, Any]
) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    phone = context.new_page()
    sign_in(phone, live, owner)
    phone.goto(live.url)
    first = phone.locator(".agent-row").first
    expect(first.locator(".agent-name")).to_have_text("z-pusher")
    box, chips = first.bounding_box(), phone.locator("[data-strip]").bounding_box()
    assert box is not None and box["y"] < 400, "above the fold"
    assert chips is not None and chips["height"] < 60, "one row"
    assert phone.evaluate(SMALL) == []
    field = phone.get_by_role("searchbox", name="Filter agents")
    assert field.evaluate("one => parseFloat(getComputedStyle(one).fontSize)") >= 16
    settled(first.get_by_role("article")).get_by_role("button", name="Yes").tap()
    expect(first.locator(".request-outcome")).to_have_text(ended("Approved by you"))
    phone.goto(f"{live.url}/a/{team['editor']['id']}/")
    sheet = phone.locator("[data-requests]")
    settled(sheet.get_by_role("article"))
    place_of_sheet, buttons = sheet.bounding_box(), sheet.locator(".request-buttons").first.bounding_box()
    assert place_of_sheet is not None and buttons is not None
    assert place_of_sheet["width"] == 360
    assert place_of_sheet["height"] < 640 * 0.65
    assert buttons["y"] + buttons["height"] <= place_of_sheet["y"] + place_of_sheet["height"] + 1
    context.close()
