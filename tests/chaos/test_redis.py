"""Redis fails and returns: viewers notice a delay of up to about a second, and nothing else."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import redis

from tests.chaos.checking import flowing, reconcile, until
from tests.chaos.cluster import Cluster, cluster
from tests.chaos.faults import frozen
from tests.chaos.figures import report, scaled, spread
from tests.chaos.watcher import Watcher, watching
from tests.support.services import Redis

AWAY = scaled(2, 10)
FROZEN = 3
FAST = 0.2  # seconds of delay; among the last FEW events polling would make some later than that
FEW = 10


async def killed(server: Redis) -> None:
    server.stop(signal.SIGKILL)
    await asyncio.sleep(AWAY)
    await asyncio.to_thread(server.start)


async def restarted(server: Redis) -> None:
    server.stop(signal.SIGTERM)
    await asyncio.to_thread(server.start)


async def flushed(server: Redis) -> None:
    def flush() -> None:
        with redis.Redis(port=server.port) as client:
            client.flushall()

    await asyncio.to_thread(flush)


async def stopped_for_a_while(server: Redis) -> None:
    with frozen(server):
        await asyncio.sleep(FROZEN)


@pytest.mark.parametrize("fault", [killed, restarted, flushed, stopped_for_a_while])
def test_nothing_is_lost_and_speed_returns(
    pair: Cluster, redis_server: Redis, fault: Callable[[Redis], Awaitable[None]]
) -> None:
    """No reconnect, no loss, no duplicate while events flow on both processes; then as fast as before."""
    site = pair.site(agents=2)

    async def scenario() -> None:
        producers = site.producers(pair.ws_urls)
        watchers = site.watchers(6, pair.ws_urls)
        async with watching(watchers):
            async with flowing(producers, rate=20):
                await asyncio.sleep(0.5)
                began = time.time()
                await fault(redis_server)
                ended = time.time()
                recovery = await until(lambda: _all_fast(watchers, ended), 20, "events to be fast again")
            figures = await reconcile(producers, watchers)
        assert {watcher.connections for watcher in watchers} == {1}, "a viewer had to reconnect"
        assert not any(producer.refusals for producer in producers)
        meanwhile = [d for w in watchers for t in w.tracks.values() for d in t.delays_of(began, ended + recovery)]
        before = [d for w in watchers for t in w.tracks.values() for d in t.delays_of(0, began)]
        report(
            f"redis {fault.__name__}",
            **figures,
            **spread(before, "delay_before"),
            **spread(meanwhile, "delay_during"),
            fast_again_s=round(recovery, 2),
        )
        assert max(meanwhile) < 8

    asyncio.run(scenario())


def _all_fast(watchers: list[Watcher], after: float) -> bool:
    """Whether the last few events made after that time came without waiting for a comparison with the log."""
    for watcher in watchers:
        for track in watcher.tracks.values():
            if len(track.sent) < FEW or track.sent[-FEW] < after or max(track.delays[-FEW:]) > FAST:
                return False
    return True


def test_a_server_started_without_redis_serves_and_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    server = Redis(folder)  # not started yet
    with cluster(tmp_path, {"REDIS_URL": server.url}) as lonely:
        site = lonely.site()

        async def scenario() -> None:
            producers = site.producers(lonely.ws_urls)
            watchers = site.watchers(3, lonely.ws_urls)
            async with watching(watchers):
                async with flowing(producers, rate=20):
                    await until(lambda: len(watchers[0].tracks[site.agents[0]].delays) > 30, 15, "events by polling")
                    slow = [d for w in watchers for t in w.tracks.values() for d in t.delays]
                    await asyncio.to_thread(server.start)
                    back = time.time()
                    recovery = await until(lambda: _all_fast(watchers, back), 20, "events to be fast with Redis there")
                figures = await reconcile(producers, watchers)
            assert {watcher.connections for watcher in watchers} == {1}
            report("started without redis", **figures, **spread(slow, "delay"), fast_s=round(recovery, 2))
            assert max(slow) < 8

        try:
            asyncio.run(scenario())
        finally:
            server.stop()
        assert "channel layer unavailable" in lonely.servers[0].log
