"""The HTTP calls the client needs: workspaces and agents by name, and an agent's log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from agentstream import errors
from agentstream.credentials import authorization, check_transport
from agentstream.events import Event
from agentstream.messages import Attachment

TIMEOUT_SECONDS = 10.0
UPLOAD_SECONDS = 60.0  # timeout for uploading a file
JSON = "application/json"


@dataclass(frozen=True)
class Workspace:
    """A workspace the token has access to."""

    id: str
    slug: str
    name: str


@dataclass(frozen=True)
class Agent:
    """An agent of a workspace."""

    id: str
    name: str


@dataclass(frozen=True)
class Api:
    """A server's HTTP API; `url` is its base, like ``https://agents.example.com``.

    Every call raises `Unreachable` or a `Refused`. Raises ValueError for an invalid url or token, and for a url that
    would send the token unencrypted to another host, unless `insecure` permits that.
    """

    url: str
    token: str = field(repr=False)
    insecure: bool = False

    def __post_init__(self) -> None:
        authorization(self.token)
        check_server(self.url, self.insecure)

    async def workspaces(self) -> list[Workspace]:
        """All workspaces the token has access to."""
        return [Workspace(found["id"], found["slug"], found["name"]) for found in await self._call("GET", "workspaces")]

    async def workspace(self, slug: str | None = None) -> Workspace:
        """The workspace with that slug; without a slug, the only workspace the token's user can see.

        Raises `NotFound` if there is none, or if there are several and no slug.
        """
        visible = await self.workspaces()
        matching = [workspace for workspace in visible if slug in (None, workspace.slug)]
        if len(matching) == 1:
            return matching[0]
        known = ", ".join(workspace.slug for workspace in visible) or "none"
        got = "none to choose between them" if slug is None else repr(slug)
        raise errors.NotFound("NOT_FOUND", f"expected the slug of a workspace you can see ({known}); got {got}")

    async def agent(self, workspace_id: str, name: str) -> Agent:
        """The workspace's agent with that name, created if it doesn't exist."""
        path = f"workspaces/{quote(workspace_id)}/agents"
        if found := await self._find_agent(path, name):
            return found
        try:
            made = await self._call("POST", path, {"name": name})
        except errors.InvalidMessage:
            # Names are unique: another client may have created the agent in the meantime.
            if found := await self._find_agent(path, name):
                return found
            raise
        return Agent(made["id"], made["name"])

    async def register(
        self, workspace_id: str, key: str, name: str | None = None, labels: Mapping[str, str | None] | None = None
    ) -> Agent:
        """The workspace's agent with that key, created if it doesn't exist. `labels` are merged into its own, and None
        removes one.

        `name` is what people see; by default it is derived from the key. A name that a person chose stays.
        """
        body = {"key": key, "labels": dict(labels or {})} | ({} if name is None else {"name": name})
        made = await self._call("POST", f"workspaces/{quote(workspace_id)}/agents", body)
        return Agent(made["id"], made["name"])

    async def label(self, agent_id: str, labels: Mapping[str, str | None]) -> None:
        """Merge labels into the agent's; None removes one. The token needs the scope `manage`."""
        await self._call("PATCH", f"agents/{quote(agent_id)}", {"labels": dict(labels)})

    async def newest(self, agent_id: str) -> int:
        """The `seq` of the newest event on the agent's stream; 0 before the first."""
        page = await self._call("GET", f"agents/{quote(agent_id)}/events?limit=1")
        return int(page["seq"])

    async def events(self, agent_id: str, since: int, limit: int, types: Iterable[str] = ()) -> list[Event]:
        """At most `limit` events of the agent's log after `since`, only of these types, if any are given.

        Reads from the server's database, so it returns only events that are stored.
        """
        query = urlencode([("since", since), ("limit", limit), *(("type", type_) for type_ in types)])
        page = await self._call("GET", f"agents/{quote(agent_id)}/events?{query}")
        stream = f"agent.{agent_id}"
        return [
            Event(event["type"], event["payload"], event["seq"], event["timestamp"], stream) for event in page["events"]
        ]

    async def ask(self, agent_id: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask a person. Returns the request's current state, with `resolution` if it is resolved. A known request isn't
        asked again."""
        asked: dict[str, Any] = await self._call("POST", f"agents/{quote(agent_id)}/requests", dict(request))
        return asked

    async def request(self, agent_id: str, request_id: str) -> dict[str, Any]:
        """A request in its current state."""
        path = f"agents/{quote(agent_id)}/requests/{quote(request_id, safe='')}"
        found: dict[str, Any] = await self._call("GET", path)
        return found

    async def open_requests(self, agent_id: str) -> list[dict[str, Any]]:
        """The agent's open requests."""
        found: list[dict[str, Any]] = []
        while True:
            since = found[-1]["seq"] if found else 0
            page = await self._call("GET", f"agents/{quote(agent_id)}/requests?since={since}")
            found += page["requests"]
            if not page["more"]:
                return found

    async def answer(self, agent_id: str, request_id: str, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request, and return its resolution. Raises `Conflict` if someone was first."""
        path = f"agents/{quote(agent_id)}/requests/{quote(request_id, safe='')}/answer"
        resolution: dict[str, Any] = (await self._call("POST", path, dict(answer)))["resolution"]
        return resolution

    async def mark_seen(self, agent_id: str, seq: int) -> int:
        """Report that the user has seen the agent's stream up to `seq`. Returns how far they have seen it."""
        answer = await self._call("POST", f"agents/{quote(agent_id)}/seen", {"seq": seq})
        return int(answer["seq"])

    async def dismiss(self, agent_id: str, seq: int) -> int:
        """Dismiss the status of the event `seq`, a failure or a lost runner. Returns the newest dismissed."""
        answer = await self._call("POST", f"agents/{quote(agent_id)}/dismiss", {"seq": seq})
        return int(answer["seq"])

    async def attach(
        self, agent_id: str, content: bytes, name: str = "", media_type: str = "application/octet-stream"
    ) -> Attachment:
        """Store a file (png, jpeg, gif, webp, pdf, text; at most 10 MiB) for one of the agent's outputs.

        The server detects its type and refuses it if it differs from `media_type`, if given. A file that no output
        references is removed after a day.
        """
        path = f"agents/{quote(agent_id)}/attachments?{urlencode({'name': name})}"
        kept = await asyncio.to_thread(self._request, "POST", path, content, media_type, UPLOAD_SECONDS)
        return Attachment(kept["id"], kept["name"], kept["mediaType"], kept["size"])

    async def attachment(self, attachment_id: str) -> bytes:
        """The content of a file attached to an output. It is untrusted: an agent published it."""
        path = f"attachments/{quote(attachment_id)}"
        content: bytes = await asyncio.to_thread(self._send, "GET", path, None, JSON, UPLOAD_SECONDS)
        return content

    async def _find_agent(self, path: str, name: str) -> Agent | None:
        for archived in ("false", "true"):
            agents = await self._call("GET", f"{path}?{urlencode({'q': name, 'archived': archived})}")
            if found := next((Agent(agent["id"], name) for agent in agents if agent["name"] == name), None):
                return found
        return None

    async def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return await asyncio.to_thread(self._request, method, path, data)

    def _request(
        self, method: str, path: str, data: bytes | None, media_type: str = JSON, seconds: float = TIMEOUT_SECONDS
    ) -> Any:
        return decoded(self.url, self._send(method, path, data, media_type, seconds))

    def _send(self, method: str, path: str, data: bytes | None, media_type: str, seconds: float) -> bytes:
        headers = {**authorization(self.token), "Content-Type": media_type}
        return send(Request(f"{self.url.rstrip('/')}/api/{path}", data=data, headers=headers, method=method), seconds)


def check_server(url: str, insecure: bool) -> None:
    """Raise ValueError for a url that isn't one of a server, or that would send secrets unencrypted to another host."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"url: expected one like https://host; got {url!r}")
    check_transport(url, insecure)


def send(request: Request, seconds: float = TIMEOUT_SECONDS) -> bytes:
    """The body of the answer. Raises `Unreachable` or a `Refused`."""
    try:
        with _opener.open(request, timeout=seconds) as answer:
            content: bytes = answer.read()
            return content
    except HTTPError as refused:
        raise _refusal(refused) from None
    except (OSError, HTTPException) as failed:
        raise errors.Unreachable(f"{request.full_url}: {getattr(failed, 'reason', failed)}") from failed


def decoded(url: str, answer: bytes) -> Any:
    """An answer's JSON. Raises `Unreachable` if it isn't any."""
    try:
        return json.loads(answer)
    except ValueError as failed:
        raise errors.Unreachable(f"{url}: {failed}") from failed


def _refusal(answer: HTTPError) -> errors.AgentstreamError:
    try:
        match json.load(answer):
            case {"code": "CONFLICT", "message": str(message), "resolution": dict(resolution)}:
                return errors.Conflict("CONFLICT", message, resolution)
            case {"code": str(code), "message": str(message), **more}:
                return errors.from_code(code, message, more.get("retryAfter"))
    except (OSError, ValueError):
        pass
    return errors.from_status(answer.code, f"{answer.url} answered with HTTP {answer.code}")


class _NoRedirect(HTTPRedirectHandler):
    """Refuses redirects, which would send the token to whatever host they name."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


_opener = build_opener(_NoRedirect)
