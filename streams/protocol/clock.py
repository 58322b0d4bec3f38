"""Times: milliseconds since 1970 in the log, RFC 3339 on the wire."""

import time
from datetime import UTC, datetime
from functools import lru_cache


def now() -> int:
    """The current time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def as_datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def as_milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def timestamp(milliseconds: int) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-01-31T12:00:00.000Z."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_to_the_second(seconds)}.{rest:03d}Z"


@lru_cache(128)
def _to_the_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
