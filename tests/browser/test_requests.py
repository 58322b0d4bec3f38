"""A person is asked, sees the exact action, and answers; everyone sees who did."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from tests.agents.requests import permission, question
from tests.browser.asking import (
    answer,
    ask,
    card,
    ended,
    join,
    open_page,
    outcome,
    press,
    resolution,
    settled,
    step,
    tell,
)
from tests.browser.chromium import Complaints, expect_state, sign_in
from tests.browser.conftest import Place
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser

PATCH = "--- a/hello.py\n+++ b/hello.py\n@@ -1 +1 @@\n-print('hi')\n+print('hello')\n"
HOSTILE = "<img src=x onerror=alert(1)>\u202egpj.exe"
NAMED = "<img src=x onerror=alert(1)>⟨U+202E⟩gpj.exe"


@pytest.fixture
def agent_page(tab: Page, live: LiveServer, place: Place) -> Page:
    return open_page(tab, live, place.agent_url)


@pytest.fixture
def colleague(fresh_browser: Callable[[], BrowserContext], live: LiveServer, place: Place) -> Page:
    """The agent's page as an operator called ada-… has it open."""
    name = f"ada-{place.agent['id'][:8]}"
    join(place, live, name, "operator")
    return open_page(fresh_browser().new_page(), live, place.agent_url, name)


def test_a_card_shows_the_exact_action_and_both_browsers_see_who_answered(
    agent_page: Page, colleague: Page, place: Place
) -> None:
    tool = {"name": "Bash", "input": {"command": "rm -rf build"}, "changes": [{"path": "hello.py", "patch": PATCH}]}
    ask(place, permission("r1", tool=tool))
    for page in (agent_page, colleague):
        expect(page.locator(".request-command")).to_have_text("rm -rf build")
        expect(page.locator(".diff [data-change=added]")).to_have_text("+print('hello')\n")
        expect(page.locator(".change-counts")).to_have_text("+1 \N{MINUS SIGN}1")
    settled(card(agent_page)).get_by_role("button", name="Yes").click()
    expect(outcome(agent_page)).to_have_text(ended("Approved by you"))
    expect(outcome(colleague)).to_have_text(ended("Approved by root"))
    for page in (agent_page, colleague):
        expect(card(page).get_by_role("button")).to_have_count(0)
        expect(page.locator(".entries")).to_contain_text("Approved by root" if page is colleague else "Approved by you")
    answered = resolution(place, "r1")
    assert (answered["option"], answered["by"]) == ("yes", "root")


def test_nothing_of_a_request_is_markup(agent_page: Page, place: Place) -> None:
    tool = {
        "name": HOSTILE,
        "input": {"command": HOSTILE, HOSTILE: HOSTILE, "nested": {HOSTILE: [HOSTILE]}},
        "changes": [{"path": HOSTILE, "patch": f"+++ {HOSTILE}\n@@ {HOSTILE}\n+{HOSTILE}\n"}],
    }
    options = [{"id": HOSTILE, "label": HOSTILE, "effect": "allow"}]
    ask(place, permission("r1", title=f"Permission {HOSTILE}", body=HOSTILE, tool=tool, options=options))
    asked = {"id": HOSTILE, "header": HOSTILE, "question": HOSTILE, "free": True}
    choices = [{"id": HOSTILE, "label": HOSTILE, "description": HOSTILE}]
    ask(place, question("r2", title=f"Question {HOSTILE}", questions=[{**asked, "options": choices}]))
    plan = f"# {HOSTILE}\n\n[click](javascript:alert(1)) <script>alert(1)</script>\n\n[//]: # (and rm -rf /)"
    ask(place, permission("r3", kind="plan", title=f"Plan {HOSTILE}", body=plan, tool=None))
    for title in ("Question", "Plan"):
        step(agent_page, title)
    expect(agent_page.locator(".request-plan.markdown")).to_contain_text("and rm -rf /")  # which renderers hide
    found = step(agent_page, "Permission")
    expect(found.locator(".request-command")).to_have_text(NAMED)
    for part in (".request-title", ".change-path", ".request-input", ".request-buttons"):
        expect(found.locator(part).first).to_contain_text(NAMED)
    expect(agent_page.locator(".requests :is(img, script, a[href^=javascript])")).to_have_count(0)
    settled(found).get_by_role("button", name=NAMED).first.click()
    expect(outcome(agent_page, "Permission")).to_have_text(ended("Approved by you"))


def test_cut_text_says_so_and_can_be_expanded(agent_page: Page, place: Place) -> None:
    lines = "".join(f"echo {number}\n" for number in range(300))
    ask(place, permission("r1", title="Many lines", tool={"name": "Bash", "input": {"command": lines}}))
    ask(place, permission("r2", title="A long line", tool={"name": "Bash", "input": {"command": "x" * 9_000 + "; rm"}}))
    patches = [f"--- a/{name}\n+++ b/{name}\n@@ -0,0 +1,50 @@\n" + "+line\n" * 50 for name in ("one", "two")]
    changes = [{"path": name, "patch": patch} for name, patch in zip(("one", "two"), patches, strict=True)]
    ask(place, permission("r3", title="Two files", tool={"name": "Edit", "input": {}, "changes": changes}))
    command = card(agent_page, "Many lines").locator(".request-command")
    expect(command).not_to_contain_text("echo 299")
    card(agent_page, "Many lines").get_by_role("button", name="Show all 300 lines").click()
    expect(command).to_have_text(lines)
    card(agent_page, "Many lines").get_by_role("button", name="Show less").click()
    expect(command).not_to_contain_text("echo 299")
    step(agent_page, "A long line").get_by_role("button", name="Show all 9,004 characters").click()
    expect(card(agent_page, "A long line").locator(".request-command")).to_contain_text("; rm")
    files = step(agent_page, "Two files")
    expect(files.locator(".change-counts")).to_have_text(["+50 \N{MINUS SIGN}0", "+50 \N{MINUS SIGN}0"])
    expect(files.locator(".diff")).to_have_count(0)
    files.locator("summary").filter(has_text="two").click()
    files.get_by_role("button", name="Show all 53 lines").click()
    expect(files.locator(".diff [data-change=added]")).to_have_text("+line\n" * 50)


def test_keys_answer_only_the_card_that_is_focused(agent_page: Page, colleague: Page, place: Place) -> None:
    for number in (1, 2, 3):
        ask(place, permission(f"r{number}", title=f"Number {number}?"))
    settled(step(agent_page, "Number 2?"))
    agent_page.get_by_role("heading", level=1).click()
    agent_page.locator("body").press("y")
    agent_page.get_by_role("textbox", name="Answer this agent").press_sequentially("yn1")
    press(card(agent_page, "Number 2?"), "n")
    expect(outcome(agent_page, "Number 2?")).to_have_text(ended("Denied by you"))
    press(card(agent_page, "Number 3?"), "1")
    expect(outcome(agent_page, "Number 3?")).to_have_text(ended("Approved by you"))
    expect(settled(card(colleague, "Number 1?")).get_by_role("button", name="Yes")).to_be_enabled()
    expect(colleague.locator(".requests-steps")).to_be_hidden()
    assert place.api.get(f"/agents/{place.agent['id']}").data["requests"][0]["requestId"] == "r1"


def test_held_or_typed_keys_answer_nothing(agent_page: Page, place: Place) -> None:
    ask(place, question("r1", options=[{"id": "no", "label": "Not now", "effect": "deny"}]))
    found = settled(card(agent_page))
    for event in ("{key: 'n', repeat: true}", "{key: 'n', ctrlKey: true}"):
        found.evaluate(f"one => one.dispatchEvent(new KeyboardEvent('keydown', {{bubbles: true, ...{event}}}))")
    found.get_by_role("textbox").press_sequentially("n1")
    expect(found.get_by_role("textbox")).to_have_value("n1")
    assert "resolution" not in place.api.get(f"/agents/{place.agent['id']}/requests/r1").data
    press(found, "n")
    expect(outcome(agent_page)).to_have_text(ended("Denied by you"))


def test_a_click_on_a_card_that_just_moved_answers_nothing(agent_page: Page, place: Place) -> None:
    ask(place, permission("r1", title="First?"))
    ask(place, permission("r2", title="Second?"))
    found = settled(card(agent_page, "First?"))
    no = found.get_by_role("button", name="No", exact=True)
    no.evaluate("""(button) => {
      document.querySelector(".request").style.transform = "translateY(-40px)";
      button.click();
    }""")
    expect(found).to_contain_text("This just appeared or moved.")
    settled(found)
    no.dblclick()  # the second click meets the next card, which has just taken this one's place
    expect(outcome(agent_page, "First?")).to_have_text(ended("Denied by you"))
    expect(card(agent_page, "Second?")).to_be_visible()
    assert "resolution" not in place.api.get(f"/agents/{place.agent['id']}/requests/r2").data
    settled(card(agent_page, "Second?")).get_by_role("button", name="No", exact=True).click()
    expect(outcome(agent_page, "Second?")).to_have_text(ended("Denied by you"))


def test_a_denial_can_carry_a_note(agent_page: Page, colleague: Page, place: Place) -> None:
    ask(place, permission("r1"))
    found = settled(card(agent_page))
    found.get_by_role("button", name="No with a note…").click()
    note = found.get_by_role("textbox", name="Note to the agent")
    expect(note).to_be_focused()
    note.press("Escape")
    expect(found.get_by_role("button", name="No with a note…")).to_be_focused()
    found.get_by_role("button", name="No with a note…").click()
    note.press_sequentially("yn1, use make clean")  # keys that would answer, were the card in focus
    found.get_by_role("button", name="No", exact=True).click()
    for page, name in ((agent_page, "you"), (colleague, "root")):
        expect(outcome(page)).to_have_text(ended(f"Denied by {name}", "yn1, use make clean"))
    answered = resolution(place, "r1")
    assert (answered["option"], answered["text"]) == ("no", "yn1, use make clean")


def test_questions_are_answered_with_options_and_text(agent_page: Page, colleague: Page, place: Place) -> None:
    ask(place, question("r1"))
    settled(card(agent_page)).get_by_role("button", name="Send").click()
    expect(card(agent_page)).to_contain_text("An answer is missing.")
    agent_page.get_by_role("radio", name="Blue").check()
    agent_page.get_by_role("checkbox", name="Red").check()
    agent_page.get_by_role("textbox", name="Your answer to: Which sizes?").fill("mine")
    settled(card(agent_page)).get_by_role("button", name="Send").click()
    expect(outcome(colleague)).to_have_text(ended("Answered by root", "Blue, Red, mine"))
    assert resolution(place, "r1")["answers"] == {"color": ["blue"], "sizes": ["red", "mine"]}


def test_one_answer_is_an_option_or_a_text(agent_page: Page, place: Place) -> None:
    options = [{"id": "a", "label": "Alpha"}, {"id": "b", "label": "Beta"}]
    ask(place, question("r1", questions=[{"id": "q", "question": "Which?", "options": options, "free": True}]))
    press(card(agent_page), "2")
    expect(agent_page.get_by_role("radio", name="Beta")).to_be_checked()
    agent_page.get_by_role("textbox", name="Your answer to: Which?").fill("Gamma")
    expect(agent_page.get_by_role("radio", name="Beta")).not_to_be_checked()
    settled(card(agent_page)).get_by_role("button", name="Send").click()
    expect(outcome(agent_page)).to_have_text(ended("Answered by you", "Gamma"))


def test_a_request_for_input_takes_text(agent_page: Page, place: Place) -> None:
    ask(place, {"requestId": "r1", "kind": "input", "title": "Which port?", "options": []})
    agent_page.get_by_role("textbox", name="Your answer to: Which port?").fill("8080")
    settled(card(agent_page)).get_by_role("button", name="Send").click()
    expect(outcome(agent_page)).to_have_text(ended("Answered by you", "8080"))


ENDINGS: dict[str, tuple[dict[str, Any], str]] = {
    "terminal": ({"outcome": "answered_elsewhere", "option": "no"}, "Denied at the terminal"),
    "withdrawn": ({"outcome": "withdrawn"}, "Withdrawn: no answer is needed any more"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_a_card_says_how_its_request_ended(agent_page: Page, place: Place, name: str) -> None:
    ending, text = ENDINGS[name]
    ask(place, permission("r1"))
    expect(card(agent_page)).to_be_visible()
    tell(place, requestId="r1", **ending)
    expect(outcome(agent_page)).to_have_text(ended(text))
    expect(card(agent_page).get_by_role("button")).to_have_count(0)


def test_a_request_that_expires_says_so(agent_page: Page, place: Place) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    ask(place, permission("r1", expiresAt=soon))
    expect(card(agent_page)).to_contain_text("expires")
    expect(outcome(agent_page)).to_have_text(ended("Expired: nobody answered in time"))


def test_a_late_answer_learns_who_was_first(
    agent_page: Page, live: LiveServer, place: Place, complaints: Complaints
) -> None:
    ada = join(place, live, f"eva-{place.agent['id'][:8]}", "operator")
    ask(place, permission("r1"))
    found = settled(card(agent_page))

    def first(route: Any) -> None:
        assert answer(ada, place, "r1", option="no") == 200
        route.continue_()

    agent_page.route(re.compile(r"/answer$"), first)
    found.get_by_role("button", name="Yes").click()
    name = f"eva-{place.agent['id'][:8]}"
    expect(outcome(agent_page)).to_have_text(
        re.compile(rf"^Denied by {name}, \d\d:\d\d\. Your answer came too late and was not used$")
    )
    assert resolution(place, "r1")["option"] == "no"
    assert "409" in complaints.pop(), "Chromium notes every refused call on the console"


@pytest.fixture
def refusals(complaints: Complaints) -> Complaints:
    """Chromium notes every refused call on the console."""
    return complaints


def test_viewers_see_a_request_without_buttons_until_they_are_operators(
    tab: Page, live: LiveServer, place: Place
) -> None:
    name = f"vera-{place.agent['id'][:8]}"
    join(place, live, name, "viewer")
    open_page(tab, live, place.agent_url, name)
    ask(place, permission("r1"))
    expect(tab.locator(".request-command")).to_have_text("rm -rf build")
    expect(card(tab)).to_contain_text("Waiting for an operator")
    expect(card(tab).get_by_role("button")).to_have_count(0)
    card(tab).press("y")
    members = f"/workspaces/{place.workspace['id']}/members"
    mine = next(member for member in place.api.get(members).data if member["user"] == name)
    assert place.api.call("PATCH", f"{members}/{mine['id']}", {"role": "operator"}).status == 200
    settled(card(tab)).get_by_role("button", name="Yes").click()
    expect(outcome(tab)).to_have_text(ended("Approved by you"))


def test_a_page_that_reconnects_shows_who_answered_meanwhile(
    tab: Page, live: LiveServer, place: Place, complaints: Complaints
) -> None:
    sockets: list[WebSocketRoute] = []
    away = {"now": False}

    def relay(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if away["now"]:
            socket.close(code=1012)
        else:
            socket.connect_to_server()

    tab.route_web_socket(re.compile(r"/ws/"), relay)
    open_page(tab, live, place.agent_url)
    ask(place, permission("r1"))
    expect(card(tab)).to_be_visible()
    away["now"] = True
    sockets[-1].close(code=1012)
    expect_state(tab, "Reconnecting…")
    assert answer(place.api, place, "r1", option="yes") == 200
    away["now"] = False
    expect(outcome(tab)).to_have_text(ended("Approved by you"), timeout=20_000)
    complaints.clear()


def test_screen_readers_hear_what_is_asked_and_how_it_ended(agent_page: Page, place: Place) -> None:
    said = agent_page.locator("[aria-live=polite]")
    ask(place, permission("r1", title="Deploy?"))
    expect(agent_page.get_by_role("article", name="Permission: Deploy?")).to_be_visible()
    expect(said).to_have_text("worker asks. Permission: Deploy?")
    assert answer(place.api, place, "r1", option="yes") == 200
    expect(said).to_have_text(re.compile(r"Deploy\?: Approved by you, \d\d:\d\d$"))


def test_requests_omitted_from_a_state_are_fetched(tab: Page, live: LiveServer, place: Place) -> None:
    large = {"name": "Write", "input": {"content": "x" * 50_000}}
    for number in range(3):
        ask(place, permission(f"r{number}", title=f"Large {number}", tool=large))
    open_page(tab, live, place.agent_url)
    expect(tab.get_by_text("1 of 3")).to_be_visible()
    open_page(tab, live, place.workspace_url)
    expect(tab.get_by_text("1 of 3")).to_be_visible()
    step(tab, "Large 1")
    step(tab, "Large 2")


def test_a_page_stops_querying_viewers_once_access_is_lost(tab: Page, live: LiveServer, place: Place) -> None:
    name = f"leo-{place.agent['id'][:8]}"
    join(place, live, name, "viewer")
    sign_in(tab, live, name)
    tab.clock.install()
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    members = f"/workspaces/{place.workspace['id']}/members"
    mine = next(member for member in place.api.get(members).data if member["user"] == name)
    assert place.api.call("DELETE", f"{members}/{mine['id']}").status == 204
    expect(tab.get_by_text("You no longer have access to this agent.")).to_be_visible()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.clock.fast_forward(120_000)
    tab.wait_for_timeout(100)
    assert [url for url in asked if "/viewers" in url] == []
