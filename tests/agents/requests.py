"""Helpers for the tests of requests: requests, people who answer, and what viewers see."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from tests.chaos.cluster import Cluster
from tests.support.api import Api, Response
from tests.support.waiting import eventually

Json = dict[str, Any]

YES_OR_NO = [{"id": "yes", "label": "Yes", "effect": "allow"}, {"id": "no", "label": "No", "effect": "deny"}]

PEOPLE = """
import json
from django.contrib.auth.models import User
from accounts.tokens import issue_token
from workspaces.services import WorkspaceService
tokens = {}
for name, role in %r.items():
    user = User.objects.create(username=name)
    WorkspaceService.set_member("%s", user.pk, role)
    tokens[name] = issue_token(user, role)[1]
print(json.dumps(tokens))
"""


def permission(request_id: str, **more: Any) -> Json:
    tool = {"name": "Bash", "input": {"command": "rm -rf build"}}
    asked = {"requestId": request_id, "kind": "permission", "title": "Run a command?", "tool": tool}
    return {**asked, "options": YES_OR_NO, **more}


def question(request_id: str, **more: Any) -> Json:
    colors = [{"id": "red", "label": "Red"}, {"id": "blue", "label": "Blue"}]
    asked = [
        {"id": "color", "question": "Which color?", "options": colors},
        {"id": "sizes", "question": "Which sizes?", "options": colors, "multiple": True, "free": True},
    ]
    return {
        "requestId": request_id,
        "kind": "question",
        "title": "Two things",
        "options": [],
        "questions": asked,
        **more,
    }


@dataclass(frozen=True)
class Desk:
    """An agent that asks, and the people of its workspace."""

    root: Api
    other: Api
    workspace_id: str
    agent_id: str
    tokens: dict[str, str]
    names: dict[str, str]

    def person(self, who: str, *, elsewhere: bool = False) -> Api:
        return Api((self.other if elsewhere else self.root).url, self.tokens[who])

    def ask(self, request: Json, **headers: str) -> Json:
        created = self.root.call("POST", f"/agents/{self.agent_id}/requests", request, **headers)
        assert created.status == 201, created
        data: Json = created.data
        return data

    def publish(self, *events: tuple[str, Json], n: int = 1, producer: str = "p", **body: Any) -> Response:
        numbered = [{"n": n + i, "type": type_, "payload": payload} for i, (type_, payload) in enumerate(events)]
        return self.root.post(f"/agents/{self.agent_id}/events", {"producer": producer, "events": numbered, **body})

    def answer(self, api: Api, request_id: str, **answer: Any) -> Response:
        return api.post(f"/agents/{self.agent_id}/requests/{request_id}/answer", answer)

    def get(self, request_id: str) -> Json:
        data: Json = self.root.get(f"/agents/{self.agent_id}/requests/{request_id}").data
        return data

    def state(self) -> Json:
        data: Json = self.root.get(f"/agents/{self.agent_id}").data
        return data

    def open(self) -> list[str]:
        return [request["requestId"] for request in self.state()["requests"]]

    def status(self) -> tuple[str, str | None]:
        state = self.state()
        return state["status"], state.get("reason")

    def events(self, type_: str = "") -> list[Json]:
        found = self.root.get(f"/agents/{self.agent_id}/events{f'?type={type_}' if type_ else ''}").data["events"]
        return [event["payload"] for event in found]

    def workspace_changes(self, change: str) -> list[Json]:
        found = self.root.get(f"/workspaces/{self.workspace_id}/events?limit=1000").data["events"]
        return [event["payload"]["data"] for event in found if event["payload"]["change"] == change]

    def outcomes(self) -> list[tuple[str, str]]:
        return [(told["requestId"], told["outcome"]) for told in self.events("agent:request_resolved")]

    def until_resolved(self, request_id: str, seconds: float = 10) -> Json:
        def look() -> Json:
            resolution: Json = self.get(request_id).get("resolution", {})
            return resolution

        return eventually(look, seconds)


def desk_of(cluster: Cluster, **people: str) -> Desk:
    """A workspace of the cluster with an agent, and people in the given roles; two operators and a viewer without."""
    people = people or {"ann": "operator", "bob": "operator", "vera": "viewer"}
    root = cluster.api
    workspace = root.workspace(f"desk {uuid.uuid4()}")["id"]
    agent = root.agent(workspace)["id"]
    names = {who: f"{who}-{uuid.uuid4().hex[:8]}" for who in people}
    script = PEOPLE % ({names[who]: role for who, role in people.items()}, workspace)
    tokens = json.loads(cluster.servers[0].run("shell", "-v", "0", "-c", script).splitlines()[-1])
    other = Api(cluster.servers[-1].url, cluster.token)
    return Desk(root, other, workspace, agent, {who: tokens[names[who]] for who in people}, names)
