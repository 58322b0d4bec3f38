"""Figures of this process, in the format of Prometheus."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from streams.hub import Hub

APPENDED = Counter("agentstream_events_appended", "Events this process has written to the log")
GAPS = Counter("agentstream_gaps", "Times the bell lost something that was then read from the log")
CLOSED = Counter("agentstream_sockets_closed", "Sockets this server closed for cause", ["code"])


def _hubs() -> "Iterable[Hub]":
    from streams.hub import Hub

    return Hub.all()


def _gauge(name: str, text: str, count: "Callable[[Hub], int]") -> None:
    Gauge(f"agentstream_{name}", text).set_function(lambda: sum(count(hub) for hub in _hubs()))


_gauge("connections", "Viewers connected", lambda hub: len(hub.connections))
_gauge("subscriptions", "Subscriptions of all viewers", lambda hub: sum(len(each.cursors) for each in hub.connections))
_gauge("feeds", "Streams that this process watches", lambda hub: len(hub.feeds))
_gauge("window_bytes", "Recent events held in memory", lambda hub: sum(each.window.size for each in hub.feeds.values()))
_gauge(
    "behind",
    "Cursors that have not caught up with their stream",
    lambda hub: sum(cursor.behind for feed in hub.feeds.values() for cursor in feed.cursors),
)
