"""Who calls the HTTP API, and whether they may."""

import uuid
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware
from ninja import Schema
from ninja.security import HttpBearer
from pydantic.alias_generators import to_camel

from accounts.credentials import Credential, Scheme, authenticate
from accounts.identity import Identity
from streams.hub.reader import AccessQuery
from streams.protocol.kinds import Access
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime

P = ParamSpec("P")
R = TypeVar("R")


class Camel(Schema):
    """Base of what the API takes and returns: camelCase there, snake_case here."""

    model_config = {"alias_generator": to_camel, "populate_by_name": True}


class Caller(HttpBearer):
    """`Authorization: Bearer TOKEN`, or else a browser's session, whose writes need the CSRF token."""

    async def __call__(self, request: HttpRequest) -> Identity | None:
        scheme, _, token = request.headers.get(self.header, "").partition(" ")
        if scheme:
            return await self.authenticate(request, token.strip()) if scheme.lower() == "bearer" else None
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        identity = await authenticate(Credential(Scheme.SESSION, key)) if key else None
        if identity is not None and not csrf_holds(request):
            raise ProtocolError(Code.FORBIDDEN, "expected the CSRF token of the session in the header X-CSRFToken")
        return identity

    async def authenticate(self, request: HttpRequest, token: str) -> Identity | None:
        return await authenticate(Credential(Scheme.TOKEN, token))


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


async def authorize_reading(request: HttpRequest, kind_name: str, key: uuid.UUID) -> None:
    """Raise ProtocolError (NOT_FOUND) unless the caller may see this stream."""
    await authorize(request, kind_name, key, Access.READ)


def require(granted: Access, needed: Access, what: str) -> None:
    """Raise ProtocolError unless `granted` suffices: NOT_FOUND for those who may not see `what`, else FORBIDDEN."""
    if granted < Access.READ:
        raise ProtocolError(Code.NOT_FOUND, f"there is no such {what}, or you may not see it")
    if granted < needed:
        raise ProtocolError(Code.FORBIDDEN, f"your role in this {what}'s workspace does not allow this")


async def read(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that reads the database."""
    return await Runtime.current().database.read(function, *args, **kwargs)


async def write(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a service that changes the database."""
    return await Runtime.current().database.write(function, *args, **kwargs)
