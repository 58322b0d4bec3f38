"""How fast events can be stored, with no viewers. Each producer sends the next once the last is acknowledged."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.events import FILLER
from benchmarks.figures import percentile, rounded
from benchmarks.http import HttpConnection
from benchmarks.machine import Meter, Usage
from benchmarks.peers.agentstream import Agentstream
from benchmarks.peers.base import Peer
from benchmarks.peers.shared import WithPostgres
from benchmarks.results import Row, Values
from benchmarks.sockets import Producer
from benchmarks.workloads.base import Workload, cores, usage_note

SECONDS = 5.0
QUICK_SECONDS = 1.0
CASES = (("WebSocket", 1, 200), ("WebSocket", 50, 50), ("HTTP", 1, 1), ("HTTP", 50, 1))

Step = Callable[[], Awaitable[None]]


class Publish(Workload):
    name = "publish"
    title = "Durable publishing"
    agents = 50
    peers = (Agentstream, WithPostgres)
    columns = {
        "rate": "events/s",
        "p50": "answer p50, ms",
        "p99": "p99, ms",
        "cpu_per_event": "CPU, µs each",
        "server_cpu": "server core",
        "generator_cpu": "generator core",
    }

    async def run(self, peer: Peer, quick: bool) -> list[Row]:
        assert isinstance(peer, Agentstream)
        seconds = QUICK_SECONDS if quick else SECONDS
        rows = []
        for way, producers, batch in CASES:
            opened = [await _opened(peer, way, agent, batch) for agent in peer.agents[:producers]]
            people = "1 producer" if producers == 1 else f"{producers} producers"
            size = "one event at a time" if batch == 1 else f"{batch} events a time"
            rows.append(await _measure(peer, opened, batch, seconds, f"{way}, {people}, {size}"))
            for producer in opened:
                producer.close()
        return rows


class HttpProducer:
    """Posts one event at a time."""

    def __init__(self, connection: HttpConnection, agent: str, token: str) -> None:
        self._connection = connection
        self._path = f"/api/agents/{agent}/output"
        self._token = token
        self._body = f'{{"content":"{FILLER}{FILLER}"}}'.encode()

    async def step(self) -> None:
        status = await self._connection.post(self._path, self._token, self._body)
        assert status == 201, status

    def close(self) -> None:
        self._connection.close()


class SocketProducer:
    """Publishes batches."""

    def __init__(self, producer: Producer, batch: int) -> None:
        self._producer = producer
        self._batch = batch

    async def step(self) -> None:
        await self._producer.ask(self._producer.next_events(self._batch))

    def close(self) -> None:
        self._producer.close()


async def _opened(peer: Agentstream, way: str, agent: str, batch: int) -> HttpProducer | SocketProducer:
    if way == "HTTP":
        return HttpProducer(await HttpConnection.open(peer.port), agent, peer.token)
    producer = Producer(peer.dialect, agent)
    await producer.open(peer.producer_url(agent), peer.headers())
    return SocketProducer(producer, batch)


async def _measure(
    peer: Peer, producers: Sequence[HttpProducer | SocketProducer], batch: int, seconds: float, case: str
) -> Row:
    for producer in producers:
        await producer.step()
    meter = Meter(peer.pids)
    until = time.monotonic() + seconds
    latencies = [took for run in await asyncio.gather(*(_repeat(p.step, until) for p in producers)) for took in run]
    usage = meter.read()
    return Row(case, _values(usage, sorted(latencies), batch), usage_note(usage))


async def _repeat(step: Step, until: float) -> list[float]:
    """Repeat it, and return how long each time took."""
    found = []
    while (begin := time.monotonic()) < until:
        await step()
        found.append(time.monotonic() - begin)
    return found


def _values(usage: Usage, latencies: list[float], batch: int) -> Values:
    events = len(latencies) * batch
    values = {
        "rate": events / usage.seconds,
        "p50": percentile(latencies, 0.5) * 1000,
        "p99": percentile(latencies, 0.99) * 1000,
        "cpu_per_event": usage.server / events * 1e6,
        **cores(usage),
    }
    return {key: rounded(value) for key, value in values.items()}
