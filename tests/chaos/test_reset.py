"""The database is restored from an older backup: viewers who saw lost events are told at once and start over."""

import asyncio
import os
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.chaos.checking import until
from tests.chaos.cluster import Cluster
from tests.chaos.figures import report
from tests.chaos.producer import Producer
from tests.chaos.track import Reset
from tests.chaos.watcher import Watcher, watching
from tests.support.services import Postgres

BACKED_UP = 150  # events at the time of the backup
LOST = 150  # events after it


class Restorable(ABC):
    """An installation with a backup to go back to."""

    def __init__(self, cluster: Cluster, tmp_path: Path) -> None:
        self.cluster = cluster
        self._backup = tmp_path / "backup"

    @abstractmethod
    def back_up(self) -> None:
        """As the database is now, also while it is in use."""

    @abstractmethod
    def restore(self) -> None:
        """All at once, under the servers' feet."""

    def restore_offline(self) -> None:
        """As it is usually done: with the servers down."""
        for server in self.cluster.servers:
            server.kill()
        self.restore()
        for server in self.cluster.servers:
            server.start()


class SQLite(Restorable):
    def back_up(self) -> None:
        self._copy(self._live, self._backup)

    def restore(self) -> None:
        self._copy(self._backup, self._live)

    @property
    def _live(self) -> Path:
        return self.cluster.servers[0].data_dir / "db.sqlite3"

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        """SQLite's own backup: a whole database, in one transaction."""
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target, timeout=20)) as new:
            old.backup(new)


class PostgreSQL(Restorable):
    def __init__(self, cluster: Cluster, tmp_path: Path, service: Postgres) -> None:
        super().__init__(cluster, tmp_path)
        self._programs = service.programs
        self._url = cluster.servers[0].env["DATABASE_URL"]

    def back_up(self) -> None:
        self._run("pg_dump", "--data-only", "--disable-triggers", "--file", str(self._backup))

    def restore(self) -> None:
        with psycopg.connect(self._url) as connection:
            query = "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'"
            [tables] = connection.execute(query).fetchone() or [""]
        empty = f"TRUNCATE {tables} CASCADE"
        self._run("psql", "--single-transaction", "--quiet", "-c", empty, "-f", str(self._backup), "-o", os.devnull)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([self._programs / program, "--dbname", self._url, *arguments], check=True)


@pytest.fixture(params=["sqlite", "postgres and redis"])
def restorable(request: pytest.FixtureRequest, tmp_path: Path) -> Restorable:
    if request.param == "sqlite":
        return SQLite(request.getfixturevalue("single"), tmp_path)
    return PostgreSQL(request.getfixturevalue("pair"), tmp_path, request.getfixturevalue("postgres"))


async def _published(restorable: Restorable, producer: Producer) -> None:
    await producer.publish(BACKED_UP)
    await asyncio.to_thread(restorable.back_up)
    await producer.publish(LOST)


def _everyone_at(watchers: list[Watcher], seq: int) -> bool:
    return all(track.seq == seq for watcher in watchers for track in watcher.tracks.values())


def _judge(watchers: list[Watcher], resets: list[Reset]) -> None:
    for watcher in watchers:
        assert not watcher.faults, watcher.faults
        [track] = watcher.tracks.values()
        assert track.resets == resets, track.resets


def test_a_viewer_returning_from_beyond_the_newest_event_is_told(restorable: Restorable) -> None:
    cluster = restorable.cluster
    site = cluster.site()

    async def scenario() -> None:
        [producer] = site.producers(cluster.ws_urls[:1])
        watchers = site.watchers(3, cluster.ws_urls)
        async with watching(watchers):
            await _published(restorable, producer)
            await until(lambda: _everyone_at(watchers, BACKED_UP + LOST), 10, "all events")
            await producer.close()
            await asyncio.to_thread(restorable.restore_offline)
            took = await until(lambda: _everyone_at(watchers, BACKED_UP), 20, "everyone to go back")
            [fresh] = site.producers(cluster.ws_urls[:1])
            await fresh.publish(10)
            await until(lambda: _everyone_at(watchers, BACKED_UP + 10), 10, "new events")
            await fresh.close()
        _judge(watchers, [Reset(BACKED_UP + LOST, 1, BACKED_UP)])
        report(f"log reset, reconnecting, {type(restorable).__name__}", told_after_s=round(took, 2))

    asyncio.run(scenario())


def test_a_viewer_returning_to_other_events_under_the_same_seq_is_told(restorable: Restorable) -> None:
    """The log has grown past `since` again, with other events: `at` shows it."""
    cluster = restorable.cluster
    site = cluster.site()

    async def scenario() -> None:
        [producer] = site.producers(cluster.ws_urls[:1])
        watchers = site.watchers(3, cluster.ws_urls)
        async with watching(watchers):
            await _published(restorable, producer)
            await until(lambda: _everyone_at(watchers, BACKED_UP + LOST), 10, "all events")
            await producer.close()
        await asyncio.to_thread(restorable.restore_offline)
        [fresh] = site.producers(cluster.ws_urls[:1])
        await fresh.publish(LOST + 20)
        await fresh.close()
        async with watching(watchers):
            await until(lambda: _everyone_at(watchers, BACKED_UP + LOST + 20), 10, "all events")
        _judge(watchers, [Reset(BACKED_UP + LOST, 1, BACKED_UP + LOST + 20)])

    asyncio.run(scenario())


def test_a_connected_viewer_is_told(restorable: Restorable) -> None:
    """Nobody has to reconnect; and what was read from the log before is not served from memory after."""
    cluster = restorable.cluster
    site = cluster.site()

    async def scenario() -> None:
        [producer] = site.producers(cluster.ws_urls[:1])
        [fresh] = site.producers(cluster.ws_urls[:1])
        await _published(restorable, producer)
        watchers = site.watchers(3, cluster.ws_urls)
        newcomers = site.watchers(1, cluster.ws_urls)
        async with watching(watchers):
            await until(lambda: _everyone_at(watchers, BACKED_UP + LOST), 10, "all events")
            await asyncio.to_thread(restorable.restore)
            took = await until(lambda: _everyone_at(watchers, BACKED_UP), 10, "everyone to go back")
            await fresh.publish(LOST * 2)
            await until(lambda: _everyone_at(watchers, BACKED_UP + LOST * 2), 10, "new events")
            async with watching(newcomers):
                await until(lambda: _everyone_at(newcomers, BACKED_UP + LOST * 2), 10, "a replay")
        for each in (producer, fresh):
            await each.close()
        _judge(watchers, [Reset(BACKED_UP + LOST, 1, BACKED_UP)])
        _judge(newcomers, [])
        assert {watcher.connections for watcher in watchers} == {1}
        report(f"log reset, connected, {type(restorable).__name__}", told_after_s=round(took, 2))

    asyncio.run(scenario())


def test_pages_cached_before_an_unwatched_reset_are_not_served_after_it(restorable: Restorable) -> None:
    """The last viewer has gone when the log is restored; the next viewer gets the log's current events."""
    cluster = restorable.cluster
    site = cluster.site()

    async def scenario() -> None:
        [producer] = site.producers(cluster.ws_urls[:1])
        [fresh] = site.producers(cluster.ws_urls[:1])
        await _published(restorable, producer)
        before, after = site.watchers(1, cluster.ws_urls), site.watchers(1, cluster.ws_urls)
        async with watching(before):
            await until(lambda: _everyone_at(before, BACKED_UP + LOST), 10, "all events")
        await asyncio.to_thread(restorable.restore)
        await fresh.publish(LOST + 20)
        async with watching(after):
            await until(lambda: _everyone_at(after, BACKED_UP + LOST + 20), 10, "all events")
        for each in (producer, fresh):
            await each.close()
        _judge(after, [])

    asyncio.run(scenario())


def test_a_reset_that_is_overwritten_at_once_is_noticed(restorable: Restorable) -> None:
    """As many events as were lost are written before the log is looked at again: its length alone shows nothing."""
    cluster = restorable.cluster
    site = cluster.site()

    async def scenario() -> None:
        [producer] = site.producers(cluster.ws_urls[:1])
        [fresh] = site.producers(cluster.ws_urls[:1])
        watchers = site.watchers(3, cluster.ws_urls)
        async with watching(watchers):
            await _published(restorable, producer)
            await until(lambda: _everyone_at(watchers, BACKED_UP + LOST), 10, "all events")
            await asyncio.to_thread(restorable.restore)
            await fresh.publish(LOST + 20)
            await until(lambda: all(t.resets for w in watchers for t in w.tracks.values()), 5, "the viewers to be told")
            await until(lambda: _everyone_at(watchers, BACKED_UP + LOST + 20), 10, "all events")
        for each in (producer, fresh):
            await each.close()
        for watcher in watchers:
            [track] = watcher.tracks.values()
            assert len(track.resets) == 1
            assert track.events - BACKED_UP - LOST >= BACKED_UP + LOST + 20, "all of the log came after it was told"

    asyncio.run(scenario())
