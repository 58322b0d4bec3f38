"""SIGTERM: commits finish, sockets are closed gradually with 1012, and the process ends in time."""

import asyncio
import os
import signal
import time
from pathlib import Path

from tests.chaos.checking import flowing, reconcile, until
from tests.chaos.cluster import cluster
from tests.chaos.figures import report, scaled
from tests.chaos.watcher import Ended, watching

VIEWERS = scaled(300, 1_000)
DRAIN = 3.0
INSTANT = DRAIN / 10
LIMIT = DRAIN + 8


def test_an_orderly_stop_spreads_its_closes_and_loses_nothing(tmp_path: Path) -> None:
    """Every socket gets 1012; no tenth of the drain closes more than three tenths; all come back and miss nothing."""
    with cluster(tmp_path, {"STREAM_DRAIN": str(DRAIN)}) as one:
        site = one.site()
        server = one.servers[0]

        async def scenario() -> None:
            producers = site.producers(one.ws_urls)
            watchers = site.watchers(VIEWERS, one.ws_urls)
            async with watching(watchers):
                async with flowing(producers, rate=50):
                    await asyncio.sleep(0.5)
                    asked = time.monotonic()
                    os.kill(server.pid, signal.SIGTERM)
                    assert await asyncio.to_thread(server.stop, LIMIT) == 0
                    took = time.monotonic() - asked
                    await until(lambda: all(watcher.ends for watcher in watchers), 20, "every close to arrive")
                    ends = [watcher.ends[0] for watcher in watchers]
                    await asyncio.to_thread(server.start)
                    stored = producers[0].n
                    await until(lambda: producers[0].n > stored + 50, 20, "publishing to resume")
                figures = await reconcile(producers, watchers)
            assert {end.code for end in ends} == {1012}
            most = _most_in_an_instant(ends)
            report(
                "orderly stop", **figures, sockets=VIEWERS, exit_s=round(took, 2), drain_s=round(_span(ends), 2),
                most_closes_in_a_tenth=most,
            )  # fmt: skip
            assert most <= VIEWERS * 0.3
            assert _span(ends) > DRAIN / 2

        asyncio.run(scenario())
        assert "Traceback" not in server.log


def _span(ends: list[Ended]) -> float:
    return max(end.time for end in ends) - min(end.time for end in ends)


def _most_in_an_instant(ends: list[Ended]) -> int:
    """The most closes that any tenth of the drain has seen, wherever it begins."""
    times = sorted(end.time for end in ends)
    return max(sum(1 for time in times if start <= time < start + INSTANT) for start in times)
