"""Serves the API without Django's session, message and page middleware, which producers' calls don't need."""

from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse

from realtime_project import compat
from streams.asgi import ASGIApp, Receive, Scope, Send


class ApiHandler(ASGIHandler):
    """Django's handler with only the middleware that API calls need, which is asynchronous.

    Django's own chain hops to a thread and back for every synchronous middleware and signal receiver of a request, ten
    times what the call itself costs. The API's views authenticate callers themselves and use the database in threads
    that clean up their connections, so none of that is needed.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        compat.without_middleware(self)
        compat.set_chain(self, CorsMiddleware(convert_exception_to_response(self._answer)))

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        request.get_host()  # raises DisallowedHost, answered with 400
        response = await compat.call_view(self, request)
        response.headers["Content-Length"] = str(len(response.content))
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        if settings.SECURE_HSTS_SECONDS and request.is_secure():
            response.headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
        return response

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        request, refusal = self.create_request(scope, body)
        try:
            response: Any = refusal if request is None else await self.get_response_async(request)
            await self.send_response(response, send)
        finally:
            body.close()


class HttpRouter:
    """Takes the fast path for API calls, and Django's for everything else, including streams and HTML."""

    def __init__(self, django: ASGIApp) -> None:
        self._django = django
        self._api = ApiHandler()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._api if _is_call(scope["path"]) else self._django)(scope, receive, send)


def _is_call(path: str) -> bool:
    calls = ("/api/agents", "/api/workspaces", "/api/tickets", "/api/device")
    return path.startswith(calls) and not path.endswith("/stream")
