"""Agents that register themselves: one agent for a key, labels, lists, and the archive; on both databases."""

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.api import Api, Response
from tests.support.server import LiveServer
from tests.support.services import Postgres, Redis, environment
from tests.support.viewer import Message, Viewer, viewer


@pytest.fixture(scope="module", params=["sqlite", "postgres and redis"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    env = {"WORKSPACE_AGENTS": "150"}
    if request.param != "sqlite":
        postgres: Postgres = request.getfixturevalue("postgres")
        redis: Redis = request.getfixturevalue("redis_server")
        env |= environment(postgres, redis)
    with LiveServer(tmp_path_factory.mktemp("registration"), **env) as server:
        yield server


@pytest.fixture(scope="module")
def api(server: LiveServer) -> Api:
    return Api(server.url, server.token("root", "--create", "--superuser"))


@pytest.fixture
def agents(api: Api) -> str:
    """The path of a new workspace's agents."""
    return f"/workspaces/{api.workspace(f'w {uuid.uuid4()}')['id']}/agents"


def labels_of(api: Api, agent_id: str) -> Any:
    return api.get(f"/agents/{agent_id}").data["labels"]


def test_a_key_has_one_agent_however_many_ask_at_once(api: Api, agents: str) -> None:
    def register(_: int) -> Response:
        return api.post(agents, {"key": "host/1234", "name": "build"})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(register, range(40)))
    assert sorted(answer.status for answer in answers) == [200] * 39 + [201]
    assert len({answer.data["id"] for answer in answers}) == 1
    assert len(api.get(agents).data) == 1


def test_workspaces_of_one_name_created_at_once_each_get_an_address_of_their_own(api: Api) -> None:
    name = f"Same {uuid.uuid4()}"
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda _: api.post("/workspaces", {"name": name}), range(10)))
    assert [one.status for one in made] == [201] * 10, made
    assert len({one.data["slug"] for one in made}) == 10


def test_registering_again_merges_labels_and_leaves_the_rest(api: Api, agents: str) -> None:
    made = api.post(agents, {"key": "k", "labels": {"host": "a", "tool": "claude"}}).data
    again = api.post(agents, {"key": "k", "labels": {"host": "b", "tool": None, "branch": "main"}})
    assert (again.status, again.data["id"], again.data["labels"]) == (200, made["id"], {"host": "b", "branch": "main"})
    assert (again.data["key"], again.data["name"]) == ("k", "k")


def test_a_name_chosen_by_a_person_is_kept(api: Api, agents: str) -> None:
    made = api.post(agents, {"key": "k", "name": "first"}).data
    assert api.post(agents, {"key": "k", "name": "second"}).data["name"] == "second"
    assert api.call("PATCH", f"/agents/{made['id']}", {"name": "mine"}).data["name"] == "mine"
    assert api.post(agents, {"key": "k", "name": "third"}).data["name"] == "mine"


def test_a_name_that_is_taken_gets_a_number_and_keeps_it(api: Api, agents: str) -> None:
    api.post(agents, {"name": "build"})
    assert [api.post(agents, {"key": key, "name": "build"}).data["name"] for key in ("a", "b", "a")] == [
        "build 2",
        "build 3",
        "build 2",
    ]


BAD: list[tuple[str, dict[str, Any]]] = [
    ("neither name nor key", {}),
    ("an empty key", {"key": " "}),
    ("a long key", {"key": "k" * 201}),
    ("a key with NUL", {"key": "a\0b"}),
    ("a label's name", {"key": "k", "labels": {"Host": "a"}}),
    ("a label's long name", {"key": "k", "labels": {"h" * 41: "a"}}),
    ("a label's long value", {"key": "k", "labels": {"host": "a" * 301}}),
    ("a label that is a number", {"key": "k", "labels": {"host": 3}}),
    ("too many labels", {"key": "k", "labels": {f"l{number}": "a" for number in range(25)}}),
]


@pytest.mark.parametrize("body", [body for _, body in BAD], ids=[name for name, _ in BAD])
def test_a_bad_registration_is_refused_and_adds_nothing(api: Api, agents: str, body: dict[str, Any]) -> None:
    refused = api.post(agents, body)
    assert refused.status in (400, 422), refused
    assert refused.data["code"] == "INVALID_MESSAGE"
    assert api.get(agents).data == []


def test_a_change_of_labels_appears_on_both_streams(api: Api, agents: str, server: LiveServer) -> None:
    async def scenario() -> None:
        made = (await asyncio.to_thread(api.post, agents, {"key": "k", "name": "n"})).data
        async with viewer(server.ws_url, api.token) as one:
            await one.subscribe("agent", made["id"])
            await one.subscribe("workspace", made["workspaceId"])
            await asyncio.to_thread(api.call, "PATCH", f"/agents/{made['id']}", {"labels": {"repo": "x"}})
            by_type = {event["type"]: event["payload"] for event in await one.events(2)}
        assert by_type["agent:updated"] == {"agentId": made["id"], "name": "n", "labels": {"repo": "x"}}
        assert by_type["workspace:updated"]["change"] == "agent_updated"
        assert by_type["workspace:updated"]["data"]["labels"] == {"repo": "x"}

    asyncio.run(scenario())


def test_a_list_is_filtered_and_paged(api: Api, agents: str) -> None:
    for number in range(7):
        labels = {"tool": "claude" if number % 2 else "codex", "repo": f"Größe {number}"}
        api.post(agents, {"key": str(number), "name": f"agent {number}", "labels": labels})
    api.post(f"/agents/{api.get(agents).data[0]['id']}/status", {"status": "running"})

    def names(query: str) -> list[str]:
        found = api.get(f"{agents}?{query}")
        assert found.status == 200, found
        return [agent["name"] for agent in found.data]

    assert names("status=running") == ["agent 0"]
    assert names("label=tool:claude") == ["agent 1", "agent 3", "agent 5"]
    assert names("label=tool:claude&label=repo:Gr%C3%B6%C3%9Fe%203") == ["agent 3"]
    assert names("q=Gr%C3%B6%C3%9Fe+6") == ["agent 6"]
    assert api.get(f"{agents}?label=tool").data["code"] == "INVALID_MESSAGE"
    assert api.get(f"{agents}?cursor=bm90aGluZw").data["code"] == "INVALID_MESSAGE"
    seen, path = [], f"{agents}?limit=3"
    while path:
        page = api.get(path)
        seen.append([agent["name"] for agent in page.data])
        link = page.headers.get("Link", "")
        path = link[len("</api") : link.index(">")] if link else ""
    assert seen == [["agent 0", "agent 1", "agent 2"], ["agent 3", "agent 4", "agent 5"], ["agent 6"]]


def test_the_number_of_agents_in_a_workspace_is_limited(api: Api, agents: str) -> None:
    for number in range(150):
        assert api.post(agents, {"name": f"agent {number}"}).status == 201
    refused = api.post(agents, {"key": "one more"})
    assert (refused.status, refused.data["message"]) == (400, "expected at most 150 agents per workspace")


async def pages_of(one: Viewer, workspace_id: str) -> tuple[Message, list[Message]]:
    """The answer to a subscription, and the pages that continue its state."""
    answer = await one.subscribe("workspace", workspace_id)
    more, pages = answer["payload"]["state"].get("more", False), []
    while more:
        page = await one.next()
        assert page["type"] == "workspace:agents", page
        assert "seq" not in page
        assert page["payload"]["workspaceId"] == workspace_id
        pages.append(page["payload"])
        more = page["payload"]["more"]
    return answer["payload"], pages


def test_a_large_state_is_sent_in_pages_urgent_agents_first(api: Api, agents: str, server: LiveServer) -> None:
    async def scenario() -> None:
        made = []
        for number in range(120):  # of 2 KB each
            labels = {f"label{n}": "x" * 200 for n in range(10)}
            body = {"key": str(number), "labels": labels}
            made.append((await asyncio.to_thread(api.post, agents, body)).data["id"])
        await asyncio.to_thread(api.post, f"/agents/{made[-1]}/status", {"status": "waiting"})
        async with viewer(server.ws_url, api.token) as one:
            answer, pages = await pages_of(one, agents.split("/")[2])
            assert len(pages) >= 3
            first = answer["state"]["agents"]
            assert first[0]["id"] == made[-1]
            listed = [agent["id"] for part in (first, *(page["agents"] for page in pages)) for agent in part]
            assert sorted(listed) == sorted(made)
            # The events continue after the state.
            await asyncio.to_thread(api.post, f"/agents/{made[0]}/status", {"status": "error"})
            [event] = await one.events(1)
            assert (event["seq"], event["payload"]["change"]) == (answer["seq"] + 1, "agent_status")

    asyncio.run(scenario())


def test_a_state_in_pages_arrives_over_server_sent_events(api: Api, agents: str, server: LiveServer) -> None:
    async def scenario() -> None:
        for number in range(60):
            labels = {f"label{n}": "x" * 300 for n in range(10)}
            await asyncio.to_thread(api.post, agents, {"key": str(number), "labels": labels})
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        path = f"/api{agents.removesuffix('agents')}stream"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api.token}\r\n\r\n".encode())
        count, more = 0, True
        async with asyncio.timeout(10):
            while more:
                line = await reader.readline()
                if line.startswith(b"data: "):
                    payload = json.loads(line[6:])["payload"]
                    state = payload.get("state", payload)
                    count, more = count + len(state["agents"]), state.get("more", False)
        writer.close()
        assert count == 60

    asyncio.run(scenario())


def archive_silent(server: LiveServer) -> int:
    """Archive agents that have been silent for about a tenth of a second."""
    script = "from agents.maintenance import archive_silent; print(archive_silent())"
    env = server.env | {"AGENT_ARCHIVE_DAYS": "0.000001"}
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", script],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1])


def test_an_agent_silent_for_long_leaves_the_state_until_it_publishes_again(
    api: Api, agents: str, server: LiveServer
) -> None:
    silent = api.post(agents, {"key": "silent"}).data["id"]
    working = api.post(agents, {"key": "working"}).data["id"]
    api.post(f"/agents/{working}/status", {"status": "running"})

    async def scenario() -> None:
        async with viewer(server.ws_url, api.token) as one:
            workspace_id = agents.split("/")[2]
            await one.subscribe("workspace", workspace_id)
            await asyncio.to_thread(archive_silent, server)
            [gone] = await one.events(1, 20)
            assert gone["payload"]["change"] == "agent_removed"
            assert gone["payload"]["data"] == {"agentId": silent, "archived": True}
            state = (await one.subscribe("workspace", workspace_id))["payload"]["state"]
            assert [agent["id"] for agent in state["agents"]] == [working]
            await asyncio.to_thread(api.output, silent, "I am back")
            [back] = await one.events(1)
            assert (back["payload"]["change"], back["payload"]["data"]["id"]) == ("agent_added", silent)

    archived = f"{agents}?archived=true"
    assert api.get(archived).data == []
    asyncio.run(scenario())
    assert api.get(archived).data == []
    assert len(api.get(agents).data) == 2


def test_an_archived_agent_is_kept_listed_and_brought_back_by_registering(
    api: Api, agents: str, server: LiveServer
) -> None:
    made = api.post(agents, {"key": "k", "name": "old"}).data["id"]
    api.output(made, "once")
    time.sleep(0.1)
    assert archive_silent(server) >= 1
    assert api.get(agents).data == []
    assert [agent["id"] for agent in api.get(f"{agents}?archived=true&q=old").data] == [made]
    assert api.get(f"/agents/{made}/events").data["events"][0]["payload"]["content"] == "once"
    assert api.post(agents, {"key": "k", "labels": {"host": "new"}}).status == 200
    assert [agent["id"] for agent in api.get(agents).data] == [made]
