"""Fixtures of the browser tests. Nothing here is mocked: real servers, real Chromium."""

import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.chromium import Complaints, expect_state, launched, sign_in
from tests.support.api import Api
from tests.support.server import LiveServer

RESULTS = Path("test-results")

# Tests that share the machine wait for each other; on a free one an expectation that holds costs no time.
expect.set_options(timeout=15_000)


# Not for the whole session: as long as Playwright's synchronous API is in use, its event loop counts as running in this
# thread, and no other test could run one of its own.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that the tests of pages share: on that of all tests, pages of everything would grow with each test."""
    with LiveServer(tmp_path_factory.mktemp("pages")) as server:
        yield server


@pytest.fixture(scope="package")
def root(live: LiveServer) -> Api:
    return Api(live.url, live.token("root", "--superuser"))


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Fails the test if any of its pages complained; a test that expects complaints clears them."""
    complaints = Complaints()
    yield complaints
    assert complaints == []


@pytest.fixture
def fresh_browser(
    chromium: Browser, complaints: Complaints, request: pytest.FixtureRequest
) -> Iterator[Callable[[], BrowserContext]]:
    """Makes browsers without memory, each like another person's."""
    contexts: list[BrowserContext] = []

    def make() -> BrowserContext:
        # Animations cost a page ten times what it takes otherwise; a test of one asks for motion.
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        context.on("page", complaints.watch)
        contexts.append(context)
        return context

    yield make
    pages = [page for context in contexts for page in context.pages]
    if request.node.stash.get(FAILED, False):
        for number, page in enumerate(pages):
            page.screenshot(path=RESULTS / f"{request.node.name}-{number}.png")
    for context in contexts:
        context.close()


@pytest.fixture
def tab(fresh_browser: Callable[[], BrowserContext]) -> Page:
    """A page of a fresh browser."""
    return fresh_browser().new_page()


@dataclass(frozen=True)
class Place:
    """A workspace of the test's own with one agent in it."""

    api: Api
    workspace: dict[str, Any]
    agent: dict[str, Any]

    @classmethod
    def make(cls, server: LiveServer) -> Self:
        """On a server of the test's own, where the superuser is made too."""
        api = Api(server.url, server.token("root", "--superuser"))
        workspace = api.workspace("Workshop")
        return cls(api, workspace, api.agent(workspace["id"], "worker"))

    @property
    def workspace_url(self) -> str:
        return f"{self.api.url}/w/{self.workspace['slug']}/"

    @property
    def agent_url(self) -> str:
        return f"{self.api.url}/a/{self.agent['id']}/"

    def say(self, content: str) -> None:
        self.api.output(self.agent["id"], content)

    def status(self, status: str, reason: str | None = None) -> None:
        body = {"status": status} if reason is None else {"status": status, "reason": reason}
        assert self.api.post(f"/agents/{self.agent['id']}/status", body).status == 201

    def add(self, username: str, role: str) -> None:
        members = f"/workspaces/{self.workspace['id']}/members"
        assert self.api.post(members, {"user": username, "role": role}).status == 201

    def context(self, level: int) -> None:
        assert self.api.post(f"/agents/{self.agent['id']}/context", {"contextLevel": level}).status == 201

    def publish(self, producer: str, *events: tuple[str, dict[str, Any]]) -> None:
        items = [{"n": n, "type": type_, "payload": payload} for n, (type_, payload) in enumerate(events, 1)]
        path, body = f"/agents/{self.agent['id']}/events", {"producer": producer, "events": items}
        while (published := self.api.post(path, body)).status == 429:  # a quiet machine is faster than an agent may be
            time.sleep(published.data["retryAfter"])
        assert published.status == 200, published


@pytest.fixture
def place(root: Api, request: pytest.FixtureRequest) -> Place:
    workspace = root.workspace(f"{request.node.name[:60]} workspace")
    return Place(root, workspace, root.agent(workspace["id"], "worker"))


@pytest.fixture
def owner(place: Place, live: LiveServer) -> str:
    """The name of somebody who sees nothing but the place."""
    name = f"owner-{uuid4().hex[:8]}"
    live.token(name)
    place.add(name, "owner")
    return name


@pytest.fixture
def reader(tab: Page, live: LiveServer, place: Place) -> Page:
    """The live page of the place's agent."""
    sign_in(tab, live)
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    return tab


class Figures:
    """What a test measured, told at the end of the run with how busy the machine was."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def tell(self, what: str, figure: str) -> None:
        self._lines.append(f"{what}: {figure} (load average {os.getloadavg()[0]:.1f})")


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> Figures:
    return Figures(pytestconfig.stash.setdefault(FIGURES, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(FIGURES, []):
        terminalreporter.section("dashboard figures")
        terminalreporter.write_line("\n".join(lines))


FAILED = pytest.StashKey[bool]()
FIGURES = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
