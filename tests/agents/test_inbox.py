"""Inboxes: what users have seen and which workspaces they see, on all their devices and for nobody else."""

import asyncio
import json
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.chaos.cluster import Cluster
from tests.support.api import Api, agent_of
from tests.support.viewer import Message, Viewer, viewer

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

SILENT_SECONDS = 0.3


class Person:
    """A user with a token and a known id."""

    def __init__(self, pair: Cluster, *options: str) -> None:
        self.pair = pair
        self.name = f"p{uuid.uuid4().hex[:12]}"
        self.token = pair.servers[0].token(self.name, *options)
        self.id = run(pair, f"print(User.objects.get(username={self.name!r}).pk)")

    def api(self, server: int = 0) -> Api:
        return Api(self.pair.servers[server].url, self.token)

    def socket(self, server: int = 0) -> AbstractAsyncContextManager[Viewer]:
        return viewer(self.pair.ws_urls[server], self.token)

    def join(self, workspace: str, role: str = "viewer") -> None:
        added = self.pair.api.post(f"/workspaces/{workspace}/members", {"user": self.name, "role": role})
        assert added.status == 201, added


def run(pair: Cluster, script: str) -> str:
    script = f"from django.contrib.auth.models import User\n{script}"
    return (pair.servers[0].run("shell", "-v", "0", "-c", script).splitlines() or [""])[-1]


@pytest.fixture(scope="module")
def person(pair: Cluster) -> Person:
    return Person(pair)


async def inbox(socket: Viewer, **payload: Any) -> Message:
    answer = await socket.ask("subscribe:inbox", payload)
    assert answer["type"] == "subscribed", answer
    told: Message = answer["payload"]
    return told


async def told(socket: Viewer) -> tuple[str, Any]:
    [event] = await socket.events(1)
    return event["type"], event["payload"]


def report(api: Api, agent_id: str, status: str) -> int:
    reported = api.post(f"/agents/{agent_id}/status", {"status": status})
    assert reported.status == 201, reported
    seq: int = reported.data["seq"]
    return seq


def test_what_is_seen_on_one_device_is_seen_on_all(pair: Cluster, person: Person) -> None:
    async def scenario() -> None:
        workspace, agent_id = await asyncio.to_thread(agent_of, pair.api)
        async with person.socket(0) as one, person.socket(1) as other:
            assert (await inbox(one))["id"] == person.id
            assert (await inbox(other))["type"] == "inbox"
            await asyncio.to_thread(person.join, workspace)
            added = ("inbox:workspace", {"workspaceId": workspace, "change": "added"})
            assert [await told(one), await told(other)] == [added, added]
            await asyncio.to_thread(pair.api.output, agent_id, "hello")
            marked = await asyncio.to_thread(person.api(1).post, f"/agents/{agent_id}/seen", {"seq": 1})
            assert (marked.status, marked.data) == (200, {"agentId": agent_id, "seq": 1})
            seen = ("inbox:seen", {"agentId": agent_id, "seq": 1})
            assert [await told(one), await told(other)] == [seen, seen]
            assert (await inbox(one))["state"]["seen"][agent_id] == 1

    asyncio.run(scenario())


def test_seen_positions_never_decrease_and_are_announced_once(pair: Cluster, person: Person) -> None:
    workspace, agent_id = agent_of(pair.api)
    person.join(workspace)
    for line in "abcde":
        pair.api.output(agent_id, line)
    before = person.api().get("/inbox/events").data["seq"]
    with ThreadPoolExecutor(8) as pool:  # at once, at both servers
        seqs = [1, 5, 3, 5, 2, 4, 5, 1]
        answers = list(
            pool.map(
                lambda at: person.api(at % 2).post(f"/agents/{agent_id}/seen", {"seq": seqs[at]}).data["seq"],
                range(len(seqs)),
            )
        )
    assert all(answer >= asked for answer, asked in zip(answers, seqs, strict=True))
    assert person.api().post(f"/agents/{agent_id}/seen", {"seq": 2}).data["seq"] == 5
    events = person.api().get(f"/inbox/events?since={before}&type=inbox:seen").data["events"]
    positions = [event["payload"]["seq"] for event in events]
    assert positions == sorted(set(positions))
    assert positions[-1] == 5


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"seq": 2}, "seq: expected at most 1, the newest event's; got 2"),
        ({"seq": -1}, "greater than or equal to 0"),
        ({"seq": "1"}, "valid integer"),
        ({"seq": 2**63}, "less than or equal to"),
        ({}, "required"),
    ],
)
def test_an_impossible_position_is_refused(pair: Cluster, body: dict[str, Any], expected: str) -> None:
    _, agent_id = agent_of(pair.api)
    pair.api.output(agent_id, "x")
    refused = pair.api.post(f"/agents/{agent_id}/seen", body)
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")
    assert expected in refused.data["message"]


def test_an_agent_that_finishes_needs_users_who_have_not_seen_it(pair: Cluster, person: Person) -> None:
    workspace, agent_id = agent_of(pair.api)
    person.join(workspace)

    def concerns(api: Api) -> tuple[Any, Any]:
        state = api.get(f"/agents/{agent_id}").data
        [listed] = api.get(f"/workspaces/{workspace}/agents").data
        assert (state["seen"], state["needs"]) == (listed["seen"], listed["needs"])
        return state["seen"], state["needs"]

    assert concerns(person.api()) == (0, None), "it has never done anything"
    report(pair.api, agent_id, "running")
    assert concerns(person.api()) == (0, None)
    seq = report(pair.api, agent_id, "finished")
    assert (concerns(person.api()), concerns(pair.api)) == ((0, "turn"), (0, "turn"))
    person.api(1).post(f"/agents/{agent_id}/seen", {"seq": seq})
    assert (concerns(person.api()), concerns(pair.api)) == ((seq, None), (0, "turn"))
    report(pair.api, agent_id, "running")
    report(pair.api, agent_id, "idle")
    assert concerns(person.api()) == (seq, "turn")
    report(pair.api, agent_id, "error")
    assert concerns(person.api()) == (seq, "failed")
    pair.api.post(f"/agents/{agent_id}/requests", {"kind": "input", "title": "How?"})
    assert concerns(person.api()) == (seq, "request")


def test_a_workspace_stream_is_enough_to_know_which_agents_need_you(pair: Cluster) -> None:
    async def scenario() -> None:
        workspace, agent_id = await asyncio.to_thread(agent_of, pair.api)
        async with viewer(pair.ws_urls[1], pair.token) as socket:
            state = (await socket.subscribe("workspace", workspace))["payload"]["state"]
            assert state["agents"][0]["statusSeq"] == 0
            await asyncio.to_thread(pair.api.output, agent_id, "so")
            seq = await asyncio.to_thread(report, pair.api, agent_id, "finished")
            _, change = await told(socket)
        assert (change["data"]["status"], change["data"]["statusSeq"], seq) == ("finished", 2, 2)
        assert pair.api.get(f"/agents/{agent_id}").data["statusSeq"] == 2

    asyncio.run(scenario())


def test_nobody_can_read_anothers_inbox(pair: Cluster, person: Person) -> None:
    async def scenario() -> None:
        async with person.socket() as mine, viewer(pair.ws_urls[0], pair.token) as roots:
            answer = await roots.ask(
                "subscribe:inbox", {"inboxId": person.id, "personId": person.id, "userId": person.id}
            )
            assert answer["payload"]["id"] != person.id, "one's own, whatever else is asked for"
            await inbox(mine)
            workspace, agent_id = await asyncio.to_thread(agent_of, pair.api)
            await asyncio.to_thread(person.join, workspace)
            assert (await told(mine))[1]["workspaceId"] == workspace
            await asyncio.to_thread(person.api().post, f"/agents/{agent_id}/seen", {"seq": 0})
            assert (await told(roots))[0] == "inbox:workspace"  # a superuser sees each new workspace
            assert await roots.silent(SILENT_SECONDS)

    asyncio.run(scenario())


def test_the_inbox_reports_changes_of_memberships(pair: Cluster) -> None:
    person, workspace = Person(pair), pair.api.workspace(f"w {uuid.uuid4()}")["id"]
    person.join(workspace)
    person.join(workspace, "operator")
    [member] = [one for one in pair.api.get(f"/workspaces/{workspace}/members").data if one["user"] == person.name]
    members = f"/workspaces/{workspace}/members/{member['id']}"
    assert pair.api.call("PATCH", members, {"role": "viewer"}).status == 200
    assert pair.api.call("DELETE", members).status == 204
    person.join(workspace)
    assert pair.api.call("DELETE", f"/workspaces/{workspace}").status == 204
    own = person.api().post("/workspaces", {"name": "mine"}).data["id"]
    events = person.api().get("/inbox/events").data["events"]
    expected = [(workspace, change) for change in ("added", "role", "role", "removed", "added", "removed")]
    changes = [(event["payload"]["workspaceId"], event["payload"]["change"]) for event in events]
    assert changes == [*expected, (own, "added")]


def test_superusers_are_notified_of_workspaces_they_are_not_members_of(pair: Cluster) -> None:
    person = Person(pair)
    since = pair.api.get("/inbox/events").data["seq"]
    workspace = person.api().post("/workspaces", {"name": "theirs"}).data["id"]
    assert person.api().call("DELETE", f"/workspaces/{workspace}").status == 204
    events = pair.api.get(f"/inbox/events?since={since}").data["events"]
    changes = [event["payload"]["change"] for event in events if event["payload"]["workspaceId"] == workspace]
    assert changes == ["added", "removed"]


def test_memberships_of_superusers_change_nothing_of_what_they_see(pair: Cluster) -> None:
    person, root = Person(pair), Person(pair, "--superuser")
    workspace = person.api().post("/workspaces", {"name": "theirs"}).data["id"]
    root.join(workspace)
    root.join(workspace, "operator")
    [member] = [one for one in pair.api.get(f"/workspaces/{workspace}/members").data if one["user"] == root.name]
    assert pair.api.call("DELETE", f"/workspaces/{workspace}/members/{member['id']}").status == 204
    assert changes_told(root) == {workspace: ["added"]}
    own = root.api().post("/workspaces", {"name": "own"}).data["id"]
    assert changes_told(root)[own] == ["added"], "once, though they see it as its owner, too"


def test_whoever_becomes_a_superuser_is_told_of_every_workspace(pair: Cluster) -> None:
    person, other = Person(pair), Person(pair)
    theirs = other.api().post("/workspaces", {"name": "theirs"}).data["id"]
    joined = other.api().post("/workspaces", {"name": "joined"}).data["id"]
    person.join(joined)
    for value, told in (("True", "added"), ("False", "removed")):
        run(pair, f"u = User.objects.get(pk={person.id})\nu.is_superuser = {value}\nu.save()\nu.save()")
        changes = changes_told(person)
        assert (changes[theirs][-1], changes[joined][-1]) == (told, "role")
        assert person.api().get(f"/workspaces/{theirs}/members").status == (200 if value == "True" else 404)
    assert changes == changes_told(person) | {theirs: ["added", "removed"], joined: ["added", "role", "role"]}


def changes_told(person: Person) -> dict[str, list[str]]:
    """What a user's inbox says of each workspace."""
    changes = defaultdict[str, list[str]](list)
    for event in person.api().get("/inbox/events?type=inbox:workspace").data["events"]:
        changes[event["payload"]["workspaceId"]].append(event["payload"]["change"])
    return changes


def test_an_inbox_ends_with_its_account(pair: Cluster) -> None:
    async def scenario() -> None:
        person = await asyncio.to_thread(Person, pair)
        async with person.socket(1) as socket:
            await inbox(socket)
            await asyncio.to_thread(run, pair, f"User.objects.get(pk={person.id}).delete()")
            await asyncio.wait_for(socket.socket.wait_closed(), 10)
            assert socket.socket.close_code == 4403

    asyncio.run(scenario())


def test_the_inbox_is_available_as_server_sent_events_and_resumes(pair: Cluster) -> None:
    async def scenario() -> list[str]:
        person = await asyncio.to_thread(Person, pair)
        workspace = (await asyncio.to_thread(person.api().post, "/workspaces", {"name": "w"})).data["id"]
        url = pair.servers[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", url.port)
        request = (
            f"GET /api/inbox/stream?since=0 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {person.token}\r\n\r\n"
        )
        writer.write(request.encode())
        text = ""
        while "inbox:workspace" not in text:
            text += (await asyncio.wait_for(reader.read(65_536), 10)).decode()
        writer.close()
        data = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
        assert data[0]["payload"]["type"] == "inbox"
        assert data[1]["payload"] == {"workspaceId": workspace, "change": "added"}
        return [line for line in text.splitlines() if line.startswith("id: ")]

    assert asyncio.run(scenario()) == ["id: 1"]


def test_a_large_inbox_is_sent_in_pages(pair: Cluster, person: Person) -> None:
    workspace = pair.api.workspace(f"w {uuid.uuid4()}")["id"]
    person.join(workspace)
    run(
        pair,
        "from agents.models import Agent, Seen\n"
        f"made = Agent.objects.bulk_create([Agent(workspace_id={workspace!r}, name=str(i)) for i in range(2500)])\n"
        f"Seen.objects.bulk_create([Seen(user_id={person.id}, agent=agent, seq=3) for agent in made])",
    )

    async def scenario() -> None:
        async with person.socket() as socket:
            state = (await inbox(socket))["state"]
            seen, more = dict(state["seen"]), state["more"]
            while more:
                page = await socket.next()
                assert page["type"] == "inbox:positions"
                assert len(json.dumps(page)) < 262_144
                seen |= page["payload"]["seen"]
                more = page["payload"]["more"]
            assert sum(seq == 3 for seq in seen.values()) >= 2500

    asyncio.run(scenario())


def test_a_dismissed_failure_stays_dismissed_for_that_person_until_the_status_changes(
    pair: Cluster, person: Person
) -> None:
    async def scenario() -> None:
        workspace, agent_id = await asyncio.to_thread(agent_of, pair.api)
        await asyncio.to_thread(person.join, workspace)
        failed = await asyncio.to_thread(report, pair.api, agent_id, "error")
        needs = lambda api: api.get(f"/agents/{agent_id}").data["needs"]  # noqa: E731
        async with person.socket(0) as device:
            await inbox(device)
            dismissed = await asyncio.to_thread(person.api(1).post, f"/agents/{agent_id}/dismiss", {"seq": failed})
            assert (dismissed.status, dismissed.data) == (200, {"agentId": agent_id, "seq": failed})
            assert await told(device) == ("inbox:dismissed", {"agentId": agent_id, "seq": failed})
        assert (await asyncio.to_thread(person.api().get, f"/agents/{agent_id}")).data["dismissed"] == failed
        assert await asyncio.to_thread(needs, person.api()) is None
        assert await asyncio.to_thread(needs, pair.api) == "failed"  # for everybody else
        await asyncio.to_thread(report, pair.api, agent_id, "running")
        await asyncio.to_thread(report, pair.api, agent_id, "error")
        assert await asyncio.to_thread(needs, person.api()) == "failed"

    asyncio.run(scenario())


def test_the_agents_that_need_a_user_are_listed_by_how_long_they_have_waited(pair: Cluster, person: Person) -> None:
    workspace = pair.api.workspace("A team")["id"]
    hidden = pair.api.workspace("Another team")["id"]
    person.join(workspace)
    ids = {name: pair.api.agent(workspace, name)["id"] for name in ("broken", "asking", "idle", "fine", "done")}
    report(pair.api, ids["broken"], "error")
    request = {"requestId": "r", "kind": "input", "title": "Which port?", "options": []}
    assert pair.api.post(f"/agents/{ids['asking']}/requests", request).status == 201
    for name, status in (("idle", "running"), ("idle", "idle"), ("fine", "running"), ("done", "finished")):
        report(pair.api, ids[name], status)
    report(pair.api, pair.api.agent(hidden, "elsewhere")["id"], "error")

    def here() -> list[Any]:
        listed = person.api(1).get("/needs").data
        assert listed["count"] >= len(listed["agents"])
        return [agent for agent in listed["agents"] if agent["workspaceName"] in ("A team", "Another team")]

    found = here()
    assert [(agent["name"], agent["needs"], agent["asks"]) for agent in found] == [
        ("asking", "request", "Which port?"),
        ("idle", "turn", ""),
        ("broken", "failed", ""),
    ]
    assert person.api().post(f"/agents/{ids['idle']}/seen", {"seq": 2}).status == 200
    dismissed = {"seq": found[-1]["statusSeq"]}
    assert person.api().post(f"/agents/{ids['broken']}/dismiss", dismissed).status == 200
    assert [agent["name"] for agent in here()] == ["asking"]
