"""Helpers for Chromium."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.machine import CHROMIUM
from tests.support.server import LiveServer

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def launched() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM.find(), args=FLAGS)
        yield browser
        browser.close()


# Chromium reports an unreachable server on the console, whatever a page does.
AWAY = (
    "WebSocket connection to",
    "Failed to load resource: net::ERR_CONNECTION_",
    "Failed to load resource: net::ERR_EMPTY",
)


class Complaints(list[str]):
    """A page's console errors, uncaught exceptions and violations of the content policy."""

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self._note(message.type, message.text, message.location["url"]))
        page.on("pageerror", lambda error: self.append(f"uncaught: {error}"))

    def _note(self, kind: str, text: str, where: str) -> None:
        if kind in ("error", "warning") and not text.startswith(AWAY):
            self.append(f"{kind}: {text} ({where})")


def follow_sign_in_link(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Sign in as").click()


def sign_in(page: Page, server: LiveServer, username: str = "root") -> None:
    """Give the page's browser a session; the page stays where it is."""
    user = (server.url, username)
    if user not in _sessions:
        _sessions[user] = _signed_in(page.context, server.run("signinlink", username))
    page.context.add_cookies(_sessions[user])


def _signed_in(context: BrowserContext, link: str) -> list[Any]:
    page = context.new_page()
    follow_sign_in_link(page, link)
    expect(page.locator("h1")).to_have_text("Overview")
    page.close()
    return [*context.cookies()]


_sessions: dict[tuple[str, str], list[Any]] = {}


def expect_state(page: Page, words: str | re.Pattern[str], seconds: float = 15) -> None:
    """Wait until the page's header shows this state of the connection."""
    expect(page.get_by_role("status")).to_have_text(words, timeout=seconds * 1000)


def transcript(page: Page) -> str:
    """All entries of an agent's page, in order, whether drawn at the moment or not."""
    script = """async () => {
      const { transcript } = await import("/static/js/agent.js");
      const said = [...transcript.entries()].filter(({ type }) => type !== "note");
      return said.map(({ text }) => text).join("");
    }"""
    text: str = page.evaluate(script)
    return text


def scroll(page: Page) -> Any:
    return page.locator("[data-scroll]")


def later(page: Page) -> None:
    """Advance the page's installed clock by the ten seconds between two polls."""
    page.clock.fast_forward(11_000)


def allowed(milliseconds: float) -> float:
    """A time limit for an idle machine, extended for an overloaded one."""
    return milliseconds * max(1, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))


def heap_mib(page: Page) -> float:
    """What the page's scripts hold in memory, after a garbage collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: float = session.send("Runtime.getHeapUsage")["usedSize"]
    return used / 2**20


class Wire:
    """The bytes that a page receives over HTTP: headers, and bodies as compressed."""

    def __init__(self, page: Page) -> None:
        self.sizes: dict[str, float] = {}
        self._urls: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._finished)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})

    @property
    def total(self) -> int:
        return int(sum(self.sizes.values()))

    def _asked(self, event: dict[str, Any]) -> None:
        self._urls[event["requestId"]] = event["request"]["url"]

    def _finished(self, event: dict[str, Any]) -> None:
        # An id may come twice, where a page asks for the same again; each of its answers counts.
        url = self._urls[event["requestId"]]
        self.sizes[url] = self.sizes.get(url, 0) + event["encodedDataLength"]


LONG_TASKS = """() => {
  window.longTasks = [0];
  new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "longtask" });
}"""


def long_tasks(page: Page) -> float:
    """Milliseconds of the longest task since `LONG_TASKS` was evaluated."""
    longest: float = page.evaluate("Math.max(...window.longTasks)")
    return longest
