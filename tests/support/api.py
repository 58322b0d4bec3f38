"""A small client of the HTTP API for tests."""

import asyncio
import json
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Response:
    status: int
    data: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class Api:
    """Calls the API of the server at `url` with a token."""

    url: str
    token: str | None = None

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"{self.url}/api{path}", data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return self._response(response.status, response.read(), response.headers)
        except urllib.error.HTTPError as error:
            with error:
                return self._response(error.code, error.read(), error.headers)

    @staticmethod
    def _response(status: int, text: bytes, headers: Any) -> Response:
        return Response(status, json.loads(text) if text else None, dict(headers))

    def get(self, path: str) -> Response:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> Response:
        return self.call("POST", path, {} if body is None else body)

    def workspace(self, name: str) -> dict[str, Any]:
        created = self.post("/workspaces", {"name": name})
        assert created.status == 201, created
        workspace: dict[str, Any] = created.data
        return workspace

    def agent(self, workspace_id: str, name: str = "agent") -> dict[str, Any]:
        created = self.post(f"/workspaces/{workspace_id}/agents", {"name": name})
        assert created.status == 201, created
        agent: dict[str, Any] = created.data
        return agent

    def output(self, agent_id: str, content: str) -> int:
        reported = self.post(f"/agents/{agent_id}/output", {"content": content})
        assert reported.status == 201, reported
        seq: int = reported.data["seq"]
        return seq


def agent_of(root: Api) -> tuple[str, str]:
    """Create a workspace with one agent, and return their ids."""
    workspace = root.workspace(f"w {uuid.uuid4()}")
    return workspace["id"], root.agent(workspace["id"])["id"]


async def report(root: Api, agent_id: str, *lines: str) -> None:
    for line in lines:
        await asyncio.to_thread(root.output, agent_id, line)


async def report_many(root: Api, agent_id: str, lines: list[str], producer: str = "p") -> None:
    events = [{"n": i, "type": "agent:output", "payload": {"content": line}} for i, line in enumerate(lines, 1)]
    done = await asyncio.to_thread(root.post, f"/agents/{agent_id}/events", {"producer": producer, "events": events})
    assert done.status == 200, done
