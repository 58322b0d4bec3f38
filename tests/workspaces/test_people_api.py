"""Members, invitations and tokens over HTTP, and the effect on open sockets."""

import asyncio
import json
import os
import re
import subprocess
import uuid
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support import ROOT
from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.session import Session
from tests.support.viewer import viewer


@pytest.fixture
def person(live: LiveServer) -> tuple[str, Api]:
    """A user."""
    name = f"p-{uuid.uuid4()}"
    return name, Api(live.url, live.token(name))


@pytest.fixture
def workspace(root: Api) -> dict[str, Any]:
    return root.workspace("People")


def members_path(workspace: dict[str, Any], member: dict[str, Any] | None = None) -> str:
    return f"/workspaces/{workspace['id']}/members" + (f"/{member['id']}" if member else "")


def test_changes_of_members_appear_on_the_workspaces_stream(
    live: LiveServer, root: Api, workspace: dict[str, Any], person: tuple[str, Api]
) -> None:
    name, _ = person

    async def scenario() -> None:
        async with viewer(live.ws_url, root.token) as one:
            answer = await one.subscribe("workspace", workspace["id"])
            assert [(each["user"], each["role"]) for each in answer["payload"]["state"]["members"]] == [
                ("root", "owner")
            ]
            added = await asyncio.to_thread(root.post, members_path(workspace), {"user": name, "role": "viewer"})
            assert (added.status, added.data["user"], added.data["role"]) == (201, name, "viewer")
            path = members_path(workspace, added.data)
            assert (await asyncio.to_thread(root.call, "PATCH", path, {"role": "operator"})).status == 200
            assert (await asyncio.to_thread(root.call, "DELETE", path)).status == 204
            told = [event["payload"] for event in await one.events(3)]
            assert [event["change"] for event in told] == ["member_added", "member_updated", "member_removed"]
            assert told[0]["data"] == added.data
            assert [event["data"]["role"] for event in told] == ["viewer", "operator", "operator"]

    asyncio.run(scenario())


def test_anyone_but_the_last_owner_can_leave(root: Api, workspace: dict[str, Any], person: tuple[str, Api]) -> None:
    name, api = person
    member = root.post(members_path(workspace), {"user": name, "role": "viewer"}).data
    [owner] = [each for each in api.get(members_path(workspace)).data if each["role"] == "owner"]
    assert api.call("DELETE", members_path(workspace, owner)).status == 403
    assert api.call("DELETE", members_path(workspace, member)).status == 204
    assert api.get(members_path(workspace)).status == 404
    for method, body in (("DELETE", None), ("PATCH", {"role": "viewer"})):
        refused = root.call(method, members_path(workspace, owner), body)
        assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")
        assert "last owner" in refused.data["message"]


def test_a_removed_member_loses_the_stream_at_once(
    live: LiveServer, root: Api, workspace: dict[str, Any], person: tuple[str, Api]
) -> None:
    name, api = person
    member = root.post(members_path(workspace), {"user": name, "role": "viewer"}).data

    async def scenario() -> None:
        async with viewer(live.ws_url, api.token) as one:
            await one.subscribe("workspace", workspace["id"])
            await asyncio.to_thread(root.call, "DELETE", members_path(workspace, member))
            while (message := await one.next(3))["type"] != "unsubscribed":
                pass
            assert message["payload"]["reason"] == "forbidden"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"user": "nobody of this name", "role": "viewer"}, "expected the user name or email address of one account"),
        ({"user": "root", "role": "emperor"}, "role"),
        ({"role": "viewer"}, "user"),
    ],
)
def test_an_invalid_member_is_refused(root: Api, workspace: dict[str, Any], body: dict[str, Any], why: str) -> None:
    refused = root.post(members_path(workspace), body)
    assert (refused.status, refused.data["code"]) == (400, "INVALID_MESSAGE")
    assert why in refused.data["message"]


def test_the_link_of_an_invitation_is_shown_once(live: LiveServer, root: Api, workspace: dict[str, Any]) -> None:
    path = f"/workspaces/{workspace['id']}/invitations"
    made = root.post(path, {"role": "operator"})
    assert made.status == 201
    assert set(made.data) == {"id", "role", "expiresAt", "url"}
    assert made.data["url"].startswith(f"{live.url}/invitation/agi_")
    [listed] = root.get(path).data
    assert set(listed) == {"id", "role", "hint", "user", "createdBy", "createdAt", "expiresAt"}
    assert (listed["id"], listed["role"], listed["createdBy"]) == (made.data["id"], "operator", "root")
    assert made.data["url"].rsplit("/", 2)[1] not in json.dumps(listed)
    assert root.call("DELETE", f"{path}/{listed['id']}").status == 204
    assert root.get(path).data == []
    for days in (0, 31):
        assert root.post(path, {"role": "viewer", "days": days}).status == 400


def test_a_token_created_in_a_session_works_until_it_is_deleted(
    live: LiveServer, root: Api, workspace: dict[str, Any]
) -> None:
    session = Session(live, "root")
    headers = {"Content_Type": "application/json", "X_CSRFToken": session.cookie("csrftoken")}
    status, made = session.ask("/api/tokens", json.dumps({"name": "laptop", "days": 30}).encode(), **headers)
    assert status == 201
    api = Api(live.url, made["token"])
    listed = {token["id"]: token for token in root.get("/tokens").data}[made["id"]]
    assert listed == {key: value for key, value in made.items() if key != "token"}
    assert listed["name"] == "laptop"

    async def scenario() -> None:
        async with viewer(live.ws_url, made["token"]) as one:
            await one.subscribe("workspace", workspace["id"])
            assert (await asyncio.to_thread(root.call, "DELETE", f"/tokens/{made['id']}")).status == 204
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await one.next(3)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4403

    asyncio.run(scenario())
    assert api.get("/tokens").status == 401
    assert made["token"] not in live.log


def test_creating_a_token_with_a_session_needs_the_csrf_token(live: LiveServer, root: Api) -> None:
    session = Session(live, "root")
    assert session.post("/api/tokens", b'{"name": "laptop"}', Content_Type="application/json") == 403


def test_the_guides_curl_commands_work(live: LiveServer, root: Api, workspace: dict[str, Any]) -> None:
    [script] = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/guides/people.md").read_text(), re.MULTILINE | re.DOTALL)
    script = script.replace("http://127.0.0.1:8000", live.url).replace("curl ", "curl -fsS -w '\\n' ")
    env = {**os.environ, "AGENTSTREAM_TOKEN": root.token or "", "WORKSPACE": workspace["id"]}
    run = subprocess.run(["sh", "-ec", script], env=env, capture_output=True, text=True, check=True)
    invitation, members = map(json.loads, run.stdout.splitlines())
    assert invitation["url"].startswith(live.url)
    assert [member["user"] for member in members] == ["root"]


def test_a_member_who_becomes_a_viewer_can_no_longer_publish_on_an_open_socket(
    live: LiveServer, root: Api, workspace: dict[str, Any], person: tuple[str, Api]
) -> None:
    name, api = person
    member = root.post(members_path(workspace), {"user": name, "role": "operator"}).data
    event = {"type": "agent:output", "payload": {"content": "x"}}
    agent_id = root.agent(workspace["id"])["id"]

    async def scenario() -> None:
        async with viewer(live.ws_url, api.token) as one:

            async def publish(n: int) -> str:
                publication = {"agentId": agent_id, "producer": name, "events": [{"n": n, **event}]}
                answer = await one.ask("publish:agent", publication)
                return str(answer["payload"].get("code", answer["type"]))

            assert await publish(1) == "published"
            path = members_path(workspace, member)
            assert (await asyncio.to_thread(root.call, "PATCH", path, {"role": "viewer"})).status == 200
            await asyncio.sleep(0.2)  # the word of it is on its way
            assert await publish(2) == "FORBIDDEN"

    asyncio.run(scenario())
