"""One agent that the collector reports: the server is away, or an answer comes too late."""

import asyncio
from functools import partial
from math import inf
from pathlib import Path

import pytest
from agentstream.api import Api
from agentstream.collector import reported as reporting
from agentstream.collector.activity import Activity
from agentstream.collector.claude_registry import ClaudeProcess
from agentstream.collector.claude_source import ClaudeSource
from agentstream.collector.config import Reporting
from agentstream.collector.detail import Detail
from agentstream.collector.hooks import HookEvent, HookSpool
from agentstream.collector.positions import Positions
from agentstream.collector.process import Process
from agentstream.collector.reported import TOO_LATE, Place, Reported
from agentstream.outbox import Outbox
from agentstream.redaction import Redactor
from agentstream.sharing import SharedConnection

from tests.clients_python import place as places
from tests.support.api import Api as Server
from tests.support.server import LiveServer

BUFFERED = 20  # events, so that a moment is as long as a day


def process(number: int) -> ClaudeProcess:
    activity = Activity.RUNNING if number % 2 else Activity.IDLE
    return ClaudeProcess(Process(1, "1"), "s", "/work", activity, 1.0, "2.1.332", None, number + 2.0)


def status_line(number: int) -> HookEvent:
    used = {"input_tokens": number, "output_tokens": 0}
    window = {"context_window_size": 100_000, "current_usage": used}
    told = {"session_id": "s", "context_window": window, "cost": {"total_cost_usd": number / 100}}
    return HookEvent(f"1-{number}", float(number), 1, False, told)


def reported(place: places.Place, connection: SharedConnection, folder: Path) -> Reported[ClaudeProcess]:
    api = Api(place.url, place.token)
    where = Place(api, connection, place.workspace, place.agent, "k", 0, Redactor({}))
    known = (HookSpool(folder), Positions(folder / "state"))
    return Reported(process(0), ClaudeSource(folder), where, Reporting("w", Detail.FULL), *known, inf)


def test_who_answers_after_the_terminal_did_is_told(place: places.Place, tmp_path: Path) -> None:
    server = Server(place.url, place.token)
    asked = {"hook_event_name": "PermissionRequest", "tool_name": "Bash", "tool_input": {"command": "ls"}}

    async def go() -> None:
        async with SharedConnection(place.url, place.token) as connection:
            one = reported(place, connection, tmp_path)
            running = asyncio.create_task(one.run())
            await asyncio.sleep(0)
            one.hook(HookEvent("1-1", 1.0, 1, True, asked))  # of which nothing is left
            path = f"/agents/{place.agent}/requests"
            while not (found := (await asyncio.to_thread(server.get, path)).data["requests"]):
                await asyncio.sleep(0.05)
            answer = f"{path}/{found[0]['requestId']}/answer"
            assert (await asyncio.to_thread(server.post, answer, {"option": "allow"})).status == 200
            while TOO_LATE not in await asyncio.to_thread(place.text, "agent", "system"):
                await asyncio.sleep(0.05)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(go(), 60))


def test_a_day_without_the_server_leaves_only_the_newest_state_to_tell(
    mortal: LiveServer, mortal_place: places.Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "Outbox", partial(Outbox, BUFFERED))
    server = Server(mortal_place.url, mortal_place.token)

    async def go() -> None:
        async with SharedConnection(mortal_place.url, mortal_place.token) as connection:
            one = reported(mortal_place, connection, tmp_path)
            running = asyncio.create_task(one.run())
            await asyncio.sleep(0)
            for number in range(1, 2_000):
                one.see(process(number))
                one.hook(status_line(number))
            await asyncio.to_thread(mortal.start)
            while (await asyncio.to_thread(server.get, f"/agents/{mortal_place.agent}")).data["status"] != "running":
                one.see(process(1_999))
                await asyncio.sleep(0.05)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    mortal.kill()
    asyncio.run(asyncio.wait_for(go(), 60))
    assert server.get(f"/agents/{mortal_place.agent}").data["contextLevel"] == 2
    told = mortal_place.history()
    assert len(told) <= BUFFERED + 5
    assert [event.payload["costUsd"] for event in told if event.type == "agent:usage"][-1] == 19.99
