"""When a publisher renews its lease."""

import asyncio
import json
import time
from typing import Any

import pytest
from agentstream import Publisher, delivery
from agentstream.concurrency import clock
from agentstream.delivery import DEFAULT_LEASE_SECONDS, Lease
from websockets.asyncio.server import ServerConnection

from .scripted import AGENT, answer, scripted, within


def test_it_is_renewed_at_once_and_three_times_per_duration() -> None:
    lease = Lease(wanted=True)
    assert lease.due(0.0)
    assert not lease.renewed(0.0, 30.0)
    assert not lease.due(9.9)
    assert lease.left(4.0) == 6.0
    assert lease.due(10.0)


def test_it_may_have_expired_if_renewed_too_late() -> None:
    lease = Lease(wanted=True)
    assert not lease.renewed(0.0, 30.0)
    assert not lease.renewed(26.0, 30.0)
    assert lease.renewed(54.0, 30.0)


def test_without_a_lease_nothing_is_due() -> None:
    lease = Lease(wanted=True)
    lease.end()
    assert (lease.due(1e9), lease.left(0.0)) == (False, None)


def test_a_new_connection_renews_and_after_too_long_repeats_the_status() -> None:
    frames: list[dict[str, Any]] = []

    async def handler(websocket: ServerConnection) -> None:
        async for frame in websocket:
            request = json.loads(frame)
            frames.append(request["payload"])
            n = max((event["n"] for event in request["payload"]["events"]), default=0)
            await websocket.send(answer("published", request["id"], agentId=AGENT, n=n, seq=n, lease=0.3))
            if len(frames) == 3:
                await asyncio.sleep(0.4)
                websocket.transport.abort()

    async def go() -> None:
        async with scripted(handler) as url, Publisher(url, "token", AGENT, lease=True) as publisher:
            await publisher.status("running", reason="why")
            await publisher.flush()
            while len([frame for frame in frames if frame["events"]]) < 2:
                await asyncio.sleep(0.01)
            await publisher.terminated(0)

    within(10, go())
    assert frames[0]["lease"] is True
    assert [event["type"] for frame in frames for event in frame["events"]][:2] == ["agent:status"] * 2
    assert [frame for frame in frames if frame["events"]][1]["events"][0]["payload"]["reason"] == "why"
    assert "lease" not in frames[-1]


def test_after_the_machine_has_slept_the_status_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[str] = []

    async def handler(websocket: ServerConnection) -> None:
        async for frame in websocket:
            request = json.loads(frame)
            events = request["payload"]["events"]
            statuses.extend(event["payload"].get("status", "") for event in events)
            n = max((event["n"] for event in events), default=0)
            await websocket.send(answer("published", request["id"], agentId=AGENT, n=n, seq=n, lease=0.3))

    async def go() -> None:
        async with scripted(handler) as url, Publisher(url, "token", AGENT, lease=True) as publisher:
            await publisher.status("running")
            await publisher.flush()
            assert statuses == ["running"]
            monkeypatch.setattr(delivery, "clock", lambda: clock() + 3_600)
            while len(statuses) < 2:
                await asyncio.sleep(0.01)
            await publisher.terminated(0)

    within(10, go())
    assert statuses[:2] == ["running", "running"]


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no such clock")
def test_the_time_asleep_counts() -> None:
    assert abs(clock() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1


def test_until_the_server_reports_a_duration_it_is_shorter_than_the_default() -> None:
    assert DEFAULT_LEASE_SECONDS < 30
