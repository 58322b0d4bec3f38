"""Keeps log messages off the screen."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

MAX_RECORDS = 20


class _Held(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, logging.LogRecord] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.records) < MAX_RECORDS:
            self.records.setdefault(record.getMessage(), record)


@contextmanager
def held_logs() -> Iterator[None]:
    """Log messages of the block appear after it, each once: another program draws on the screen."""
    root, held = logging.getLogger(), _Held()
    handlers, root.handlers = root.handlers, [held]
    try:
        yield
    finally:
        root.handlers = handlers
        for record in held.records.values():
            root.handle(record)
