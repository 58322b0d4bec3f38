"""Who calls the HTTP API, and whether they may."""

import uuid
from collections.abc import Callable, Collection
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, StreamingHttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from ninja.security import HttpBearer

from accounts.identity import Identity
from accounts.schemes import Means, Presented, identified
from streams.hub.reader import AccessQuery
from streams.log import history
from streams.protocol.kinds import Access
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime
from streams.transports.sse import event_stream
from workspaces.access import require

P = ParamSpec("P")
R = TypeVar("R")


class Caller(HttpBearer):
    """`Authorization: Bearer TOKEN`, or else a browser's session, whose writes need the CSRF token."""

    async def __call__(self, request: HttpRequest) -> Identity | None:
        scheme, _, token = request.headers.get(self.header, "").partition(" ")
        if scheme:
            return await self.authenticate(request, token.strip()) if scheme.lower() == "bearer" else None
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        identity = await identified(Presented(Means.SESSION, key)) if key else None
        if identity is not None and not csrf_holds(request):
            raise ProtocolError(Code.FORBIDDEN, "expected the CSRF token of the session in the header X-CSRFToken")
        return identity

    async def authenticate(self, request: HttpRequest, token: str) -> Identity | None:
        return await identified(Presented(Means.TOKEN, token))


class _CsrfCheck(CsrfViewMiddleware):
    """Django's check, without the page it would draw: that may ask the database, which must not be on an event loop."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseForbidden:
        return HttpResponseForbidden(reason)


def csrf_holds(request: HttpRequest) -> bool:
    """Whether a request by session comes from a page of ours; one that changes nothing may come from anywhere."""
    check = _CsrfCheck(_no_view)
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    check.process_request(request)
    return check.process_view(request, _no_view, (), {}) is None


def _no_view(request: HttpRequest) -> HttpResponseForbidden:
    return HttpResponseForbidden()


def caller(request: HttpRequest) -> Identity:
    """Who calls: what `Caller` found."""
    identity: Identity = request.auth  # type: ignore[attr-defined]
    return identity


async def authorize(request: HttpRequest, kind_name: str, key: uuid.UUID, needed: Access) -> None:
    """Raise ProtocolError (NOT_FOUND, FORBIDDEN) unless the caller may do `needed` with this stream."""
    granted = await Runtime.current().hub.reader.access(AccessQuery(kind_name, key, caller(request).id))
    require(granted, needed, kind_name)


async def history_page(
    request: HttpRequest, kind_name: str, key: uuid.UUID, *, since: int, limit: int, types: Collection[str]
) -> HttpResponse:
    """A page of a stream's history, for those who may see it."""
    await authorize(request, kind_name, key, Access.READ)
    page = await read(history.page, Runtime.current().kinds[kind_name].stream(key), since, limit, types)
    return HttpResponse(page.encode(), content_type="application/json")


async def stream(request: HttpRequest, kind_name: str, key: uuid.UUID, since: int | None) -> StreamingHttpResponse:
    """A stream as server-sent events, resuming after the header Last-Event-ID if there is one."""
    kind = Runtime.current().kinds[kind_name]
    last = request.headers.get("Last-Event-ID", "")
    pieces = await event_stream(caller(request), kind, key, int(last) if last.isdecimal() else since)
    response = StreamingHttpResponse(pieces, content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"  # nginx would otherwise keep events back
    return response


async def read(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that reads the database."""
    return await Runtime.current().database.read(function, *args, **kwargs)


async def write(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a service that changes the database."""
    return await Runtime.current().database.write(function, *args, **kwargs)
