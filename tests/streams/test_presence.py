"""Presence: all current viewers, on any process, each once."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.chaos.cluster import cluster
from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.services import Postgres, Redis, environment
from tests.support.viewer import viewer


def watching(api: Api, agent: str) -> list[str]:
    return [each["user"] for each in api.get(f"/agents/{agent}/viewers").data]


async def changes_to(api: Api, agent: str, names: list[str]) -> None:
    async with asyncio.timeout(10):
        while await asyncio.to_thread(watching, api, agent) != names:
            await asyncio.sleep(0.05)


def test_a_viewer_is_named_once_while_watching(live: LiveServer, root: Api) -> None:
    agent = root.agent(root.workspace("Watched")["id"], "one")["id"]

    async def scenario() -> None:
        assert watching(root, agent) == []
        async with viewer(live.ws_url, root.token) as first, viewer(live.ws_url, root.token) as second:
            assert watching(root, agent) == []
            await first.subscribe("agent", agent)
            await second.subscribe("agent", agent)
            await changes_to(root, agent, ["root"])
            await first.ask("unsubscribe:agent", {"agentId": agent})
            await changes_to(root, agent, ["root"])
        await changes_to(root, agent, [])

    asyncio.run(scenario())


def test_a_stranger_is_not_told_who_watches(live: LiveServer, root: Api) -> None:
    agent = root.agent(root.workspace("Private")["id"], "one")["id"]
    answer = Api(live.url, live.token("stranger")).get(f"/agents/{agent}/viewers")
    assert (answer.status, answer.data["code"]) == (404, "NOT_FOUND")


@pytest.mark.postgres
@pytest.mark.redis
def test_viewers_of_every_process_are_named(tmp_path: Path, postgres: Postgres, redis_server: Redis) -> None:
    env = environment(postgres, redis_server)
    with cluster(tmp_path, env, 2) as servers:
        [agent] = servers.site().agents
        tokens = {name: servers.servers[0].token(name, "--superuser") for name in ("ada", "Bob")}

        async def scenario() -> None:
            async with AsyncExitStack() as stack:
                for token, url in zip(tokens.values(), servers.ws_urls, strict=True):
                    socket = await stack.enter_async_context(viewer(url, token))
                    await socket.subscribe("agent", agent)
                for server in servers.servers:
                    await changes_to(Api(server.url, servers.token), agent, ["ada", "Bob"])
            for server in servers.servers:
                await changes_to(Api(server.url, servers.token), agent, [])

        asyncio.run(scenario())
