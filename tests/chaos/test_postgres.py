"""PostgreSQL fails: publishing is refused, viewers stay connected, and everything resumes by itself."""

import asyncio
import time

from tests.chaos.checking import flowing, reconcile, until
from tests.chaos.cluster import Cluster
from tests.chaos.figures import report, scaled, spread
from tests.chaos.watcher import watching
from tests.support.api import Api, Response
from tests.support.services import Postgres

AWAY = scaled(2, 15)


def test_publishing_is_unavailable_while_postgresql_is_down_and_retries_are_stored_once(
    pair: Cluster, postgres: Postgres
) -> None:
    """503 over HTTP and UNAVAILABLE over WebSocket; nothing half stored; no viewer has to reconnect."""
    site = pair.site(agents=2)
    [refused_agent] = pair.site().agents

    async def scenario() -> None:
        producers = site.producers(pair.ws_urls)
        watchers = site.watchers(6, pair.ws_urls)
        async with watching(watchers):
            async with flowing(producers, rate=20):
                await asyncio.sleep(0.5)
                await asyncio.to_thread(postgres.stop)
                asked = time.monotonic()
                refused = await asyncio.to_thread(_publish, pair.api, refused_agent)
                answered = time.monotonic() - asked
                await asyncio.sleep(AWAY)
                await asyncio.to_thread(postgres.start)
                counts = [producer.n for producer in producers]
                recovery = await until(
                    lambda: all(p.n > n for p, n in zip(producers, counts, strict=True)), 30, "publishing to resume"
                )
            figures = await reconcile(producers, watchers)
        assert (refused.status, refused.data["code"]) == (503, "UNAVAILABLE"), refused
        assert all(producer.refusals["UNAVAILABLE"] for producer in producers), "each producer was told"
        assert not any(producer.refusals["lost"] for producer in producers)
        assert {watcher.connections for watcher in watchers} == {1}, "a viewer had to reconnect"
        stored = (await asyncio.to_thread(pair.api.get, f"/agents/{refused_agent}/events")).data
        assert (stored["seq"], stored["events"]) == (0, []), "nothing of what was refused is stored"
        delays = [delay for w in watchers for track in w.tracks.values() for delay in track.delays]
        report(
            "postgresql away", **figures, **spread(delays, "delay"),
            refused_after_s=round(answered, 2), resumed_s=round(recovery, 2),
        )  # fmt: skip

    asyncio.run(scenario())


def _publish(api: Api, agent: str) -> Response:
    events = [{"n": n, "type": "agent:output", "payload": {"content": "refused"}} for n in (1, 2, 3)]
    return api.post(f"/agents/{agent}/events", {"producer": "refused", "events": events})
