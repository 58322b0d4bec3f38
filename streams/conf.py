"""The engine's settings: every number that an operator may want to change."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import environ
from django.conf import settings
from django.core.signals import setting_changed


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Bounds and intervals of the engine. Each is set by the environment variable STREAM_<NAME>.

    Times are seconds, sizes are bytes. Tests may also set them in Django's `STREAMS` setting.
    """

    HEARTBEAT: float = 30.0  # between two unrequested `pong`s on a socket
    POLL: float = 1.0  # between two comparisons of the served streams with the log
    STALL: float = 10.0  # a reader that takes nothing for this long is closed with 4408
    DRAIN: float = 3.0  # over which a drain spreads the closing of sockets
    FLUSH_MIN: float = 0.002  # the shortest pause between two flushes under load
    WINDOW_EVENTS: int = 2_000  # newest events of a stream kept in memory while it is watched
    WINDOW_BYTES: int = 2_097_152  # the same, in bytes
    FRAME_BYTES: int = 229_376  # 224 KiB: where a frame is closed; the contract's limit is 256 KiB
    EVENT_BYTES: int = 245_760  # 240 KiB: the largest event, encoded, so that it always fits a frame
    CONTENT_BYTES: int = 65_536  # of UTF-8 in one event's `content`
    MESSAGE_BYTES: int = 65_536  # a client's frame, other than a publication
    PUBLISH_BYTES: int = 1_048_576  # a publication over HTTP; over WebSocket the frame is the limit
    BODY_BYTES: int = 4_194_304  # the body of any HTTP request
    ANONYMOUS_BYTES: int = 65_536  # the same, of a request with neither a token nor a cookie
    UPLOAD_BYTES: int = 10_485_760  # the body of a request that uploads a file
    PUBLISH_EVENTS: int = 5_000  # events in one publication
    SOCKETS_PER_USER: int = 2_000  # and event streams, in this process; 0: any number
    CONNECTIONS: int = 0  # of one process; 0: as many as file descriptors allow
    CONNECTIONS_PER_ADDRESS: int = 1_000  # of one client's address
    PENDING_CONNECTIONS: int = 4_096  # that haven't sent their whole request; beyond it the oldest are closed
    PENDING_PER_ADDRESS: int = 1_000  # the same, of one client's address
    RESERVED_FILES: int = 200  # file descriptors reserved for the database and files
    REQUEST_SECONDS: float = 10.0  # for a request's header, and for its body in addition to its time at BODY_RATE
    IDLE_SECONDS: float = 60.0  # between two requests of a connection
    BODY_RATE: int = 4_096  # lowest rate of a request's body, in bytes per second
    SUBSCRIPTIONS: int = 1_000  # of one connection
    MESSAGES_PER_SECOND: float = 200.0  # of one connection, sustained
    MESSAGES_BURST: int = 1_000  # of one connection, at once
    BAD_MESSAGES: int = 50  # of one connection, refilled over a minute, before 4400
    RETAIN_EVENTS: int = 100_000  # newest events of each stream that are kept; 0: all
    RETAIN_DAYS: float = 30.0  # for which an event is kept; 0: forever
    TRIM_EVERY: float = 30.0  # between two rounds of trimming
    LEASE: float = 30.0  # after which a silent runner is lost
    FOLLOWER_LEASE: float = 15.0  # without a renewal, after which another process takes over a follower
    FOLLOWER_POLL: float = 5.0  # between two scans of all streams by a follower
    READ_THREADS: int = 4  # threads that read the log for the sockets


@cache
def conf() -> StreamSettings:
    """The settings in force."""
    env = environ.Env()
    given: dict[str, Any] = dict(getattr(settings, "STREAMS", {}))
    for field in fields(StreamSettings):
        default = given.get(field.name, field.default)
        given[field.name] = env.get_value(f"STREAM_{field.name}", cast=type(field.default), default=default)
    return StreamSettings(**given)


def _forget(setting: str, **kwargs: Any) -> None:
    if setting == "STREAMS":
        conf.cache_clear()


setting_changed.connect(_forget)
