"""Every page is accessible, small, themed, and usable with a keyboard and on a bad network."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from tests.browser.chromium import Complaints, Wire, allowed, expect_state, sign_in, transcript
from tests.browser.conftest import Figures, Place
from tests.support import ROOT
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser

AXE = ROOT / "clients" / "js" / "node_modules" / "axe-core" / "axe.min.js"
TALK: list[tuple[str, dict[str, Any]]] = [
    (
        "agent:output",
        {
            "content": "# Plan\n\n- [x] **one**\n\n```python\nprint(1)  # why\n```\n\n| a | b |\n|-|-|\n| 1 | 2 |",
            "messageId": "m",
        },
    ),
    (
        "agent:output",
        {"content": "\x1b[31mred\x1b[32mgreen\x1b[33myellow\x1b[34mblue\x1b[35mpink\x1b[36mcyan\x1b[2mdim\x1b[0m\n"},
    ),
    ("agent:output", {"content": "ls", "role": "tool", "kind": "tool_call", "toolName": "Bash"}),
    ("agent:error", {"error": {"code": "BROKEN", "message": "It broke"}}),
    (
        "agent:usage",
        {"model": "m", "inputTokens": 12_000, "cachedInputTokens": 9_000, "outputTokens": 800, "costUsd": 0.4},
    ),
    ("agent:context", {"contextLevel": 91}),
    ("agent:status", {"status": "waiting", "reason": "awaiting_input"}),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    tab: Page, live: LiveServer, place: Place, owner: str, theme: str
) -> None:
    place.publish("a", *TALK)
    sign_in(tab, live, owner)
    tab.goto(f"{live.url}/account/tokens/")
    tab.evaluate(f"localStorage.setItem('agentstream.theme', '{theme}')")
    pinned = f"{live.url}/pinned/?agents={place.agent['id']}"
    invited = f"/workspaces/{place.workspace['id']}/invitations"
    unused = Place(place.api, place.api.workspace("unused"), place.agent)
    unused.add(owner, "owner")
    still = [place.api.post(invited, {"role": "viewer"}).data["url"], f"{live.url}/account/tokens/"]
    still += [f"{place.workspace_url}usage/", f"{unused.workspace_url}usage/", f"{live.url}/account/"]
    webhook = {"name": "chat", "url": "https://example.invalid/x", "preset": "slack"}
    hooked = place.api.post(f"/workspaces/{place.workspace['id']}/webhooks", webhook).data["id"]
    still += [f"{place.workspace_url}webhooks/", f"{place.workspace_url}webhooks/{hooked}/"]
    lively = [live.url, place.workspace_url, f"{place.workspace_url}people/", place.agent_url, pinned]
    lively += [f"{place.workspace_url}settings/", unused.workspace_url]
    for url in (*lively, f"{live.url}/pinned/?agents=", *still):
        tab.goto(url)
        if url not in still:
            expect_state(tab, "Live")
        tab.wait_for_timeout(600)
        expect(tab.locator("html")).to_have_attribute("data-theme", theme)
        if url == place.agent_url:
            tab.get_by_role("button", name="Timeline").click()
        assert violations(tab, "color-contrast" if theme == "dark" else "") == [], url
        assert tab.evaluate(FAINT_PLACEHOLDERS) == [], url


# axe-core looks at what is written, not at what stands in an empty field.
FAINT_PLACEHOLDERS = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const contrast = (field) => {
    const [ink, paper] = [getComputedStyle(field, "::placeholder"), getComputedStyle(field)];
    const [one, other] = [ink.color, paper.backgroundColor].map(light);
    return Math.max(one, other) / Math.min(one, other);
  };
  const fields = [...document.querySelectorAll("[placeholder]")].filter((field) => field.checkVisibility());
  return fields.filter((field) => contrast(field) < 4.5).map((field) => `${field.placeholder} ${contrast(field)}`);
}"""


def violations(page: Page, rule: str = "") -> list[str]:
    """What axe-core finds: by all its rules, or by one."""
    # Not as a script element, which the content policy would refuse.
    page.evaluate(AXE.read_text())
    only = f", runOnly: ['{rule}']" if rule else ""
    found = page.evaluate(f"axe.run(document, {{ resultTypes: ['violations']{only} }})")
    assert len(found["passes"]) > (0 if rule else 10), "axe-core did not look"
    return [
        f"{one['id']}: {one['help']} {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("name", ["sign-in", "home", "agent", "pinned"])
def test_a_first_page_is_small_and_soon_interactive(
    tab: Page, live: LiveServer, place: Place, owner: str, figures: Figures, name: str
) -> None:
    place.publish("a", *TALK)
    paths = {
        "sign-in": "/sign-in/",
        "home": "/",
        "agent": place.agent_url.removeprefix(live.url),
        "pinned": f"/pinned/?agents={place.agent['id']}",
    }
    if name != "sign-in":
        sign_in(tab, live, owner)
    wire = Wire(tab)
    tab.goto(live.url + paths[name])
    if name == "sign-in":
        expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
    else:
        expect_state(tab, "Live")
        expect(tab.locator(".agent-row, .entry").first).to_be_visible()
    usable = tab.evaluate("performance.now()")  # since the navigation began
    tab.wait_for_load_state("networkidle")
    interactive = tab.evaluate("performance.getEntriesByType('navigation')[0].domInteractive")
    times = f"interactive after {interactive:.0f} ms, live and filled after {usable:.0f} ms at most"
    figures.tell(f"first page, {name}", f"{wire.total / 1000:.1f} KB in {len(wire.sizes)} answers, {times}")
    assert len(wire.sizes) > 5
    assert wire.total < 150_000, sorted(wire.sizes.items(), key=lambda item: -item[1])
    assert interactive < allowed(1_000)
    assert usable < allowed(1_000)


def test_the_theme_is_chosen_and_kept(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    tab.goto(place.workspace_url)
    background = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(background)
    tab.get_by_role("button", name="Account: root").click()
    tab.get_by_label("Dark").check()
    assert tab.evaluate(background) != light
    tab.reload()
    assert tab.evaluate(background) != light
    tab.get_by_role("button", name="Account: root").click()
    expect(tab.get_by_label("Dark")).to_be_checked()
    tab.get_by_label("System").check()
    assert tab.evaluate(background) == light


def test_shortcuts_are_listed_and_do_not_interfere_with_typing(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    tab.keyboard.press("?")
    dialog = tab.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Search this transcript")
    tab.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    tab.get_by_role("textbox", name="Answer this agent").press_sequentially("help?")
    expect(tab.get_by_role("textbox", name="Answer this agent")).to_have_value("help?")
    expect(dialog).to_be_hidden()
    tab.get_by_role("log").press("h")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_lost_network_loses_no_events(tab: Page, live: LiveServer, place: Place, complaints: Complaints) -> None:
    cut = {"now": False}
    sockets: list[object] = []

    def relay(ws: object) -> None:
        server = ws.connect_to_server()  # type: ignore[attr-defined]
        sockets.append(ws)
        if cut["now"]:
            ws.close(code=1012)  # type: ignore[attr-defined]
            server.close()

    tab.route_web_socket(re.compile(r"/ws/"), relay)
    sign_in(tab, live)
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    place.say("before\n")
    expect(tab.get_by_text("before")).to_be_visible()
    cut["now"] = True
    sockets[-1].close(code=1012)  # type: ignore[attr-defined]
    expect_state(tab, "Reconnecting…")
    expect(tab.locator("stale-notice")).to_contain_text("may be out of date")
    place.say("meanwhile\n")
    cut["now"] = False
    expect_state(tab, "Live", seconds=20)
    expect(tab.locator("stale-notice")).to_be_hidden()
    assert transcript(tab) == "before\nmeanwhile\n"
    complaints.clear()


def test_a_page_that_is_behind_says_so_until_it_has_caught_up(
    tab: Page, live: LiveServer, place: Place, complaints: Complaints
) -> None:
    slow = {"now": False}
    held: list[str | bytes] = []
    sockets: list[WebSocketRoute] = []

    def relay(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        from_server = socket.connect_to_server()
        from_server.on_message(
            lambda frame: held.append(frame) if slow["now"] and "agent:output" in str(frame) else socket.send(frame)
        )

    tab.route_web_socket(re.compile(r"/ws/"), relay)
    sign_in(tab, live)
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    slow["now"] = True
    sockets[-1].close(code=1012)
    place.say("while it was away\n")
    expect_state(tab, "Catching up…")
    expect(tab.locator("stale-notice")).to_contain_text("Newer events are still arriving")
    expect(tab.locator("html")).to_have_class(re.compile("stale"))
    for frame in held:
        sockets[-1].send(frame)
    expect_state(tab, "Live")
    expect(tab.locator("stale-notice")).to_be_hidden()
    expect(tab.locator(".entry-text")).to_have_text("while it was away\n")
    complaints.clear()


def test_focus_is_always_visible(tab: Page, live: LiveServer, place: Place) -> None:
    place.publish("a", *TALK)
    sign_in(tab, live)
    people = f"{place.workspace_url}people/"
    pinned = f"{live.url}/pinned/?agents={place.agent['id']}"
    usage = f"{place.workspace_url}usage/"
    for url in (live.url, place.workspace_url, people, usage, place.agent_url, pinned, f"{live.url}/account/tokens/"):
        tab.goto(url)
        tab.wait_for_load_state("networkidle")
        seen = set()
        for _ in range(40):
            tab.keyboard.press("Tab")
            name, marked = tab.evaluate(FOCUS)
            seen.add(name)
            assert marked, f"{name} on {url}"
        assert len(seen) > 5, url


# The name of what has the focus, and whether an outline shows it; a card's outline is that of its link's ::after.
FOCUS = """() => {
  const one = document.activeElement;
  const outlined = (pseudo) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(one, pseudo);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  };
  const name = `${one.localName}.${one.className} ${one.ariaLabel ?? one.textContent.trim().slice(0, 30)}`;
  return [name, one === document.body || outlined() || outlined("::after")];
}"""


def test_nothing_moves_without_end_and_nothing_at_all_with_reduced_motion(
    tab: Page, live: LiveServer, place: Place
) -> None:
    place.status("running")
    sign_in(tab, live)
    # Their styles, not the animations: those may have ended on a busy machine.
    styles = """[...document.querySelectorAll("*")].flatMap((one) => ["", "::before", "::after"].map((part) => {
      const { animationName, animationDuration, animationIterationCount } = getComputedStyle(one, part);
      return [animationName, parseFloat(animationDuration), animationIterationCount];
    })).filter(([name]) => name !== "none")"""
    for wish, moves in (("no-preference", True), ("reduce", False)):
        tab.emulate_media(reduced_motion=wish)  # type: ignore[arg-type]
        tab.goto(place.workspace_url)
        expect(tab.locator(".agent-row")).to_contain_text("Running")
        found = tab.evaluate(styles)
        assert any(seconds > 0.001 for _, seconds, _ in found) is moves, wish
        assert "infinite" not in [count for _, _, count in found], wish


def test_the_page_is_live_even_if_websockets_are_blocked(
    fresh_browser: Callable[[], BrowserContext], live: LiveServer, place: Place
) -> None:
    tab = fresh_browser().new_page()
    tab.add_init_script(
        """window.WebSocket = class {
          constructor() { setTimeout(() => this.onclose?.({ code: 1006 }), 20); }
          close() {}
        };"""
    )
    sign_in(tab, live)
    place.say("said before\n")
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    expect(tab.get_by_text("said before")).to_be_visible()
    place.say("said now\n")
    expect(tab.get_by_text("said now")).to_be_visible()
    tab.goto(live.url)
    expect(tab.locator(".agent-row").first).to_be_visible()
