"""Input and signals, from a person on the page to the running process."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from agentstream import Event, signals
from agentstream.api import Api as ClientApi
from agentstream.commands import Forgotten, Input, Resolved, Signal, commands
from agentstream.errors import NotFound
from agentstream.requests import Resolution
from agentstream.signals import SignalForwarder
from websockets.asyncio.server import ServerConnection

from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.waiting import eventually

from .command import ending, python, running, wait_for
from .place import Place
from .scripted import AGENT, TIME, answer, scripted, subscribed, within

ECHO = "import sys\nprint('ready')\nfor line in sys.stdin: print('got', line, end='')\nprint('over')"


def say(place: Place, content: str, agent: str | None = None) -> int:
    return command(place, "input", {"content": content}, agent)


def command(place: Place, what: str, body: dict[str, str], agent: str | None = None) -> int:
    sent = Api(place.url, place.token).post(f"/agents/{agent or place.agent}/{what}", body)
    assert sent.status == 201, sent
    seq: int = sent.data["seq"]
    return seq


def test_a_person_answers_a_waiting_command(place: Place) -> None:
    with running(place, *python("name = input('Your name? '); print('Hello', name)")) as process:
        wait_for(place, "Your name? ")
        say(place, "Ada")
        assert process.wait(20) == 0
    assert place.text() == "Your name? Hello Ada\n"
    [asked] = [event.payload for event in place.history() if event.type == "agent:input"]
    assert asked == {"agentId": place.agent, "content": "Ada", "from": "root"}


def test_input_from_before_the_run_is_not_passed_on(place: Place) -> None:
    say(place, "too early")
    with running(place, *python(ECHO)) as process:
        wait_for(place, "ready")
        say(place, "in time\n")
        wait_for(place, "got in time")
        command(place, "signal", {"signal": "stop"})
        process.wait(20)
    assert place.text() == "ready\ngot in time\n"


def test_each_input_arrives_once_and_in_order_despite_server_restarts(mortal: LiveServer, mortal_place: Place) -> None:
    with running(mortal_place, *python(ECHO)):
        wait_for(mortal_place, "ready")
        for number in range(12):
            say(mortal_place, str(number))
            if number % 4 == 3:
                mortal.restart()
        wait_for(mortal_place, "got 11\n")
        time.sleep(0.5)
        assert mortal_place.text() == "ready\n" + "".join(f"got {number}\n" for number in range(12))


@pytest.mark.parametrize("name", ["interrupt", "stop"])
def test_a_persons_signal_reaches_the_command(place: Place, name: str) -> None:
    code = (
        "import signal, sys, time\n"
        "def end(number, frame): print('ended by', signal.Signals(number).name); sys.exit(7)\n"
        "signal.signal(2, end); signal.signal(15, end); print('ready'); time.sleep(60)"
    )
    with running(place, *python(code)) as process:
        wait_for(place, "ready")
        command(place, "signal", {"signal": name})
        assert process.wait(20) == 7
    word = {"interrupt": "SIGINT", "stop": "SIGTERM"}[name]
    assert place.text() == f"ready\nended by {word}\n"
    [told] = [event.payload for event in place.history() if event.type == "agent:signal"]
    assert told == {"agentId": place.agent, "signal": name, "from": "root"}
    assert ending(place.history()) == ("finished", "user_stopped", 7, None, "user_stopped")


class Deaf:
    """A process that ends of nothing but SIGKILL."""

    def __init__(self) -> None:
        self.signals: list[int] = []

    def signal(self, number: int) -> None:
        self.signals.append(number)


def test_a_command_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "KILL_AFTER_SECONDS", 0.2)
    monkeypatch.setattr(signals, "ATTRIBUTION_SECONDS", 0.0)
    deaf = Deaf()

    async def go() -> None:
        told = SignalForwarder(deaf)
        told.interrupt()
        assert not told.stop_requested
        told.stop()
        assert told.stop_requested
        await asyncio.sleep(0.1)
        told.stop()
        assert deaf.signals == [signal.SIGINT, signal.SIGTERM, signal.SIGTERM]
        await asyncio.sleep(0.2)

    within(5, go())
    assert deaf.signals[3:] == [signal.SIGKILL]


MEMBERS = """
from django.contrib.auth.models import User
from accounts.tokens import issue_token
from workspaces.services import WorkspaceService
for role in ("viewer", "operator", ""):
    user = User.objects.create(username=f"{role}-PLACE")
    if role:
        WorkspaceService.set_member("PLACE", user.pk, role)
    print(issue_token(user, "test")[1])
"""


def test_only_operators_and_owners_can_send_input(live: LiveServer, place: Place) -> None:
    tokens = live.run("shell", "-v", "0", "-c", MEMBERS.replace("PLACE", place.workspace)).split()
    for token, expected in zip(tokens, (403, 201, 404), strict=True):
        api = Api(place.url, token)
        assert api.post(f"/agents/{place.agent}/input", {"content": "x"}).status == expected
        assert api.post(f"/agents/{place.agent}/signal", {"signal": "stop"}).status == expected
    assert [event.type for event in place.history()] == ["agent:input", "agent:signal"]


@pytest.mark.parametrize("body", [{"signal": "kill"}, {}, {"signal": 9}])
def test_an_unknown_signal_is_refused(place: Place, body: dict[str, Any]) -> None:
    refused = Api(place.url, place.token).post(f"/agents/{place.agent}/signal", body)
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")
    assert place.history() == []


def test_producers_cannot_publish_as_people(place: Place) -> None:
    event = {"n": 1, "type": "agent:signal", "payload": {"signal": "stop", "from": "somebody"}}
    refused = Api(place.url, place.token).post(f"/agents/{place.agent}/events", {"producer": "p", "events": [event]})
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")


def test_piped_input_comes_first_and_its_end_ends_the_input(place: Place) -> None:
    with running(place, *python(ECHO), options=("--quiet",), stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(b"piped\n")
        process.stdin.flush()
        wait_for(place, "got piped")
        say(place, "said")
        wait_for(place, "got said")
        process.stdin.write(b"x" * 300_000 + b"\n")
        process.stdin.close()
        process.stdin = None
        assert process.wait(20) == 0
    assert place.text() == f"ready\ngot piped\ngot said\ngot {'x' * 300_000}\nover\n"


def test_a_file_is_read_to_its_end(place: Place, tmp_path: Path) -> None:
    (tmp_path / "input").write_text("from a file\n")
    with (tmp_path / "input").open() as file, running(place, *python(ECHO), stdin=file.fileno()) as process:
        assert process.wait(20) == 0
    assert place.text() == "ready\ngot from a file\nover\n"


@pytest.mark.parametrize(
    ("options", "code", "note"),
    [
        (("--no-input",), "print('ready')", "the command doesn't accept input"),
        (("--adapter", "codex"), "print('ready')", "the command doesn't accept input"),
        ((), "import os; os.close(0); print('ready')", "the command has closed its standard input"),
    ],
)
def test_input_that_cannot_be_delivered_is_reported(
    place: Place, options: tuple[str, ...], code: str, note: str
) -> None:
    with running(place, *python(f"import time; {code}; time.sleep(20)"), options=options):
        eventually(lambda: "ready" in place.text() + place.text(role="system"))
        say(place, "anybody?")
        wait_for(place, note, role="system")


def test_claude_gets_input_as_events_if_it_reads_them(place: Place) -> None:
    script = 'echo ready >&2; read line; echo "$line" >&2; sleep 0.3'
    command = ("sh", "-c", script, "claude", "--input-format", "stream-json")
    with running(place, *command, options=("--adapter", "claude")) as process:
        wait_for(place, "ready", role="system")
        say(place, "go “on”")
        assert process.wait(20) == 0
    written = place.text(role="system").removeprefix("ready\n")
    assert json.loads(written) == {"type": "user", "message": {"role": "user", "content": "go “on”"}}


def test_a_restored_log_repeats_no_command() -> None:
    """After a restored backup the log holds old commands under numbers that look new."""

    def event(seq: int, content: str) -> str:
        payload = {"agentId": AGENT, "content": content, "from": "root"}
        return json.dumps({"type": "agent:input", "payload": payload, "timestamp": TIME, "seq": seq})

    def begun(websocket: ServerConnection, seq: int, oldest: int, complete: bool) -> str:
        named = {"type": "agent", "id": AGENT, "seq": seq, "oldest": oldest, "complete": complete, "state": {}}
        return answer("subscribed", f"agent.{AGENT}", **named)

    stored: dict[int, Event] = {}

    class Log(ClientApi):
        """What the server's log holds at the moment."""

        async def events(self, agent_id: str, since: int, limit: int, types: Iterable[str] = ()) -> list[Event]:
            return [stored[seq] for seq in sorted(stored) if seq > since][:limit]

    async def send(websocket: ServerConnection, *messages: str) -> None:
        for message in messages:
            data = json.loads(message)
            if "seq" in data:
                stored[data["seq"]] = Event(data["type"], data["payload"], data["seq"], TIME, f"agent.{AGENT}")
            await websocket.send(message)

    connections = 0

    async def handler(websocket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await websocket.recv()
        match connections:
            case 1:
                await send(websocket, begun(websocket, 5, 1, True), event(6, "a"))
            case 2:  # only too old ones are gone
                await send(websocket, begun(websocket, 9, 8, False), event(8, "b"), event(9, "c"))
            case _:  # restored
                old = [event(seq, "old") for seq in (1, 2, 3)]
                stored.clear()
                await send(websocket, begun(websocket, 3, 1, False), *old, event(4, "d"))
                await websocket.wait_closed()

    async def go() -> None:
        got = []
        async with scripted(handler) as url, aclosing(commands(Log(url, "token"), AGENT, 5)) as told:
            async for one in told:
                got.append(one)
                if one == Input("d"):
                    break
        assert got == [Input("a"), Input("b"), Input("c"), Input("d")]
        assert Signal("stop") != Signal("interrupt")

    within(20, go())


def test_when_events_are_missing_open_requests_are_queried() -> None:
    """Their end may be among those events."""
    resolution = {"outcome": "answered", "option": "allow", "by": "root"}
    known: dict[str, Any] = {"open": {}, "answered": {"resolution": resolution}}

    class Log(ClientApi):
        async def request(self, agent_id: str, request_id: str) -> dict[str, Any]:
            if request_id not in known:
                raise NotFound("NOT_FOUND", "the agent has no such request")
            found: dict[str, Any] = known[request_id]
            return found

    async def handler(websocket: ServerConnection) -> None:
        await websocket.recv()
        await websocket.send(subscribed(9, oldest=8, complete=False))
        await websocket.wait_closed()

    async def go() -> None:
        requests = ["open", "answered", "forgotten"]
        async with scripted(handler) as url, aclosing(commands(Log(url, "token"), AGENT, 5, requests)) as told:
            answered = Resolved("answered", Resolution("answered", "allow", by="root"))
            assert [await anext(told), await anext(told)] == [answered, Forgotten("forgotten")]

    within(20, go())
