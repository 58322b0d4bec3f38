"""The jitter test: viewers on bad networks lose their connection every few seconds, and no event."""

import asyncio
import random

from tests.chaos.checking import flowing, reconcile
from tests.chaos.cluster import Cluster
from tests.chaos.figures import report, scaled, spread
from tests.chaos.watcher import Watcher, watching

VIEWERS = scaled(60, 500)
AGENTS = 20
RATE = 2.0  # events a second on each agent
CUT_EVERY = 5.0  # seconds, about
SECONDS = scaled(12, 60)


def test_connections_cut_at_random_while_events_flow(pair: Cluster) -> None:
    """Every viewer of 20 agents gets 100.00 % of the events, none twice, none out of order."""
    site = pair.site(AGENTS)

    async def scenario() -> None:
        producers = site.producers(pair.ws_urls[:1])
        watchers = site.watchers(VIEWERS, pair.ws_urls)
        async with watching(watchers, seconds=120):
            async with flowing(producers, rate=RATE):
                cuts = await _jitter(watchers)
            figures = await reconcile(producers, watchers)
        returns = [seconds for watcher in watchers for seconds in watcher.returns]
        delays = [delay for w in watchers for track in w.tracks.values() for delay in track.delays]
        due = sum(producer.n for producer in producers) * VIEWERS
        report(
            "jitter", **figures, delivered_percent=f"{100 * figures['delivered'] / due:.2f}", viewers=VIEWERS,
            agents=AGENTS, seconds=SECONDS, cuts=cuts, **spread(returns, "replay"), **spread(delays, "event_delay"),
        )  # fmt: skip
        assert cuts > VIEWERS * SECONDS / CUT_EVERY / 2

    asyncio.run(scenario())


async def _jitter(watchers: list[Watcher]) -> int:
    """Cut connections at random moments; how many."""
    loop = asyncio.get_running_loop()
    end, cuts = loop.time() + SECONDS, 0
    while loop.time() < end:
        await asyncio.sleep(random.expovariate(len(watchers) / CUT_EVERY))
        random.choice(watchers).cut()
        cuts += 1
    return cuts
