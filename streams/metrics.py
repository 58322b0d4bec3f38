"""Prometheus metrics of this process. Gauges of its hub are computed in streams/runtime.py, when they are read."""

from prometheus_client import Counter, Gauge

APPENDED = Counter("agentstream_events_appended", "Events this process has written to the log")
PUBLISHED_BYTES = Counter("agentstream_published_bytes", "Bytes of the events that producers have published")
PUBLISHED = Counter("agentstream_published_events", "Events that producers have published")
LIMITED = Counter("agentstream_limited", "Requests refused because of a limit", ["limit"])
GAPS = Counter("agentstream_gaps", "Times the broker lost something that was then read from the log")
CLOSED = Counter("agentstream_sockets_closed", "Sockets this server closed for cause", ["code"])
FOREIGN_MESSAGES = Counter(
    "agentstream_foreign_messages", "Messages on Redis ignored as forged, repeated or encrypted with another key"
)
TCP = Gauge("agentstream_tcp_connections", "Open connections: pending ones wait for the client", ["state"])
REFUSED = Counter("agentstream_connections_refused", "Connections refused as too many", ["reason"])
CUT = Counter("agentstream_connections_cut", "Connections cut as too slow, or to make room", ["reason"])
CONNECTIONS = Gauge("agentstream_connections", "Viewers connected")
SUBSCRIPTIONS = Gauge("agentstream_subscriptions", "Subscriptions of all viewers")
FEEDS = Gauge("agentstream_feeds", "Streams that this process watches")
WINDOW_BYTES = Gauge("agentstream_window_bytes", "Recent events held in memory")
FOLLOWER_LAG = Gauge(
    "agentstream_follower_lag", "Retained events that a follower has not handled yet, every few seconds", ["follower"]
)
WEBHOOK_DELIVERIES = Counter("agentstream_webhook_deliveries", "Attempts to deliver to webhooks", ["outcome"])
BEHIND = Gauge("agentstream_behind", "Cursors that have not caught up with their stream")
