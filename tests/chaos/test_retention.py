"""Retention during replays: each viewer gets every event, or `complete: false` with the right `oldest`."""

import asyncio
import json
import random
import time
from pathlib import Path

from tests.chaos.checking import flowing, until
from tests.chaos.cluster import Cluster, Site, cluster
from tests.chaos.figures import report, scaled
from tests.chaos.reader import Reader
from tests.chaos.track import Reset
from tests.support.viewer import Viewer, viewer

KEPT = 400
RATE = 400.0
SECONDS = scaled(4, 60)
REPLAYERS = scaled(6, 30)


def _kept(events: int) -> dict[str, str]:
    return {"STREAM_RETAIN_EVENTS": str(events), "STREAM_TRIM_EVERY": "0.2"}


class Replays:
    """What the replays have shown, over all of them."""

    def __init__(self) -> None:
        self.count = 0
        self.incomplete = 0
        self.broken_off = 0  # told in the middle of a replay that what follows has gone
        self.oldest = 1

    def answered(self, answer: dict[str, int | bool], since: int, oldest_before: int) -> None:
        """Check what a subscriber was told when it asked for everything after `since`."""
        oldest, seq = answer["oldest"], answer["seq"]
        assert oldest >= oldest_before, "oldest only grows"
        assert answer["complete"] is (oldest - 1 <= since <= seq), f"since {since}: {answer}"
        self.oldest = max(self.oldest, oldest)
        self.count += 1
        self.incomplete += not answer["complete"]


async def _replay(one: Viewer, agent: str, since: int, replays: Replays) -> None:
    """Ask for everything after `since` and follow to the newest event; every seq in between must come."""
    before = replays.oldest
    answer = (await one.subscribe("agent", agent, since=since))["payload"]
    replays.answered(answer, since, before)
    at, newest = (since if answer["complete"] else answer["oldest"] - 1), answer["seq"]
    while at < newest:
        message = await one.next()
        if message["type"] == "subscribed":  # trimmed away before it was read
            payload = message["payload"]
            assert not payload["complete"], message
            assert payload["oldest"] > at + 1, f"at {at}, and told that it is gone: {payload}"
            replays.broken_off += 1
            at = payload["oldest"] - 1
        elif "seq" in message:
            assert message["seq"] == at + 1, f"expected seq {at + 1}, got {message['seq']}"
            at += 1
    await one.send("unsubscribe:agent", {"agentId": agent})
    while (await one.next())["type"] != "unsubscribed":
        pass


async def _replay_until(stop: asyncio.Event, url: str, site: Site, replays: Replays) -> None:
    [agent] = site.agents
    async with viewer(url, site.token) as one:
        while not stop.is_set():
            await _replay(one, agent, max(0, replays.oldest + random.randint(-KEPT, KEPT)), replays)


def test_oldest_and_complete_are_right_at_every_moment(tmp_path: Path, backend: dict[str, str]) -> None:
    """Many replays from everywhere while events are written and trimmed; at the end exactly the newest are kept."""
    with cluster(tmp_path, _kept(KEPT) | backend) as one:
        site = one.site()
        [url] = one.ws_urls

        async def scenario() -> None:
            [producer] = site.producers([url])
            replays = Replays()
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group, flowing([producer], RATE):
                for _ in range(REPLAYERS):
                    group.create_task(_replay_until(stop, url, site, replays))
                await asyncio.sleep(SECONDS)
                stop.set()
            await until(lambda: _span(one, site)[0] == producer.n - KEPT + 1, 10, "the last trim")
            oldest, seq = _span(one, site)
            assert (oldest, seq) == (producer.n - KEPT + 1, producer.n)
            report(
                f"retention, {'postgresql' if backend else 'sqlite'}", published=producer.n, replays=replays.count,
                told_incomplete=replays.incomplete, told_in_the_middle=replays.broken_off, kept=seq - oldest + 1,
            )  # fmt: skip
            assert replays.count > replays.incomplete > 0

        asyncio.run(scenario())


def _span(one: Cluster, site: Site) -> tuple[int, int]:
    page = one.api.get(f"/agents/{site.agents[0]}/events?limit=1").data
    return page["oldest"], page["seq"]


def test_a_reader_overtaken_by_the_trim_is_told(tmp_path: Path) -> None:
    """A slow reader gets a run without gaps, is told where it ends, and continues at `oldest`."""
    with cluster(tmp_path, _kept(50) | {"STREAM_WINDOW_EVENTS": "20"}) as one:
        site = one.site()
        [url] = one.ws_urls

        async def scenario() -> None:
            [producer] = site.producers([url])
            slow = await Reader.connect("slow", url, site.token, producer.agent)
            for _ in range(30):
                await producer.publish(16, 30_000)  # 14 MiB: more than buffers on the way can hold
            await until(lambda: _span(one, site)[0] == producer.n - 49, 10, "the trim")
            await asyncio.wait_for(slow.read_to(producer.n), 20)
            await slow.close()
            await producer.close()
            assert not slow.track.faults, slow.track.faults
            [told] = slow.track.resets
            assert told == Reset(told.since, producer.n - 49, producer.n)
            report("overtaken by the trim", published=producer.n, read_before=told.since, went_on_at=told.oldest)

        asyncio.run(scenario())


def test_a_page_of_history_says_what_is_gone(tmp_path: Path) -> None:
    """Over HTTP too: a page is without gaps from `since`, or says that it is not complete and begins at `oldest`."""
    with cluster(tmp_path, _kept(100)) as one:
        site = one.site()
        [agent] = site.agents

        async def scenario() -> None:
            [producer] = site.producers(one.ws_urls)
            async with flowing([producer], RATE):
                deadline = time.monotonic() + scaled(2, 20)
                while time.monotonic() < deadline:
                    since = random.randint(0, producer.n)
                    page = (await asyncio.to_thread(one.api.get, f"/agents/{agent}/events?since={since}&limit=50")).data
                    begin = since if page["complete"] else page["oldest"] - 1
                    assert page["complete"] is (since >= page["oldest"] - 1), json.dumps(page)[:200]
                    seqs = [event["seq"] for event in page["events"]]
                    assert seqs == list(range(begin + 1, min(begin + 50, page["seq"]) + 1))

        asyncio.run(scenario())
