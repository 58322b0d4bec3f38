"""One agent, 500 viewers."""

from typing import ClassVar

from benchmarks.load import Plan, crowd
from benchmarks.peers.agentstream import Agentstream, Plain
from benchmarks.peers.base import Peer
from benchmarks.peers.nats import Nats
from benchmarks.peers.nchan import Nchan
from benchmarks.peers.node_peers import Reference, SocketIO, Ws
from benchmarks.peers.shared import WithRedis
from benchmarks.peers.stock import Stock
from benchmarks.results import Row
from benchmarks.workloads.base import DELIVERY_COLUMNS, Workload, delivery_row

VIEWERS = 500
RATES = (50, 90, 200, 1_000, 4_000)
QUICK_RATES = (200, 1_000)
SECONDS = 5.0
QUICK_SECONDS = 3.0


class FanOut(Workload):
    name = "fanout"
    title = "One agent, 500 viewers"
    peers: ClassVar[tuple[type[Peer], ...]] = (
        Agentstream,
        Plain,
        WithRedis,
        Reference,
        Ws,
        SocketIO,
        Nats,
        Nchan,
        Stock,
    )
    columns = DELIVERY_COLUMNS

    async def run(self, peer: Peer, quick: bool) -> list[Row]:
        rows = []
        for rate in QUICK_RATES if quick else RATES:
            async with crowd(peer, 1, VIEWERS, rate) as people:
                outcome = await people.run(Plan(1, VIEWERS, rate, QUICK_SECONDS if quick else SECONDS))
            rows.append(delivery_row(f"{rate:,} events/s", outcome))
            if outcome.rate < outcome.offered / 2:
                break  # it can't keep up, and higher rates would be worse
        return rows
