"""Sessions and usage: each session counts once, on the right days and for the right models, even after trimming."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.agents.requests import Desk, Json, desk_of
from tests.agents.test_progress import session
from tests.chaos.cluster import Cluster

TODAY = datetime.now(UTC).date()
EARLIER = """
from datetime import date, timedelta
from agents.models import UsageShare
for share in UsageShare.objects.filter(agent="{}").order_by("day"):
    share.day -= timedelta(days=1)
    share.save()
"""
TRIM = """
from streams.log.retention import FOREVER, trim_stream
assert trim_stream("agent.{}", 0, FOREVER, 500)
"""


@pytest.fixture
def desk(pair: Cluster) -> Desk:
    return desk_of(pair)


@pytest.fixture
def run(pair: Cluster) -> Any:
    return lambda script: pair.servers[0].run("shell", "-v", "0", "-c", script)


def report(desk: Desk, session: str | None = "s", producer: str = "", **numbers: Any) -> None:
    payload = numbers if session is None else {"session": session, **numbers}
    published = desk.publish(("agent:usage", payload), producer=producer or uuid.uuid4().hex)
    assert published.status == 200, published


def usage(desk: Desk, query: str = "") -> list[Json]:
    answer = desk.root.get(f"/workspaces/{desk.workspace_id}/usage?{query}")
    assert answer.status == 200, answer
    assert not answer.data["more"]
    found: list[Json] = answer.data["usage"]
    return found


def sessions(desk: Desk, query: str = "") -> list[Json]:
    found: list[Json] = desk.root.get(f"/agents/{desk.agent_id}/sessions?{query}").data["sessions"]
    return found


def test_a_workspace_is_told_once_per_publication_that_an_agent_has_used_something(desk: Desk) -> None:
    before = desk.root.get(f"/workspaces/{desk.workspace_id}/events").data["seq"]
    desk.publish(*[("agent:usage", {"session": "s", "inputTokens": n}) for n in range(1, 4)], producer="told")
    desk.publish(("agent:output", {"content": "more"}), producer="told", n=4)
    told = desk.root.get(f"/workspaces/{desk.workspace_id}/events?since={before}").data["events"]
    assert [(each["payload"]["change"], each["payload"]["data"]) for each in told] == [
        ("agent_usage", {"agentId": desk.agent_id})
    ]


def test_a_later_report_of_a_session_replaces_its_earlier_one(desk: Desk) -> None:
    report(desk, inputTokens=10, outputTokens=1, costUsd=0.1)
    report(desk, inputTokens=30, costUsd=0.3)
    report(desk, inputTokens=30, costUsd=0.3)
    report(desk, "another", inputTokens=5)
    assert usage(desk) == [{"inputTokens": 35, "outputTokens": 1, "costUsd": 0.3}]
    report(desk, inputTokens=20, costUsd=0.2)
    assert usage(desk) == [{"inputTokens": 25, "outputTokens": 1, "costUsd": 0.2}], "a correction counts too"


def test_a_session_of_several_days_is_attributed_by_difference(desk: Desk, run: Any) -> None:
    report(desk, model="a", inputTokens=10, costUsd=0.1)
    run(EARLIER.format(desk.agent_id))
    report(desk, model="a", inputTokens=25, costUsd=0.1)
    report(desk, model="b", inputTokens=125, costUsd=0.4)
    yesterday = TODAY - timedelta(days=1)
    assert usage(desk, "by=day") == [
        {"day": str(yesterday), "inputTokens": 10, "costUsd": 0.1},
        {"day": str(TODAY), "inputTokens": 115, "costUsd": 0.3},
    ]
    assert usage(desk, "by=model") == [
        {"model": "a", "inputTokens": 25, "costUsd": 0.1},
        {"model": "b", "inputTokens": 100, "costUsd": 0.3},
    ]
    assert usage(desk, f"to={yesterday}") == [{"inputTokens": 10, "costUsd": 0.1}]
    assert usage(desk, f"from={TODAY}&by=day&by=model") == [
        {"day": str(TODAY), "model": "a", "inputTokens": 15},
        {"day": str(TODAY), "model": "b", "inputTokens": 100, "costUsd": 0.3},
    ]


def test_sums_can_be_grouped_by_agent(desk: Desk) -> None:
    report(desk, inputTokens=1)
    other = desk.root.agent(desk.workspace_id, "other")["id"]
    body = {"producer": "p", "events": [{"n": 1, "type": "agent:usage", "payload": {"inputTokens": 2}}]}
    assert desk.root.post(f"/agents/{other}/events", body).status == 200
    assert usage(desk, "by=agent") == [
        {"agentId": desk.agent_id, "agentName": "agent", "inputTokens": 1},
        {"agentId": other, "agentName": "other", "inputTokens": 2},
    ]
    assert usage(desk, "by=workspace") == [{"inputTokens": 3}]


def test_an_agents_sessions_are_summed_up(desk: Desk) -> None:
    assert desk.root.get(f"/agents/{desk.agent_id}/usage").data == {}
    report(desk, "a", inputTokens=1, costUsd=0.5)
    report(desk, "b", inputTokens=2, outputTokens=3)
    assert desk.root.get(f"/agents/{desk.agent_id}/usage").data == {"inputTokens": 3, "outputTokens": 3, "costUsd": 0.5}


def test_usage_without_a_session_counts_for_the_current_one_or_the_run(desk: Desk) -> None:
    report(desk, None, producer="run-1", inputTokens=1)
    report(desk, None, producer="run-2", inputTokens=2)
    assert usage(desk) == [{"inputTokens": 3}], "two runs"
    desk.publish(session("s", "started", model="m"))
    report(desk, None, inputTokens=10)
    report(desk, None, inputTokens=11)
    assert usage(desk, "by=model") == [{"model": "", "inputTokens": 3}, {"model": "m", "inputTokens": 11}]
    assert sessions(desk)[0]["usage"] == {"inputTokens": 11}


def test_estimated_usage_is_marked(desk: Desk) -> None:
    report(desk, "a", model="a", costUsd=1, estimated=True)
    report(desk, "b", model="b", costUsd=1)
    assert usage(desk, "by=model") == [{"model": "a", "costUsd": 1, "estimated": True}, {"model": "b", "costUsd": 1}]


def test_the_largest_numbers_are_summed(desk: Desk) -> None:
    for name in ("a", "b"):
        report(desk, name, inputTokens=10**15, costUsd=1_000_000)
    assert usage(desk) == [{"inputTokens": 2 * 10**15, "costUsd": 2_000_000}]
    assert usage(desk, "from=1990-01-01&to=1990-01-02") == [{}]


def test_sessions_are_listed_with_their_outcomes(desk: Desk) -> None:
    desk.publish(session("one", "started", title="First"), ("agent:output", {"content": "x"}), producer="a")
    desk.publish(session("two", "cleared"), ("agent:usage", {"inputTokens": 7}), producer="b")
    desk.publish(("agent:terminated", {"exitCode": 1, "reason": "error"}), producer="c")
    desk.publish(session("three", "started"), session("three", "ended"), session("one", "resumed"), producer="d")
    desk.publish(("agent:output", {"content": "x"}), producer="e")
    three, two, one = sessions(desk)
    assert (one["session"], one["title"], one["change"]) == ("one", "First", "resumed")
    assert [session["number"] for session in (one, two, three)] == [1, 2, 3]
    assert (one["firstSeq"], one["lastSeq"]) == (1, 9), "it goes on"
    assert not {"outcome", "endedAt"} & one.keys()
    assert (two["firstSeq"], two["lastSeq"], two["outcome"], two["usage"]) == (3, 5, "error", {"inputTokens": 7})
    assert (three["firstSeq"], three["lastSeq"], three["outcome"], three["usage"]) == (6, 7, "ended", {})
    assert two["startedAt"] <= two["endedAt"] <= three["startedAt"]
    desk.publish(session("four", "started"), producer="f")
    assert [(row["session"], row.get("outcome"), row["lastSeq"]) for row in sessions(desk)] == [
        ("four", None, 10), ("three", "ended", 7), ("two", "error", 5), ("one", "replaced", 9)
    ]  # fmt: skip
    assert [row["session"] for row in sessions(desk, "limit=2")] == ["four", "three"]
    assert [row["session"] for row in sessions(desk, "before=6")] == ["two", "one"]


def test_sessions_and_usage_outlive_their_events(desk: Desk, run: Any) -> None:
    desk.publish(session("s", "started", title="T"), ("agent:usage", {"inputTokens": 7}))
    before = sessions(desk), usage(desk, "by=agent"), desk.state()
    run(TRIM.format(desk.agent_id))
    assert desk.events() == []
    assert (sessions(desk), usage(desk, "by=agent"), desk.state()) == before
    report(desk, "s", inputTokens=9)
    assert usage(desk) == [{"inputTokens": 9}]


def test_a_repeated_report_counts_once(desk: Desk) -> None:
    for _ in range(2):
        assert desk.publish(("agent:usage", {"inputTokens": 7})).status == 200
    assert usage(desk) == [{"inputTokens": 7}]


def test_a_session_is_lost_with_its_runner(desk: Desk, run: Any) -> None:
    desk.publish(session("s", "started"), lease=True)
    run(f"""
from datetime import datetime, UTC
from agents.models import Agent
from agents.services import AgentService
Agent.objects.filter(pk="{desk.agent_id}").update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
assert AgentService.end_lost()
""")
    assert sessions(desk)[0]["outcome"] == "lost"


@pytest.mark.parametrize(
    "query", ["from=x", "to=2026-13-01", "by=color", "from=2026-11-02&to=2026-11-01", "from=0001-01-01", "by=day" * 2]
)
def test_a_bad_query_gets_a_clear_error(desk: Desk, query: str) -> None:
    refused = desk.root.get(f"/workspaces/{desk.workspace_id}/usage?{query}")
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")
    assert refused.data["message"]


def test_strangers_see_no_sessions_and_no_usage(desk: Desk, pair: Cluster) -> None:
    stranger = desk_of(pair).person("ann")
    assert stranger.get(f"/workspaces/{desk.workspace_id}/usage").status == 404
    assert stranger.get(f"/agents/{desk.agent_id}/sessions").status == 404
    assert stranger.get(f"/agents/{desk.agent_id}/usage").status == 404
    viewer = desk.person("vera")
    assert viewer.get(f"/workspaces/{desk.workspace_id}/usage").status == 200
    assert viewer.get(f"/agents/{desk.agent_id}/sessions").status == 200
    assert viewer.get(f"/agents/{desk.agent_id}/usage").status == 200


FILL = """
from datetime import date, timedelta
from agents import folding
from agents.maintenance import fold_sessions
from agents.models import Session, UsageShare
folding.KEPT, folding.KEPT_MODELS = 10, 5
day = date(2026, 1, 1)
for n in range(40):
    UsageShare.objects.create(agent_id="{0}", session=f"s{{n}}", day=day, model=f"m{{n % 20}}", input_tokens=n)
    Session.objects.create(
        agent_id="{0}", name=f"s{{n}}", payload="{{}}", first_seq=n, changed_seq=n, started_at="2026-01-01T00:00Z"
    )
fold_sessions()
assert not folding.overfull()
assert Session.objects.filter(agent="{0}").count() == 10
assert set(Session.objects.filter(agent="{0}").values_list("name", flat=True)) == {{f"s{{n}}" for n in range(30, 40)}}
print(UsageShare.objects.filter(agent="{0}").count())
"""


def test_stored_sessions_are_bounded_and_no_sum_changes(desk: Desk, run: Any) -> None:
    assert int(run(FILL.format(desk.agent_id)).split()[-1]) == 10 + 5 + 1
    assert usage(desk, "from=2026-01-01&to=2026-01-01") == [{"inputTokens": sum(range(40))}]
    report(desk, "s39", inputTokens=100)
    assert usage(desk, "from=2026-01-01") == [{"inputTokens": sum(range(39)) + 100}]
