"""How soon a runner gets a person's answer: it asks over its WebSocket, the request appears on the person's, who
answers over HTTP as the page does, and the runner receives the answer. Measured beside it: a bare event.

The person decides at once: what is measured is the system. Each runner waits for one round to end before it begins the
next.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from picows import WSFrame, WSTransport

from benchmarks.dialects import Dialect
from benchmarks.events import MARK, clock
from benchmarks.figures import percentile, rounded
from benchmarks.http import HttpConnection
from benchmarks.machine import Meter, Usage
from benchmarks.peers.agentstream import Agentstream
from benchmarks.peers.base import Peer
from benchmarks.peers.shared import WithPostgres, WithRedis
from benchmarks.results import Row
from benchmarks.sockets import ANSWER_SECONDS, Producer, Socket
from benchmarks.workloads.base import Workload, cores, usage_note

SECONDS = 10.0
QUICK_SECONDS = 2.0
WARM_SECONDS = 1.0
CROWDS = (1, 20)  # agents that ask at the same time, each with a person of its own
REQUEST = (
    '"kind":"permission","title":"Run a command?","tool":{"name":"Bash","input":{"command":"rm -rf build"}},'
    '"options":[{"id":"yes","label":"Yes","effect":"allow"},{"id":"no","label":"No","effect":"deny"}]'
)
STEPS = {  # the headings of the measured steps
    "event": "bare event shown: p50, ms",
    "asked": "request shown: p50, ms",
    "told": "answer told: p50, ms",
    "whole": "asked to told: p50, ms",
}


class Requests(Workload):
    name = "requests"
    title = "A runner asks, a person answers"
    agents = max(CROWDS)
    peers = (Agentstream, WithRedis, WithPostgres)
    columns = {
        **{f"{step}_{share}": head for step, p50 in STEPS.items() for share, head in (("p50", p50), ("p99", "p99"))},
        "rounds": "rounds/s",
        "server_cpu": "server core",
        "generator_cpu": "generator core",
    }

    async def run(self, peer: Peer, quick: bool) -> list[Row]:
        assert isinstance(peer, Agentstream)
        rows = []
        for count in CROWDS:
            desks = [await Desk.open(peer, agent) for agent in peer.agents[:count]]
            await _rounds(desks, WARM_SECONDS)
            meter = Meter(peer.pids)
            await _rounds(desks, QUICK_SECONDS if quick else SECONDS)
            who = "1 agent" if count == 1 else f"{count} agents at once"
            rows.append(_row(who, [desk.times for desk in desks], meter.read()))
            for desk in desks:
                desk.close()
        return rows


@dataclass
class Times:
    """Microseconds that each step took in each round. `event`: from publishing a bare event until the person sees it;
    `asked`: the same for a request; `told`: from then until the runner has the answer; `whole`: both."""

    event: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)


class Listener(Socket):
    """Watches an agent, and notes when it next receives a certain text."""

    def __init__(self, dialect: Dialect, agent: str) -> None:
        super().__init__(dialect)
        self._agent = agent
        self._wanted = b""
        self._heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def open(self, url: str, headers: dict[str, str]) -> None:
        await self.connect(url, headers)
        subscribed = self.next(b'"subscribed"')
        self.say(self.dialect.opening([self._agent]))
        await asyncio.wait_for(subscribed, ANSWER_SECONDS)

    def next(self, wanted: bytes) -> "asyncio.Future[int]":
        """When a frame with this text arrives, in microseconds."""
        self._wanted = wanted
        self._heard = asyncio.get_running_loop().create_future()
        return self._heard

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._wanted in frame.get_payload_as_bytes() and not self._heard.done():
            self._heard.set_result(clock())


class Desk:
    """An agent's runner, which publishes on one socket and listens on another, and the person who answers it."""

    def __init__(self, peer: Agentstream, agent: str, calls: HttpConnection) -> None:
        self._producer = Producer(peer.dialect, agent)
        self._runner = Listener(peer.dialect, agent)
        self._person = Listener(peer.dialect, agent)
        self._calls = calls
        self._peer = peer
        self._agent = agent
        self._name = uuid.uuid4().hex  # a known id asks nobody
        self.times = Times()

    @classmethod
    async def open(cls, peer: Agentstream, agent: str) -> "Desk":
        desk = cls(peer, agent, await HttpConnection.open(peer.port))
        for socket in (desk._producer, desk._runner, desk._person):
            await socket.open(peer.viewer_url([agent]), peer.headers())
        return desk

    async def round(self) -> None:
        """One bare event, then one request and its answer."""
        begin = clock()
        seen = self._person.next(MARK)
        await self._producer.ask(self._producer.next_events(1, begin))
        self.times.event.append(await _soon(seen) - begin)
        await self._ask()

    async def _ask(self) -> None:
        begin = clock()
        asked, told = self._person.next(b'"agent:request"'), self._runner.next(b'"agent:request_resolved"')
        [event] = self._producer.next_events(1)
        request_id = f"{self._name}-{event.number}"
        item = f'{{"n":{event.number},"type":"agent:request","payload":{{"requestId":"{request_id}",{REQUEST}}}}}'
        publishing = asyncio.ensure_future(self._producer.ask_items(item))
        shown = await _soon(asked)
        path = f"/api/agents/{self._agent}/requests/{request_id}/answer"
        status = await self._calls.post(path, self._peer.token, b'{"option":"yes"}')
        assert status == 200, status
        heard = await _soon(told)
        await publishing
        self.times.asked.append(shown - begin)
        self.times.told.append(heard - shown)
        self.times.whole.append(heard - begin)

    def close(self) -> None:
        for socket in (self._producer, self._runner, self._person):
            socket.close()
        self._calls.close()


async def _soon(heard: "asyncio.Future[int]") -> int:
    return await asyncio.wait_for(heard, ANSWER_SECONDS)


async def _rounds(desks: Sequence[Desk], seconds: float) -> None:
    until = time.monotonic() + seconds
    for desk in desks:
        desk.times = Times()
    await asyncio.gather(*(_repeat(desk, until) for desk in desks))


async def _repeat(desk: Desk, until: float) -> None:
    while time.monotonic() < until:
        await desk.round()


def _row(case: str, times: Sequence[Times], usage: Usage) -> Row:
    values = {
        "rounds": sum(len(each.whole) for each in times) / usage.seconds,
        **cores(usage),
    }
    for step in STEPS:
        ordered = sorted(took for each in times for took in getattr(each, step))
        values[f"{step}_p50"] = percentile(ordered, 0.5) / 1000
        values[f"{step}_p99"] = percentile(ordered, 0.99) / 1000
    return Row(case, {key: rounded(value) for key, value in values.items()}, usage_note(usage))
