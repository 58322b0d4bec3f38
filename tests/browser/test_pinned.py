"""Several agents side by side, over one connection, in a layout stored in the address."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import LONG_TASKS, allowed, expect_state, long_tasks, sign_in
from tests.browser.conftest import Figures, Place
from tests.support.api import Api
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser


def test_agents_are_pinned_by_star_and_the_address_has_the_layout(tab: Page, live: LiveServer, place: Place) -> None:
    other = place.api.agent(place.workspace["id"], "another")
    place.say("words of the worker\n")
    sign_in(tab, live)
    tab.goto(place.workspace_url)
    for name in ("worker", "another"):
        tab.get_by_role("button", name=f"Pin {name}").click()
    tab.get_by_role("link", name="Pinned (2)").click()
    ids = [place.agent["id"], other["id"]]
    expect(tab).to_have_url(re.compile(f"agents={','.join(ids)}$"))
    panels = tab.locator(".panel")
    expect(panels.locator(".panel-name")).to_have_text(["worker", "another"])
    expect(panels.first).to_contain_text("words of the worker")
    panels.first.get_by_role("button", name="Move back").click()
    expect(panels.locator(".panel-name")).to_have_text(["another", "worker"])
    tab.get_by_label("Columns").select_option("1")
    expect(tab).to_have_url(re.compile(f"agents={ids[1]},{ids[0]}&columns=1$"))
    tab.reload()
    expect(panels.locator(".panel-name")).to_have_text(["another", "worker"])
    expect(tab.get_by_label("Columns")).to_have_value("1")
    panels.first.get_by_role("button", name="Unpin").click()
    expect(panels.locator(".panel-name")).to_have_text(["worker"])
    tab.get_by_label("Add an agent").select_option(label="another")
    expect(panels.locator(".panel-name")).to_have_text(["worker", "another"])
    place.status("waiting", "awaiting_input")
    expect(panels.first).to_contain_text("for input")


def test_nine_panels_have_room_for_their_headings(tab: Page, live: LiveServer, place: Place) -> None:
    name = "an agent with a name that is longer than its panel"
    ids = [place.api.agent(place.workspace["id"], f"{name} {number}")["id"] for number in range(8)]
    place.publish(
        "a", ("agent:context", {"contextLevel": 100}), ("agent:status", {"status": "waiting", "reason": "rate_limited"})
    )
    sign_in(tab, live)
    tab.goto(f"{live.url}/pinned/?agents={','.join([*ids, place.agent['id']])}")
    expect(tab.locator(".panel-name").first).to_contain_text(name)
    expect(tab.locator(".panel").last).to_contain_text("Waiting")
    expect(tab.get_by_role("meter", name="Context in use")).to_have_attribute("aria-valuenow", "100")
    for width in (360, 800, 1280, 1920):
        tab.set_viewport_size({"width": width, "height": 800})
        assert tab.evaluate(OVERLAPS) == [], width


# Parts of a panel's head that reach into the next, or are cut off.
OVERLAPS = """() => [...document.querySelectorAll(".panel-head")].flatMap((head) => {
  const parts = [...head.querySelectorAll("h2, .status-word, context-gauge span, .panel-buttons")];
  const boxes = parts.filter((part) => part.checkVisibility()).map((part) => part.getBoundingClientRect());
  const edge = head.getBoundingClientRect().right;
  const beside = (one, other) => other.left > one.left && other.top < one.bottom && other.bottom > one.top;
  return boxes
    .map((one) => one.right - Math.min(edge, ...boxes.filter((other) => beside(one, other)).map(({ left }) => left)))
    .filter((excess) => Math.round(excess) > 0);
})"""


def test_missing_agents_are_reported_and_invalid_ids_ignored(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    unknown = "00000000-0000-4000-8000-000000000000"
    tab.goto(f"{live.url}/pinned/?agents={unknown},<script>,{place.agent['id']}")
    expect(tab.locator(".panel")).to_have_count(2)
    expect(tab.locator(".panel").first).to_contain_text("This agent doesn't exist, or you don't have access to it.")
    expect(tab.locator(".panel").last).to_contain_text("worker")


def test_nine_agents_with_fifty_events_a_second_each_leave_the_page_responsive(
    tab: Page, live: LiveServer, root: Api, figures: Figures
) -> None:
    workspace = root.workspace("Nine")
    agents = [root.agent(workspace["id"], f"agent {number}")["id"] for number in range(9)]
    sockets: list[str] = []
    tab.on("websocket", lambda socket: sockets.append(socket.url))
    sign_in(tab, live)
    sockets.clear()
    tab.goto(f"{live.url}/pinned/?agents={','.join(agents)}")
    expect(tab.locator(".panel-name").last).to_have_text("agent 8")
    expect_state(tab, "Live")
    tab.wait_for_timeout(1_000)
    tab.evaluate(LONG_TASKS)
    seconds = 5
    took: list[float] = []
    speaker = threading.Thread(target=lambda: took.append(speak(root, agents, seconds)))
    speaker.start()
    # Meanwhile the page answers: each question waits for the main thread.
    waits = []
    while speaker.is_alive():
        started = time.monotonic()
        tab.evaluate("new Promise(requestAnimationFrame)")
        waits.append((time.monotonic() - started) * 1000)
        tab.wait_for_timeout(50)
    speaker.join()
    for panel in tab.locator(".panel").all():
        expect(panel).to_contain_text(f"line {seconds * 50 - 1} ", timeout=15_000)
    longest, rate = long_tasks(tab), 9 * 50 * seconds / took[0]
    page = f"longest task {longest:.0f} ms (0: none over 50), slowest answer {max(waits):.0f} ms of {len(waits)}"
    figures.tell("nine pinned agents", f"{rate:.0f} events/s in all, {page}")
    assert len(sockets) == 1
    assert rate > 400 / allowed(1), "the agents were slower than they should have been"
    assert longest < allowed(100), sorted(waits)[-5:]


def speak(root: Api, agents: list[str], seconds: int) -> float:
    """Fifty events a second from each agent, in batches of five as a runner sends them. Returns the seconds it took."""
    begun = time.monotonic()
    with ThreadPoolExecutor(len(agents)) as pool:
        for batch in range(seconds * 10):
            numbers = range(batch * 5, batch * 5 + 5)
            events = [{"n": n + 1, "type": "agent:output", "payload": payload(n)} for n in numbers]
            body = {"producer": "busy", "events": events}
            answers = pool.map(root.post, [f"/agents/{agent}/events" for agent in agents], [body] * len(agents))
            assert {answer.status for answer in answers} == {200}
            time.sleep(max(0, begun + (batch + 1) / 10 - time.monotonic()))
    return time.monotonic() - begun


def payload(n: int) -> dict[str, Any]:
    content = f"line {n} of **some** `words`, \x1b[32mgreen\x1b[0m\n" if n % 2 else f"line {n} of **some** `words` "
    return (
        {"content": content, "messageId": f"m{n // 25}", "isStreaming": True} if n % 50 < 25 else {"content": content}
    )
