"""What realtime_project/compat.py relies on in Django. A failure names what an upgrade has changed."""

import inspect

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler

from realtime_project.api_handler import ApiHandler


def test_django_answers_asynchronously_without_middleware() -> None:
    method = getattr(BaseHandler, "_get_response_async", None)
    assert method is not None, "django.core.handlers.base.BaseHandler._get_response_async is gone"
    assert inspect.iscoroutinefunction(method)


NAMES = ["_view_middleware", "_template_response_middleware", "_exception_middleware", "_middleware_chain"]


@pytest.mark.parametrize("name", NAMES)
def test_djangos_handler_keeps(name: str) -> None:
    assert f"self.{name} = " in inspect.getsource(BaseHandler), f"BaseHandler.{name} is gone"
    assert hasattr(ApiHandler(), name)


def test_djangos_handler_reads_bodies_and_sends_responses() -> None:
    for name in ("read_body", "create_request", "send_response", "get_response_async"):
        assert hasattr(ASGIHandler, name), f"ASGIHandler.{name} is gone"
