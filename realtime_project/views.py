"""The server's own pages: health, metrics and the favicon."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from accounts.identity import Identity, is_superuser
from accounts.requests import Caller, read
from realtime_project import __version__
from streams import log
from streams.protocol.kinds import Scope
from streams.protocol.messages import ProtocolError
from streams.runtime import Runtime


async def health(request: HttpRequest) -> HttpResponse:
    """200 `ok` while the log can be read, 503 while it cannot."""
    try:
        await Runtime.current().database.read(log.spans, ["health"])
    except ProtocolError as error:
        return HttpResponse(f"{error.message}\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


async def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics of this process: 200 for a superuser's token or session, 401 or 403 for others."""
    try:
        identity = await Caller(Scope.WATCH)(request)
        allowed = identity is not None and _everywhere(identity) and await read(is_superuser, identity.id)
    except ProtocolError as error:
        return HttpResponse(f"{error.message}\n", status=error.code.http_status, content_type="text/plain")
    if not allowed:
        return HttpResponse(status=401 if identity is None else 403)
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _everywhere(identity: Identity) -> bool:
    return identity.limits is None or identity.limits.everywhere


def favicon(request: HttpRequest) -> HttpResponse:
    return redirect(static("img/mark.svg"))


def version(request: HttpRequest) -> dict[str, str]:
    """Variables for every template."""
    return {"version": __version__}
