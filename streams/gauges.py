"""Prometheus gauges of this process's hub, computed when they are read."""

from collections.abc import Callable

from prometheus_client import Gauge

from streams.hub.hub import Hub
from streams.runtime import Runtime


def _gauge(name: str, text: str, count: Callable[[Hub], int]) -> None:
    Gauge(f"agentstream_{name}", text).set_function(lambda: sum(count(runtime.hub) for runtime in Runtime.running()))


_gauge("connections", "Viewers connected", lambda hub: len(hub.connections))
_gauge("subscriptions", "Subscriptions of all viewers", lambda hub: sum(len(each.cursors) for each in hub.connections))
_gauge("feeds", "Streams that this process watches", lambda hub: len(hub.feeds))
_gauge("window_bytes", "Recent events held in memory", lambda hub: sum(each.window.size for each in hub.feeds.values()))
_gauge(
    "behind",
    "Cursors that have not caught up with their stream",
    lambda hub: sum(cursor.behind for feed in hub.feeds.values() for cursor in feed.cursors),
)
