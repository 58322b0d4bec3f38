"""Metrics for operators."""

import asyncio
import re
import urllib.error
import urllib.request

import pytest

from tests.support.api import Api, agent_of
from tests.support.server import LiveServer
from tests.support.viewer import viewer


def metrics(url: str, token: str | None) -> dict[str, float]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/metrics", headers=headers)) as answer:
        return {
            name: float(value) for name, value in re.findall(r"^(agentstream_\w+) (\S+)$", answer.read().decode(), re.M)
        }


def test_metrics_have_the_right_counts(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        before = await asyncio.to_thread(metrics, live.url, root.token)
        async with viewer(live.ws_url, root.token) as one:
            await one.subscribe("agent", agent_id)
            await asyncio.to_thread(root.output, agent_id, "x")
            now = await asyncio.to_thread(metrics, live.url, root.token)
        assert now["agentstream_connections"] == before["agentstream_connections"] + 1
        assert now["agentstream_subscriptions"] == before["agentstream_subscriptions"] + 1
        assert now["agentstream_events_appended_total"] >= before["agentstream_events_appended_total"] + 1

    asyncio.run(scenario())


@pytest.mark.parametrize(("who", "status"), [(None, 401), ("stranger", 403)])
def test_metrics_are_for_superusers(live: LiveServer, who: str | None, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        metrics(live.url, live.token(who) if who else None)
    with refused.value as error:
        assert error.code == status
