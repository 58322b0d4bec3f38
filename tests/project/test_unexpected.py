"""An unexpected error is answered as `INTERNAL` and reveals nothing."""

import json

from django.test import RequestFactory

from realtime_project.api import unexpected


def test_an_unexpected_error_over_http_is_internal_and_reveals_nothing() -> None:
    response = unexpected(RequestFactory().get("/api/agents"), ZeroDivisionError("a secret"))
    assert response.status_code == 500
    assert json.loads(response.content)["code"] == "INTERNAL"
    assert b"secret" not in response.content
