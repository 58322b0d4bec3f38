"""The database is restored from an older backup: whoever saw what is lost is told, at once, and starts again."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.chaos.checking import until
from tests.chaos.cluster import Cluster
from tests.chaos.figures import report
from tests.chaos.producer import Producer
from tests.chaos.track import Reset
from tests.chaos.watcher import Watcher, watching

BACKED_UP = 150  # events at the time of the backup
LOST = 150  # events after it


def _copy(source: Path, target: Path) -> None:
    """SQLite's own backup: a whole database, in one transaction, also while it is in use."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target, timeout=20)) as new:
        old.backup(new)


class Restorable:
    """A server on SQLite, with a backup to go back to."""

    def __init__(self, single: Cluster, tmp_path: Path) -> None:
        self.server = single.servers[0]
        self._live = self.server.data_dir / "db.sqlite3"
        self._backup = tmp_path / "backup.sqlite3"

    def back_up(self) -> None:
        _copy(self._live, self._backup)

    def restore(self) -> None:
        _copy(self._backup, self._live)

    def restore_offline(self) -> None:
        """As it is usually done: with the server down."""
        self.server.kill()
        self.restore()
        self.server.start()


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


def test_whoever_comes_back_from_beyond_the_newest_is_told(single: Cluster, tmp_path: Path) -> None:
    site = single.site()
    restorable = Restorable(single, tmp_path)

    async def scenario() -> None:
        [producer] = site.producers(single.ws_urls)
        watchers = site.watchers(3, single.ws_urls)
        async with watching(watchers):
            await _published(restorable, producer)
            await until(lambda: _everyone_at(watchers, BACKED_UP + LOST), 10, "all events")
            await producer.close()
            await asyncio.to_thread(restorable.restore_offline)
            took = await until(lambda: _everyone_at(watchers, BACKED_UP), 20, "everyone to go back")
            [fresh] = site.producers(single.ws_urls)
            await fresh.publish(10)
            await until(lambda: _everyone_at(watchers, BACKED_UP + 10), 10, "new events")
            await fresh.close()
        _judge(watchers, [Reset(BACKED_UP + LOST, 1, BACKED_UP)])
        report("log reset, reconnecting", told_after_s=round(took, 2))

    asyncio.run(scenario())


def test_whoever_comes_back_to_other_events_under_the_same_seq_is_told(single: Cluster, tmp_path: Path) -> None:
    """The log has grown past `since` again, with other events: `at` shows it."""
    site = single.site()
    restorable = Restorable(single, tmp_path)

    async def scenario() -> None:
        [producer] = site.producers(single.ws_urls)
        watchers = site.watchers(3, single.ws_urls)
        async with watching(watchers):
            await _published(restorable, producer)
            await until(lambda: _everyone_at(watchers, BACKED_UP + LOST), 10, "all events")
            await producer.close()
        await asyncio.to_thread(restorable.restore_offline)
        [fresh] = site.producers(single.ws_urls)
        await fresh.publish(LOST + 20)
        await fresh.close()
        async with watching(watchers):
            await until(lambda: _everyone_at(watchers, BACKED_UP + LOST + 20), 10, "all events")
        _judge(watchers, [Reset(BACKED_UP + LOST, 1, BACKED_UP + LOST + 20)])

    asyncio.run(scenario())


def test_whoever_watches_is_told_while_connected(single: Cluster, tmp_path: Path) -> None:
    """Nobody has to reconnect; and what was read from the log before is not served from memory after."""
    site = single.site()
    restorable = Restorable(single, tmp_path)

    async def scenario() -> None:
        [producer] = site.producers(single.ws_urls)
        [fresh] = site.producers(single.ws_urls)
        await _published(restorable, producer)
        watchers = site.watchers(3, single.ws_urls)
        newcomers = site.watchers(1, single.ws_urls)
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
        report("log reset, connected", told_after_s=round(took, 2))

    asyncio.run(scenario())


def test_pages_read_before_a_reset_nobody_watched_are_not_served_after_it(single: Cluster, tmp_path: Path) -> None:
    """The last viewer has gone when the log is restored; whoever comes next gets what the log holds now."""
    site = single.site()
    restorable = Restorable(single, tmp_path)

    async def scenario() -> None:
        [producer] = site.producers(single.ws_urls)
        [fresh] = site.producers(single.ws_urls)
        await _published(restorable, producer)
        before, after = site.watchers(1, single.ws_urls), site.watchers(1, single.ws_urls)
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


def test_a_reset_that_is_written_over_at_once_is_told(single: Cluster, tmp_path: Path) -> None:
    """As many events as were lost are written before the log is looked at again: its length alone shows nothing."""
    site = single.site()
    restorable = Restorable(single, tmp_path)

    async def scenario() -> None:
        [producer] = site.producers(single.ws_urls)
        [fresh] = site.producers(single.ws_urls)
        watchers = site.watchers(3, single.ws_urls)
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
