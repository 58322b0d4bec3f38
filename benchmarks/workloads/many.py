"""A hundred agents at once, each with three viewers."""

from benchmarks.load import Plan, crowd
from benchmarks.peers.base import Peer
from benchmarks.results import Row
from benchmarks.workloads.base import DELIVERY_COLUMNS, Workload, delivery_row
from benchmarks.workloads.fanout import FanOut

VIEWERS = 3
RATE = 30
SECONDS = 5.0
QUICK_SECONDS = 3.0


class Many(Workload):
    name = "many"
    title = "100 agents, 3 viewers each, 30 events/s each"
    agents = 100
    peers = FanOut.peers
    columns = DELIVERY_COLUMNS

    async def run(self, peer: Peer, quick: bool) -> list[Row]:
        async with crowd(peer, self.agents, VIEWERS, RATE) as people:
            plan = Plan(self.agents, VIEWERS, RATE, QUICK_SECONDS if quick else SECONDS)
            return [delivery_row("3,000 events/s in all", await people.run(plan))]
