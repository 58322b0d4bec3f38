"""The connections of this process, limited in number and by deadlines.

A connection is *pending* while the server waits for its client: for the rest of a request, or for a refused socket to
close. An *idle* one has been answered and may send another request. Under pressure the oldest of both are closed.
"""

import logging
import resource
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from streams import metrics
from streams.conf import conf
from streams.server import compat

logger = logging.getLogger(__name__)

MAX_FILES = 1_048_576  # file descriptors requested at most; more would never be needed
REFUSED_SECONDS = 5.0  # for a connection that we have closed to end; a WebSocket is cut sooner, by its own timer
COMPLAIN_EVERY = 60.0  # seconds between two log lines about too many connections
OWN_ADDRESSES = {"127.0.0.1", "::1"}  # may be a proxy: not limited as one client


class Phase(StrEnum):
    HEADER = "header"
    BODY = "body"
    REFUSED = "refused"
    IDLE = "idle"
    SERVED = "served"


PENDING = {Phase.HEADER, Phase.BODY, Phase.REFUSED}


@dataclass(slots=True, eq=False)
class Connection:
    """One TCP connection. `count`: bytes of the body received or, when idle, bytes of the answer still to be sent."""

    transport: Any
    address: str | None
    phase: Phase
    since: float
    count: int = 0

    def late(self, now: float) -> bool:
        """Whether its client has exceeded a deadline."""
        waited = now - self.since
        match self.phase:
            case Phase.HEADER:
                return waited > conf().REQUEST_SECONDS
            case Phase.BODY:
                return waited > conf().REQUEST_SECONDS + self.count / conf().BODY_RATE
            case Phase.REFUSED:
                return waited > REFUSED_SECONDS
            case Phase.IDLE:
                return waited > conf().IDLE_SECONDS and not self._still_taking(now)
            case Phase.SERVED:
                return False

    def _still_taking(self, now: float) -> bool:
        """Whether its client has read more of a long answer since the last call."""
        tcp = compat.tcp(self.transport)
        before, self.count = self.count, compat.unsent(tcp) + compat.unacknowledged(tcp)
        taking = self.count > 0 and (before == 0 or self.count < before)
        if taking:
            self.since = now - conf().IDLE_SECONDS + conf().STALL
        return taking


class Refusal(StrEnum):
    FULL = "full"
    ADDRESS = "address"


class Connections:
    """All connections. Waiting ones are kept in the order in which they began to wait."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._open: dict[Any, Connection] = {}
        self._waiting: dict[Phase, dict[Connection, None]] = {phase: {} for phase in Phase if phase != Phase.SERVED}
        self._of_address: defaultdict[str, dict[Connection, None]] = defaultdict(dict)
        self._complain_at = 0.0

    def refusal(self, address: str | None) -> Refusal | None:
        """Why a new connection from this address is refused, or None. Makes room if possible."""
        if len(self._open) >= self.limit and not self._make_room():
            return self._refused(Refusal.FULL)
        return self.refusal_of(address)

    def refusal_of(self, address: str | None) -> Refusal | None:
        """Why another connection from this address would be refused, or None. Doesn't make room."""
        if address is not None and len(self._of_address.get(address, ())) >= conf().CONNECTIONS_PER_ADDRESS:
            return self._refused(Refusal.ADDRESS)
        return None

    def opened(self, transport: Any, address: str | None) -> Connection:
        connection = Connection(transport, None, Phase.SERVED, 0.0)
        self._open[transport] = connection
        self.identify(connection, address)
        self.enter(connection, Phase.HEADER)
        return connection

    def of(self, transport: Any) -> Connection | None:
        """The connection over this transport, unless it has ended."""
        return self._open.get(transport)

    def identify(self, connection: Connection, address: str | None) -> None:
        """Count a connection for this address; None if it is unknown."""
        if connection.address is not None and (others := self._of_address.get(connection.address)) is not None:
            others.pop(connection, None)
            if not others:
                del self._of_address[connection.address]
        connection.address = address
        if address is not None and connection.transport in self._open:
            self._of_address[address][connection] = None

    def enter(self, connection: Connection, phase: Phase) -> None:
        """Record a connection's new phase."""
        if connection.transport not in self._open:
            return
        self._leave(connection)
        connection.phase, connection.since, connection.count = phase, time.monotonic(), 0
        if phase != Phase.SERVED:
            self._waiting[phase][connection] = None
        if phase in PENDING:
            self._bound_pending(connection)
        self._measure()

    def ended(self, connection: Connection) -> None:
        if self._open.pop(connection.transport, None) is not None:
            self._leave(connection)
            self.identify(connection, None)
            self._measure()

    def cut_late(self) -> None:
        """Close connections whose clients have exceeded a deadline. Call this about once a second."""
        now = time.monotonic()
        for phase, waiting in self._waiting.items():
            for connection in [each for each in waiting if each.late(now)]:
                self._cut(connection, phase.value)

    def _leave(self, connection: Connection) -> None:
        if connection.phase != Phase.SERVED:
            self._waiting[connection.phase].pop(connection, None)

    def _bound_pending(self, newest: Connection) -> None:
        pending = sum(len(self._waiting[phase]) for phase in PENDING)
        if pending > conf().PENDING_CONNECTIONS and (oldest := self._oldest(PENDING)) not in (None, newest):
            self._cut(oldest, "crowded")
        elif newest.address is not None:
            same = self._of_address[newest.address]
            if len(same) > conf().PENDING_PER_ADDRESS:
                self._bound_pending_of(same)

    def _bound_pending_of(self, connections: Collection[Connection]) -> None:
        same = [each for each in connections if each.phase in PENDING]
        if len(same) > conf().PENDING_PER_ADDRESS:
            self._cut(min(same, key=lambda each: each.since), "crowded")

    def _make_room(self) -> bool:
        """Close the least useful connection; False if all are being served."""
        oldest = self._oldest({Phase.IDLE}) or self._oldest(PENDING)
        if oldest is not None:
            self._cut(oldest, "crowded")
        return oldest is not None

    def _oldest(self, phases: set[Phase]) -> Connection | None:
        first = [next(iter(self._waiting[phase])) for phase in phases if self._waiting[phase]]
        return min(first, key=lambda each: each.since, default=None)

    def _cut(self, connection: Connection, reason: str) -> None:
        metrics.CUT.labels(reason).inc()
        self.ended(connection)
        compat.close_at_once(connection.transport)

    def _refused(self, reason: Refusal) -> Refusal:
        metrics.REFUSED.labels(reason.value).inc()
        if time.monotonic() >= self._complain_at:
            self._complain_at = time.monotonic() + COMPLAIN_EVERY
            logger.warning("refusing connections: %s", _explained(reason, self.limit))
        return reason

    def _measure(self) -> None:
        for phase, waiting in self._waiting.items():
            metrics.TCP.labels(phase.value).set(len(waiting))
        served = len(self._open) - sum(len(waiting) for waiting in self._waiting.values())
        metrics.TCP.labels(Phase.SERVED.value).set(served)


def _explained(reason: Refusal, limit: int) -> str:
    match reason:
        case Refusal.FULL:
            return f"all {limit} are in use (STREAM_CONNECTIONS, or the limit on open files)"
        case Refusal.ADDRESS:
            return f"one address has {conf().CONNECTIONS_PER_ADDRESS} (STREAM_CONNECTIONS_PER_ADDRESS)"


def raise_file_limit() -> int:
    """Raise the limit on file descriptors as far as possible. Returns how many connections they allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError) as error:  # macOS allows fewer than it reports
            logger.warning("cannot raise the limit on open files from %d: %s", soft, error)
    files = wanted if soft == resource.RLIM_INFINITY else soft
    spare = max(files - conf().RESERVED_FILES, files // 2)
    return min(spare, conf().CONNECTIONS) if conf().CONNECTIONS else spare
