"""What is to be expected of an agent and its requests, worked out from the contract alone: no database, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

LEASE = 30_000  # milliseconds

Told = tuple[Any, ...]  # an event of the agent's stream, without what a test has no need to compare


@dataclass
class Asked:
    """A request. `resolution` is (outcome, option, user), and never changes."""

    id: str
    producer: str
    seq: int
    expires: int | None
    resolution: tuple[str, str | None, str | None] | None = None

    def late(self, now: int) -> bool:
        return self.resolution is None and self.expires is not None and self.expires <= now


@dataclass
class Run:
    """A producer's numbers: the highest stored, and the newest seq at that time."""

    n: int = 0
    seq: int = 0
    last: list[Told] = field(default_factory=list)  # what it published last


class RefusedError(Exception):
    """An answer is refused, for this reason."""


class ExpectedAgent:
    """An agent. `told` grows by what its stream is told, `shown` by what its workspace's stream is."""

    def __init__(self) -> None:
        self.status = ("idle", "")
        self.requests: dict[str, Asked] = {}
        self.told: list[Told] = []
        self.shown: list[Told] = []
        self.seq = 0
        self.floor = 0
        self.runs: dict[str, Run] = {}
        self.leases: dict[str, int] = {}  # by producer; the one renewed last is the holder's
        self.holder = ""

    @property
    def open(self) -> list[Asked]:
        return [asked for asked in self.requests.values() if asked.resolution is None]

    def publish(self, producer: str | None, events: list[Told], lease: bool, now: int) -> None:
        """A producer's new events, or those of nobody in particular."""
        if producer and lease and ("terminated",) not in events:
            self.renew(producer, now)
        for event in events:
            self._record(producer or "", event)
        if producer and events:
            run = self.runs.setdefault(producer, Run())
            run.n, run.seq, run.last = run.n + len(events), self.seq, events

    def renew(self, producer: str, now: int) -> None:
        self.holder = producer
        self.leases[producer] = now + LEASE

    def _record(self, producer: str, event: Told) -> None:
        match event:
            case ("ask", id_, reason, expires):
                if id_ not in self.requests:
                    self._tell("request", id_, show=True)
                    self.requests[id_] = Asked(id_, producer, self.seq, expires)
                    self._set_status("waiting", reason)
            case ("settle", id_, outcome):
                if id_ in self.requests and self.requests[id_].resolution is None:
                    self._resolve(self.requests[id_], outcome)
            case ("status", status):
                self._set_status(status, "")
            case ("terminated",):
                self._end(producer)
            case ("output",):
                self._tell("output")

    def _end(self, producer: str) -> None:
        """A run ends: its requests are withdrawn, and all others unless another run continues."""
        if producer in ("", self.holder):
            self.holder = ""
        goes_on = bool(producer and self.holder)
        if not goes_on and self.status[0] in ("running", "waiting"):
            self._set_status("finished", "completed")
        self._tell("terminated")
        if goes_on:
            self.leases.pop(producer, None)
            self._withdraw(asked for asked in self.open if asked.producer == producer)
        else:
            self.leases.clear()
            for asked in self.open:
                self._resolve(asked, "withdrawn", goes_on=False)

    def answer(self, id_: str, option: str, user: str, now: int) -> tuple[str, str | None, str | None]:
        """The resolution that the answer gets. Raises RefusedError."""
        asked = self.requests.get(id_)
        if asked is None:
            raise RefusedError("NOT_FOUND")
        if asked.late(now):
            self._resolve(asked, "expired")
        if asked.resolution is None:
            if option not in ("yes", "no"):
                raise RefusedError("INVALID_MESSAGE")
            self._resolve(asked, "answered", option, user)
        if asked.resolution != ("answered", option, user):
            raise RefusedError("CONFLICT")
        return asked.resolution

    def pass_time(self, now: int) -> None:
        """What the server's jobs do: the lost end, the late expire, the unheard are withdrawn."""
        if self.holder and self.leases[self.holder] < now:
            self._set_status("offline", "lost")
            self._record("", ("terminated",))
        gone = {producer for producer, until in self.leases.items() if until < now}
        self._withdraw(asked for asked in self.open if asked.producer in gone)
        for producer in gone:
            del self.leases[producer]
        for asked in self.open:
            if asked.late(now):
                self._resolve(asked, "expired")

    def trim(self, keep: int) -> None:
        """Retention leaves that many events; what was resolved is forgotten with its request's event."""
        self.floor = max(self.floor, self.seq - keep)
        for asked in list(self.requests.values()):
            if asked.resolution is not None and asked.seq <= self.floor:
                del self.requests[asked.id]

    def _withdraw(self, left: Iterable[Asked]) -> None:
        for asked in list(left):
            self._resolve(asked, "withdrawn")

    def _resolve(
        self, asked: Asked, outcome: str, option: str | None = None, user: str | None = None, goes_on: bool = True
    ) -> None:
        assert asked.resolution is None
        asked.resolution = (outcome, option, user)
        self._tell("request_resolved", asked.id, *asked.resolution, show=True)
        if goes_on and self.status[0] == "waiting" and not self.open:
            self._set_status("running", "")

    def _set_status(self, status: str, reason: str) -> None:
        if status != self.status[0]:
            self.status = (status, reason)
            self._tell("status", status, reason, show=True)

    def _tell(self, *event: Any, show: bool = False) -> None:
        self.seq += 1
        self.told.append(event)
        if show:
            self.shown.append(event)
