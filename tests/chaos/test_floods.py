"""One address floods the server in every known way; 100 viewers and a publisher notice nothing.

Bounded in number and time, and only on this machine.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from pathlib import Path

from tests.chaos.checking import flowing, reconcile
from tests.chaos.cluster import Cluster, Site, cluster
from tests.chaos.figures import LONG, percentile, report, scaled, spread
from tests.chaos.producer import Producer
from tests.chaos.watcher import watching
from tests.security.test_closing import CONTINUATION, PING, TEXT, frame, handshake

VIEWERS = scaled(20, 100)
FLOODERS = scaled(4, 20)
HALF_OPEN = scaled(240, 1_000)
SECONDS = scaled(1, 10)
LIMIT_P99 = 0.05
STARVED = 0.1  # of the time that the server is kept from a core: then its latency says nothing about the server

START = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BIG = b"POST /api/tickets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 300000000\r\n\r\n"
UNBOUNDED = b"POST /api/tickets HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
EMPTY = frame(TEXT, b"", final=False) + frame(CONTINUATION, b"", final=False) * 5_000


class Flooder:
    """Connects again and again until the time is up, with what a test sends on each connection."""

    def __init__(self, port: int, token: str, agent: str) -> None:
        self.port = port
        self.token = token
        self.agent = agent
        self.connections = 0

    async def send(self, *pieces: bytes, seconds: float = 1.0) -> None:
        """Open a connection, send the pieces, read whatever comes until it ends or the time is up."""
        writer = None
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                self.connections += 1
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                while await reader.read(65_536):
                    pass
        except (OSError, TimeoutError):
            pass
        finally:
            if writer is not None:
                writer.transport.abort()

    async def drip(self) -> None:
        """Header after header, a byte at a time, on many connections."""
        writers = []
        with contextlib.suppress(OSError):
            for _ in range(HALF_OPEN // FLOODERS):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(START + b"X-Slow: ")
                writers.append(writer)
                self.connections += 1
            for _ in range(10):
                for writer in writers:
                    writer.write(b"x")
                await asyncio.sleep(0.1)
        for writer in writers:
            writer.transport.abort()

    async def bad_frames(self) -> None:
        await self.send(handshake(self.token), b"\xff\xff" + b"\xff" * 8 + bytes(4) + b"x" * 50_000)

    async def pings(self) -> None:
        await self.send(handshake(self.token), frame(PING, b"x" * 100) * 5_000)

    async def empty_fragments(self) -> None:
        await self.send(handshake(self.token), EMPTY)

    async def big_bodies(self) -> None:
        await self.send(BIG, b"x" * 1_000_000)
        await self.send(UNBOUNDED, *[b"10000\r\n" + b"x" * 65_536 + b"\r\n"] * 80)

    async def million_elements(self) -> None:
        events = ",".join(["{}"] * 330_000)
        body = f'{{"type":"publish:agent","payload":{{"agentId":"{self.agent}","producer":"p","events":[{events}]}}}}'
        head = b"\x81\xff" + len(body).to_bytes(8) + bytes(4)
        await self.send(handshake(self.token), head + body.encode())

    async def reconnects(self) -> None:
        """Not signed in, and sending on after the refusal."""
        await self.send(handshake(), frame(PING) * 1_000, seconds=0.5)


FLOODS: dict[str, Callable[[Flooder], Awaitable[None]]] = {
    "dripping headers": Flooder.drip,
    "bad frames": Flooder.bad_frames,
    "pings": Flooder.pings,
    "empty fragments": Flooder.empty_fragments,
    "big bodies": Flooder.big_bodies,
    "publications of a million elements": Flooder.million_elements,
    "reconnects with 4401": Flooder.reconnects,
}


@asynccontextmanager
async def flooding(flooders: list[Flooder], flood: Callable[[Flooder], Awaitable[None]]) -> AsyncIterator[None]:
    """Flood meanwhile, and for no longer than twice SECONDS."""
    until = time.monotonic() + 2 * SECONDS

    async def run(flooder: Flooder) -> None:
        while time.monotonic() < until:
            await flood(flooder)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(run(flooder)) for flooder in flooders]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert result is None or isinstance(result, asyncio.CancelledError), result


async def probes(port: int) -> list[float]:
    """The seconds that /healthz takes, asked some twenty times a second."""
    taken: list[float] = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until or not taken:
        start = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(START + b"Connection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 20)
        taken.append(time.perf_counter() - start)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        await asyncio.sleep(0.05)
    return taken


def probed(port: int) -> list[float]:
    return asyncio.run(probes(port))


def kept_waiting(pid: int) -> float:
    """The seconds for which a server's event loop could have run but others had the cores; 0 if unknown."""
    counted = Path(f"/proc/{pid}/task/{pid}/schedstat")
    return int(counted.read_text().split()[1]) / 1e9 if counted.exists() else 0.0


def test_floods_from_one_address_do_not_affect_viewers_and_publishers(tmp_path: Path) -> None:
    with cluster(tmp_path, {"STREAM_REQUEST_SECONDS": "2"}) as one:
        asyncio.run(_scenario(one))


async def _scenario(one: Cluster) -> None:
    site = one.site(agents=1)
    producers, watchers = site.producers(one.ws_urls), site.watchers(VIEWERS, one.ws_urls)
    server = one.servers[0]
    loop = asyncio.get_running_loop()
    # Asked from another process: in this one the floods themselves would be what takes time.
    with ProcessPoolExecutor(1, get_context("spawn")) as elsewhere:
        await loop.run_in_executor(elsewhere, probed, server.port)
        async with watching(watchers):
            slow = await _flood_all(one, site, producers, elsewhere)
            figures = await reconcile(producers, watchers)
    assert not any(each.ends for each in watchers), "no viewer was cut off"
    assert not producers[0].refusals, producers[0].refusals
    report("floods", **figures, viewers=VIEWERS, flooders=FLOODERS)
    if LONG:
        assert all(seconds < LIMIT_P99 for seconds in slow.values()), json.dumps(slow)


async def _flood_all(one: Cluster, site: Site, producers: list[Producer], elsewhere: Executor) -> dict[str, float]:
    """The seconds that 99 % of the probes took at most, for each of the floods during which the server could run."""
    slow: dict[str, float] = {}
    port, pid = one.servers[0].port, one.servers[0].pid
    for name, flood in FLOODS.items():
        flooders = [Flooder(port, one.token, site.agents[0]) for _ in range(FLOODERS)]
        began, waited = time.monotonic(), kept_waiting(pid)
        async with flowing(producers, rate=20), flooding(flooders, flood):
            taken = await asyncio.get_running_loop().run_in_executor(elsewhere, probed, port)
        connections = sum(each.connections for each in flooders)
        assert connections, f"{name}: nothing was sent"
        starved = (kept_waiting(pid) - waited) / (time.monotonic() - began)
        report(
            f"flood of {name}",
            connections=connections,
            kept_waiting=round(starved, 3),
            **spread(taken, "healthz"),
        )
        if starved < STARVED:
            slow[name] = percentile(taken, 99)
    return slow
