"""What an agent, its sessions and a workspace have used is shown as it was reported, and to members only."""

import re
import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import expect_state, sign_in
from tests.browser.conftest import Place
from tests.support.api import Api
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser

EARLIER = """
from datetime import timedelta
from agents.models import UsageShare
for share in UsageShare.objects.filter(agent="{}"):
    share.day -= timedelta(days=20)
    share.save()
"""


NONE = "\N{EN DASH}"


def report(place: Place, session: str, **numbers: Any) -> None:
    place.publish(uuid.uuid4().hex, ("agent:usage", {"session": session, **numbers}))


def usage_url(place: Place) -> str:
    return f"{place.workspace_url}usage/"


def row(tab: Page, table: str, name: str | re.Pattern[str]) -> Any:
    return tab.get_by_role("table", name=table).get_by_role("row").filter(has_text=name)


def cells(*texts: str) -> re.Pattern[str]:
    return re.compile(r"\s+".join(map(re.escape, texts)))


def test_an_agents_page_says_what_all_its_sessions_have_used(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    used = tab.locator(".agent-usage")
    expect(used).to_be_hidden()
    limits = [{"name": "five_hour", "usedPercent": 63.6}]
    report(place, "one", inputTokens=10_000, cachedInputTokens=8_000, outputTokens=2_345, costUsd=0.5, limits=limits)
    expect(used).to_have_text("12.3K tokens · $0.50")
    report(place, "two", inputTokens=1_000_000, costUsd=1)
    expect(used).to_have_text("1M tokens · $1.50")
    tab.reload()
    expect(used).to_have_text("1M tokens · $1.50")
    name = "1M tokens · $1.50, used so far: 1,010,000 input tokens (8,000 cached), 2,345 output tokens, $1.50"
    expect(used).to_have_accessible_name(name)
    used.click()
    expect(tab).to_have_url(usage_url(place))


def test_what_a_session_used_is_said_where_it_begins(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    tab.goto(place.agent_url)
    expect_state(tab, "Live")
    used = {"session": "a", "inputTokens": 1_200, "outputTokens": 90, "costUsd": 0.42}
    place.publish(
        "p",
        ("agent:session", {"session": "a", "change": "started"}),
        ("agent:usage", {**used, "inputTokens": 1_000}),
        ("agent:usage", used),
        ("agent:output", {"content": "done\n"}),
        ("agent:session", {"session": "a", "change": "ended"}),
        ("agent:session", {"session": "b", "change": "started"}),
        ("agent:usage", {"session": "b", "costUsd": 0.001}),
        ("agent:output", {"content": "done again\n"}),
        ("agent:session", {"session": "c", "change": "cleared"}),
        ("agent:usage", {"session": "c", "costUsd": 1, "estimated": True}),
        ("agent:terminated", {"exitCode": 0, "reason": "completed"}),
    )
    began = r"\w+ \d+, \d\d:\d\d · \d+ s · "
    expect(tab.locator('.entry[data-type="note"] .entry-body')).to_have_text(
        [
            re.compile(rf"^Session 1 · {began}\$0\.42$"),
            "Session ended",
            re.compile(rf"^Session 2 · {began}under \$0\.01$"),
            re.compile(rf"^Session 3 cleared · {began}exit 0 · about \$1\.00$"),
            "Finished · exited with code 0",
        ]
    )


def test_a_workspaces_usage_is_shown_by_day_agent_and_model(tab: Page, live: LiveServer, place: Place) -> None:
    report(place, "old", model="opus", inputTokens=1_000_000, outputTokens=500, costUsd=30)
    live.run("shell", "-v", "0", "-c", EARLIER.format(place.agent["id"]))
    report(place, "new", model="sonnet", inputTokens=20_000, cachedInputTokens=15_000, outputTokens=1_000, costUsd=0.25)
    other = Place(place.api, place.workspace, place.api.agent(place.workspace["id"], "<b>other</b>"))
    report(other, "s", model="sonnet", outputTokens=40, costUsd=0.5, estimated=True)
    sign_in(tab, live)
    tab.goto(place.workspace_url)
    tab.get_by_role("link", name="Usage").click()
    totals = tab.get_by_label("Total")
    expect(totals).to_contain_text("about $30.75")
    expect(totals).to_contain_text("15K of them cached")
    expect(row(tab, "By agent", "worker")).to_have_text(cells("worker", "1M", "15K", "1.5K", "$30.25"))
    expect(row(tab, "By agent", "<b>other</b>")).to_have_text(cells(NONE, NONE, "40", "about $0.50"))
    expect(row(tab, "By model", "opus")).to_have_text(cells("opus", "1M", NONE, "500", "$30.00"))
    expect(tab.locator(".usage-chart g")).to_have_count(30)
    tab.get_by_text("The days as a table").click()
    expect(tab.get_by_role("table", name="By day").get_by_role("row")).to_have_count(3)

    tab.get_by_role("link", name="7 days").click()
    expect(tab).to_have_url(f"{usage_url(place)}?days=7")
    expect(totals).to_contain_text("about $0.75")
    expect(row(tab, "By model", "opus")).to_have_count(0)
    expect(tab.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    expect(tab.locator(".usage-chart g")).to_have_count(7)
    row(tab, "By agent", "worker").get_by_role("link").click()
    expect(tab).to_have_url(place.agent_url)


def test_the_page_follows_what_is_reported(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    tab.goto(usage_url(place))
    expect_state(tab, "Live")
    expect(tab.get_by_role("heading", name="No usage reported yet")).to_be_visible()
    report(place, "s", model="opus", inputTokens=20_000)
    totals = tab.get_by_label("Total")
    expect(totals).to_contain_text("20K")
    tab.get_by_text("The days as a table").click()
    report(place, "s", model="opus", inputTokens=30_000)
    expect(totals).to_contain_text("30K", timeout=15_000)
    expect(row(tab, "By day", "30K")).to_be_visible()
    place.api.call("DELETE", f"/workspaces/{place.workspace['id']}")
    expect(tab.get_by_text("This workspace was deleted.")).to_be_visible()
    expect(totals).to_be_hidden()


def test_bars_compare_tokens_where_a_model_has_no_costs(tab: Page, live: LiveServer, place: Place) -> None:
    report(place, "a", model="priced", inputTokens=100, costUsd=5)
    report(place, "b", model="unpriced", inputTokens=400)
    sign_in(tab, live)
    tab.goto(usage_url(place))
    expect(tab.get_by_label("Total")).to_contain_text("not reported for unpriced")
    expect(row(tab, "By model", re.compile("^\\s*priced")).locator("rect")).to_have_attribute("width", "25.00%")
    expect(row(tab, "By model", "unpriced").locator("rect")).to_have_attribute("width", "100.00%")


def test_more_agents_than_a_table_shows_are_summed_up(tab: Page, live: LiveServer, place: Place) -> None:
    script = f"""
from datetime import datetime, UTC
from uuid import UUID
from agents.models import UsageShare
from agents.services import AgentService
for n in range(60):
    agent = AgentService.create(UUID("{place.workspace["id"]}"), f"a{{n}}")
    UsageShare.objects.create(agent=agent, session="s", day=datetime.now(UTC).date(), output_tokens=100 + n)
"""
    live.run("shell", "-v", "0", "-c", script)
    sign_in(tab, live)
    tab.goto(usage_url(place))
    expect(tab.get_by_role("table", name="By agent").get_by_role("row")).to_have_count(52)
    expect(row(tab, "By agent", "10 others")).to_have_text(cells(NONE, NONE, "1K", NONE))
    expect(tab.get_by_role("table", name="By model")).to_contain_text("Model not reported")


def test_without_usage_the_page_says_how_it_gets_there(tab: Page, live: LiveServer, place: Place) -> None:
    sign_in(tab, live)
    tab.goto(f"{usage_url(place)}?days=x")
    expect(tab.get_by_role("heading", name="No usage reported yet")).to_be_visible()
    expect(tab.locator("copy-command")).to_contain_text(f"--workspace {place.workspace['slug']} ")
    expect(tab.get_by_role("button", name="Copy")).to_be_visible()
    report(place, "s", inputTokens=1)
    live.run("shell", "-v", "0", "-c", EARLIER.format(place.agent["id"]))
    tab.goto(f"{usage_url(place)}?days=7")
    expect(tab.get_by_text("Nothing was reported in the last 7 days.")).to_be_visible()
    tab.get_by_role("link", name="90 days").click()
    expect(tab.get_by_label("Total")).to_contain_text("Input tokens")


def test_every_member_sees_a_workspaces_usage_and_nobody_else(tab: Page, live: LiveServer, place: Place) -> None:
    name = f"v{uuid.uuid4().hex[:8]}"
    Api(live.url, live.token(name))
    elsewhere = Place(place.api, place.api.workspace(f"else {name}"), place.agent)
    report(place, "s", model="secret-model", inputTokens=7)
    sign_in(tab, live, name)
    refused = tab.request.get(usage_url(place))
    assert refused.status == 404
    assert "secret-model" not in refused.text()
    for workspace in (place.workspace, elsewhere.workspace):
        body = {"user": name, "role": "viewer"}
        assert place.api.post(f"/workspaces/{workspace['id']}/members", body).status == 201
    tab.goto(usage_url(place))
    expect(tab.get_by_role("table", name="By model")).to_contain_text("secret-model")
    tab.goto(usage_url(elsewhere))
    expect(tab.get_by_role("heading", name="No usage reported yet")).to_be_visible()


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_the_page_fits_the_screen(tab: Page, live: LiveServer, place: Place, width: int) -> None:
    report(
        place, "a", model="m" * 200, inputTokens=10**15, cachedInputTokens=10**15, outputTokens=10**15, costUsd=10**6
    )
    tab.set_viewport_size({"width": width, "height": 800})
    sign_in(tab, live)
    tab.goto(usage_url(place))
    tab.get_by_text("The days as a table").click()
    for name in ("By day", "By agent", "By model"):
        table = tab.get_by_role("table", name=name)
        expect(table).to_be_visible()
        box = table.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
