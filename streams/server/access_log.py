"""The access log of `manage.py serve --access-log FILE`, without the secrets in addresses."""

from functools import reduce
from typing import Any

from daphne.access import AccessLogGenerator

from streams.plugin import StreamApp, installed


class AccessLog(AccessLogGenerator):  # type: ignore[misc]
    """daphne's access log, with secrets masked."""

    def write_entry(self, host: Any, date: Any, request: str, *args: Any, **kwargs: Any) -> None:
        super().write_entry(host, date, _printable(redacted(request)), *args, **kwargs)


def redacted(request: str) -> str:
    return reduce(lambda text, app: app.redacted(text), installed(StreamApp), request)


def _printable(request: str) -> str:
    """On one line and without quotes, so that no entry can look like two."""
    return "".join(char if char.isprintable() and char != '"' else f"%{ord(char):02X}" for char in request)
