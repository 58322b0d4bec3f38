"""The HTTP endpoints of a kind of stream: a page of its history, and the stream as server-sent events."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Path as PathParameter
from ninja import Query, Router, Schema
from pydantic import Field

from streams.log import history
from streams.protocol.kinds import Kind, Viewer
from streams.protocol.messages import BIGINT, Code, ProtocolError, brief
from streams.runtime import Runtime
from streams.transports.sse import event_stream

Authorize = Callable[[HttpRequest, str, uuid.UUID], Awaitable[None]]


class HistoryQuery(Schema):
    since: int = Field(0, ge=0, le=BIGINT, description="the seq to start after")
    limit: int = Field(500, ge=1, le=history.PAGE_LIMIT)
    type: list[str] = Field([], max_length=20, description="only events of this type; may be repeated")


class StreamQuery(Schema):
    since: int | None = Field(None, ge=0, le=BIGINT, description="the seq to start after; omitted: from now on")


def add_stream_endpoints(
    router: Router, kind_name: str, authorize: Authorize, viewer_of: Callable[[HttpRequest], Viewer], auth: Any
) -> None:
    """Add `/<kind>s/{id}/events` and `/<kind>s/{id}/stream` to a router.

    `auth` authenticates the caller; `viewer_of` returns them; `authorize` raises ProtocolError (NOT_FOUND, FORBIDDEN)
    for callers who may not read the stream.
    """
    path = f"/{kind_name}s/{{uuid:{kind_name}_id}}"
    Key = Annotated[uuid.UUID, PathParameter(alias=f"{kind_name}_id")]  # noqa: N806 (a type)

    @router.get(
        f"{path}/events", summary=f"A page of the {kind_name}'s history", operation_id=f"{kind_name}_events", auth=auth
    )
    async def events(request: HttpRequest, key: Key, query: Query[HistoryQuery]) -> HttpResponse:
        await authorize(request, kind_name, key)
        return await _history(Runtime.current().kinds[kind_name], key, query)

    @router.get(
        f"{path}/stream",
        summary=f"The {kind_name}'s stream as server-sent events",
        operation_id=f"{kind_name}_stream",
        auth=auth,
    )
    async def stream(request: HttpRequest, key: Key, query: Query[StreamQuery]) -> StreamingHttpResponse:
        return await _live(request, viewer_of(request), Runtime.current().kinds[kind_name], key, query)


def add_own_stream_endpoints(
    router: Router, kind: Kind, authorize: Authorize, viewer_of: Callable[[HttpRequest], Viewer], auth: Any
) -> None:
    """Add `/<alias>/events` and `/<alias>/stream` for a kind with one stream per user."""

    def own_key(request: HttpRequest) -> uuid.UUID:
        key = kind.own_key(viewer_of(request))
        assert key is not None, f"{kind.name} is not a kind with one stream per user"
        return key

    @router.get(
        f"/{kind.alias}/events",
        summary=f"A page of the history of the caller's {kind.alias}",
        operation_id=f"{kind.alias}_events",
        auth=auth,
    )
    async def events(request: HttpRequest, query: Query[HistoryQuery]) -> HttpResponse:
        await authorize(request, kind.name, own_key(request))
        return await _history(kind, own_key(request), query)

    @router.get(
        f"/{kind.alias}/stream",
        summary=f"The caller's {kind.alias} as server-sent events",
        operation_id=f"{kind.alias}_stream",
        auth=auth,
    )
    async def stream(request: HttpRequest, query: Query[StreamQuery]) -> StreamingHttpResponse:
        return await _live(request, viewer_of(request), kind, own_key(request), query)


async def _history(kind: Kind, key: uuid.UUID, query: HistoryQuery) -> HttpResponse:
    database = Runtime.current().database
    page = await database.read(history.page, kind.stream(key), query.since, query.limit, query.type)
    return HttpResponse(page.encode(), content_type="application/json")


async def _live(
    request: HttpRequest, viewer: Viewer, kind: Kind, key: uuid.UUID, query: StreamQuery
) -> StreamingHttpResponse:
    pieces = await event_stream(viewer, kind, key, _resume_after(request, query.since))
    response = StreamingHttpResponse(pieces, content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"  # nginx would otherwise buffer events
    return response


def _resume_after(request: HttpRequest, since: int | None) -> int | None:
    """The seq to resume after: the header Last-Event-ID takes precedence over the query, because it is newer."""
    last = request.headers.get("Last-Event-ID", "")
    if not last:
        return since
    if not last.isdecimal() or len(last) > len(str(BIGINT)) or int(last) > BIGINT:
        raise ProtocolError(Code.INVALID_MESSAGE, f"Last-Event-ID: expected a seq, got {brief(last)}")
    return int(last)
