"""The interface of a workload."""

from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import ClassVar

from benchmarks.figures import rounded
from benchmarks.load import Outcome
from benchmarks.machine import Usage
from benchmarks.peers.base import Peer
from benchmarks.results import Row


class Workload(ABC):
    """A measurement of every peer that it suits, run once per repetition."""

    name: str
    title: str
    agents = 1  # with which a peer is started
    peers: ClassVar[tuple[type[Peer], ...]]
    columns: ClassVar[dict[str, str]]  # of its table: the key of a value, and its heading

    @abstractmethod
    async def run(self, peer: Peer, quick: bool) -> list[Row]:
        """Measure a running peer."""


BUSY = 0.2  # cores used by other programs; above this the result is marked
DELIVERY_COLUMNS = {
    "rate": "deliveries/s",
    "p50": "p50, ms",
    "p99": "p99, ms",
    "cpu_per_delivery": "CPU, µs each",
    "per_frame": "events a frame",
    "server_cpu": "server core",
    "generator_cpu": "generator core",
}


def delivery_row(case: str, outcome: Outcome) -> Row:
    """The result of a run of deliveries as a row."""
    usage = outcome.usage
    figures = {
        **{key: float(value) for key, value in asdict(outcome).items() if key not in ("error", "usage")},
        "sustained": float(outcome.sustained),
        "cpu_per_delivery": usage.server / max(outcome.delivered, 1) * 1e6,  # microseconds
        **cores(usage),
    }
    return Row(case, {key: rounded(value) for key, value in figures.items()}, note(outcome))


def cores(usage: Usage) -> dict[str, float]:
    """The cores that the server, its services, the generator and other programs took."""
    return {
        "server_cpu": usage.server / usage.seconds,
        "services_cpu": usage.services / usage.seconds,
        "generator_cpu": usage.load_share,
        "others_cpu": usage.others_share,
    }


def usage_note(usage: Usage) -> str:
    """What spoils figures measured with this usage."""
    notes = ["generator saturated"] if usage.saturated else []
    if usage.others_share > BUSY:
        notes.append(f"machine busy: others took {usage.others_share:.1f} cores")
    return "; ".join(notes)


def note(outcome: Outcome) -> str:
    """What a reader of the figures must know."""
    notes = []
    if outcome.missing > 0:
        notes.append("not all delivered in time")
    elif outcome.drain > 0.25:
        notes.append("fell behind")
    if outcome.missing < 0 or outcome.disorder:
        notes.append("doubled or out of order")
    return "; ".join(filter(None, [*notes, usage_note(outcome.usage), outcome.error]))
