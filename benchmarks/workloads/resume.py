"""Many viewers reconnecting at once, as after a restart, each requesting what it missed."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.dialects import Agentstream as AgentstreamDialect
from benchmarks.figures import percentile, rounded
from benchmarks.machine import Meter
from benchmarks.peers.agentstream import Agentstream, Plain
from benchmarks.peers.base import Peer
from benchmarks.peers.shared import WithPostgres
from benchmarks.results import Row
from benchmarks.sockets import Producer, Viewer
from benchmarks.workloads.base import Workload, usage_note
from benchmarks.workloads.connect import close_viewers, open_viewers

VIEWERS = 2_000
QUICK_VIEWERS = 200
EVENTS = 1_000  # in the log, of which viewers have seen between none and half
AGENTS = 10
RESUME_SECONDS = 60.0


class Resuming(AgentstreamDialect):
    """Subscribes from the last event seen."""

    def __init__(self, since: int) -> None:
        self._since = since

    def opening(self, agents: Sequence[str]) -> list[bytes]:
        return [
            f'{{"type":"subscribe:agent","payload":{{"agentId":"{agent}","since":{self._since}}}}}'.encode()
            for agent in agents
        ]


class Resume(Workload):
    name = "resume"
    title = "2,000 clients resuming at once"
    agents = AGENTS
    peers = (Agentstream, Plain, WithPostgres)
    columns = {
        "seconds": "all caught up, s",
        "subscribed_p50": "subscribed p50, s",
        "subscribed_p99": "p99, s",
        "rate": "deliveries/s",
        "server_cpu": "server core",
        "generator_cpu": "generator core",
    }

    async def run(self, peer: Peer, quick: bool) -> list[Row]:
        for agent in peer.agents:
            await self._fill(peer, agent)
        count = QUICK_VIEWERS if quick else VIEWERS
        seen = [n * (EVENTS // 2) // count for n in range(count)]
        viewers = [Viewer(Resuming(since), [peer.agents[n % AGENTS]]) for n, since in enumerate(seen)]
        expected = EVENTS * count - sum(seen)
        meter = Meter(peer.pids)
        took = sorted(await open_viewers(peer, viewers, at_once=count))
        deadline = time.monotonic() + RESUME_SECONDS
        while sum(viewer.count for viewer in viewers) < expected and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        usage = meter.read()
        delivered = sum(viewer.count for viewer in viewers)
        await close_viewers(viewers)
        values = {
            "seconds": usage.seconds,
            "subscribed_p50": percentile(took, 0.5),
            "subscribed_p99": percentile(took, 0.99),
            "rate": delivered / usage.seconds,
            "server_cpu": usage.server / usage.seconds,
            "generator_cpu": usage.load_share,
        }
        wrong = "" if delivered == expected else f"expected {expected} deliveries, got {delivered}"
        note = "; ".join(filter(None, [wrong, usage_note(usage)]))
        case = f"{count:,} clients, {expected // count} missed events each, of {AGENTS} agents"
        return [Row(case, {key: rounded(value) for key, value in values.items()}, note)]

    @staticmethod
    async def _fill(peer: Peer, agent: str) -> None:
        producer = Producer(peer.dialect, agent)
        await producer.open(peer.producer_url(agent), peer.headers())
        await producer.ask(producer.next_events(EVENTS))
        producer.close()
