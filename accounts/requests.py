"""Authentication and authorization of HTTP API calls."""

import uuid
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware
from ninja import Schema
from ninja.security import HttpBearer
from pydantic.alias_generators import to_camel

from accounts.actor import Actor, address_of, set_actor
from accounts.credentials import Credential, Scheme, authenticate, session_credential
from accounts.identity import Identity
from accounts.scopes import NAMES, Limits
from streams import metrics
from streams.hub.reader import AccessQuery
from streams.protocol.kinds import Access, Rights, Scope
from streams.protocol.limits import Buckets
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime

P = ParamSpec("P")
R = TypeVar("R")


class Camel(Schema):
    """Base of the API's schemas: camelCase in JSON, snake_case here."""

    model_config = {"alias_generator": to_camel, "populate_by_name": True}


class Caller(HttpBearer):
    """Authenticates `Authorization: Bearer TOKEN`, or else a browser's session, whose writes need the CSRF token.

    A limited token needs one of the route's `scopes`. A route without any accepts only sessions and tokens with full
    access.
    """

    def __init__(self, scopes: Scope = Scope.NONE) -> None:
        super().__init__()
        self.scopes = scopes

    async def __call__(self, request: HttpRequest) -> Identity | None:
        identity = await self._identify(request)
        if identity is not None and identity.limits is not None and not identity.limits.scopes & self.scopes:
            raise ProtocolError(Code.FORBIDDEN, f"expected {self._expected}, got one for {_listed(identity.limits)}")
        if identity is not None:
            _limit_calls(identity)
        request.scopes = self.scopes  # type: ignore[attr-defined]
        if identity is not None:
            set_actor(Actor.of(identity))
        return identity

    @property
    def _expected(self) -> str:
        names = [name for name, scope in NAMES.items() if scope in self.scopes]
        return f"a token for {' or '.join(names)}" if names else "a signed-in session or a token with full access"

    async def _identify(self, request: HttpRequest) -> Identity | None:
        scheme, _, token = request.headers.get(self.header, "").partition(" ")
        if scheme:
            return await self.authenticate(request, token.strip()) if scheme.lower() == "bearer" else None
        credential = session_credential(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
        identity = await authenticate(credential, address_of(request))
        if identity is not None and not csrf_holds(request):
            raise ProtocolError(Code.FORBIDDEN, "expected the session's CSRF token in the X-CSRFToken header")
        return identity

    async def authenticate(self, request: HttpRequest, token: str) -> Identity | None:
        return await authenticate(Credential(Scheme.TOKEN, token), address_of(request))


ANY_SCOPE = Scope.WATCH | Scope.PUBLISH | Scope.ANSWER | Scope.MANAGE


class CallBuckets(Buckets):
    """API call rates, by user."""


def _limit_calls(identity: Identity) -> None:
    """Count a call. Raises ProtocolError (RATE_LIMITED) for a user who makes too many."""
    rate = settings.HTTP_CALLS_PER_SECOND
    if not rate:
        return
    calls = Runtime.current().part(CallBuckets).get(identity.id, rate)
    if wait := calls.wait:
        metrics.LIMITED.labels(limit="calls").inc()
        raise ProtocolError(Code.RATE_LIMITED, f"expected at most {rate:g} calls per second and user", retry_after=wait)
    calls.spend(1)


def check_body(request: HttpRequest, limit: int) -> None:
    """Raise ProtocolError (TOO_LARGE) for a body of more than `limit` bytes."""
    if len(request.body) > limit:
        raise ProtocolError(Code.TOO_LARGE, f"expected a body of at most {limit} bytes, got {len(request.body)}")


def _listed(limits: Limits) -> str:
    return " and ".join(limits.names) or "nothing"


class _CsrfCheck(CsrfViewMiddleware):
    """Django's check without its error page, which may query the database and so must not run on an event loop."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseForbidden:
        return HttpResponseForbidden(reason)


def csrf_holds(request: HttpRequest) -> bool:
    """Whether a session's request has a valid CSRF token; safe methods need none."""
    check = _CsrfCheck(_no_view)
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    check.process_request(request)
    return check.process_view(request, _no_view, (), {}) is None


def _no_view(request: HttpRequest) -> HttpResponseForbidden:
    return HttpResponseForbidden()


def caller(request: HttpRequest) -> Identity:
    """The caller's identity, as `Caller` found it."""
    identity: Identity = request.auth  # type: ignore[attr-defined]
    return identity


async def authorize(request: HttpRequest, kind_name: str, key: uuid.UUID, needed: Access) -> None:
    """Raise ProtocolError (NOT_FOUND, FORBIDDEN) unless the caller's role allows `needed` for this stream, and their
    token, if limited, covers it and has one of the route's scopes."""
    require(await rights(request, kind_name, key), needed, request.scopes, kind_name)  # type: ignore[attr-defined]


async def authorize_reading(request: HttpRequest, kind_name: str, key: uuid.UUID) -> None:
    """Raise ProtocolError (NOT_FOUND, FORBIDDEN) unless the caller may read this stream."""
    await authorize(request, kind_name, key, Access.READ)


async def authorize_seeing(request: HttpRequest, kind_name: str, key: uuid.UUID, needed: Access = Access.READ) -> None:
    """Like `authorize`, but allows any token that may see the stream, even one limited to part of it. The calling code
    must check the token's limits."""
    require(await rights(request, kind_name, key), needed, Scope.SEE, kind_name)


async def rights(request: HttpRequest, kind_name: str, key: uuid.UUID) -> Rights:
    """What the caller may do with this stream."""
    identity = caller(request)
    return await Runtime.current().hub.reader.access(AccessQuery(kind_name, key, identity.id, identity.limits))


def authorize_everywhere(request: HttpRequest) -> None:
    """Raise ProtocolError (FORBIDDEN) for a token that is limited to one workspace or certain agents."""
    limits = caller(request).limits
    if limits is not None and not limits.everywhere:
        raise ProtocolError(Code.FORBIDDEN, "expected a token that isn't limited to one workspace or to certain agents")


def require(rights: Rights, needed: Access, scopes: Scope, what: str) -> None:
    """Raise ProtocolError unless `rights` suffice: NOT_FOUND if the caller may not see `what`, else FORBIDDEN."""
    if not rights.visible:
        raise ProtocolError(Code.NOT_FOUND, f"there is no such {what}, or you don't have access to it")
    if rights.access < needed:
        raise ProtocolError(Code.FORBIDDEN, f"your role in this {what}'s workspace doesn't allow this")
    if rights.scopes != Scope.ALL and not rights.allow(needed, scopes):
        raise ProtocolError(Code.FORBIDDEN, f"your token doesn't allow this for this {what}")


async def read(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function that reads the database."""
    return await Runtime.current().database.read(function, *args, **kwargs)


async def write(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a service that changes the database, with this task's actor."""
    call = partial(copy_context().run, partial(function, *args, **kwargs))
    return await Runtime.current().database.write(call)
