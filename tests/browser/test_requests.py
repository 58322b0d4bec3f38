"""A person is asked on an agent's page, sees what would be done, and answers; everybody sees who did."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.agents.requests import permission, question
from tests.browser.chromium import expect_state, sign_in
from tests.browser.conftest import Place
from tests.support.api import Api
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser

PATCH = "--- a/hello.py\n+++ b/hello.py\n@@ -1 +1 @@\n-print('hi')\n+print('hello')\n"
HOSTILE = "<img src=x onerror=alert(1)>\u202egpj.exe"


@pytest.fixture
def two(tab: Page, fresh_browser: Callable[[], BrowserContext], live: LiveServer, place: Place) -> tuple[Page, Page]:
    other = fresh_browser().new_page()
    for page in (tab, other):
        sign_in(page, live)
        page.goto(place.agent_url)
        expect_state(page, "Live")
    return tab, other


def ask(root: Api, place: Place, request: dict[str, object]) -> None:
    asked = root.post(f"/agents/{place.agent['id']}/requests", request)
    assert asked.status == 201, asked


def card(page: Page, title: str) -> Locator:
    return page.get_by_role("article").filter(has_text=title)


def test_a_card_says_what_would_be_done_and_both_browsers_see_who_answered(
    two: tuple[Page, Page], root: Api, place: Place
) -> None:
    one, _ = two
    tool = {"name": "Bash", "input": {"command": "rm -rf build"}, "changes": [{"path": "hello.py", "patch": PATCH}]}
    ask(root, place, permission("r1", title=HOSTILE, tool=tool))
    for page in two:
        expect(card(page, "<img src=x onerror=alert(1)>⟨U+202E⟩gpj.exe")).to_be_visible()
        expect(page.locator(".request-command")).to_have_text("rm -rf build")
        expect(page.locator("[data-change=added]").last).to_have_text("+print('hello')\n")
        expect(page.locator(".request img")).to_have_count(0)
    one.get_by_role("button", name="Yes").click()
    for page in two:
        expect(page.locator(".request-outcome")).to_have_text("root answered: Yes")
        expect(page.locator(".request").get_by_role("button")).to_have_count(0)
    answered = root.get(f"/agents/{place.agent['id']}/requests/r1").data["resolution"]
    assert (answered["option"], answered["by"]) == ("yes", "root")


def test_keys_answer_only_the_card_that_is_focused(two: tuple[Page, Page], root: Api, place: Place) -> None:
    one, other = two
    ask(root, place, permission("r1", title="First?"))
    ask(root, place, permission("r2", title="Second?"))
    expect(card(one, "Second?")).to_be_visible()
    one.locator("body").press("y")
    card(one, "Second?").press("n")
    expect(card(other, "Second?")).to_contain_text("root answered: No")
    expect(card(other, "First?").get_by_role("button", name="Yes")).to_be_visible()
    assert [each["requestId"] for each in root.get(f"/agents/{place.agent['id']}").data["requests"]] == ["r1"]


def test_questions_are_answered_by_choosing_and_by_a_text(two: tuple[Page, Page], root: Api, place: Place) -> None:
    one, other = two
    ask(root, place, question("r1"))
    one.get_by_role("radio", name="Blue").check()
    one.get_by_role("checkbox", name="Red").check()
    one.get_by_role("textbox", name="Your answer to: Which sizes?").fill("mine")
    one.get_by_role("button", name="Send").first.click()
    expect(other.locator(".request-outcome")).to_have_text("root answered")
    answered = root.get(f"/agents/{place.agent['id']}/requests/r1").data["resolution"]
    assert answered["answers"] == {"color": ["blue"], "sizes": ["red", "mine"]}
