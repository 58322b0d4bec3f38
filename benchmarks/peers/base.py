"""The interface of a system under test."""

import uuid
from abc import ABC, abstractmethod
from pathlib import Path

from benchmarks.dialects import Dialect
from benchmarks.programs import Program


class Peer(ABC):
    """A system under test. Freshly started for every repetition; `prepare` is called once before the first."""

    name: str  # as on the command line and in the results
    label: str  # as in tables and charts
    dialect: Dialect = Dialect()
    stores = False  # whether events are durable before they are delivered

    def __init__(self) -> None:
        self.programs: list[Program] = []
        self.agents: list[str] = []

    def prepare(self) -> None:  # noqa: B027 (most need nothing)
        """Install what is missing. Raises UnavailableError."""

    @abstractmethod
    def start(self, folder: Path, agents: int) -> None:
        """Start serving this many agents; `folder` is empty and for the server's files."""

    def stop(self) -> None:
        for program in reversed(self.programs):
            program.stop()
        self.programs = []

    @property
    def pids(self) -> list[int]:
        return [program.pid for program in self.programs]

    @property
    def port(self) -> int:
        return self.programs[0].port

    def headers(self) -> dict[str, str]:
        """The headers of every WebSocket."""
        return {}

    def viewer_url(self, agents: list[str], index: int = 0) -> str:
        """Where a viewer of these agents connects; `index` numbers viewers, to spread them over processes."""
        return f"ws://127.0.0.1:{self.port}/ws"

    def producer_url(self, agent: str) -> str:
        return f"ws://127.0.0.1:{self.port}/publish"

    def name_agents(self, count: int) -> None:
        self.agents = [str(uuid.UUID(int=number + 1)) for number in range(count)]
