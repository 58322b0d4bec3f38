"""A token does what its scopes allow, within its limits, and never more than its user may."""

import asyncio
import http.client
import json
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from accounts.scopes import NAMES
from realtime_project.api import api
from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.session import Session
from tests.support.viewer import viewer

ALL = set(NAMES)
OUTPUT = {"n": 1, "type": "agent:output", "payload": {"content": "hello"}}
WORKSPACE = "/workspaces/{workspace_id}"
AGENT = "/agents/{agent_id}"


@dataclass(frozen=True)
class Route:
    """Which scopes a route is for, one of which a token needs; and a body that the route takes."""

    scopes: set[str]
    body: Any = None


QUESTION = {"requestId": "r1", "kind": "input", "title": "How?"}
WEBHOOK = {"name": "x", "url": "https://example.invalid/"}
READERS = {"watch", "publish"}
LISTING = {"watch", "publish", "manage"}
ROUTES = {
    ("GET", "/workspaces"): Route(ALL),
    ("POST", "/workspaces"): Route({"manage"}, {"name": "another"}),
    ("GET", WORKSPACE): Route(ALL),
    ("PATCH", WORKSPACE): Route({"manage"}, {"name": "renamed"}),
    ("DELETE", WORKSPACE): Route({"manage"}),
    ("GET", f"{WORKSPACE}/quota"): Route({"manage"}),
    ("GET", f"{WORKSPACE}/events"): Route({"watch"}),
    ("GET", f"{WORKSPACE}/stream"): Route({"watch"}),
    ("GET", f"{WORKSPACE}/members"): Route({"watch", "manage"}),
    ("POST", f"{WORKSPACE}/members"): Route({"manage"}, {"user": "root", "role": "owner"}),
    ("PATCH", f"{WORKSPACE}/members/{{member_id}}"): Route({"manage"}, {"role": "owner"}),
    ("DELETE", f"{WORKSPACE}/members/{{member_id}}"): Route({"manage"}),
    ("GET", f"{WORKSPACE}/invitations"): Route({"manage"}),
    ("POST", f"{WORKSPACE}/invitations"): Route({"manage"}, {"role": "viewer"}),
    ("DELETE", f"{WORKSPACE}/invitations/{{invitation_id}}"): Route({"manage"}),
    ("GET", f"{WORKSPACE}/webhooks"): Route({"manage"}),
    ("POST", f"{WORKSPACE}/webhooks"): Route({"manage"}, WEBHOOK),
    ("PATCH", f"{WORKSPACE}/webhooks/{{webhook_id}}"): Route({"manage"}, {"name": "renamed"}),
    ("DELETE", f"{WORKSPACE}/webhooks/{{webhook_id}}"): Route({"manage"}),
    ("POST", f"{WORKSPACE}/webhooks/{{webhook_id}}/secret"): Route({"manage"}),
    ("POST", f"{WORKSPACE}/webhooks/{{webhook_id}}/test"): Route({"manage"}),
    ("GET", f"{WORKSPACE}/webhooks/{{webhook_id}}/deliveries"): Route({"manage"}),
    ("GET", "/invitations"): Route(set()),
    ("POST", "/invitations/{invitation_id}/accept"): Route(set()),
    ("DELETE", "/invitations/{invitation_id}"): Route(set()),
    ("GET", f"{WORKSPACE}/agents"): Route(LISTING),
    ("POST", f"{WORKSPACE}/agents"): Route({"publish", "manage"}, {"name": "ci-another"}),
    ("GET", f"{WORKSPACE}/usage"): Route({"watch"}),
    ("GET", AGENT): Route(LISTING),
    ("PATCH", AGENT): Route({"manage"}, {"name": "ci-renamed"}),
    ("DELETE", AGENT): Route({"manage"}),
    ("POST", f"{AGENT}/output"): Route({"publish"}, {"content": "hello"}),
    ("POST", f"{AGENT}/status"): Route({"publish"}, {"status": "running"}),
    ("POST", f"{AGENT}/context"): Route({"publish"}, {"contextLevel": 1}),
    ("POST", f"{AGENT}/seen"): Route({"watch"}, {"seq": 1}),
    ("POST", f"{AGENT}/dismiss"): Route({"watch"}, {"seq": 1}),
    ("GET", "/search"): Route({"watch"}),
    ("GET", "/inbox/events"): Route({"watch"}),
    ("GET", "/needs"): Route({"watch"}),
    ("GET", "/inbox/stream"): Route({"watch"}),
    ("POST", f"{AGENT}/input"): Route({"answer"}, {"content": "hello"}),
    ("POST", f"{AGENT}/signal"): Route({"answer"}, {"signal": "interrupt"}),
    ("POST", f"{AGENT}/requests"): Route({"publish"}, QUESTION),
    ("GET", f"{AGENT}/requests"): Route(READERS),
    ("GET", f"{AGENT}/requests/{{request_id}}"): Route(READERS),
    ("POST", f"{AGENT}/requests/{{request_id}}/answer"): Route({"answer"}, {"text": "hello"}),
    ("POST", f"{AGENT}/events"): Route({"publish"}, {"producer": "p", "events": [OUTPUT]}),
    ("GET", f"{AGENT}/events"): Route(READERS),
    ("GET", f"{AGENT}/stream"): Route(READERS),
    ("GET", f"{AGENT}/sessions"): Route(READERS),
    ("GET", f"{AGENT}/usage"): Route(READERS),
    ("POST", f"{AGENT}/attachments"): Route({"publish"}, "as JSON, which no attachment is"),
    ("GET", "/attachments/{attachment_id}"): Route(READERS),
    ("GET", f"{AGENT}/viewers"): Route({"watch"}),
    ("GET", "/tokens"): Route(set()),
    ("POST", "/tokens"): Route(set(), {"name": "child"}),
    ("DELETE", "/tokens/{token_id}"): Route(set()),
    ("POST", "/tickets"): Route(ALL),
    ("POST", "/device"): Route(ALL, {"client": "a program"}),  # like the next, for callers without a token
    ("POST", "/device/token"): Route(ALL, {"deviceCode": "too short to be one"}),
    ("GET", "/audit"): Route({"manage"}),
}
MESSAGES = {
    "ping": ALL,
    "subscribe:workspace": {"watch"},
    "unsubscribe:workspace": ALL,
    "subscribe:agent": READERS,
    "unsubscribe:agent": ALL,
    "subscribe:inbox": {"watch"},
    "unsubscribe:inbox": ALL,
    "publish:agent": {"publish"},
    "answer:agent": {"answer"},
}


@dataclass(frozen=True)
class Place:
    """A workspace with one agent, a member and an invitation."""

    ids: dict[str, str]

    @classmethod
    def made(cls, admin: Api, agent: str = "ci-1") -> "Place":
        workspace = admin.workspace(f"w {uuid.uuid4()}")["id"]
        agent_id = admin.agent(workspace, agent)["id"]
        assert admin.post(f"/agents/{agent_id}/requests", QUESTION).status == 201
        attached = admin.call("POST", f"/agents/{agent_id}/attachments", b"text", Content_Type="text/plain")
        return cls(
            {
                "workspace_id": workspace,
                "agent_id": agent_id,
                "request_id": "r1",
                "attachment_id": attached.data["id"],
                "member_id": admin.get(f"/workspaces/{workspace}/members").data[0]["id"],
                "invitation_id": admin.post(f"/workspaces/{workspace}/invitations", {"role": "viewer"}).data["id"],
                "webhook_id": admin.post(f"/workspaces/{workspace}/webhooks", WEBHOOK).data["id"],
                "token_id": str(uuid.uuid4()),
            }
        )

    @property
    def workspace(self) -> str:
        return self.ids["workspace_id"]

    @property
    def agent(self) -> str:
        return self.ids["agent_id"]

    def payload(self, message: str) -> dict[str, Any]:
        """A payload for a WebSocket message of this type."""
        verb, _, kind = message.partition(":")
        more: dict[str, Any] = {}
        if verb == "publish":
            more = {"producer": "p", "events": [OUTPUT]}
        elif verb == "answer":
            more = {"requestId": "r1", "text": "hello"}
        return {f"{kind}Id": self.ids[f"{kind}_id"], **more} if f"{kind}_id" in self.ids else {}


@dataclass
class Maker:
    """Creates tokens as a signed-in user."""

    live: LiveServer
    user: str = "root"
    _session: Session = field(init=False)

    def __post_init__(self) -> None:
        self._session = Session(self.live, self.user)

    def ask(self, **body: Any) -> tuple[int, Any]:
        headers = {"Content_Type": "application/json", "X_CSRFToken": self._session.cookie("csrftoken")}
        return self._session.ask("/api/tokens", json.dumps({"name": "test", **body}).encode(), **headers)

    def token(self, *scopes: str, **body: Any) -> Api:
        return Api(self.live.url, self.made(*scopes, **body)["token"])

    def made(self, *scopes: str, **body: Any) -> dict[str, Any]:
        status, made = self.ask(scopes=scopes, **body)
        assert status == 201, made
        answer: dict[str, Any] = made
        return answer

    def change(self, token_id: str, **fields: str) -> None:
        """Change a token in the admin."""
        form = [f"csrfmiddlewaretoken={self._session.cookie('csrftoken')}", *(f"{k}={v}" for k, v in fields.items())]
        body = "&".join([*form, "expires_at_0=", "expires_at_1="]).encode()
        headers = {"Content_Type": "application/x-www-form-urlencoded", "Referer": self.live.url}
        assert self._session.post(f"/admin/accounts/token/{token_id}/change/", body, **headers) == 200


@pytest.fixture(scope="module")
def maker(both: LiveServer, admin: Api) -> Maker:
    return Maker(both)


def status_of(api_: Api, method: str, path: str, body: Any = None, base: str = "/api") -> int:
    """The status of an answer, of which no more is read: some have no end."""
    address = urlsplit(api_.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
    headers = {"Authorization": f"Bearer {api_.token}", "Content-Type": "application/json"}
    try:
        connection.request(method, f"{base}{path}", None if body is None else json.dumps(body), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def called(token: Api, key: tuple[str, str], place: Place) -> int:
    method, path = key
    return status_of(token, method, path.format(**place.ids), ROUTES[key].body)


def test_every_route_of_the_api_has_its_scopes_in_the_table() -> None:
    paths = api.get_openapi_schema(path_prefix="")["paths"]
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == set(ROUTES)


@pytest.mark.parametrize("scope", sorted(ALL))
def test_a_token_does_what_its_scope_allows_and_nothing_else(maker: Maker, admin: Api, scope: str) -> None:
    token, place = maker.token(scope), Place.made(admin)
    wrong = {}
    for key, route in ROUTES.items():
        allowed = scope in route.scopes
        status = called(token, key, place)
        if (status in (403, 404)) if allowed else (status != 403):
            wrong[key] = status
        if status < 300 and key[0] != "GET":
            place = Place.made(admin)  # in that one something has changed
    assert not wrong


def test_several_scopes_add_up(maker: Maker, admin: Api) -> None:
    token, place = maker.token("watch", "answer"), Place.made(admin)
    assert token.post(f"/agents/{place.agent}/input", {"content": "go on"}).status == 201
    assert token.get(f"/agents/{place.agent}/events").status == 200
    assert token.post(f"/agents/{place.agent}/output", {"content": "no"}).data["code"] == "FORBIDDEN"


def test_a_token_for_another_workspace_finds_nothing_here(maker: Maker, admin: Api) -> None:
    here, there = Place.made(admin), Place.made(admin)
    token = maker.token(*ALL, workspace=there.workspace)
    about = [key for key in ROUTES if "workspace_id" in key[1] or "agent_id" in key[1]]
    assert {key: called(token, key, here) for key in about} == dict.fromkeys(about, 404)
    assert [one["id"] for one in token.get("/workspaces").data] == [there.workspace]
    assert token.post("/workspaces", {"name": "mine"}).data["code"] == "FORBIDDEN"
    assert token.get(f"/agents/{there.agent}/events").status == 200


def test_a_token_for_other_agents_finds_no_such_agent(maker: Maker, admin: Api) -> None:
    place = Place.made(admin, "web")
    matching = admin.agent(place.workspace, "ci-7")["id"]
    token = maker.token(*ALL, workspace=place.workspace, agents="ci-*")
    about = [key for key in ROUTES if "agent_id" in key[1]]
    assert {key: called(token, key, place) for key in about} == dict.fromkeys(about, 404)
    assert [agent["id"] for agent in token.get(f"/workspaces/{place.workspace}/agents").data] == [matching]
    assert token.post(f"/agents/{matching}/output", {"content": "hello"}).status == 201


def test_a_token_for_certain_agents_has_no_rights_in_the_workspace_as_a_whole(maker: Maker, admin: Api) -> None:
    place = Place.made(admin)
    token = maker.token(*ALL, agents="ci-*")
    creating, listing = ("POST", f"{WORKSPACE}/agents"), ("GET", f"{WORKSPACE}/agents")
    whole = [key for key in ROUTES if "workspace_id" in key[1] and key not in (creating, listing, ("GET", WORKSPACE))]
    assert {key: called(token, key, place) for key in whole} == dict.fromkeys(whole, 403)
    assert token.get(f"/workspaces/{place.workspace}").status == 200


def test_a_token_creates_and_renames_only_agents_matching_its_pattern(maker: Maker, admin: Api) -> None:
    place = Place.made(admin)
    token = maker.token("publish", "manage", agents="ci-*")
    agents = f"/workspaces/{place.workspace}/agents"
    assert token.post(agents, {"name": "web"}).data["code"] == "FORBIDDEN"
    made = token.post(agents, {"name": "ci-2"})
    assert made.status == 201
    assert token.call("PATCH", f"/agents/{made.data['id']}", {"name": "web"}).data["code"] == "FORBIDDEN"
    assert token.call("PATCH", f"/agents/{made.data['id']}", {"name": "ci-3"}).status == 200


def test_no_scope_exceeds_the_users_role(maker: Maker, both: LiveServer, admin: Api) -> None:
    both.token("onlooker")
    place = Place.made(admin)
    admin.post(f"/workspaces/{place.workspace}/members", {"user": "onlooker", "role": "viewer"})
    token = Maker(both, "onlooker").token(*ALL)
    reading = [
        key for key, route in ROUTES.items() if key[0] == "GET" and "id}" in key[1] and route.scopes != {"manage"}
    ]
    assert not {key: status for key in reading if (status := called(token, key, place)) != 200}
    own = [("POST", f"{AGENT}/{what}") for what in ("seen", "dismiss")]  # which change nothing for others
    assert [called(token, key, place) for key in own] == [200, 200]
    writing = [key for key in ROUTES if key[0] != "GET" and "agent_id" in key[1] and key not in own]
    assert {key: called(token, key, place) for key in writing} == dict.fromkeys(writing, 403)


def test_full_access_allows_everything_except_creating_tokens(maker: Maker, admin: Api) -> None:
    place = Place.made(admin)
    reading = {key for key in ROUTES if key[0] == "GET"}
    refused = {key for key in reading if called(admin, key, place) == 403}
    refused |= {key for key in ROUTES if key not in reading and called(admin, key, Place.made(admin)) == 403}
    assert refused == {("POST", "/tokens")}


async def answer_to(token: Api, both: LiveServer, message: str, place: Place) -> str:
    """The type of what a message is answered with, or the code of its refusal."""
    async with viewer(both.ws_url, token.token) as socket:
        answer = await socket.ask(message, place.payload(message))
        return str(answer["payload"]["code"] if answer["type"] == "error" else answer["type"])


@pytest.mark.parametrize("scope", sorted(ALL))
def test_a_socket_does_what_its_tokens_scope_allows(maker: Maker, both: LiveServer, admin: Api, scope: str) -> None:
    async def scenario() -> None:
        token, place = maker.token(scope), Place.made(admin)
        answers = {message: await answer_to(token, both, message, place) for message in MESSAGES}
        refused = {message for message, answer in answers.items() if answer == "FORBIDDEN"}
        assert refused == {message for message, scopes in MESSAGES.items() if scope not in scopes}

    asyncio.run(scenario())


def test_every_message_a_client_can_send_has_its_scopes_in_the_table(both: LiveServer, admin: Api) -> None:
    async def scenario() -> None:
        async with viewer(both.ws_url, admin.token) as socket:
            answer = await socket.ask("nothing")
        known = answer["payload"]["message"].removeprefix("expected one of ").partition(";")[0].split(", ")
        assert set(known) == set(MESSAGES)

    asyncio.run(scenario())


@pytest.mark.parametrize("limit", ["workspace", "agents"])
def test_a_socket_finds_nothing_outside_its_tokens_limits(
    maker: Maker, both: LiveServer, admin: Api, limit: str
) -> None:
    async def scenario() -> None:
        place = Place.made(admin, "web")
        other = Place.made(admin).workspace if limit == "workspace" else "ci-*"
        token = maker.token(*ALL, **{limit: other})
        about = [message for message in MESSAGES if message.endswith(":agent") and not message.startswith("un")]
        answers = {message: await answer_to(token, both, message, place) for message in about}
        assert answers == dict.fromkeys(about, "NOT_FOUND")
        assert await answer_to(token, both, "subscribe:inbox", place) == "FORBIDDEN"  # it tells of all workspaces
        expected = "NOT_FOUND" if limit == "workspace" else "FORBIDDEN"  # its state and events tell of all agents
        assert await answer_to(token, both, "subscribe:workspace", place) == expected

    asyncio.run(scenario())


def test_a_ticket_has_its_tokens_limits(maker: Maker, both: LiveServer, admin: Api) -> None:
    async def scenario() -> None:
        place = Place.made(admin)
        ticket = (await asyncio.to_thread(maker.token("watch").post, "/tickets")).data["ticket"]
        async with viewer(both.ws_url, query=f"?ticket={ticket}") as socket:
            await socket.subscribe("agent", place.agent)
            answer = await socket.ask("publish:agent", place.payload("publish:agent"))
        assert answer["payload"]["code"] == "FORBIDDEN"

    asyncio.run(scenario())


def test_narrowing_a_token_reaches_its_open_sockets(maker: Maker, both: LiveServer, admin: Api) -> None:
    async def scenario() -> None:
        place, made = Place.made(admin), maker.made("watch", "publish")
        async with viewer(both.ws_url, made["token"]) as socket:
            await socket.subscribe("workspace", place.workspace)
            assert (await socket.ask("publish:agent", place.payload("publish:agent")))["type"] == "published"
            await asyncio.to_thread(maker.change, made["id"], name="test", scopes="answer")
            ended = await socket.next()
            assert (ended["type"], ended["payload"]["reason"]) == ("unsubscribed", "forbidden")
            answer = await socket.ask("publish:agent", place.payload("publish:agent"))
            assert answer["payload"]["code"] == "FORBIDDEN"

    asyncio.run(scenario())


def test_an_agent_renamed_out_of_a_pattern_is_gone_for_its_tokens(maker: Maker, both: LiveServer, admin: Api) -> None:
    async def scenario() -> None:
        place = Place.made(admin, "ci-1")
        token = maker.token("publish", agents="ci-*")
        async with viewer(both.ws_url, token.token) as socket:
            await socket.subscribe("agent", place.agent)
            await asyncio.to_thread(admin.call, "PATCH", f"/agents/{place.agent}", {"name": "web"})
            while (ended := await socket.next())["type"] == "agent:updated":
                pass
            assert (ended["type"], ended["payload"]["reason"]) == ("unsubscribed", "forbidden")
            answer = await socket.ask("publish:agent", place.payload("publish:agent"))
            assert answer["payload"]["code"] == "NOT_FOUND"

    asyncio.run(scenario())


def test_two_tokens_of_one_user_share_no_rights(maker: Maker, both: LiveServer, admin: Api) -> None:
    async def scenario() -> None:
        place = Place.made(admin)
        tokens = {scope: maker.token(scope) for scope in ("watch", "publish")}
        for _ in range(5):  # at once, so that they are looked up together
            asked = [answer_to(token, both, "publish:agent", place) for token in [*tokens.values()] * 4]
            assert await asyncio.gather(*asked) == ["FORBIDDEN", "published"] * 4

    asyncio.run(scenario())


def test_a_token_ends_with_the_workspace_it_is_for(maker: Maker, admin: Api) -> None:
    place = Place.made(admin)
    token = maker.token("watch", workspace=place.workspace)
    assert token.get("/workspaces").status == 200
    admin.call("DELETE", f"/workspaces/{place.workspace}")
    assert token.get("/workspaces").status == 401


def test_without_scopes_a_token_watches_and_publishes(maker: Maker) -> None:
    _, made = maker.ask()
    assert (made["scopes"], made["fullAccess"], made["workspace"], made["agents"]) == (
        ["watch", "publish"], False, None, ""
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        {"scopes": []},
        {"scopes": ["full"]},
        {"scopes": ["watch", "everything"]},
        {"scopes": ["watch"] * 11},
        {"agents": "a" * 101},
        {"agents": "*a" * 9},
        {"agents": "ci\n*"},
        {"workspace": "playground"},
    ],
)
def test_limits_that_make_no_sense_are_refused(maker: Maker, body: dict[str, Any]) -> None:
    assert maker.ask(**body)[0] == 400


def test_a_token_is_not_made_for_a_workspace_its_user_cannot_see(maker: Maker) -> None:
    assert maker.ask(workspace=str(uuid.uuid4()))[0] == 404


def test_the_metrics_require_an_unlimited_watch_token(maker: Maker, admin: Api) -> None:
    place = Place.made(admin)

    def status(token: Api) -> int:
        return status_of(token, "GET", "/metrics", base="")

    assert status(maker.token("watch")) == 200
    assert status(maker.token("publish")) == 403
    assert status(maker.token("watch", workspace=place.workspace)) == 403


def test_createtoken_makes_tokens_with_limits(both: LiveServer, admin: Api) -> None:
    place = Place.made(admin)
    slug = next(one["slug"] for one in admin.get("/workspaces").data if one["id"] == place.workspace)
    limits = ("--scope", "publish", "--workspace", slug, "--agents", "ci-*", "--days", "1")
    token = Api(both.url, both.run("createtoken", "root", *limits))
    assert token.post(f"/agents/{place.agent}/output", {"content": "hello"}).status == 201
    assert token.post(f"/agents/{place.agent}/input", {"content": "hello"}).status == 403
    with pytest.raises(RuntimeError, match="expected --scope"):
        both.run("createtoken", "root", "--workspace", slug)
