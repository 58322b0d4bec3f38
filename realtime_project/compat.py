"""Accessors for the private parts of Django that we use, one each, tested in tests/contracts."""

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse


async def call_view(handler: ASGIHandler, request: HttpRequest) -> HttpResponse:
    """The response of the view that a request resolves to, without middleware."""
    response: HttpResponse = await handler._get_response_async(request)  # type: ignore[attr-defined]
    return response


def without_middleware(handler: ASGIHandler) -> None:
    """Remove a handler's middleware."""
    for name in ("_view_middleware", "_template_response_middleware", "_exception_middleware"):
        setattr(handler, name, [])


def set_chain(handler: ASGIHandler, chain: object) -> None:
    """Make a handler pass requests to `chain`."""
    handler._middleware_chain = chain  # type: ignore[attr-defined]
