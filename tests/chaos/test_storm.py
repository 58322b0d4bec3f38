"""A reconnect storm: all viewers are disconnected at once and return at once, with `since`."""

import asyncio
import time

import psycopg

from tests.chaos.checking import flowing, reconcile, until
from tests.chaos.cluster import Cluster
from tests.chaos.figures import report, scaled, spread
from tests.chaos.watcher import Watcher, watching
from tests.support.services import Postgres

VIEWERS = scaled(300, 2_000)
AGENTS = 3
STORMS = scaled(1, 3)
RETURN = scaled(30, 180)  # seconds that everyone may take, server and viewers sharing one small machine


def _transactions(postgres: Postgres, database: str) -> int:
    """Transactions of the database so far: outside `atomic`, each query is one."""
    with psycopg.connect(postgres.url) as connection:
        query = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s"
        row = connection.execute(query, [database]).fetchone()
    assert row is not None
    count: int = row[0]
    return count


def test_everyone_comes_back_at_once_and_reads_are_shared(pair: Cluster, postgres: Postgres) -> None:
    """Nobody misses anything, and the database sees far fewer queries than there are viewers."""
    site = pair.site(AGENTS)
    database = pair.servers[0].env["DATABASE_URL"].rsplit("/", 1)[1]
    [url, _] = pair.ws_urls  # all on one process, so that it alone has to bear it

    async def scenario() -> None:
        producers = site.producers([url])
        watchers = site.watchers(VIEWERS, [url], backoff=0)
        async with watching(watchers, seconds=120):
            queries = 0
            for _ in range(STORMS):
                for producer in producers:
                    await producer.publish(100)
                await until(lambda: _arrived(watchers, producers[0].n), RETURN, "everyone to have everything")
                before = await _settled(postgres, database)
                await _storm(watchers)
                queries += await _settled(postgres, database) - before
            async with flowing(producers, rate=10):
                await _storm(watchers)  # the same while events flow
            figures = await reconcile(producers, watchers)
        returns = [seconds for watcher in watchers for seconds in watcher.returns]
        assert len(returns) == VIEWERS * (STORMS + 1)
        report(
            "reconnect storm", **figures, viewers=VIEWERS, streams_each=AGENTS, storms=STORMS + 1,
            **spread(returns, "return"), queries_per_quiet_storm=round(queries / STORMS),
        )  # fmt: skip
        assert queries / STORMS < VIEWERS, "less than one query per viewer"

    asyncio.run(scenario())


async def _storm(watchers: list[Watcher]) -> None:
    counts = [len(watcher.returns) for watcher in watchers]
    for watcher in watchers:
        watcher.cut()
    await until(
        lambda: all(len(w.returns) > n for w, n in zip(watchers, counts, strict=True)), RETURN, "everyone to be back"
    )


def _arrived(watchers: list[Watcher], seq: int) -> bool:
    return all(track.seq >= seq for watcher in watchers for track in watcher.tracks.values())


async def _settled(postgres: Postgres, database: str) -> int:
    """The count of transactions, once the servers' connections have told theirs: they do so about once a second."""
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        await asyncio.sleep(0.25)
    return await asyncio.to_thread(_transactions, postgres, database)
