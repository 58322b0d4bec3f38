"""Access: every role against every action, and every way to authenticate."""

import asyncio
import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.viewer import Viewer, viewer

ROLES = ["stranger", "viewer", "operator", "owner", "superuser"]

PEOPLE = """
import json
from django.contrib.auth.models import User
from accounts.tokens import issue_token
from workspaces.models import Workspace
from workspaces.services import WorkspaceService
tokens = {}
workspace = Workspace.objects.get(slug="%s")
for role in %s:
    user = User.objects.create(username="%s-" + role, is_superuser=role == "superuser")
    if role in ("viewer", "operator", "owner"):
        WorkspaceService.set_member(workspace.pk, user.pk, role)
    tokens[role] = issue_token(user, role)[1]
print(json.dumps(tokens))
"""


@dataclass
class Place:
    """A workspace with an agent, and a token for a user in each role."""

    url: str
    ws_url: str
    workspace: dict[str, Any]
    agent_id: str
    tokens: dict[str, str]
    person: str
    """The name of a user who can be made a member."""

    def api(self, role: str) -> Api:
        return Api(self.url, self.tokens[role])


@pytest.fixture(scope="module")
def place(live: LiveServer, root: Api) -> Place:
    workspace = root.workspace(f"access {uuid.uuid4()}")
    script = PEOPLE % (workspace["slug"], ROLES, uuid.uuid4().hex[:8])
    tokens = json.loads(live.run("shell", "-v", "0", "-c", script).splitlines()[-1])
    person = f"person {uuid.uuid4()}".replace(" ", "-")
    live.token(person)
    return Place(live.url, live.ws_url, workspace, root.agent(workspace["id"])["id"], tokens, person)


EVENT = {"n": 1, "type": "agent:output", "payload": {"content": "x"}}

# (method, path, body) and what stranger, viewer, operator, owner and superuser are answered.
TABLE: list[tuple[str, str, Any, list[int]]] = [
    ("GET", "/workspaces/{w}", None, [404, 200, 200, 200, 200]),
    ("GET", "/workspaces/{w}/agents", None, [404, 200, 200, 200, 200]),
    ("GET", "/workspaces/{w}/events", None, [404, 200, 200, 200, 200]),
    ("GET", "/workspaces/{w}/usage", None, [404, 200, 200, 200, 200]),
    ("GET", "/agents/{a}", None, [404, 200, 200, 200, 200]),
    ("GET", "/agents/{a}/usage", None, [404, 200, 200, 200, 200]),
    ("GET", "/agents/{a}/events", None, [404, 200, 200, 200, 200]),
    ("POST", "/agents/{a}/output", {"content": "x"}, [404, 403, 201, 201, 201]),
    ("POST", "/agents/{a}/status", {"status": "running"}, [404, 403, 201, 201, 201]),
    ("POST", "/agents/{a}/context", {"contextLevel": 3}, [404, 403, 201, 201, 201]),
    ("POST", "/agents/{a}/seen", {"seq": 0}, [404, 200, 200, 200, 200]),
    ("GET", "/inbox/events", None, [200, 200, 200, 200, 200]),
    ("POST", "/agents/{a}/input", {"content": "x"}, [404, 403, 201, 201, 201]),
    ("POST", "/agents/{a}/requests", {"kind": "input", "title": "How?"}, [404, 403, 201, 201, 201]),
    ("GET", "/agents/{a}/requests", None, [404, 200, 200, 200, 200]),
    ("GET", "/agents/{a}/requests/{request}", None, [404, 200, 200, 200, 200]),
    ("POST", "/agents/{a}/requests/{request}/answer", {"text": "so"}, [404, 403, 200, 200, 200]),
    ("POST", "/agents/{a}/events", {"producer": "{role}", "events": [EVENT]}, [404, 403, 200, 200, 200]),
    ("POST", "/workspaces/{w}/agents", {"name": "of {role}"}, [404, 403, 201, 201, 201]),
    ("PATCH", "/agents/{a}", {"name": "by {role}"}, [404, 403, 200, 200, 200]),
    ("PATCH", "/workspaces/{w}", {"name": "by {role}"}, [404, 403, 403, 200, 200]),
    ("GET", "/workspaces/{w}/members", None, [404, 200, 200, 200, 200]),
    ("POST", "/workspaces/{w}/members", {"user": "{person}", "role": "viewer"}, [404, 403, 403, 202, 201]),
    ("PATCH", "/workspaces/{w}/members/{member}", {"role": "operator"}, [404, 403, 403, 200, 200]),
    ("DELETE", "/workspaces/{w}/members/{member}", None, [404, 403, 403, 204, 204]),
    ("DELETE", "/workspaces/{w}/members/{unknown}", None, [404, 403, 403, 404, 404]),
    ("GET", "/workspaces/{w}/invitations", None, [404, 403, 403, 200, 200]),
    ("POST", "/workspaces/{w}/invitations", {"role": "owner"}, [404, 403, 403, 201, 201]),
    ("DELETE", "/workspaces/{w}/invitations/{invitation}", None, [404, 403, 403, 204, 204]),
    ("GET", "/tokens", None, [200, 200, 200, 200, 200]),
    ("POST", "/tokens", {"name": "child of a token"}, [403, 403, 403, 403, 403]),
    ("DELETE", "/tokens/{unknown}", None, [404, 404, 404, 404, 404]),
    ("DELETE", "/agents/{new}", None, [404, 403, 403, 204, 204]),
    ("DELETE", "/workspaces/{other}", None, [404, 404, 404, 404, 204]),
]
ROWS = [(role, *row[:3], row[3][i]) for row in TABLE for i, role in enumerate(ROLES)]


@pytest.mark.parametrize(
    ("role", "method", "path", "body", "status"), ROWS, ids=[f"{r[0]} {r[1]} {r[2]}" for r in ROWS]
)
def test_each_role_against_each_action(
    place: Place, root: Api, role: str, method: str, path: str, body: Any, status: int
) -> None:
    ids = {"w": place.workspace["id"], "a": place.agent_id, "unknown": str(uuid.uuid4())}
    people = f"/workspaces/{ids['w']}/members"
    if "{request}" in path:
        asked = root.post(f"/agents/{ids['a']}/requests", {"kind": "input", "title": "How?"})
        ids["request"] = asked.data["requestId"]
    if "{new}" in path:
        ids["new"] = root.agent(place.workspace["id"], str(uuid.uuid4()))["id"]
    if "{other}" in path:
        ids["other"] = root.workspace("another")["id"]
    if "{member}" in path:
        ids["member"] = root.post(people, {"user": place.person, "role": "viewer"}).data["id"]
    if "{invitation}" in path:
        ids["invitation"] = root.post(f"/workspaces/{ids['w']}/invitations", {"role": "viewer"}).data["id"]
    body = json.loads(json.dumps(body).replace("{role}", role).replace("{person}", place.person))
    answer = place.api(role).call(method, path.format(**ids), body)
    assert answer.status == status, answer
    if status >= 400:
        assert answer.data["code"] == {403: "FORBIDDEN", 404: "NOT_FOUND"}[status]


@pytest.mark.parametrize("role", ROLES)
def test_each_role_over_the_websocket(place: Place, role: str) -> None:
    async def scenario() -> dict[str, str]:
        async with viewer(place.ws_url, place.tokens[role]) as one:
            publication = {"agentId": place.agent_id, "producer": f"ws-{role}", "events": [EVENT]}
            answers = {
                "agent": await one.ask("subscribe:agent", {"agentId": place.agent_id}),
                "workspace": await one.ask("subscribe:workspace", {"workspaceId": place.workspace["id"]}),
            }
            await one.send("publish:agent", publication)
            while (message := await one.next())["type"] not in ("published", "error"):
                pass
            answers["publish"] = message
            return {key: answer["payload"].get("code", answer["type"]) for key, answer in answers.items()}

    told = asyncio.run(scenario())
    match role:
        case "stranger":
            assert told == {"agent": "NOT_FOUND", "workspace": "NOT_FOUND", "publish": "NOT_FOUND"}
        case "viewer":
            assert told == {"agent": "subscribed", "workspace": "subscribed", "publish": "FORBIDDEN"}
        case _:
            assert told == {"agent": "subscribed", "workspace": "subscribed", "publish": "published"}


def test_members_see_their_workspaces_and_superusers_all(place: Place) -> None:
    def slugs(role: str) -> set[str]:
        return {workspace["slug"] for workspace in place.api(role).get("/workspaces").data}

    assert slugs("stranger") == set()
    assert slugs("viewer") == slugs("operator") == slugs("owner") == {place.workspace["slug"]}
    assert slugs("superuser") > {place.workspace["slug"]}


def test_a_workspace_created_over_the_api_belongs_to_its_creator(place: Place) -> None:
    made = place.api("stranger").post("/workspaces", {"name": "Mine"})
    assert (made.status, made.data["role"]) == (201, "owner")
    assert place.api("viewer").get(f"/workspaces/{made.data['id']}").status == 404
    assert place.api("stranger").call("DELETE", f"/workspaces/{made.data['id']}").status == 204


@pytest.mark.parametrize("credential", [None, "ags_nonsense"])
def test_without_a_credential_the_api_answers_401_and_reveals_nothing(place: Place, credential: str | None) -> None:
    known = Api(place.url, credential).get(f"/agents/{place.agent_id}")
    unknown = Api(place.url, credential).get(f"/agents/{uuid.uuid4()}")
    assert known.status == unknown.status == 401
    assert known.data == unknown.data
    assert known.data["code"] == "UNAUTHENTICATED"
    assert Api(place.url, credential).post(f"/agents/{place.agent_id}/output", {"content": "x"}).status == 401


async def close_code(one: Viewer) -> int:
    try:
        while True:
            await one.next()
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return closed.rcvd.code


@pytest.mark.parametrize(
    ("token", "query"), [(None, ""), ("ags_nonsense", ""), (None, "?ticket=nonsense")], ids=["none", "token", "ticket"]
)
def test_without_a_credential_the_socket_is_accepted_and_closed_with_4401(
    place: Place, token: str | None, query: str
) -> None:
    async def scenario() -> None:
        async with viewer(place.ws_url, token, query=query) as one:
            assert await close_code(one) == 4401

    asyncio.run(scenario())


def test_a_ticket_opens_one_socket(place: Place) -> None:
    issued = place.api("viewer").post("/tickets")
    assert issued.status == 201

    async def scenario() -> None:
        query = f"?ticket={issued.data['ticket']}"
        async with viewer(place.ws_url, query=query) as one:
            await one.subscribe("agent", place.agent_id)
        async with viewer(place.ws_url, query=query) as two:
            assert await close_code(two) == 4401

    asyncio.run(scenario())


def test_foreign_origins_are_refused_at_the_handshake(place: Place) -> None:
    async def opens(origin: str) -> bool:
        try:
            async with viewer(place.ws_url, place.tokens["viewer"], headers={"Origin": origin}) as one:
                await one.subscribe("agent", place.agent_id)
                return True
        except InvalidStatus as refused:
            assert refused.response.status_code == 403
            return False

    assert asyncio.run(opens(place.url))
    host = place.url.removeprefix("http://")
    for origin in (
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        f"ftp://{host}",
        "http://127.0.0.1.evil.example",
    ):
        assert not asyncio.run(opens(origin)), origin


WITHDRAW = """
from django.contrib.auth.models import User
from accounts.models import *
from workspaces.services import WorkspaceService
token = Token.objects.get(hint="%s")
%s
"""


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("WorkspaceService.remove_member(token.user.memberships.get().workspace_id, token.user_id)", "forbidden"),
        ("token.delete()", "4403"),
        ("token.user.is_active = False; token.user.save()", "4403"),
    ],
    ids=["the membership ends", "the token is deleted", "the user is deactivated"],
)
def test_revoked_access_ends_on_open_sockets(own_live: LiveServer, how: str, expected: str) -> None:
    """From another process, and so without a broadcast: the recheck at the heartbeat is the slowest way."""
    own_live.stop()
    own_live.env["STREAM_HEARTBEAT"] = "0.5"
    own_live.start()
    root = Api(own_live.url, own_live.token("root", "--superuser"))
    workspace = root.workspace("w")
    agent_id = root.agent(workspace["id"])["id"]
    script = PEOPLE % (workspace["slug"], ["viewer"], "p")
    token = json.loads(own_live.run("shell", "-v", "0", "-c", script).splitlines()[-1])["viewer"]

    async def scenario() -> None:
        async with viewer(own_live.ws_url, token) as one:
            await one.subscribe("agent", agent_id)
            await asyncio.to_thread(own_live.manage, "shell", "-v", "0", "-c", WITHDRAW % (token[:10], how))
            if expected == "4403":
                assert await close_code(one) == 4403
                return
            while (message := await one.next(5))["type"] == "pong":
                pass
            assert message["type"] == "unsubscribed"
            assert message["payload"] == {"type": "agent", "id": agent_id, "reason": "forbidden"}
            assert (await one.ask("subscribe:agent", {"agentId": agent_id}))["payload"]["code"] == "NOT_FOUND"

    asyncio.run(scenario())
