"""The WebSocket handshake: checks origin and credentials before the consumer sees the connection."""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from accounts.credentials import Credential, Scheme, authenticate, session_credential
from streams.asgi import ASGIApp, Receive, Scope, Send
from streams.protocol.messages import Close, Code, ProtocolError


class Handshake:
    """ASGI middleware that refuses foreign origins (HTTP 403) and puts the `viewer` into the scope.

    A ticket takes precedence over a bearer token, which takes precedence over a session. If the first one found is
    invalid, the others aren't tried. Without any, `viewer` is None.
    """

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await self._enter(scope, receive, send):
            await self._application(scope, receive, send)

    @staticmethod
    async def _enter(scope: Scope, receive: Receive, send: Send) -> bool:
        """Put the viewer into the scope, or refuse and return False."""
        headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
        if not origin_allowed(headers):
            await receive()
            await send({"type": "websocket.close"})  # before accepting: HTTP 403
            return False
        try:
            credential = credential_of(headers, scope["query_string"])
            scope["viewer"] = await authenticate(credential, address_of(scope))
        except ProtocolError as error:
            code = Close.TOO_MANY_MESSAGES if error.code is Code.RATE_LIMITED else Close.TRY_AGAIN
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": int(code)})
            return False
        return True


def credential_of(headers: dict[str, str], query: bytes) -> Credential | None:
    """The credential in a handshake."""
    tickets = parse_qs(query.decode("latin1")).get("ticket")
    if tickets:
        return Credential(Scheme.TICKET, tickets[0])
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Credential(Scheme.TOKEN, token.strip())
    return session_credential(_cookie(headers, settings.SESSION_COOKIE_NAME))


def address_of(scope: Scope) -> str:
    """The client's address; empty if unknown."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def origin_allowed(headers: dict[str, str]) -> bool:
    """Whether a page of this origin may open a socket here: our own pages, and those in ALLOWED_ORIGINS.

    Without an Origin header the client isn't a browser, so no cookies are sent on a user's behalf.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    if origin in settings.ALLOWED_ORIGINS:
        return True
    host = headers.get("host", "")
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or (settings.HTTPS and parts.scheme != "https"):
        return False
    return parts.netloc == host and validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)


def _cookie(headers: dict[str, str], name: str) -> str | None:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None
