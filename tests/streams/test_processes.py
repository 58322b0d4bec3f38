"""Several server processes on one PostgreSQL and one Redis behave as one."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.api import Api, agent_of, report
from tests.support.server import SHARED_KEY, LiveServer
from tests.support.services import Postgres, Redis, environment
from tests.support.viewer import viewer

Pair = tuple[LiveServer, LiveServer]


@pytest.fixture
def pair(tmp_path: Path, postgres: Postgres, redis_server: Redis) -> Iterator[Pair]:
    shared = {**environment(postgres, redis_server), "SECRET_KEY": SHARED_KEY}
    folders = tmp_path / "one", tmp_path / "two"
    for folder in folders:
        folder.mkdir()
    with LiveServer(folders[0], **shared) as one, LiveServer(folders[1], **shared) as two:
        yield one, two


def test_what_is_published_on_one_process_is_seen_on_all_in_the_same_order(pair: Pair) -> None:
    one, two = pair
    root = Api(one.url, one.token("root", "--superuser"))
    elsewhere = Api(two.url, root.token)
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        async with viewer(one.ws_url, root.token) as here, viewer(two.ws_url, root.token) as there:
            await here.subscribe("agent", agent_id)
            await there.subscribe("agent", agent_id)
            await asyncio.gather(
                report(root, agent_id, *(f"one {i}" for i in range(25))),
                report(elsewhere, agent_id, *(f"two {i}" for i in range(25))),
            )
            seen = await here.events(50)
            assert [event["seq"] for event in seen] == list(range(1, 51))
            assert await there.events(50) == seen

    asyncio.run(scenario())


def test_a_deletion_on_one_process_ends_subscriptions_on_the_other(pair: Pair) -> None:
    one, two = pair
    root = Api(one.url, one.token("root", "--superuser"))
    _, agent_id = agent_of(root)

    async def scenario() -> None:
        async with viewer(two.ws_url, root.token) as there:
            await there.subscribe("agent", agent_id)
            await asyncio.to_thread(root.call, "DELETE", f"/agents/{agent_id}")
            assert (await there.next())["payload"] == {"type": "agent", "id": agent_id, "reason": "deleted"}

    asyncio.run(scenario())


def test_workspaces_with_one_name_can_be_created_at_once_on_two_processes(pair: Pair) -> None:
    one, two = pair
    root = Api(one.url, one.token("root", "--superuser"))
    servers = [root, Api(two.url, root.token)]
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(servers[i % 2].post, "/workspaces", {"name": "Team"}) for i in range(60)]
        made = [each.result() for each in asked]
        assert {each.status for each in made} == {201}, [each.data for each in made if each.status != 201]
        assert len({each.data["slug"] for each in made}) == 60
        # Of several that want exactly the same slug, one gets it and the others get an error.
        asked = [pool.submit(servers[i % 2].post, "/workspaces", {"name": "x", "slug": "exact"}) for i in range(20)]
        statuses = sorted(each.result().status for each in asked)
    assert statuses == [201] + [400] * 19
