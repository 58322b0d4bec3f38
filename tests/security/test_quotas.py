"""Nobody can fill the disk or monopolize the server; a producer over its quota is told so and loses nothing."""

import asyncio
import concurrent.futures
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.events import Output
from agents.publications import Publication, Published
from agents.services import AgentService
from streams.protocol import clock
from streams.protocol.messages import ProtocolError
from tests.clients_python.command import PYTHON, running
from tests.clients_python.place import Place
from tests.support.api import Api, agent_of
from tests.support.server import SHARED_KEY, LiveServer
from tests.support.services import Postgres, Redis, environment
from tests.support.session import Session
from tests.support.viewer import viewer
from workspaces.quotas import Committed, volumes
from workspaces.services import WorkspaceService

QUOTA = 40


def output(n: int, size: int = 1) -> dict[str, Any]:
    return {"n": n, "type": "agent:output", "payload": {"content": "x" * size}}


def publish(api: Api, agent: str, *ns: int, producer: str = "p", size: int = 1) -> Any:
    return api.post(f"/agents/{agent}/events", {"producer": producer, "events": [output(n, size) for n in ns]})


def stored(api: Api, agent: str) -> int:
    return len(api.get(f"/agents/{agent}/events?limit=1000&type=agent:output").data["events"])


@contextmanager
def servers(
    request: pytest.FixtureRequest, folder: Path, way: str, count: int, **env: str
) -> Iterator[list[LiveServer]]:
    if way == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        redis: Redis = request.getfixturevalue("redis_server")
        env |= environment(postgres, redis)
    with ExitStack() as stack:
        found = []
        for number in range(count):
            home = folder / str(number)
            home.mkdir()
            found.append(stack.enter_context(LiveServer(home, SECRET_KEY=SHARED_KEY, **env)))
        yield found


@pytest.mark.parametrize("way", ["sqlite", "postgres"])
def test_a_days_events_are_counted_exactly_by_all_processes(
    request: pytest.FixtureRequest, tmp_path: Path, way: str
) -> None:
    count = 2 if way == "postgres" else 1
    with servers(request, tmp_path, way, count, WORKSPACE_EVENTS_PER_DAY=str(QUOTA)) as found:
        token = found[0].token("root", "--superuser")
        apis = [Api(server.url, token) for server in found]
        workspace = apis[0].workspace("full")["id"]
        agents = [apis[0].agent(workspace, f"agent {number}")["id"] for number in range(4)]

        def fill(number: int) -> list[Any]:
            api = apis[number % count]
            answers = []
            for n in range(1, QUOTA + 1):
                answers.append(publish(api, agents[number], n))
                if answers[-1].status != 200:
                    break
            return answers

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = [answer for each in pool.map(fill, range(4)) for answer in each]
        assert sum(answer.status == 200 for answer in answers) == QUOTA
        assert sum(stored(apis[0], agent) for agent in agents) == QUOTA
        refused = [answer for answer in answers if answer.status != 200]
        assert {(answer.status, answer.data["code"]) for answer in refused} == {(429, "RATE_LIMITED")}
        assert all(0 < answer.data["retryAfter"] <= 86_400 for answer in refused)
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        _, other = agent_of(apis[0])
        assert publish(apis[-1], other, 1).status == 200
        quota = apis[-1].get(f"/workspaces/{workspace}/quota").data
        assert quota["events"] == {"used": QUOTA, "limit": QUOTA}
        assert quota["bytes"]["used"] == quota["days"][0]["bytes"] > QUOTA
        assert apis[0].post(f"/agents/{agents[0]}/signal", {"signal": "stop"}).status == 201
        renewed = apis[0].post(f"/agents/{agents[0]}/events", {"producer": "p", "events": [], "lease": True})
        assert renewed.status == 200


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    limits = {"WORKSPACES_PER_USER": "2", "WORKSPACE_BYTES_PER_DAY": "50000", "PUBLISH_EVENTS_PER_SECOND": "20"}
    limits |= {"HTTP_CALLS_PER_SECOND": "20", "STREAM_SOCKETS_PER_USER": "2"}
    with LiveServer(tmp_path_factory.mktemp("tight"), **limits) as server:
        yield server


def user(server: LiveServer) -> Api:
    return Api(server.url, server.token(f"u{uuid.uuid4().hex[:8]}"))


def test_a_days_bytes_are_limited(tight: LiveServer) -> None:
    _, agent = agent_of(api := user(tight))
    assert publish(api, agent, 1, size=60_000).status == 200  # larger than the quota: or it could never be sent
    assert (
        publish(api, agent, 2).data["message"]
        == "the workspace's daily quota of bytes is used up; keep these events and send them again tomorrow (UTC)"
    )


def test_the_number_of_workspaces_a_user_owns_is_limited(tight: LiveServer) -> None:
    api = user(tight)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: api.post("/workspaces", {"name": f"w {number}"}).status, range(8)))
    assert sorted(made) == [201, 201, *[403] * 6]


def test_an_agents_publishing_rate_is_limited(tight: LiveServer) -> None:
    _, agent = agent_of(api := user(tight))
    assert publish(api, agent, *range(1, 141)).status == 200  # what five seconds allow, and some
    refused = publish(api, agent, 141)
    assert (refused.status, refused.data["code"]) == (429, "RATE_LIMITED")
    assert 0 < refused.data["retryAfter"] <= 2


def test_a_refusal_on_the_socket_says_when_to_try_again(tight: LiveServer) -> None:
    _, agent = agent_of(api := user(tight))

    async def ask() -> Any:
        async with viewer(tight.ws_url, api.token) as one:
            events = [output(n) for n in range(1, 141)]
            await one.ask("publish:agent", {"agentId": agent, "producer": "p", "events": events})
            again = {"agentId": agent, "producer": "p", "events": [output(141)]}
            answer = refused = await one.ask("publish:agent", again)
            while answer["type"] == "error":
                await asyncio.sleep(answer["payload"]["retryAfter"])
                answer = await one.ask("publish:agent", again)
            return refused["payload"]

    refused = asyncio.run(ask())
    assert refused["code"] == "RATE_LIMITED"
    assert refused["retryAfter"] > 0
    assert stored(api, agent) == 141


def test_a_users_call_rate_is_limited(tight: LiveServer) -> None:
    api = user(tight)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.get("/workspaces"), range(250)))
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert "Retry-After" in refused[0].headers
    assert user(tight).get("/workspaces").status == 200


def test_a_users_connections_are_limited(tight: LiveServer) -> None:
    api = user(tight)
    workspace = api.workspace("mine")["id"]

    async def connect() -> int | None:
        async with viewer(tight.ws_url, api.token) as one, viewer(tight.ws_url, api.token) as two:
            assert (await one.ask("ping"))["type"] == (await two.ask("ping"))["type"] == "pong"
            stream = await asyncio.to_thread(api.get, f"/workspaces/{workspace}/stream")
            assert (stream.status, stream.data["code"]) == (429, "RATE_LIMITED")
            async with viewer(tight.ws_url, api.token) as three:
                await three.socket.wait_closed()
                code = three.socket.close_code
        async with viewer(tight.ws_url, api.token) as four:
            assert (await four.ask("ping"))["type"] == "pong"
        return code

    assert asyncio.run(connect()) == 4429


@pytest.mark.parametrize(("who", "member", "root"), [("superusers", 403, 201), ("everyone", 201, 201)])
def test_the_operator_says_who_creates_workspaces(tmp_path: Path, who: str, member: int, root: int) -> None:
    with LiveServer(tmp_path, WORKSPACE_CREATION=who) as server:
        assert user(server).post("/workspaces", {"name": "w"}).status == member
        admin = Api(server.url, server.token("root", "--create", "--superuser"))
        assert admin.post("/workspaces", {"name": "w"}).status == root


def test_only_owners_see_the_usage(both: LiveServer, admin: Api) -> None:
    workspace = admin.workspace(f"w {uuid.uuid4()}")
    name = f"v{uuid.uuid4().hex[:8]}"
    member = Api(both.url, both.token(name))
    added = admin.post(f"/workspaces/{workspace['id']}/members", {"user": name, "role": "operator"})
    if added.status == 201:
        assert member.get(f"/workspaces/{workspace['id']}/quota").status == 403
    agent = admin.agent(workspace["id"])["id"]
    assert publish(admin, agent, 1).status == 200
    status, _, page = Session(both, "root").get(f"/w/{workspace['slug']}/limits/")
    assert status == 200
    assert "1 of 20,000,000" in page


@pytest.mark.parametrize("way", ["quota raised", "rate"])
def test_a_runner_over_its_quota_loses_nothing_once_there_is_room(tmp_path: Path, way: str) -> None:
    lines = 300
    limits = {"WORKSPACE_EVENTS_PER_DAY": "10"} if way == "quota raised" else {"PUBLISH_EVENTS_PER_SECOND": "20"}
    with LiveServer(tmp_path, **limits) as server:
        place = Place.made(api := Api(server.url, server.token("root", "--create", "--superuser")))
        script = f"import time\nfor n in range({lines}):\n    print(n, flush=True)\n    time.sleep(0.01)"
        with running(place, PYTHON, "-c", script, options=("--wait", "60")) as process:
            if way == "quota raised":
                metric = "agentstream_limited_total"
                token = api.token or ""
                while metric not in _metrics(server, token):
                    assert process.poll() is None, process.communicate()
                server.stop()
                server.env["WORKSPACE_EVENTS_PER_DAY"] = "0"
                server.start()
            _, errors = process.communicate(timeout=60)
        assert place.text() == "".join(f"{n}\n" for n in range(lines))
        if way == "quota raised":
            assert errors.decode().count("used up") == 1


@pytest.mark.django_db
def test_at_midnight_there_is_room_again(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.WORKSPACE_EVENTS_PER_DAY = 2
    evening = clock.as_milliseconds(datetime(2026, 3, 1, 23, 59, 50, tzinfo=UTC))
    workspace = WorkspaceService.create("w")
    agent = AgentService.create(workspace.pk, "agent")
    known = Committed()

    def store(milliseconds: int, producer: str) -> Published | ProtocolError:
        monkeypatch.setattr(clock, "now", lambda: milliseconds)
        monkeypatch.setattr(Committed, "known", lambda: known)
        [outcome] = AgentService.publish_many([Publication(agent.pk, [Output(content="x")] * 2, producer)])
        return outcome

    assert isinstance(store(evening, "a"), Published)
    refused = store(evening, "b")
    assert isinstance(refused, ProtocolError)
    assert refused.retry_after == 10
    assert isinstance(store(evening + 10_000, "b"), Published)
    assert [(each.day.isoformat(), each.events) for each in volumes(workspace.pk)] == [
        ("2026-03-02", 2),
        ("2026-03-01", 2),
    ]


def _metrics(server: LiveServer, token: str) -> str:
    import urllib.request

    request = urllib.request.Request(f"{server.url}/metrics", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))
