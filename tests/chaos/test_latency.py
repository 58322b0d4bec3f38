"""An event published on one process reaches viewers on another as fast as on its own."""

import asyncio

from tests.chaos.checking import flowing, reconcile, until
from tests.chaos.cluster import Cluster
from tests.chaos.figures import percentile, report, scaled, spread
from tests.chaos.watcher import watching

EVENTS = scaled(300, 3_000)


def test_across_processes(pair: Cluster) -> None:
    """Bounded generously here; the measured figure is in docs/reliability.md."""
    site = pair.site()
    one, two = pair.ws_urls

    async def scenario() -> None:
        producers = site.producers([one])
        same, other = site.watchers(1, [one]), site.watchers(1, [two])
        async with watching(same + other):
            async with flowing(producers, rate=100):
                await until(lambda: producers[0].n >= EVENTS, 120, "events")
            figures = await reconcile(producers, same + other)
        [here], [there] = ([track.delays for track in w.tracks.values()] for w in (same[0], other[0]))
        difference = [far - near for near, far in zip(here, there, strict=True)]
        report(
            "across processes", **figures,
            **spread(here, "same_process"), **spread(there, "other_process"),
            difference_ms_p50=round(percentile(difference, 50) * 1000, 2),
        )  # fmt: skip
        assert percentile(there, 50) < 0.25

    asyncio.run(scenario())


def test_concurrent_writers_of_one_stream_on_two_processes(pair: Cluster) -> None:
    """seq has no gap and no reuse, and all viewers see one order, whichever process wrote."""
    site = pair.site()

    async def scenario() -> None:
        producers = site.producers(pair.ws_urls * 3)
        watchers = site.watchers(4, pair.ws_urls)
        async with watching(watchers):
            await asyncio.gather(*(producer.publish(5) for producer in producers for _ in range(1)))
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                for producer in producers:
                    group.create_task(producer.burst(3, stop))
                await until(lambda: sum(p.n for p in producers) >= scaled(1_500, 20_000), 120, "events")
                stop.set()
            for producer in producers:
                await producer.close()
            figures = await reconcile(producers, watchers)
        report("concurrent writers", **figures, writers=len(producers))
        orders = {tuple(watcher.tracks[site.agents[0]].sent) for watcher in watchers}
        assert len(orders) == 1, "all viewers see the same order"

    asyncio.run(scenario())
