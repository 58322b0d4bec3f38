"""What this process counts, in the format of Prometheus; streams/gauges.py has what it measures."""

from prometheus_client import Counter

APPENDED = Counter("agentstream_events_appended", "Events this process has written to the log")
GAPS = Counter("agentstream_gaps", "Times the broker lost something that was then read from the log")
CLOSED = Counter("agentstream_sockets_closed", "Sockets this server closed for cause", ["code"])
