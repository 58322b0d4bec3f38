"""How much one core can deliver: one agent, 500 viewers, at the highest rate that is delivered in full and in time."""

from benchmarks.load import Outcome, Plan, crowd
from benchmarks.peers.base import Peer
from benchmarks.results import Row
from benchmarks.workloads.base import DELIVERY_COLUMNS, Workload, delivery_row
from benchmarks.workloads.fanout import VIEWERS, FanOut

STEP = 1.1  # between two rates that are tried
STRIDE = 7  # steps that about double the rate
FIRST = 200.0  # events a second
HIGHEST = 60  # steps: 60,000 events a second
SECONDS = 4.0
ATTEMPTS = 2  # at each rate, because the machine may have been busy with something else


class Search(Workload):
    """Climbs in strides, then in steps; later repetitions begin where the first ended."""

    name = "search"
    title = "One agent, 500 viewers: the most that is delivered in full and in time"
    peers = FanOut.peers
    columns = DELIVERY_COLUMNS

    def __init__(self) -> None:
        self._found: dict[str, int] = {}
        self._trials: dict[int, Outcome] = {}

    async def run(self, peer: Peer, quick: bool) -> list[Row]:
        self._trials = {}
        known = self._found.get(peer.name)
        best = await self._climb(peer, 0, STRIDE) if known is None else await self._descend(peer, known)
        best = await self._climb(peer, best, 1) if best >= 0 else best
        if best < 0:
            return [Row("best sustained", {}, f"cannot sustain {FIRST:.0f} events/s")]
        self._found[peer.name] = best
        return [delivery_row("best sustained", self._trials[best])]

    async def _climb(self, peer: Peer, first: int, stride: int) -> int:
        """The last step from `first` on, in strides, that is sustained; -1 if `first` is not."""
        best = -1
        for step in range(first, HIGHEST, stride):
            if not await self._sustained(peer, step):
                break
            best = step
        return best

    async def _descend(self, peer: Peer, first: int) -> int:
        """The first step from `first` down that is sustained."""
        for step in range(first, -1, -1):
            if await self._sustained(peer, step):
                return step
        return -1

    async def _sustained(self, peer: Peer, step: int) -> bool:
        for _ in range(ATTEMPTS):
            if step not in self._trials or not self._trials[step].sustained:
                self._trials[step] = await self._try(peer, FIRST * STEP**step)
        return self._trials[step].sustained

    @staticmethod
    async def _try(peer: Peer, rate: float) -> Outcome:
        async with crowd(peer, 1, VIEWERS, 1e9) as people:
            return await people.run(Plan(1, VIEWERS, rate, SECONDS))
