"""The HTTP API: routers, authentication, and error responses."""

import logging
from math import ceil
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.datastructures import MultiValueDict
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser

from accounts.api import router as tokens
from accounts.api_audit import router as audit
from accounts.api_device import router as device
from accounts.requests import Caller
from agents.api import router as agents
from agents.api_attachments import router as attachments
from agents.api_inbox import router as inbox
from agents.api_requests import router as requests
from agents.api_usage import router as usage
from notifications.api import router as webhooks
from search.api import router as search
from streams.protocol.messages import Code, ProtocolError, brief, parse_json
from streams.protocol.text import refuse_nul
from workspaces.api import router as workspaces
from workspaces.api_people import router as people

logger = logging.getLogger(__name__)


class StrictParser(Parser):
    """Parses bodies as the WebSocket parses messages: no NaN, no lone surrogates, no NUL in text."""

    def parse_body(self, request: HttpRequest) -> Any:
        body = parse_json(request.body)
        if b"\\u0000" in request.body:  # a NUL in JSON, or an escaped backslash followed by u0000
            refuse_nul(body)
        return body

    def parse_querydict(self, data: MultiValueDict[str, str], list_fields: list[str], request: HttpRequest) -> Any:
        refuse_nul([value for values in data.lists() for value in values])
        return super().parse_querydict(data, list_fields, request)


def for_the_known(view: Any) -> Any:
    """A page about the API, for callers with a session or token; others are redirected to sign in."""

    async def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            if await Caller()(request) is None:
                return redirect_to_login(request.get_full_path())
        except ProtocolError as error:
            return refused(request, error)
        answer: HttpResponse = await sync_to_async(view)(request, **kwargs)
        return answer

    return guarded


api = NinjaAPI(
    title="Agentstream",
    version="1",
    description="Report what agents do, and read it back. The WebSocket is described in the protocol reference.",
    auth=Caller(),
    parser=StrictParser(),
    urls_namespace="api",
    docs_decorator=for_the_known,
)
api.add_router("", workspaces)
api.add_router("", people)
api.add_router("", agents)
api.add_router("", requests)
api.add_router("", usage)
api.add_router("", inbox)
api.add_router("", search)
api.add_router("", attachments)
api.add_router("", webhooks)
api.add_router("", tokens)
api.add_router("", device)
api.add_router("", audit)


def _answer(request: HttpRequest, code: Code, message: str) -> HttpResponse:
    return refused(request, ProtocolError(code, message))


@api.exception_handler(ProtocolError)
def refused(request: HttpRequest, error: ProtocolError) -> HttpResponse:
    response = api.create_response(request, error.payload, status=error.code.http_status)
    if error.retry_after is not None:
        response["Retry-After"] = str(max(1, ceil(error.retry_after)))
    return response


@api.exception_handler(AuthenticationError)
def unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    response = _answer(request, Code.UNAUTHENTICATED, "expected a valid bearer token or a signed-in session")
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    place = ".".join(str(part) for part in first["loc"])
    came = f"; got {brief(first['input'])}" if "input" in first and first["type"] != "missing" else ""
    return _answer(request, Code.INVALID_MESSAGE, f"{place}: {first['msg']}{came}")


@api.exception_handler(Http404)
def not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return _answer(request, Code.NOT_FOUND, "there is no such thing here")


@api.exception_handler(RequestDataTooBig)
def too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return _answer(request, Code.TOO_LARGE, "the body is too large")


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, ProtocolError):  # from StrictParser
        return refused(request, error.__cause__)
    return _answer(request, Code.INVALID_MESSAGE, str(error))


@api.exception_handler(Exception)
def unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(request, Code.INTERNAL, "the server failed to handle this request and has logged why")
