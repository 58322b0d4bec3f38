"""The main promise: a page continues whatever happens to the server."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import expect_state, follow_sign_in_link, sign_in, transcript
from tests.browser.conftest import Place
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser


@pytest.fixture
def first_start(tmp_path: Path) -> Iterator[LiveServer]:
    """A new installation on its first start, with the Playground's process at work."""
    server = LiveServer(tmp_path)
    server.command, server.fresh = ("manage.py", "up"), True
    with server:
        yield server
    end_orphans(tmp_path)


def end_orphans(data_dir: Path) -> None:
    """The Playground's process survives a killed server, and would wait for it forever."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("DATA_DIR") == str(data_dir):
                process.kill()


def printed_link(server: LiveServer) -> str:
    for _ in range(100):
        if found := re.search(r"http://\S+/sign-in/link/\S+", server.log):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"no sign-in link was printed:\n{server.log}")


def numbers(page: Page) -> list[int]:
    """The Playground's process numbers its lines."""
    return [int(number) for number in re.findall(r"^ *(\d+)/\d+ ", transcript(page), re.MULTILINE)]


def wait_for_number(page: Page, number: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not (seen := numbers(page)) or seen[-1] < number:
        assert time.monotonic() < deadline, f"line {number} did not arrive: {seen}"
        page.wait_for_timeout(100)


def test_a_page_survives_a_killed_server_without_a_missing_or_repeated_line(first_start: LiveServer, tab: Page) -> None:
    follow_sign_in_link(tab, printed_link(first_start))
    tab.get_by_role("link", name="Playground").click()
    tab.get_by_role("link", name="stocktaker").click()
    wait_for_number(tab, 5)
    expect_state(tab, "Live")
    tab.evaluate("window.sameDocument = true")
    tab.wait_for_load_state("networkidle")  # what is still being loaded would fail, and be complained of

    first_start.kill()
    expect_state(tab, "Reconnecting…")
    expect(tab.locator("stale-notice")).to_contain_text("may be out of date")
    last_before = numbers(tab)[-1]
    tab.wait_for_timeout(2_000)  # the process continues to write meanwhile
    first_start.start()

    expect_state(tab, "Live", seconds=30)
    expect(tab.locator("stale-notice")).to_be_hidden()
    wait_for_number(tab, last_before + 6)
    seen = numbers(tab)
    assert seen == list(range(1, seen[-1] + 1))
    assert tab.evaluate("window.sameDocument") is True


def test_a_page_survives_three_restarts_without_output(own_live: LiveServer, tab: Page) -> None:
    place = Place.make(own_live)
    sign_in(tab, own_live)
    tab.goto(place.agent_url)
    for number in range(3):
        expect_state(tab, "Live", seconds=30)
        tab.wait_for_load_state("networkidle")
        own_live.restart()
        place.say(f"line {number}\n")
    expect_state(tab, "Live", seconds=30)
    expect(tab.locator(".entry-text").last).to_have_text("line 2\n", timeout=15_000)
    assert transcript(tab) == "line 0\nline 1\nline 2\n"


def test_the_header_shows_the_next_attempt_and_can_retry_at_once(own_live: LiveServer, tab: Page) -> None:
    place = Place.make(own_live)
    sign_in(tab, own_live)
    tab.clock.install()
    tab.goto(place.workspace_url)
    expect_state(tab, "Live")
    own_live.kill()
    expect_state(tab, "Reconnecting…")
    tab.clock.pause_at(datetime.now(UTC) + timedelta(seconds=1))  # no automatic attempts from here on
    state = tab.locator("connection-state")
    expect(state).to_contain_text(re.compile(r"retrying in \d+ s"))
    own_live.start()
    expect_state(tab, "Reconnecting…")
    state.get_by_role("button", name="Retry now").click()
    expect_state(tab, "Live")


def test_a_page_whose_server_hangs_stops_saying_that_it_is_live(own_live: LiveServer, tab: Page) -> None:
    place = Place.make(own_live)
    sign_in(tab, own_live)
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    tab.wait_for_load_state("networkidle")
    os.kill(own_live.pid, signal.SIGSTOP)
    try:
        expect_state(tab, "Reconnecting…", seconds=12)  # 5 s until the next question, 5 s for its answer
        expect(tab.locator("stale-notice")).to_contain_text("may be out of date")
    finally:
        os.kill(own_live.pid, signal.SIGCONT)
    expect_state(tab, "Live", seconds=30)


def test_a_signed_out_page_says_so_and_offers_to_sign_in(own_live: LiveServer, tab: Page) -> None:
    place = Place.make(own_live)
    sign_in(tab, own_live)
    tab.goto(place.workspace_url)
    expect_state(tab, "Live")
    tab.context.clear_cookies()
    own_live.restart()
    expect_state(tab, "Signed out", seconds=30)
    expect(tab.locator("stale-notice")).to_contain_text("No longer live")
    tab.get_by_role("link", name="Sign in again").click()
    expect(tab).to_have_url(re.compile(rf"/sign-in/\?next=%2Fw%2F{place.workspace['slug']}%2F$"))
