"""Months of uptime: people connect, watch and leave, and nothing of them remains."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.checking import until
from tests.chaos.cluster import Cluster, cluster
from tests.chaos.faults import memory
from tests.chaos.figures import report, scaled
from tests.chaos.gauges import gauges
from tests.support.viewer import viewer

MIB = 1 << 20
CYCLES = scaled(200, 10_000)
AT_ONCE = 10
AGENTS = 40
WARM = scaled(200, 1_500)  # cycles after which memory is expected to stay where it is
NAMES = ("agentstream_connections", "agentstream_subscriptions", "agentstream_feeds")


@pytest.fixture
def one(backend: dict[str, str], tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, backend) as servers:
        yield servers


async def _visit(url: str, token: str, agent: str, number: int) -> None:
    """Connect, subscribe, see an event or two, and leave in one of several ways."""
    async with viewer(url, token) as visitor:
        await visitor.subscribe("agent", agent, since=0)
        await visitor.events(1)
        match number % 3:
            case 0:
                await visitor.send("unsubscribe:agent", {"agentId": agent})
            case 1:
                visitor.socket.transport.abort()


async def _visits(one: Cluster, agents: list[str], count: int) -> None:
    numbers = iter(range(count))
    places = itertools.cycle(agents)

    async def visitor() -> None:
        for number in numbers:
            await _visit(one.ws_urls[0], one.token, next(places), number)

    await asyncio.gather(*(visitor() for _ in range(AT_ONCE)))


def test_nothing_is_left_of_closed_connections(one: Cluster) -> None:
    """After thousands of connect-subscribe-leave cycles every gauge is at zero and memory is where it was."""
    site = one.site(AGENTS)
    server = one.servers[0]

    async def scenario() -> None:
        for agent in site.agents:
            await asyncio.to_thread(one.api.output, agent, "x" * 1_000)
        await _visits(one, site.agents, WARM)
        before = memory(server)
        started = time.monotonic()
        await _visits(one, site.agents, CYCLES)
        took = time.monotonic() - started
        grown = (memory(server) - before) / MIB
        assert gauges(server, one.token)["agentstream_feeds"] > 0, "the gauge counts"
        emptied = await until(lambda: not any(_left(one)), 30, "every gauge to be at zero")
        report(
            f"churn, {'postgresql' if 'DATABASE_URL' in server.env else 'sqlite'}", cycles=CYCLES,
            cycles_per_second=round(CYCLES / took), rss_mib=round(before / MIB), rss_growth_mib=round(grown, 1),
            gauges_at_zero_after_s=round(emptied, 1),
        )  # fmt: skip
        assert grown < 24

    asyncio.run(scenario())


def _left(one: Cluster) -> list[float]:
    found = gauges(one.servers[0], one.token)
    return [found[name] for name in NAMES]
