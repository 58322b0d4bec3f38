"""A laptop sleeps, or its network goes: the page has everything as soon as it is back."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import expect_state, sign_in, transcript
from tests.browser.conftest import Place
from tests.chaos.proxy import Proxy
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser


class Network:
    """A proxy between the browser and the server, in its own thread."""

    def __init__(self, port: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._proxy = Proxy([port])
        self._run(self._proxy.__aenter__())

    @property
    def url(self) -> str:
        return self._proxy.ws_url.replace("ws:", "http:").removesuffix("/ws/")

    def vanish(self) -> None:
        """Make connections dead without notifying either side."""

        async def silence() -> None:
            self._proxy.silence()

        self._run(silence())  # returns when they are

    def close(self) -> None:
        self._run(self._proxy.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, coroutine: object) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)  # type: ignore[arg-type]


@pytest.fixture
def network(live: LiveServer) -> Iterator[Network]:
    network = Network(live.port)
    yield network
    network.close()


@pytest.fixture
def laptop(tab: Page, live: LiveServer, place: Place, network: Network) -> Page:
    """The agent's page, over that network."""
    sign_in(tab, live)
    tab.clock.install()  # time passes normally until the test advances it
    tab.goto(place.agent_url.replace(place.api.url, network.url))
    expect_state(tab, "Live")
    return tab


def test_a_laptop_that_wakes_up_has_every_line_once(laptop: Page, place: Place, network: Network) -> None:
    place.say("before\n")
    expect(laptop.get_by_text("before")).to_be_visible()
    system = laptop.context.new_cdp_session(laptop)
    system.send("Page.setWebLifecycleState", {"state": "frozen"})
    network.vanish()
    for number in range(300):
        place.say(f"asleep {number}\n")
    system.send("Page.setWebLifecycleState", {"state": "active"})
    laptop.clock.fast_forward("01:00:00")
    expect(laptop.get_by_text("asleep 299")).to_be_visible(timeout=15_000)
    expect_state(laptop, "Live")
    assert transcript(laptop) == "before\n" + "".join(f"asleep {number}\n" for number in range(300))


def test_a_network_that_comes_back_is_noticed_at_once(laptop: Page, place: Place, network: Network) -> None:
    network.vanish()
    place.say("unheard of\n")
    laptop.wait_for_timeout(300)
    assert transcript(laptop) == ""
    laptop.evaluate("dispatchEvent(new Event('online'))")
    expect(laptop.get_by_text("unheard of")).to_be_visible(timeout=10_000)
    expect_state(laptop, "Live")
