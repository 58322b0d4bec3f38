"""Follow agents and workspaces, live and without a gap."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any
from uuid import UUID

from agentstream.connection import Link, socket_url
from agentstream.credentials import authorization, check_transport
from agentstream.errors import Forbidden, NotFound, Refused, TryLater, Unreachable, from_code
from agentstream.events import Cursor, Event, stream_of
from agentstream.messages import encode
from agentstream.reconnection import Connector, Reconnector


def watch(
    url: str,
    token: str,
    *,
    agents: Iterable[str] = (),
    workspaces: Iterable[str] = (),
    inbox: bool = False,
    since: Mapping[str, int] | int | None = None,
    insecure: bool = False,
) -> Watch:
    """Every event of the given agents and workspaces (their ids), and of the user's `inbox`, once and in order within
    its stream.

        async for event in watch("http://host:8000", token, agents=[agent_id], since=0):
            print(event.payload.get("content", ""), end="")

    `since` is where to start: omitted for "from now", 0 for all retained events, or a `seq` for the events after it;
    one number for all streams, or a mapping from id or stream name. After a lost connection it continues where it
    stopped. If the server no longer has the next events, a `Gap` comes first.

    Raises `Refused`: `NotFound` (also when an agent or workspace is deleted), `Forbidden` (also when access
    is revoked), `Unauthenticated`, `TooManySubscriptions`; ValueError for an invalid url, token or id, and for a url
    that would send the token unencrypted to another host, unless `insecure` permits that.
    """
    socket_url(url)
    authorization(token)
    check_transport(url, insecure)
    cursors = [Cursor("agent", _id(id)) for id in agents]
    cursors += [Cursor("workspace", _id(id)) for id in workspaces]
    cursors += [Cursor("inbox", "")] if inbox else []
    for cursor in cursors:
        cursor.since = _start(cursor, since)
    return Watch(Reconnector(url, token), cursors)


class Watch(AsyncIterator[Event]):
    """What `watch` returns. Waiting for the next event may be cancelled and repeated without losing events.

    The connection ends with the object, with `aclose()`, or with its `async with` block if it is used as one.
    """

    def __init__(self, reconnector: Connector, cursors: Iterable[Cursor]) -> None:
        self._reconnector = reconnector
        self._cursors = {cursor.stream: cursor for cursor in cursors}
        self._connection: Link | None = None
        self._messages: deque[dict[str, Any]] = deque()

    async def __anext__(self) -> Event:
        while self._cursors:
            try:
                if event := await self._next():
                    return event
            except (Unreachable, TryLater) as lost:
                self._reconnector.lost(lost)
                await self._disconnect()
            except Refused:
                await self.aclose()
                raise
        raise StopAsyncIteration

    async def _next(self) -> Event | None:
        if not self._messages:
            connection = self._connection or await self._subscribe()
            self._messages.extend(await connection.receive())
        return _receive(self._cursors, self._messages.popleft())

    async def _subscribe(self) -> Link:
        connection = await self._reconnector.connect()
        try:
            for cursor in self._cursors.values():
                await connection.send(encode(cursor.request()), cursor.stream, cursor.stream)
        except BaseException:
            # After a failure or cancellation, a partial subscription is useless to the next attempt.
            connection.abort()
            raise
        self._connection = connection
        return connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._messages.clear()
        if connection:
            await connection.close()

    async def aclose(self) -> None:
        """Close the connection; no more events come."""
        self._cursors.clear()
        await self._disconnect()

    async def __aenter__(self) -> Watch:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # A loop left with `break` ends here, where nothing can be awaited; the event loop may have ended, too.
        if self._connection:
            with suppress(RuntimeError):
                self._connection.abort()


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


def _receive(cursors: dict[str, Cursor], message: dict[str, Any]) -> Event | None:
    match message:
        case {"type": "subscribed"}:
            return cursors[stream_of(message) or ""].subscribed(message)
        case {"type": "unsubscribed", "payload": {"type": kind, "id": id, "reason": reason}}:
            raise _ended(f"{kind} {id}", reason)
        case {"type": "error", "payload": {"code": code, "message": text}}:
            raise from_code(code, text)
        case {"seq": _} if stream := stream_of(message):
            return cursors[stream].advance(message)
        case _:
            return None


def _ended(what: str, reason: str) -> Refused:
    match reason:
        case "deleted":
            return NotFound("NOT_FOUND", f"{what} was deleted")
        case _:
            return Forbidden("FORBIDDEN", f"access to {what} was revoked")
