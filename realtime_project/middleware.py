"""Middleware for every page: compression and cache headers."""

from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.decorators import sync_and_async_middleware

NUL = "expected a query without NUL"


@sync_and_async_middleware
def refuse_nul(get_response: Any) -> Any:
    """Refuse a page whose query contains NUL, which the admin's filters would pass to PostgreSQL."""
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponseBase:
            return HttpResponseBadRequest(NUL) if _asks_with_nul(request) else await get_response(request)
    else:

        def middleware(request: HttpRequest) -> HttpResponseBase:  # type: ignore[misc]
            return HttpResponseBadRequest(NUL) if _asks_with_nul(request) else get_response(request)

    return middleware


def _asks_with_nul(request: HttpRequest) -> bool:
    return "%00" in request.META["QUERY_STRING"] and not request.path.startswith("/api/")


@sync_and_async_middleware
def no_store(get_response: Any) -> Any:
    """Disable caching of pages: after signing out, a shared browser's Back button must not show them."""
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponseBase:
            return forbid_storing(await get_response(request))
    else:

        def middleware(request: HttpRequest) -> HttpResponseBase:  # type: ignore[misc]
            return forbid_storing(get_response(request))

    return middleware


def forbid_storing(response: HttpResponseBase) -> HttpResponseBase:
    """`response`, marked so that no browser or proxy caches it."""
    if "no-store" not in response.headers.get("Cache-Control", ""):
        response.headers["Cache-Control"] = "no-store"
    return response


class CompressedPageMiddleware(GZipMiddleware):
    """Django's compression, of HTML only: streams must not wait for a compressor, and API responses are small and may
    contain secrets, such as a new token.

    A page's length reveals nothing useful (BREACH): its CSRF token is masked differently each time, Django adds random
    bytes, and no page contains both a constant secret and text chosen by a stranger.
    """

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        # In this thread: the one that Django would hop to costs more than compressing a page.
        return self.process_response(request, await self.get_response(request))  # type: ignore[misc,no-any-return]

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
