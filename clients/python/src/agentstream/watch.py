"""Follow agents and workspaces, live and without a gap."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any
from uuid import UUID

from agentstream.connection import socket_url
from agentstream.credentials import authorization
from agentstream.cursor import Cursor
from agentstream.errors import Forbidden, NotFound, Refused, TryLater, Unreachable, from_code
from agentstream.events import Event
from agentstream.link import Link
from agentstream.messages import encode


def watch(
    url: str,
    token: str,
    *,
    agents: Iterable[str] = (),
    workspaces: Iterable[str] = (),
    since: Mapping[str, int] | int | None = None,
) -> AsyncGenerator[Event, None]:
    """Every event of the given agents and workspaces (their ids), each once, in order within its stream.

        async for event in watch("http://host:8000", token, agents=[agent_id], since=0):
            print(event.payload.get("content", ""), end="")

    `since` says where to begin: nothing for "from now", 0 for all that is retained, a `seq` for what follows
    it; one number for all streams or a mapping from id or stream name. After any break it continues where it
    was. Where that is not possible, because the server no longer has those events, a `Gap` comes first.

    Raises `Refused`: `NotFound` (also when an agent or workspace is deleted), `Forbidden` (also when access
    is withdrawn), `Unauthenticated`, `TooManySubscriptions`; ValueError for a wrong url, token or id.
    """
    socket_url(url)
    authorization(token)
    cursors = [Cursor("agent", _id(id)) for id in agents]
    cursors += [Cursor("workspace", _id(id)) for id in workspaces]
    for cursor in cursors:
        cursor.since = _start(cursor, since)
    return _follow(Link(url, token), {cursor.stream: cursor for cursor in cursors})


def _id(given: object) -> str:
    try:
        return str(UUID(str(given)))
    except ValueError:
        raise ValueError(f"expected the id of an agent or workspace; got {given!r}") from None


def _start(cursor: Cursor, since: Mapping[str, int] | int | None) -> int | None:
    match since:
        case Mapping():
            return since.get(cursor.stream, since.get(cursor.id))
        case _:
            return since


async def _follow(link: Link, cursors: dict[str, Cursor]) -> AsyncGenerator[Event, None]:
    while cursors:
        try:
            async with link.connected() as connection:
                for cursor in cursors.values():
                    await connection.send(encode(cursor.request()))
                while True:
                    for message in await connection.receive():
                        if event := _receive(cursors, message):
                            yield event
        except (Unreachable, TryLater) as lost:
            await link.pause(lost)


def _receive(cursors: dict[str, Cursor], message: dict[str, Any]) -> Event | None:
    match message:
        case {"type": "subscribed", "payload": {"type": kind, "id": id}}:
            return cursors[f"{kind}.{id}"].subscribed(message)
        case {"type": "unsubscribed", "payload": {"type": kind, "id": id, "reason": reason}}:
            raise _ended(f"{kind} {id}", reason)
        case {"type": "error", "payload": {"code": code, "message": text}}:
            raise from_code(code, text)
        case {"seq": _, "payload": {"agentId": id}}:
            return cursors[f"agent.{id}"].advance(message)
        case {"seq": _, "payload": {"workspaceId": id}}:
            return cursors[f"workspace.{id}"].advance(message)
        case _:
            return None


def _ended(what: str, reason: str) -> Refused:
    match reason:
        case "deleted":
            return NotFound("NOT_FOUND", f"{what} was deleted")
        case _:
            return Forbidden("FORBIDDEN", f"access to {what} was withdrawn")
