"""Retention: old events are removed in small steps, and viewers who needed them are told."""

import asyncio
from pathlib import Path

import pytest

from tests.support.api import Api, agent_of, report_many
from tests.support.server import LiveServer
from tests.support.viewer import viewer


def test_the_server_keeps_the_newest_events_and_says_what_is_gone(tmp_path: Path, backend: dict[str, str]) -> None:
    with LiveServer(tmp_path, STREAM_RETAIN_EVENTS="100", STREAM_TRIM_EVERY="0.3", **backend) as server:
        root = Api(server.url, server.token("root", "--superuser"))
        _, agent_id = agent_of(root)

        async def scenario() -> None:
            await report_many(root, agent_id, [f"line {i}" for i in range(1, 1_501)])
            while (page := await asyncio.to_thread(root.get, f"/agents/{agent_id}/events?limit=1000")).data[
                "oldest"
            ] < 1_401:
                await asyncio.sleep(0.1)
            assert (page.data["oldest"], page.data["seq"], page.data["complete"]) == (1_401, 1_500, False)
            assert [event["seq"] for event in page.data["events"]] == list(range(1_401, 1_501))
            async with viewer(server.ws_url, root.token) as one:
                for since, complete, first in (
                    (0, False, 1_401),
                    (1_399, False, 1_401),
                    (1_400, True, 1_401),
                    (1_450, True, 1_451),
                ):
                    answer = await one.subscribe("agent", agent_id, since=since)
                    assert answer["payload"]["complete"] is complete, since
                    assert answer["payload"]["oldest"] == 1_401
                    events = await one.events(1_501 - first)
                    assert [event["seq"] for event in events] == list(range(first, 1_501))

        asyncio.run(scenario())


def test_events_can_be_trimmed_by_command(own_live: LiveServer) -> None:
    root = Api(own_live.url, own_live.token("root", "--superuser"))
    _, agent_id = agent_of(root)
    asyncio.run(report_many(root, agent_id, ["x"] * 1_200))
    assert own_live.manage("trim") == "removed 0 events"
    own_live.env["STREAM_RETAIN_EVENTS"] = "10"
    assert own_live.manage("trim") == "removed 1190 events"
    assert root.get(f"/agents/{agent_id}/events?since=1190").data["complete"] is True


def test_old_events_are_removed_by_age(own_live: LiveServer) -> None:
    root = Api(own_live.url, own_live.token("root", "--superuser"))
    _, agent_id = agent_of(root)
    asyncio.run(report_many(root, agent_id, ["x"] * 20))
    own_live.run("shell", "-c", "from streams.models import *; Event.objects.filter(seq__lte=7).update(time=1)")
    assert own_live.manage("trim").endswith(" events")
    assert root.get(f"/agents/{agent_id}/events").data["oldest"] == 8


def test_a_second_server_without_redis_is_refused_with_the_reason(own_live: LiveServer, tmp_path: Path) -> None:
    second = LiveServer(tmp_path)
    with pytest.raises(RuntimeError, match="without REDIS_URL they would not receive each other's events"):
        second.start()


def test_a_second_server_on_postgresql_without_redis_is_refused(tmp_path: Path, postgres: object) -> None:
    url = postgres.create_database("locked")  # type: ignore[attr-defined]
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
    with LiveServer(folders[0], DATABASE_URL=url) as first:
        second = LiveServer(folders[1], DATABASE_URL=url)
        with pytest.raises(RuntimeError, match="another Agentstream server already runs"):
            second.start()
        first.restart()
