"""The verdict: every viewer has received exactly the acknowledged events, once and in order."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from tests.chaos.producer import Producer
from tests.chaos.watcher import Watcher

QUIET = 0.5  # seconds after the last event in which a late duplicate would show


async def until(reached: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for a condition and return the seconds it took. On timeout, fails naming `what` was expected."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    while not reached():
        assert loop.time() - start < seconds, f"waited {seconds:g} s in vain for {what}"
        await asyncio.sleep(0.01)
    return loop.time() - start


@asynccontextmanager
async def flowing(producers: Sequence[Producer], rate: float, size: int = 0) -> AsyncIterator[None]:
    """Each producer publishes `rate` events a second during the block; at the end all are acknowledged."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for producer in producers:
            group.create_task(producer.flow(rate, stop, size))
        try:
            yield
        finally:
            stop.set()
    for producer in producers:
        await producer.close()


async def reconcile(producers: Sequence[Producer], watchers: Sequence[Watcher], seconds: float = 60) -> dict[str, int]:
    """Wait until everything has arrived, then fail listing each event that is missing, duplicated or out of order."""
    expected: Counter[str] = Counter()
    for producer in producers:
        expected[producer.agent] += producer.n
    tracks = [track for watcher in watchers for track in watcher.tracks.values()]
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while any(track.seq < expected[track.agent] for track in tracks) and loop.time() < deadline:
        await asyncio.sleep(0.02)
    await asyncio.sleep(QUIET)
    problems = [fault for watcher in watchers for fault in watcher.faults]
    problems += [
        f"{track.viewer}, stream agent.{track.agent}: told at seq {reset.since} that it cannot have everything: {reset}"
        for track in tracks
        for reset in track.resets
    ]
    problems += [
        f"{track.viewer}, stream agent.{track.agent}: got up to seq {track.seq} of {expected[track.agent]} published"
        for track in tracks
        if track.seq != expected[track.agent]
    ]
    assert not problems, f"{len(problems)} faults:\n" + "\n".join(problems[:30])
    return {
        "published": sum(expected.values()),
        "delivered": sum(track.events for track in tracks),
        "lost": 0,
        "duplicated": 0,
        "reordered": 0,
    }
