"""The jitter test: viewers on bad networks lose their connection every few seconds, but no event."""

import asyncio
import random

from tests.chaos.checking import flowing, reconcile
from tests.chaos.cluster import Cluster
from tests.chaos.figures import report, scaled, spread
from tests.chaos.watcher import Watcher, watching

VIEWERS = scaled(60, 500)
AGENTS = 20
EACH = 5  # agents that each viewer follows
RATE = 2.0  # events a second on each agent
CUT_EVERY = 5.0  # seconds, about
SECONDS = scaled(12, 60)


def test_connections_cut_at_random_while_events_flow(pair: Cluster) -> None:
    """500 viewers, 20 agents: 100.00 % of the events arrive, none twice, none out of order."""
    site = pair.site(AGENTS)

    async def scenario() -> None:
        producers = site.producers(pair.ws_urls[:1])
        watchers = [
            Watcher(
                f"viewer {i}", pair.ws_urls[i % 2], site.token, [site.agents[(i + k) % AGENTS] for k in range(EACH)]
            )
            for i in range(VIEWERS)
        ]
        async with watching(watchers, seconds=120):
            async with flowing(producers, rate=RATE):
                cuts = await _jitter(watchers)
            figures = await reconcile(producers, watchers)
        returns = [seconds for watcher in watchers for seconds in watcher.returns]
        delays = [delay for w in watchers for track in w.tracks.values() for delay in track.delays]
        published = {producer.agent: producer.n for producer in producers}
        due = sum(published[agent] for watcher in watchers for agent in watcher.tracks)
        report(
            "jitter", **figures, delivered_percent=f"{100 * figures['delivered'] / due:.2f}", viewers=VIEWERS,
            agents=AGENTS, agents_each=EACH, seconds=SECONDS, cuts=cuts,
            **spread(returns, "replay"), **spread(delays, "event_delay"),
        )  # fmt: skip
        assert cuts > VIEWERS * SECONDS / CUT_EVERY / 2

    asyncio.run(scenario())


async def _jitter(watchers: list[Watcher]) -> int:
    """Cut connections at random, each about once in CUT_EVERY seconds; how many were cut."""
    loop = asyncio.get_running_loop()
    start, cuts = loop.time(), 0
    rate = len(watchers) / CUT_EVERY
    while (elapsed := loop.time() - start) < SECONDS:
        while cuts < elapsed * rate:
            random.choice(watchers).cut()
            cuts += 1
        await asyncio.sleep(random.expovariate(rate))
    return cuts
