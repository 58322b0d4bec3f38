"""Followers: each event at least once and in order, by one process at a time, whatever is killed."""

import json
import subprocess
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agents.events import Context, Output
from agents.services import AgentService
from streams.followers import Worker
from streams.log.followers import behind
from streams.plugin import Follower, LoggedEvent, Start
from tests.support import ROOT
from tests.support.api import Api, agent_of
from tests.support.forkserver import DJANGO, ForkedPopen
from tests.support.server import LiveServer
from tests.support.waiting import eventually
from workspaces.services import WorkspaceService

DEADLINE = 60.0
HASTY = {"STREAM_FOLLOWER_LEASE": "4", "STREAM_FOLLOWER_POLL": "0.5"}


# Makes the follower skip what other tests have left on this server.
UP_TO_DATE = """
from streams.models import Follower, FollowerPosition, Stream
Follower.objects.filter(pk="scribe").delete()
FollowerPosition.objects.filter(follower="scribe").delete()
heads = Stream.objects.values_list("pk", "head", "floor")
FollowerPosition.objects.bulk_create(
    FollowerPosition(follower="scribe", stream_id=pk, seq=head, floor=floor) for pk, head, floor in heads
)
"""


class Scribes:
    """Processes that run one follower, and what they recorded."""

    def __init__(self, live: LiveServer, path: Path, start: Start = Start.OLDEST, name: str = "scribe") -> None:
        self._live = live
        self._path = path
        self._follower = (start.value, name)
        self._stack = ExitStack()

    def start(self, seconds: float = 0.0) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "tests.support.following", str(self._path), str(seconds), *self._follower]
        process = ForkedPopen(command, DJANGO, cwd=ROOT, env={**self._live.env, **HASTY})
        self._stack.callback(self._kill, process)
        return process

    @staticmethod
    def _kill(process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()

    def close(self) -> None:
        self._stack.close()

    @property
    def lines(self) -> list[dict[str, Any]]:
        text = self._path.read_text() if self._path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def steps(self, agent_id: str) -> list[tuple[int, list[int]]]:
        """Who was given which events of an agent, in order."""
        return [
            (line["pid"], line["seqs"])
            for line in self.lines
            if line.get("stream") == f"agent.{agent_id}" and "seqs" in line
        ]

    def seqs(self, agent_id: str) -> list[int]:
        return [seq for _, seqs in self.steps(agent_id) for seq in seqs]


@pytest.fixture
def scribes(live: LiveServer, tmp_path: Path) -> Iterator[Scribes]:
    found = Scribes(live, tmp_path / "lines")
    live.run("shell", "-v", "0", "-c", UP_TO_DATE)
    yield found
    found.close()


@pytest.fixture
def heralds(live: LiveServer, tmp_path: Path) -> Iterator[Scribes]:
    """Processes that work for a follower that nobody has worked for before, and that starts from now."""
    found = Scribes(live, tmp_path / "lines", Start.NEWEST, f"herald {uuid.uuid4()}")
    yield found
    found.close()


def publish(root: Api, agent_id: str, count: int, producer: str = "p") -> None:
    events = [{"n": n, "type": "agent:output", "payload": {"content": str(n)}} for n in range(1, count + 1)]
    assert root.post(f"/agents/{agent_id}/events", {"producer": producer, "events": events}).status == 200


def complete(seqs: list[int], head: int) -> bool:
    """Whether all came, in order: what came again came in order too."""
    newest = 0
    for seq in seqs:
        assert seq <= newest + 1, "none is left out"
        newest = max(newest, seq)
    return newest == head


def test_a_follower_gets_retained_events_and_then_new_ones(root: Api, scribes: Scribes) -> None:
    _, agent_id = agent_of(root)
    publish(root, agent_id, 250)
    scribes.start()
    eventually(lambda: scribes.seqs(agent_id) == list(range(1, 251)))
    root.output(agent_id, "one more")
    eventually(lambda: scribes.seqs(agent_id) == list(range(1, 252)))


def test_large_events_come_in_small_steps(root: Api, scribes: Scribes) -> None:
    _, agent_id = agent_of(root)
    for _ in range(10):
        root.output(agent_id, "x" * 60_000)
    scribes.start()
    eventually(lambda: scribes.seqs(agent_id) == list(range(1, 11)))
    assert max(len(seqs) for _, seqs in scribes.steps(agent_id)) == 3


def test_a_long_backlog_delays_no_other_stream(root: Api, scribes: Scribes) -> None:
    backlog, other = agent_of(root)[1], agent_of(root)[1]
    publish(root, backlog, 1_000)
    publish(root, backlog, 1_000, "q")
    scribes.start(0.05)
    eventually(lambda: bool(scribes.seqs(backlog)))
    root.output(other, "short")
    eventually(lambda: bool(scribes.seqs(other)))
    assert len(scribes.seqs(backlog)) < 2_000


def test_one_process_at_a_time_works_and_nothing_is_lost_when_it_is_killed(root: Api, scribes: Scribes) -> None:
    agents = [agent_of(root)[1] for _ in range(3)]
    for agent_id in agents:
        publish(root, agent_id, 400)
    processes = {process.pid: process for process in (scribes.start(0.05), scribes.start(0.05))}
    eventually(lambda: any(scribes.seqs(agent_id) for agent_id in agents))
    first = next(line["pid"] for line in scribes.lines)
    eventually(lambda: sum(len(scribes.seqs(agent_id)) for agent_id in agents) >= 300)
    processes[first].kill()
    [second] = processes.keys() - {first}
    for agent_id in agents:
        eventually(lambda agent_id=agent_id: complete(scribes.seqs(agent_id), 400))  # type: ignore[misc]
    workers = [line["pid"] for line in scribes.lines]
    changes = [one for one, other in zip(workers[1:], workers, strict=False) if one != other]
    assert changes == [second], "taken over once, and never both at a time"
    again = defaultdict[str, int](int)
    for agent_id in agents:
        again[agent_id] = len(scribes.seqs(agent_id)) - 400
    assert sum(again.values()) <= 100, "no more than the step in which it was killed comes again"


def test_an_orderly_restart_repeats_nothing(root: Api, scribes: Scribes) -> None:
    _, agent_id = agent_of(root)
    publish(root, agent_id, 120)
    process = scribes.start()
    eventually(lambda: len(scribes.seqs(agent_id)) == 120)
    process.terminate()
    assert process.wait(DEADLINE) == 0
    publish(root, agent_id, 5, "q")
    scribes.start()
    eventually(lambda: scribes.seqs(agent_id) == list(range(1, 126)))


def test_a_follower_is_notified_of_removed_events_and_ended_streams(
    live: LiveServer, root: Api, scribes: Scribes
) -> None:
    _, agent_id = agent_of(root)
    publish(root, agent_id, 50)
    scribes.start()
    eventually(lambda: len(scribes.seqs(agent_id)) == 50)
    name = f"agent.{agent_id}"
    trim = f"from streams.log.retention import trim_stream; trim_stream({name!r}, 10, 0, 1000)"
    pk = live.run(
        "shell", "-v", "0", "-c", f"{trim}; from streams.models import *; print(Stream.objects.get(name={name!r}).pk)"
    )
    eventually(lambda: {"stream": name, "floor": 40} in [_without_pid(line) for line in scribes.lines])
    assert root.call("DELETE", f"/agents/{agent_id}").status == 204
    eventually(lambda: {"ended": int(pk.splitlines()[-1])} in [_without_pid(line) for line in scribes.lines])


def told_by_now(root: Api, scribes: Scribes, agent_id: str) -> int:
    """Publish until the follower gets something; the first seq that it got."""
    eventually(lambda: bool(root.output(agent_id, "now?") and scribes.seqs(agent_id)))
    return scribes.seqs(agent_id)[0]


def test_a_follower_that_starts_from_now_gets_all_that_follows_over_restarts(root: Api, heralds: Scribes) -> None:
    _, agent_id = agent_of(root)
    publish(root, agent_id, 50)
    process = heralds.start()
    first = told_by_now(root, heralds, agent_id)
    assert first > 50
    process.terminate()
    assert process.wait(DEADLINE) == 0
    _, later = agent_of(root)
    publish(root, later, 20)
    publish(root, agent_id, 20, "q")
    head = root.output(agent_id, "the last")
    heralds.start()
    eventually(lambda: heralds.seqs(agent_id) == list(range(first, head + 1)))
    eventually(lambda: heralds.seqs(later) == list(range(1, 21)))


def test_of_two_processes_that_start_from_now_neither_skips_what_the_other_would_get(
    root: Api, heralds: Scribes
) -> None:
    agents = [agent_of(root)[1] for _ in range(3)]
    for agent_id in agents:
        publish(root, agent_id, 50)
    processes = {process.pid: process for process in (heralds.start(), heralds.start())}
    firsts = [told_by_now(root, heralds, agent_id) for agent_id in agents]
    assert min(firsts) > 50
    processes[heralds.lines[0]["pid"]].kill()
    for agent_id, first in zip(agents, firsts, strict=True):
        publish(root, agent_id, 20, "q")
        head = root.output(agent_id, "the last")
        eventually(lambda seqs=range(first, head + 1), agent_id=agent_id: set(heralds.seqs(agent_id)) == set(seqs))  # type: ignore[misc]


class Herald(Follower):
    name = "herald"
    kinds = ("agent",)
    start = Start.NEWEST

    def __init__(self) -> None:
        self.told: list[int] = []

    def handle(self, stream: str, stream_id: int, events: Sequence[LoggedEvent]) -> None:
        self.told += [event.seq for event in events]


@pytest.mark.django_db(transaction=True)
def test_a_follower_that_starts_before_there_is_a_stream_gets_the_first_from_its_beginning() -> None:
    herald = Herald()
    Worker(herald, "one").run()
    agent = AgentService.create(WorkspaceService.create("Workspace").pk, "agent")
    for n in range(3):
        AgentService.report(agent.pk, Output(content=str(n)))
    Worker(herald, "two").run()
    assert herald.told == [1, 2, 3]


class Usher(Herald):
    """Follows context levels only."""

    name = "usher"
    types = ("agent:context",)


@pytest.mark.django_db(transaction=True)
def test_a_follower_of_some_types_gets_only_these_and_reads_nothing_twice() -> None:
    usher = Usher()
    Worker(usher, "one").run()
    agent = AgentService.create(WorkspaceService.create("Workspace").pk, "agent")
    for n in range(3):
        AgentService.report(agent.pk, Output(content=str(n)))
        AgentService.report(agent.pk, Context(context_level=n))
    AgentService.report(agent.pk, Output(content="last"))
    Worker(usher, "one").run()
    assert usher.told == [2, 4, 6]
    assert list(behind("usher", usher.kinds)) == []


def _without_pid(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "pid"}
