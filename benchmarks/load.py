"""Sends events on schedule to a system under test and measures their delivery."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.events import clock
from benchmarks.figures import percentile
from benchmarks.machine import Meter, Usage
from benchmarks.peers.base import Peer
from benchmarks.sockets import Producer, Viewer

TICK = 0.005  # seconds; at higher rates the events due within one tick are sent together, for every system
MAX_STAMPS = 60_000  # timed deliveries a second that the generator can afford
MIN_SAMPLED = 10  # viewers that time events, at any rate
OPEN_AT_ONCE = 50  # sockets
CATCH_UP_SECONDS = 5.0  # after the last event was due
WARM_UP_SECONDS = 30.0  # the same, after the warm-up
ON_TIME_SECONDS = 0.25  # within which a system that keeps up has delivered everything


@dataclass(frozen=True)
class Plan:
    """`agents` agents, each with `viewers` viewers and `rate` events a second, for `seconds`."""

    agents: int
    viewers: int
    rate: float
    seconds: float

    @property
    def tick(self) -> float:
        return max(1 / self.rate, TICK)

    def due(self, ticks: int) -> int:
        """How many events of one agent are due after this many ticks."""
        return round(ticks * self.tick * self.rate)

    @property
    def events(self) -> int:
        return self.agents * self.due(round(self.seconds / self.tick))

    @property
    def deliveries(self) -> int:
        return self.events * self.viewers


@dataclass(frozen=True)
class Outcome:
    """The result of one run. Latencies are milliseconds from when the event was due."""

    offered: float  # deliveries a second, as planned
    delivered: int
    per_frame: float  # events in one WebSocket frame, on average
    missing: int
    disorder: int
    rate: float  # deliveries a second until the last one
    drain: float  # seconds from when the last event was due until the last delivery
    p50: float
    p99: float
    usage: Usage
    error: str = ""

    @property
    def sustained(self) -> bool:
        return not self.missing and not self.disorder and not self.error and self.drain <= ON_TIME_SECONDS


class Crowd:
    """Viewers and producers connected to a running peer."""

    def __init__(self, peer: Peer, viewers: list[Viewer], producers: list[Producer]) -> None:
        self._peer = peer
        self.viewers = viewers
        self.producers = producers

    async def run(self, plan: Plan, warm: float = 1.0) -> Outcome:
        """Send as planned and measure, after `warm` seconds that aren't measured."""
        if warm:
            await self._send(Plan(plan.agents, plan.viewers, min(plan.rate, 200), warm), WARM_UP_SECONDS)
        for viewer in self.viewers:
            viewer.forget()
        gc.collect()
        gc.disable()  # a pause of the generator would look like one of the server
        try:
            return await self._measure(plan)
        finally:
            gc.enable()

    async def _measure(self, plan: Plan) -> Outcome:
        meter = Meter(self._peer.pids)
        begin = time.monotonic()
        drain = await self._send(plan)
        usage = meter.read()
        delivered = sum(viewer.count for viewer in self.viewers)
        latencies = sorted(value for viewer in self.viewers for value in viewer.latencies)
        return Outcome(
            offered=plan.deliveries / plan.seconds,
            delivered=delivered,
            per_frame=delivered / max(1, sum(viewer.frames for viewer in self.viewers)),
            missing=plan.deliveries - delivered,
            disorder=sum(viewer.disorder for viewer in self.viewers),
            rate=delivered / (time.monotonic() - begin),
            drain=drain,
            p50=percentile(latencies, 0.5) / 1000,
            p99=percentile(latencies, 0.99) / 1000,
            usage=usage,
            error=self._error(),
        )

    async def _send(self, plan: Plan, catch_up: float = CATCH_UP_SECONDS) -> float:
        """Send on schedule and wait for the deliveries. Returns the seconds between when the last was due and came."""
        expected = sum(viewer.count for viewer in self.viewers) + plan.deliveries
        steps = round(plan.seconds / plan.tick) * plan.agents
        start = time.monotonic()
        stamp = clock()
        step = 0
        while step < steps:
            now = (time.monotonic() - start) * plan.agents / plan.tick
            while step < steps and step <= now:
                self._step(plan, step, stamp)
                step += 1
            until = start + step * plan.tick / plan.agents
            await asyncio.sleep(max(0.001, until - time.monotonic()))
        ended = start + (steps - 1) * plan.tick / plan.agents
        await self._settle(expected, ended + catch_up)
        return max(0.0, time.monotonic() - ended)

    def _step(self, plan: Plan, step: int, stamp: int) -> None:
        """One tick of one agent. The agents' ticks are spread evenly over the time of one."""
        tick, agent = divmod(step, plan.agents)
        count = plan.due(tick + 1) - plan.due(tick)
        if count:
            self.producers[agent].send(count, stamp + int(step * plan.tick / plan.agents * 1e6))

    async def _settle(self, expected: int, deadline: float) -> None:
        while sum(viewer.count for viewer in self.viewers) < expected and time.monotonic() < deadline:
            await asyncio.sleep(0.005)

    def _error(self) -> str:
        sockets = [*self.viewers, *self.producers]
        lost = sum(socket.lost for socket in sockets)
        refused = next((socket.refused for socket in sockets if socket.refused), b"")
        return f"{lost} sockets lost" if lost else refused.decode(errors="replace")[:200]


@asynccontextmanager
async def crowd(peer: Peer, agents: int, viewers: int, rate: float) -> AsyncIterator[Crowd]:
    """`viewers` viewers for each of the peer's first `agents` agents, and a producer for each."""
    dialect = peer.dialect
    total = agents * viewers
    sampled = min(total, max(MIN_SAMPLED, int(MAX_STAMPS / rate)))
    chosen = {round(index * (total - 1) / max(sampled - 1, 1)) for index in range(sampled)}
    watching = [Viewer(dialect, [peer.agents[n % agents]], n in chosen) for n in range(total)]
    producing = [Producer(dialect, agent) for agent in peer.agents[:agents]]
    try:
        for first in range(0, total, OPEN_AT_ONCE):
            await asyncio.gather(
                *(
                    viewer.open(peer.viewer_url([*viewer.agents], first + n), peer.headers())
                    for n, viewer in enumerate(watching[first : first + OPEN_AT_ONCE])
                )
            )
        await asyncio.gather(*(p.open(peer.producer_url(p.agent), peer.headers()) for p in producing))
        yield Crowd(peer, watching, producing)
    finally:
        for socket in [*watching, *producing]:
            if hasattr(socket, "transport"):
                socket.close()
        await asyncio.sleep(0.05)
