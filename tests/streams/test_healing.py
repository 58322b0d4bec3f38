"""Whatever the channel layer loses or repeats, viewers get every event once and in order."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.support.api import Api, agent_of, report
from tests.support.server import LiveServer
from tests.support.viewer import viewer


@pytest.mark.parametrize("lose", [1, 2, 5], ids=["all are lost", "every second is lost", "every fifth is lost"])
def test_a_dropped_channel_layer_message_heals(tmp_path: Path, lose: int) -> None:
    with LiveServer(tmp_path, DJANGO_SETTINGS_MODULE="tests.support.lossy_settings", LOSE=str(lose)) as server:
        root = Api(server.url, server.token("root", "--superuser"))
        _, agent_id = agent_of(root)

        async def scenario() -> None:
            async with viewer(server.ws_url, root.token) as one, viewer(server.ws_url, root.token) as two:
                await one.subscribe("agent", agent_id)
                await two.subscribe("agent", agent_id)
                started = time.monotonic()
                await report(root, agent_id, *(f"line {i}" for i in range(30)))
                for each in (one, two):
                    assert [event["seq"] for event in await each.events(30)] == list(range(1, 31))
                    assert await each.silent()
                assert time.monotonic() - started < 8

        asyncio.run(scenario())


def test_a_write_by_another_process_is_seen_within_about_a_second(own_live: LiveServer) -> None:
    """Without Redis nothing is broadcast between processes; the comparison with the log finds the event."""
    root = Api(own_live.url, own_live.token("root", "--superuser"))
    _, agent_id = agent_of(root)
    code = (
        "from agents.services import AgentService\n"
        "from agents.events import Output\n"
        f"AgentService.report('{agent_id}', Output(content='hi'))"
    )

    async def scenario() -> None:
        async with viewer(own_live.ws_url, root.token) as one:
            await one.subscribe("agent", agent_id)
            await asyncio.to_thread(own_live.manage, "shell", "-c", code)
            [event] = await one.events(1, seconds=3)
            assert event["payload"]["content"] == "hi"

    asyncio.run(scenario())


def test_viewers_are_told_that_the_log_was_restored_from_a_backup(own_live: LiveServer) -> None:
    root = Api(own_live.url, own_live.token("root", "--superuser"))
    _, agent_id = agent_of(root)
    restore = (
        "from streams.models import *\n"
        f"s = Stream.objects.get(name='agent.{agent_id}')\n"
        "Event.objects.filter(stream=s, seq__gt=2).delete()\n"
        "s.head = 2; s.save()"
    )

    async def scenario() -> None:
        async with viewer(own_live.ws_url, root.token) as one:
            await one.subscribe("agent", agent_id)
            await report(root, agent_id, *"abcde")
            await one.events(5)
            await asyncio.to_thread(own_live.manage, "shell", "-c", restore)
            told = await one.next(4)
            assert told["type"] == "subscribed"
            assert (told["payload"]["complete"], told["payload"]["seq"], told["payload"]["oldest"]) == (False, 2, 1)
            assert [event["seq"] for event in await one.events(2)] == [1, 2]

    asyncio.run(scenario())
