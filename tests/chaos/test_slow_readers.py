"""A reader that stalls or is slow costs bounded memory and delays nobody."""

import asyncio
import time
from pathlib import Path

from tests.chaos.checking import reconcile, until
from tests.chaos.cluster import Cluster, cluster
from tests.chaos.faults import memory
from tests.chaos.figures import percentile, report, scaled, spread
from tests.chaos.producer import Producer
from tests.chaos.reader import Reader
from tests.chaos.watcher import watching

MIB = 1 << 20
SIZE = 32_000  # bytes of an event
BATCH = 16
STALLED = scaled(1, 10)
FLOOD = scaled(64, 512) * MIB
SLOW = 24 * BATCH * SIZE  # 12 MB: far more than the window and the kernel's buffers hold
RATE = 200_000.0  # bytes a second
SLOW_FOR = scaled(14, 40)  # seconds; longer than a stalled reader is given
BOUND = 64 * MIB  # of growth: the windows, the pages read for those behind, the allocator's slack


async def _flood(producer: Producer, size: int) -> None:
    while producer.n * SIZE < size:
        await producer.publish(BATCH, SIZE)
    await producer.close()


async def _sample(one: Cluster, sizes: list[int]) -> None:
    """Take the server's memory again and again, until cancelled."""
    while True:
        sizes.append(memory(one.servers[0]))
        await asyncio.sleep(0.05)


def test_a_stalled_reader_is_closed_and_a_slow_one_catches_up(tmp_path: Path) -> None:
    """64 MiB published past readers who take nothing, 12 MB past one who takes 200 kB/s, and a healthy viewer."""
    with cluster(tmp_path) as one:
        asyncio.run(_scenario(one))


async def _scenario(one: Cluster) -> None:
    server = one.servers[0]
    site = one.site(agents=2)
    flood, trickle = site.producers(one.ws_urls)
    [healthy] = site.watchers(1, one.ws_urls)
    stalled = [await Reader.connect(f"stalled {i}", server.ws_url, one.token, flood.agent) for i in range(STALLED)]
    slow = await Reader.connect("slow", server.ws_url, one.token, trickle.agent)
    slow.rate = RATE
    async with watching([healthy]):
        await asyncio.gather(_flood(flood, 2 * MIB), _flood(trickle, MIB // 4))  # warm: what any viewer costs
        before = memory(server)
        started = time.monotonic()
        slowly = asyncio.create_task(slow.read_to(SLOW // SIZE))
        sampling = asyncio.create_task(_sample(one, sizes := [before]))
        await asyncio.gather(_flood(flood, FLOOD), _flood(trickle, SLOW))
        published = time.monotonic() - started
        await until(lambda: server.log.count("4408") >= STALLED, 30, "the stalled readers to be closed")
        closed = time.monotonic() - started
        for reader in stalled:
            await asyncio.wait_for(reader.read_out(), 20)
        await asyncio.sleep(max(0.0, started + SLOW_FOR - time.monotonic()))
        behind = trickle.n - slow.track.seq
        slow.rate = float("inf")
        await asyncio.wait_for(slowly, 30)
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
        figures = await reconcile([flood, trickle], [healthy])
    assert not slow.track.faults, slow.track.faults
    assert slow.track.events == trickle.n == SLOW // SIZE
    assert behind > 0, "it was slow"
    assert {reader.code for reader in stalled} <= {4408, None}, "closed, or cut"
    for reader in [*stalled, slow]:
        await reader.close()
    delays = [delay for track in healthy.tracks.values() for delay in track.delays]
    growth = (max(sizes) - before) / MIB
    report(
        "stalled and slow readers", **figures, mib_published=(FLOOD + SLOW) // MIB, publishing_s=round(published, 1),
        stalled_readers=STALLED, closed_after_s=round(closed, 1), close_code=str(stalled[0].code),
        rss_growth_mib=round(growth, 1), slow_was_behind_events=behind, **spread(delays, "healthy_delay"),
    )  # fmt: skip
    assert growth * MIB < BOUND
    assert closed < 25
    assert percentile(delays, 99) < 2.5
