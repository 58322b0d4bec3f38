"""Home and workspace pages update live."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.chromium import LONG_TASKS, allowed, expect_state, heap_mib, later, long_tasks, sign_in
from tests.browser.conftest import Figures, Place
from tests.chaos.figures import scaled
from tests.support.api import Api
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser


def group(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name)


def row(page: Page, name: str) -> Locator:
    return page.locator(".agent-row", has_text=name)


@pytest.fixture
def board(tab: Page, live: LiveServer, place: Place) -> Page:
    sign_in(tab, live)
    tab.goto(place.workspace_url)
    expect(row(tab, "worker")).to_be_visible()
    return tab


def test_status_and_context_change_without_reload(board: Page, place: Place) -> None:
    worker = row(board, "worker")
    expect(worker).to_contain_text("Idle")
    place.status("running")
    place.context(42)
    expect(worker).to_contain_text("Running")
    expect(worker.get_by_role("meter")).to_have_attribute("aria-valuenow", "42")


def test_agents_that_need_a_person_come_first(board: Page, place: Place) -> None:
    needs, running, inactive = (group(board, name) for name in ("Needs you", "Running", "Inactive"))
    expect(needs).to_be_hidden()
    place.api.agent(place.workspace["id"], "another")
    place.status("waiting", "awaiting_approval")
    expect(needs).to_contain_text("worker")
    expect(needs).to_contain_text("for approval")
    expect(board).to_have_title(re.compile(r"^\(\d+\) "))
    place.status("running")
    expect(needs).to_be_hidden()
    place.context(95)
    expect(running).to_contain_text("context almost full")
    expect(needs).to_be_hidden()
    place.status("finished")
    expect(group(board, "Done, unseen")).to_contain_text("95 %")
    expect(board.get_by_text("context almost full")).to_have_count(0)
    expect(inactive).to_contain_text("another")


def test_agents_come_and_go(board: Page, place: Place) -> None:
    added = place.api.agent(place.workspace["id"], "newcomer")
    expect(row(board, "newcomer")).to_be_visible()
    assert place.api.call("DELETE", f"/agents/{added['id']}").status == 204
    expect(row(board, "newcomer")).to_have_count(0)
    assert place.api.call("DELETE", f"/agents/{place.agent['id']}").status == 204
    expect(board.get_by_role("heading", name="No agents here yet")).to_be_visible()
    expect(board.locator("copy-command").first).to_contain_text(f"--workspace {place.workspace['slug']}")


def test_a_rename_in_the_admin_appears_at_once(
    board: Page, place: Place, live: LiveServer, fresh_browser: Callable[[], BrowserContext]
) -> None:
    transcript = board.context.new_page()
    transcript.goto(place.agent_url)
    expect_state(transcript, "Live")
    admin = fresh_browser().new_page()
    sign_in(admin, live)
    admin.goto(f"{live.url}/admin/agents/agent/{place.agent['id']}/change/")
    admin.get_by_label("Name").fill("renamed <b>worker</b>")
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(row(board, "renamed <b>worker</b>")).to_be_visible()
    expect(transcript.get_by_role("heading", level=1)).to_have_text("renamed <b>worker</b>")


def test_home_shows_every_agent_with_its_last_line_and_counts_live(board: Page, place: Place, live: LiveServer) -> None:
    place.say("\x1b[32mfirst\x1b[0m line\nand the last\n")
    board.goto(live.url)
    worker = board.locator(f".agent-row[data-agent='{place.agent['id']}']")
    worker.scroll_into_view_if_needed()  # far from the visible part a row has its agent's name only
    expect(worker).to_contain_text("and the last")
    place.publish("a", *[("agent:output", {"content": part, "messageId": "m"}) for part in ("one ", "word ", "more")])
    expect(worker).to_contain_text("one word more")
    expect(worker).to_contain_text("now")
    card = board.locator(".workspace-card", has_text=place.workspace["name"])
    place.status("waiting", "awaiting_input")
    expect(card.get_by_title("1 needs you")).to_have_text("1")
    expect(group(board, "Needs you")).to_contain_text(place.workspace["name"])
    expect(worker).to_contain_text("for input")
    expect(board).to_have_title(re.compile(r"^\(\d+\) Overview"))
    expect(board.locator("link[rel=icon]")).to_have_attribute("href", re.compile("mark-urgent"))
    worker.get_by_role("link").click()
    expect(board).to_have_url(place.agent_url)


def test_search_and_filter_by_status_are_in_the_address(board: Page, place: Place) -> None:
    other = place.api.agent(place.workspace["id"], "another")
    assert place.api.post(f"/agents/{other['id']}/status", {"status": "running"}).status == 201
    expect(board.get_by_role("region", name="Running")).to_contain_text("another")
    board.locator("main").press("/")
    board.get_by_role("searchbox", name="Filter agents").fill("WORK")
    expect(board.locator(".agent-row")).to_have_count(1)
    board.get_by_role("button", name="1 running").click()
    expect(board.get_by_text("No agents match.")).to_be_visible()
    expect(board).to_have_url(re.compile(r"\?q=WORK&status=running$"))
    board.reload()
    expect(board.get_by_text("No agents match.")).to_be_visible()
    board.get_by_role("button", name="Clear filters").click()
    expect(board.locator(".agent-row")).to_have_count(2)
    place.status("error")
    board.get_by_role("button", name="1 failed").click()
    expect(board.locator(".agent-row .agent-name")).to_have_text(["worker"])


def test_with_notifications_on_a_person_is_notified_when_an_agent_starts_waiting(board: Page, place: Place) -> None:
    board.add_init_script(
        """window.shown = [];
        window.Notification = class {
          static permission = "default";
          static async requestPermission() { return (this.permission = "granted"); }
          constructor(title, { body, tag }) { window.shown.push([title, body, tag]); }
        };"""
    )
    place.status("error")
    board.reload()
    expect(row(board, "worker")).to_contain_text("Error")
    board.get_by_role("button", name=re.compile("need you|needs you")).click()
    board.get_by_role("button", name="Notifications off").click()
    expect(board.get_by_role("button", name="Notifications on")).to_have_attribute("aria-pressed", "true")
    place.status("running")
    expect(row(board, "worker")).to_contain_text("Running")
    place.status("waiting", "awaiting_approval")
    expect(row(board, "worker")).to_contain_text("Waiting")
    place.context(50)
    expect(row(board, "worker")).to_contain_text("50 %")
    told = ["worker", f"Waiting for you · {place.workspace['name']}", place.agent["id"]]
    shown: list[list[str]] = []
    deadline = time.monotonic() + 15
    while told not in shown and time.monotonic() < deadline:
        board.wait_for_timeout(50)
        shown = board.evaluate("window.shown")
    assert [one for one in shown if one[2] == place.agent["id"]] == [told]


def test_a_running_agent_silent_for_long_needs_attention(board: Page, place: Place) -> None:
    place.status("running")
    place.say("working on it")
    expect(row(board, "worker")).to_contain_text("working on it")
    board.clock.install(time=datetime.now(UTC) + timedelta(minutes=6))
    board.reload()
    # A busy machine may take a minute or two for this.
    expect(row(board, "worker")).to_contain_text(re.compile("[678]m ago"))
    running = group(board, "Running")
    board.clock.fast_forward("08:00")
    # The page looks for silent agents every 15 s.
    expect(running).to_contain_text(re.compile(r"no output for 1\d min"), timeout=60_000)


AGENTS = """
import uuid
from django.db import transaction
from agents.services import AgentService
with transaction.atomic():
    for number in range(COUNT):
        print(AgentService.create(uuid.UUID("WORKSPACE"), f"agent {number:04}").pk)
"""


COUNT = scaled(300, 2_000)
VIEWER = "crowd-viewer"


@pytest.fixture(scope="module")
def crowd(live: LiveServer, root: Api) -> Iterator[tuple[str, list[str]]]:
    """The path of a workspace with so many agents, which is all that VIEWER sees, and their ids."""
    workspace = root.workspace("A crowd")
    live.token(VIEWER)
    assert root.post(f"/workspaces/{workspace['id']}/members", {"user": VIEWER, "role": "viewer"}).status == 201
    script = AGENTS.replace("WORKSPACE", workspace["id"]).replace("COUNT", str(COUNT))
    yield f"/w/{workspace['slug']}/", live.run("shell", "-v", "0", "-c", script).split()
    root.call("DELETE", f"/workspaces/{workspace['id']}")


@pytest.mark.parametrize("page", ["workspace", "home"])
def test_many_live_agents_stay_smooth(
    tab: Page, live: LiveServer, root: Api, crowd: tuple[str, list[str]], figures: Figures, page: str
) -> None:
    path, agents = crowd
    sign_in(tab, live, VIEWER)
    began = time.monotonic()
    tab.goto(f"{live.url}{path if page == 'workspace' else '/'}")
    expect(tab.locator(".agent-row").nth(COUNT - 1)).to_be_attached()
    filled = time.monotonic() - began
    expect_state(tab, "Live", seconds=60)
    tab.wait_for_timeout(1_500)
    tab.evaluate(LONG_TASKS)
    for agent in agents[:200]:
        root.output(agent, f"hello {page}\n")
    for agent in agents[:30]:
        root.post(f"/agents/{agent}/status", {"status": "waiting"})
    expect(group(tab, "Needs you").locator(".agent-row").nth(29)).to_be_attached()
    expect(tab.locator(".agent-line", has_text=f"hello {page}").first).to_be_visible()
    longest = long_tasks(tab)
    figure = f"filled in {filled:.1f} s, {heap_mib(tab):.0f} MiB of heap, longest task {longest:.0f} ms"
    figures.tell(f"{COUNT:,} agents, {page}", figure)
    assert filled < allowed(5)
    assert longest < allowed(200)


def test_a_user_without_workspaces_is_told_what_to_do(tab: Page, live: LiveServer) -> None:
    live.token("newcomer")
    sign_in(tab, live, "newcomer")
    tab.goto(live.url)
    expect(tab.get_by_role("heading", name="No workspaces yet")).to_be_visible()
    tab.get_by_role("button", name="Create a workspace").click()
    tab.get_by_role("textbox", name="Name").fill("Made <b>here</b>")
    tab.get_by_role("button", name="Create workspace").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Made <b>here</b>")
    ways = tab.locator("[data-empty-operator] copy-command")
    expect(ways).to_have_count(3)
    for way in ways.all():
        expect(way).to_contain_text(re.compile(r"^agentstream login --url http\S+ && agentstream (connect|run|ask) "))
        expect(way).not_to_contain_text("ags_")  # no token that a shell would remember
    expect_state(tab, "Live")


def card(page: Page, name: str) -> Locator:
    return page.locator(".workspace-card", has_text=name)


def test_home_shows_a_new_workspace_and_drops_a_deleted_one(tab: Page, live: LiveServer, root: Api) -> None:
    live.token("joiner")
    sign_in(tab, live, "joiner")
    tab.clock.install()
    tab.goto(live.url)
    expect_state(tab, "Live")
    expect(tab.get_by_role("heading", name="No workspaces yet")).to_be_visible()
    tab.evaluate("window.sameDocument = true")

    first, second = root.workspace("Joined first"), root.workspace("Joined <b>later</b>")
    members = [f"/workspaces/{workspace['id']}/members" for workspace in (first, second)]
    membership = root.post(members[0], {"user": "joiner", "role": "viewer"}).data
    later(tab)
    expect(card(tab, "Joined first")).to_contain_text("0 agents")
    expect(tab.get_by_role("heading", name="No workspaces yet")).to_be_hidden()
    expect(tab.get_by_text("ask an owner to make you an operator")).to_be_visible()
    assert root.post(members[1], {"user": "joiner", "role": "operator"}).status == 201
    later(tab)
    expect(card(tab, "Joined <b>later</b>").get_by_role("link")).to_have_attribute("href", f"/w/{second['slug']}/")
    expect(tab.locator(".workspace-card a")).to_have_text(["Joined <b>later</b>", "Joined first"])
    expect(tab.locator("copy-command code").first).to_contain_text(f"--workspace {second['slug']}")

    root.agent(first["id"], "in the first")
    expect(row(tab, "in the first")).to_be_visible()
    expect(card(tab, "Joined first")).to_contain_text("1 agent")
    assert root.call("DELETE", f"{members[0]}/{membership['id']}").status == 204
    expect(row(tab, "in the first")).to_have_count(0)  # that the stream tells, at once
    expect(card(tab, "Joined first")).to_have_count(0)
    assert root.post(members[0], {"user": "joiner", "role": "viewer"}).status == 201
    later(tab)
    expect(row(tab, "in the first")).to_be_visible()
    for workspace in (first, second):
        assert root.call("DELETE", f"/workspaces/{workspace['id']}").status == 204
    expect(tab.get_by_role("heading", name="No workspaces yet")).to_be_visible()
    assert tab.evaluate("window.sameDocument")


def test_a_workspace_created_in_another_tab_appears_on_return(tab: Page, live: LiveServer, root: Api) -> None:
    sign_in(tab, live)
    tab.goto(live.url)
    expect_state(tab, "Live")
    workspace = root.workspace("Made in another tab")
    agent = root.agent(workspace["id"], "first there")
    root.post(f"/agents/{agent['id']}/status", {"status": "waiting"})
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(card(tab, workspace["name"]).get_by_title("1 needs you")).to_be_visible()
    expect(row(tab, "first there")).to_be_visible()
    tab.goto(f"{live.url}/pinned/?agents=")
    expect_state(tab, "Live")
    workspace = root.workspace("Made meanwhile")
    root.agent(workspace["id"], "to be pinned")
    tab.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    tab.get_by_label("Add an agent").select_option(label="to be pinned")
    expect(tab.locator(".panel-name")).to_have_text(["to be pinned"])
