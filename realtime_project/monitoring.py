"""`/metrics`, for Prometheus."""

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from accounts.identity import Identity
from accounts.requests import Caller, read
from streams import gauges  # noqa: F401 (registers them)
from streams.protocol.messages import ProtocolError


async def monitoring(request: HttpRequest) -> HttpResponse:
    """The figures of this process: 200 for a superuser's token or session, 401 or 403 for others."""
    try:
        identity = await Caller()(request)
        allowed = identity is not None and await read(_superuser, identity)
    except ProtocolError as error:
        return HttpResponse(f"{error.message}\n", status=error.code.http_status, content_type="text/plain")
    if not allowed:
        return HttpResponse(status=401 if identity is None else 403)
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _superuser(identity: Identity) -> bool:
    return get_user_model()._default_manager.filter(pk=identity.id, is_active=True, is_superuser=True).exists()
