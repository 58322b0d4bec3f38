"""kill -9 in the middle of a burst: acknowledged events are stored; the others are retried and stored once."""

import asyncio

from tests.chaos.checking import reconcile, until
from tests.chaos.cluster import Cluster, Site
from tests.chaos.figures import report, scaled
from tests.chaos.producer import Producer
from tests.chaos.proxy import Proxy
from tests.chaos.watcher import Watcher, watching
from tests.support.server import LiveServer

ROUNDS = scaled(2, 10)
BATCH = 20
BURST = 1_000  # events of each producer in a round, before and again after the kill


async def _kill_in_bursts(producers: list[Producer], victims: list[LiveServer]) -> None:
    """Publish as fast as it goes; kill one server after the other in the middle of it, and start it again."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for producer in producers:
            group.create_task(producer.burst(BATCH, stop))
        try:
            for number in range(ROUNDS):
                victim = victims[number % len(victims)]
                await _more(producers, BURST)
                victim.kill()
                await asyncio.to_thread(victim.start)
                await _more(producers, BURST)
        finally:
            stop.set()
    for producer in producers:
        await producer.close()


async def _more(producers: list[Producer], count: int) -> None:
    goals = [producer.n + count for producer in producers]
    await until(lambda: all(p.n >= goal for p, goal in zip(producers, goals, strict=True)), 30, "a burst")


async def _verdict(name: str, producers: list[Producer], watchers: list[Watcher]) -> None:
    figures = await reconcile(producers, watchers)
    interrupted = sum(producer.refusals["lost"] for producer in producers)
    assert interrupted, "a producer was interrupted"
    report(name, **figures, kills=ROUNDS, retried_publications=interrupted)


def test_the_single_server_on_sqlite(single: Cluster) -> None:
    """Producers and viewers find the same server again on its port."""
    site: Site = single.site(agents=2)

    async def scenario() -> None:
        producers = site.producers(single.ws_urls * 2)
        watchers = site.watchers(6, single.ws_urls)
        async with watching(watchers):
            await _kill_in_bursts(producers, single.servers)
            await _verdict("kill -9, sqlite", producers, watchers)
        assert min(watcher.connections for watcher in watchers) > ROUNDS

    asyncio.run(scenario())


def test_either_of_two_servers_behind_one_address(pair: Cluster) -> None:
    """Producers and viewers continue at the remaining server, in the middle of a batch or a replay."""
    site = pair.site(agents=2)

    async def scenario() -> None:
        async with Proxy([server.port for server in pair.servers]) as proxy:
            producers = site.producers([proxy.ws_url] * 2)
            watchers = site.watchers(8, [proxy.ws_url])
            async with watching(watchers):
                await _kill_in_bursts(producers, pair.servers)
                await _verdict("kill -9 of one of two", producers, watchers)

    asyncio.run(scenario())
