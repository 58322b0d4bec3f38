"""How fast sockets are opened, authenticated and subscribed, and how much memory an idle one takes."""

import asyncio
import time

from benchmarks.figures import percentile, rounded
from benchmarks.machine import Meter, resident
from benchmarks.peers.agentstream import Agentstream
from benchmarks.peers.base import Peer
from benchmarks.peers.nats import Nats
from benchmarks.peers.node_peers import Reference, SocketIO, Ws
from benchmarks.peers.stock import Stock
from benchmarks.results import Row
from benchmarks.sockets import Viewer
from benchmarks.workloads.base import Workload, usage_note

VIEWERS = 2_000
QUICK_VIEWERS = 300
AT_ONCE = 50
PEERS = (Agentstream, Reference, Ws, SocketIO, Nats, Stock)


async def open_viewers(peer: Peer, viewers: list[Viewer], at_once: int = AT_ONCE) -> list[float]:
    """Open all, this many at a time, and return how many seconds each took."""
    waiting = iter(list(enumerate(viewers)))
    took: list[float] = []

    async def arrive() -> None:
        for index, viewer in waiting:
            begin = time.monotonic()
            await viewer.open(peer.viewer_url([*viewer.agents], index), peer.headers())
            took.append(time.monotonic() - begin)

    await asyncio.gather(*(arrive() for _ in range(at_once)))
    return took


async def close_viewers(viewers: list[Viewer]) -> None:
    for viewer in viewers:
        viewer.close()
    await asyncio.sleep(1)


class Connect(Workload):
    name = "connect"
    title = "Connect, authenticate, subscribe"
    agents = 100
    peers = PEERS
    columns = {
        "rate": "connections/s",
        "p50": "p50, ms",
        "p99": "p99, ms",
        "cpu_each": "CPU, µs each",
        "server_cpu": "server core",
        "generator_cpu": "generator core",
    }

    async def run(self, peer: Peer, quick: bool) -> list[Row]:
        await self._measure(peer, QUICK_VIEWERS)  # not recorded
        return [await self._measure(peer, QUICK_VIEWERS if quick else VIEWERS)]

    async def _measure(self, peer: Peer, count: int) -> Row:
        viewers = [Viewer(peer.dialect, [peer.agents[n % self.agents]]) for n in range(count)]
        meter = Meter(peer.pids)
        took = sorted(await open_viewers(peer, viewers))
        usage = meter.read()
        await close_viewers(viewers)
        values = {
            "rate": count / usage.seconds,
            "p50": percentile(took, 0.5) * 1000,
            "p99": percentile(took, 0.99) * 1000,
            "cpu_each": usage.server / count * 1e6,
            "server_cpu": usage.server / usage.seconds,
            "generator_cpu": usage.load_share,
        }
        case = f"{AT_ONCE} at a time, one subscription each"
        return Row(case, {key: rounded(value) for key, value in values.items()}, usage_note(usage))


class Memory(Workload):
    name = "memory"
    title = "Memory of an idle connection with three subscriptions"
    agents = 100
    peers = PEERS
    columns = {"bytes": "bytes each", "base": "bytes before"}

    async def run(self, peer: Peer, quick: bool) -> list[Row]:
        first, second = self._viewers(peer, QUICK_VIEWERS), self._viewers(peer, QUICK_VIEWERS if quick else VIEWERS)
        await open_viewers(peer, first)  # so that what is loaded once isn't counted
        before = await self._rest(peer)
        await open_viewers(peer, second)
        after = await self._rest(peer)
        await close_viewers(first + second)
        each = (after - before) / len(second)
        return [Row(f"{len(second):,} connections", {"bytes": rounded(each), "base": float(before)})]

    def _viewers(self, peer: Peer, count: int) -> list[Viewer]:
        return [
            Viewer(peer.dialect, [peer.agents[(n + step) % self.agents] for step in range(3)]) for n in range(count)
        ]

    @staticmethod
    async def _rest(peer: Peer) -> int:
        await asyncio.sleep(2)
        return resident(peer.pids)
