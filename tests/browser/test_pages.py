"""Every page: signing in and out, a clean console, keyboard navigation."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from realtime_project import __version__
from tests.browser.chromium import Complaints, expect_state, follow_sign_in_link, sign_in
from tests.browser.conftest import Place
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser


def everywhere(place: Place) -> list[str]:
    """The paths of all pages for a signed-in user."""
    workspace = place.workspace_url.removeprefix(place.api.url)
    invited = place.api.post(f"/workspaces/{place.workspace['id']}/invitations", {"role": "viewer"}).data["url"]
    pages = ["/", workspace, f"{workspace}people/", f"{workspace}usage/", "/account/tokens/", "/device/"]
    pages.append(f"/pinned/?agents={place.agent['id']}")
    return [*pages, *(url.removeprefix(place.api.url) for url in (place.agent_url, invited))]


def test_no_page_logs_errors_or_breaks_the_content_policy(tab: Page, live: LiveServer, place: Place) -> None:
    """The fixture `complaints` is the assertion."""
    place.say("hello")
    tab.goto(f"{live.url}/sign-in/")
    sign_in(tab, live)
    for path in (*everywhere(place), "/admin/", "/admin/agents/agent/", "/admin/workspaces/invitation/"):
        response = tab.goto(live.url + path)
        assert response is not None
        assert response.ok, path
        policy = response.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        tab.wait_for_load_state("networkidle")


def test_the_footer_shows_the_version(tab: Page, live: LiveServer) -> None:
    tab.goto(f"{live.url}/sign-in/")
    expect(tab.get_by_role("contentinfo")).to_have_text(f"Agentstream {__version__}")


def test_a_missing_page_says_so(tab: Page, live: LiveServer, place: Place, complaints: Complaints) -> None:
    sign_in(tab, live)
    tab.goto(f"{live.url}/w/no-such-workspace/")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Page not found")
    assert all("404" in complaint for complaint in complaints)
    complaints.clear()
    tab.get_by_role("link", name="Go to your workspaces").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_sign_in_link_works_once(live: LiveServer, place: Place, fresh_browser: Callable[[], BrowserContext]) -> None:
    link = live.run("signinlink", "root")
    first, second = fresh_browser().new_page(), fresh_browser().new_page()
    second.goto(link)
    expect(second.get_by_role("heading", level=1)).to_have_text("Sign in as root?")
    follow_sign_in_link(first, link)
    expect(first.get_by_role("heading", level=1)).to_have_text("Overview")
    second.get_by_role("button", name="Sign in as root").click()
    expect(second.get_by_role("alert")).to_contain_text("This link no longer works")


def test_signing_out_and_a_wrong_password(tab: Page, live: LiveServer, place: Place) -> None:
    live.token("leaver")
    sign_in(tab, live, "leaver")
    tab.goto(live.url)
    tab.get_by_role("button", name="Account: leaver").click()
    tab.get_by_role("button", name="Sign out", exact=True).click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Sign in")
    tab.get_by_label("Username").fill("leaver")
    tab.get_by_label("Password").fill("wrong")
    tab.get_by_role("button", name="Sign in").click()
    expect(tab.get_by_role("alert")).to_contain_text("correct username and password")


def test_signing_out_in_one_tab_is_seen_in_the_others(tab: Page, live: LiveServer, place: Place) -> None:
    live.token("two-tabs", "--superuser")
    sign_in(tab, live, "two-tabs")
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    other = tab.context.new_page()
    other.goto(live.url)
    other.get_by_role("button", name="Account: two-tabs").click()
    other.get_by_role("button", name="Sign out", exact=True).click()
    expect_state(tab, "Access ended", seconds=40)  # with the next heartbeat at the latest
    expect(tab.get_by_role("link", name="Sign in again")).to_be_visible()


def test_a_transcript_can_be_reached_by_keyboard(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    tab.goto(place.workspace_url)
    expect(tab.locator(".agent-row")).to_be_visible()
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("link", name="Skip to content")).to_be_focused()
    tab.keyboard.press("Enter")
    agent = tab.locator(".agent-row a")
    sections = ("agents", "people", "usage", "webhooks", "limits", "audit log")
    for _ in ("breadcrumb", *sections, "search", "status", "notifications", "agent"):
        if not agent.evaluate("one => one === document.activeElement"):
            tab.keyboard.press("Tab")
    expect(agent).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("log")).to_be_visible()


def test_a_phone_shows_in_full_why_an_agent_waits_and_how_full_its_context_is(
    tab: Page, live: LiveServer, place: Place
) -> None:
    context = {"contextLevel": 100, "tokensUsed": 1_000_000, "tokensLimit": 1_000_000}
    waiting = {"status": "waiting", "reason": "awaiting_approval"}
    place.publish("a", ("agent:context", context), ("agent:status", waiting))
    tab.set_viewport_size({"width": 360, "height": 740})
    sign_in(tab, live)
    tab.goto(place.workspace_url)
    expect(tab.locator(".status-reason")).to_have_text("for approval")
    assert tab.locator(".status-reason").evaluate("one => one.scrollWidth - one.clientWidth") == 0
    expect(tab.get_by_role("meter", name="Context in use")).to_have_attribute("aria-valuenow", "100")
    tab.goto(place.agent_url)
    words = tab.locator(".agent-head context-gauge span")
    expect(words).to_have_text("Context 100 %, 1,000,000 of 1,000,000 tokens")
    assert words.evaluate("one => one.getBoundingClientRect().right") <= 360


def test_on_a_phone_an_agents_name_is_never_cut(tab: Page, live: LiveServer, place: Place) -> None:
    name = "flaky-test-hunter of the payments team"
    agent = place.api.agent(place.workspace["id"], name)
    request = {"requestId": "r", "kind": "input", "title": "Which branch?", "options": []}
    assert place.api.post(f"/agents/{agent['id']}/requests", request).status == 201
    tab.set_viewport_size({"width": 390, "height": 844})
    sign_in(tab, live)
    for path, shown in {
        place.workspace_url: ".agent-name",
        f"{live.url}/": ".agent-name",
        f"{live.url}/pinned/?agents={agent['id']}": ".panel-head h2",
    }.items():
        tab.goto(path)
        written = tab.locator(shown).filter(has_text=name)
        expect(written).to_be_visible()
        expect(tab.locator("agent-status:visible").first).to_be_visible()
        cut = written.evaluate("one => [one.scrollWidth - one.clientWidth, one.scrollHeight - one.clientHeight]")
        assert cut == [0, 0], path


def test_on_a_phone_the_connection_can_be_retried_at_once(
    tab: Page, live: LiveServer, place: Place, complaints: Complaints
) -> None:
    tab.set_viewport_size({"width": 360, "height": 740})
    sign_in(tab, live)
    tab.route_web_socket(re.compile("/ws/"), lambda socket: socket.close(code=1012))
    tab.route(re.compile("/api/.*/stream"), lambda route: route.abort())
    tab.goto(place.workspace_url)
    expect_state(tab, "Reconnecting…")
    again, account = tab.get_by_role("button", name="Retry now"), tab.get_by_role("button", name="Account")
    expect(again).to_be_visible()
    while (box := again.bounding_box()) is None:  # it is there between two attempts only
        tab.wait_for_timeout(20)
    beside = account.bounding_box()
    assert beside is not None
    assert box["x"] + box["width"] < beside["x"]
    tab.close()
    complaints.clear()  # Chromium tells the console of every failed request


@pytest.mark.parametrize("width", [360, 768, 3840])
def test_no_page_is_wider_than_the_screen(tab: Page, live: LiveServer, place: Place, width: int) -> None:
    place.publish(
        "a", ("agent:output", {"content": "x" * 5_000}), ("agent:status", {"status": "waiting", "reason": "r" * 60})
    )
    tab.set_viewport_size({"width": width, "height": 740})
    sign_in(tab, live)
    for path in (*everywhere(place), "/sign-in/"):
        tab.goto(live.url + path)
        tab.wait_for_load_state("networkidle")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path
