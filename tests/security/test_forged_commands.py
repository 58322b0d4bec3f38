"""An attacker who can write to the channel layer can show viewers false events, but can't make a runner act on them.

The events are forged with the server's own settings, as by an attacker with its Redis and its keys.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from agentstream import Event, watch
from agentstream import commands as commands_module
from agentstream.api import Api as ClientApi
from agentstream.commands import Forged, Input, Signal, commands
from agentstream.errors import Unavailable, Unreachable
from websockets.asyncio.server import ServerConnection

from tests.clients_python.command import python, running, wait_for
from tests.clients_python.place import Place
from tests.clients_python.scripted import AGENT, TIME, scripted, subscribed, within
from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.services import Redis

ECHO = "print('ready')\nwhile True: print('got', input())"

FORGE = """
import json
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
text = json.dumps(EVENT, separators=(",", ":"))
stream, seq = "agent." + EVENT["payload"]["agentId"], EVENT["seq"]
message = {"type": "stream.appended", "stream": stream, "first": seq, "last": seq, "text": text}
async_to_sync(get_channel_layer().group_send)(stream, message)
"""


@pytest.fixture(scope="module")
def shared(redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("forged"), REDIS_URL=redis_server.url) as server:
        yield server


@pytest.fixture
def place(shared: LiveServer) -> Place:
    return Place.made(Api(shared.url, shared.token("root", "--superuser")))


def forge(server: LiveServer, place: Place, type_: str, **payload: str) -> Event:
    """Send all viewers of the agent an event that isn't in its log. Raises unless a viewer gets it."""
    seq = len(place.history()) + 1
    event = {
        "type": type_,
        "payload": {"agentId": place.agent, "from": "root", **payload},
        "timestamp": TIME,
        "seq": seq,
    }

    async def seen() -> Event:
        async with watch(place.url, place.token, agents=[place.agent], since=seq - 1) as events:
            waiting = asyncio.create_task(anext(events))
            await asyncio.sleep(0.5)  # subscribed, or the event would not be live
            await asyncio.to_thread(server.manage, "shell", "-c", FORGE.replace("EVENT", json.dumps(event)))
            return await waiting

    return within(20, seen())


def test_forged_input_does_not_reach_the_command_and_is_reported(shared: LiveServer, place: Place) -> None:
    with running(place, *python(ECHO)) as process:
        wait_for(place, "ready")
        shown = forge(shared, place, "agent:input", content="forged")
        assert shown.payload["content"] == "forged", "a viewer is shown what was forged"
        wait_for_note(place)
        assert "ignored a forged command" in stderr_of(process)
        # What people really send still arrives, also under the number that the forged event claimed.
        sent = Api(place.url, place.token).post(f"/agents/{place.agent}/input", {"content": "real"})
        assert sent.status == 201
        wait_for(place, "got real")
        assert process.poll() is None
    assert "forged" not in place.text()


@pytest.mark.parametrize("signal", ["stop", "interrupt"])
def test_a_forged_signal_does_not_reach_the_command(shared: LiveServer, place: Place, signal: str) -> None:
    with running(place, *python(ECHO)) as process:
        wait_for(place, "ready")
        assert forge(shared, place, "agent:signal", signal=signal).payload["signal"] == signal
        wait_for_note(place)
        sent = Api(place.url, place.token).post(f"/agents/{place.agent}/input", {"content": "still there"})
        assert sent.status == 201
        wait_for(place, "got still there")
        assert process.poll() is None


def wait_for_note(place: Place) -> None:
    wait_for(place, "A command was ignored because the server's log does not contain it", role="system")


def stderr_of(process: Any) -> str:
    """What the runner has printed so far on standard error."""
    data: bytes = process.stderr.read1(65_536)
    return data.decode()


# The rest of what can happen, against a server that does what a test tells it


def event(seq: int, content: str) -> Event:
    payload = {"agentId": AGENT, "content": content, "from": "root"}
    return Event("agent:input", payload, seq, TIME, f"agent.{AGENT}")


class Log(ClientApi):
    """An agent's log, which may fail; `requests` are the reads of it."""

    stored: list[Event]
    failures: list[Exception]
    requests: list[tuple[int, int]]

    @classmethod
    def of(cls, url: str, stored: list[Event], *failures: Exception) -> "Log":
        log = cls(url, "token")
        for name, value in {"stored": stored, "failures": list(failures), "requests": []}.items():
            object.__setattr__(log, name, value)
        return log

    async def events(self, agent_id: str, since: int, limit: int, types: Any = ()) -> list[Event]:
        self.requests.append((since, limit))
        if self.failures:
            raise self.failures.pop(0)
        found = [event for event in self.stored if event.seq > since and event.type in (types or {event.type})]
        return found[:limit]


def received(
    live: list[Event], count: int, make: Callable[[str], Log], seconds: float = 10
) -> tuple[list[Any], list[tuple[int, int]]]:
    """The first `count` commands when the server sends the events `live`, and the reads of the log."""

    async def handler(websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.send(subscribed(5))
        for one in live:
            message = {"type": one.type, "payload": one.payload, "timestamp": TIME, "seq": one.seq}
            await websocket.send(json.dumps(message))
        await websocket.wait_closed()

    async def go() -> tuple[list[Any], list[tuple[int, int]]]:
        got: list[Any] = []
        async with scripted(handler) as url:
            log = make(url)
            async with aclosing(commands(log, AGENT, 5)) as found:
                while len(got) < count:
                    got.append(await anext(found))
            return got, log.requests

    return within(seconds, go())


def test_a_confirmed_command_costs_one_read_of_one_event() -> None:
    stored = [event(6, "a"), event(7, "b")]
    got, requests = received(stored, 2, lambda url: Log.of(url, stored))
    assert got == [Input("a"), Input("b")]
    assert requests == [(5, 1), (6, 1)]


def test_a_forged_text_under_a_real_number_gives_the_real_text() -> None:
    got, _ = received([event(6, "forged")], 2, lambda url: Log.of(url, [event(6, "real")]))
    assert got == [Forged(), Input("real")]


def test_a_forged_event_of_another_type_is_not_confirmed_by_its_number() -> None:
    signal = Event("agent:signal", {"agentId": AGENT, "signal": "stop", "from": "root"}, 6, TIME, f"agent.{AGENT}")
    got, _ = received([signal], 2, lambda url: Log.of(url, [event(6, "a")]))
    assert got == [Forged(), Input("a")]
    assert Signal("stop") not in got


def test_after_a_forged_event_commands_are_found_without_being_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands_module, "POLL_SECONDS", 0.05)
    stored: list[Event] = []

    class Growing(Log):
        async def events(self, agent_id: str, since: int, limit: int, types: Any = ()) -> list[Event]:
            if len(self.requests) == 4:
                stored.append(event(6, "real"))
            return await super().events(agent_id, since, limit, types)

    got, _ = received([event(6, "forged")], 2, lambda url: Growing.of(url, stored))
    assert got == [Forged(), Input("real")]


def test_a_server_that_cannot_confirm_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentstream.reconnection.BASE_DELAY_SECONDS", 0.01)
    failures = [Unreachable("away"), Unavailable("UNAVAILABLE", "busy")]
    stored = [event(6, "a"), event(7, "b")]
    got, _ = received(stored, 2, lambda url: Log.of(url, stored, *failures))
    assert got == [Input("a"), Input("b")]


def test_many_missed_commands_are_read_in_pages() -> None:
    stored = [event(seq, str(seq)) for seq in range(6, 256)]
    got, _ = received([event(6, "forged")], 251, lambda url: Log.of(url, stored))
    assert got == [Forged(), *(Input(str(seq)) for seq in range(6, 256))]
