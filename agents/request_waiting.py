"""Waiting over HTTP for the answer to a request, by following the agent's stream like any viewer."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from agents.changes import agent_stream
from agents.events import Resolution
from agents.models import Request
from agents.request_store import not_found, request_state
from streams import log
from streams.protocol.kinds import Viewer
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime
from streams.transports.sse import event_stream

MAX_SECONDS = 60  # of one wait
MAX_WAITERS = 1_000  # in one process
MAX_WAITERS_OF_USER = 200


class _Named(msgspec.Struct):
    requestId: str  # noqa: N815 (as it stands in JSON)


class _Told(msgspec.Struct):
    payload: _Named


class _Waiters(Counter[int]):
    """The number of waiting calls by user."""


def read_request(agent_id: uuid.UUID, request_id: str) -> tuple[dict[str, Any], int]:
    """A request, and the newest seq of its agent's stream at the same moment. Raises ProtocolError (NOT_FOUND)."""
    name = agent_stream(agent_id)
    with log.snapshot():
        row = Request.objects.filter(agent=agent_id, request_id=request_id).first()
        span = log.spans([name]).get(name)
    if row is None or span is None:
        raise not_found(request_id)
    return request_state(row), span.head


async def wait_for_resolution(viewer: Viewer, agent_id: uuid.UUID, request_id: str, seconds: float) -> dict[str, Any]:
    """The request once it is resolved, or in its state after this many seconds.

    Raises ProtocolError: NOT_FOUND, RATE_LIMITED if too many calls are waiting, UNAVAILABLE.
    """
    state, head = await _read(agent_id, request_id)
    if seconds <= 0 or "resolution" in state:
        return state
    with _place(viewer.id), suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await _resolved(viewer, agent_id, request_id, head)
    state, _ = await _read(agent_id, request_id)
    return state


async def _read(agent_id: uuid.UUID, request_id: str) -> tuple[dict[str, Any], int]:
    return await Runtime.current().database.read(read_request, agent_id, request_id)


@contextmanager
def _place(user_id: int) -> Iterator[None]:
    waiting = Runtime.current().part(_Waiters)
    if waiting.total() >= MAX_WAITERS or waiting[user_id] >= MAX_WAITERS_OF_USER:
        raise ProtocolError(Code.RATE_LIMITED, f"expected at most {MAX_WAITERS_OF_USER} waiting calls at a time")
    waiting[user_id] += 1
    try:
        yield
    finally:
        waiting[user_id] -= 1
        if not waiting[user_id]:
            del waiting[user_id]


async def _resolved(viewer: Viewer, agent_id: uuid.UUID, request_id: str, seq: int) -> None:
    """Follow the stream from `seq` until the resolution arrives, or the stream can no longer be followed."""
    kind = Runtime.current().kinds["agent"]
    pieces = await event_stream(viewer, kind, agent_id, seq)
    begun = False
    try:
        async for piece in pieces:
            head, _, data = piece.partition(b"data: ")
            if head:
                if data.startswith(b'{"type":"%b"' % Resolution.type.encode()) and _names(data, request_id):
                    return
            elif data:  # `subscribed`; a second one means that the log has been trimmed or restored
                if begun:
                    return
                begun = True
    finally:
        pieces.close()


def _names(data: bytes, request_id: str) -> bool:
    return msgspec.json.decode(data, type=_Told).payload.requestId == request_id
