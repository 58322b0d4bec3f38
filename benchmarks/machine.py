"""The machine the benchmark runs on: one core for the server under test, another for the load."""

import os
import platform
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
LOAD_CORE = CORES[min(1, len(CORES) - 1)]
SERVICES = ("postgres", "redis-server")
FILES = 65_536
SATURATED = 0.9  # of its core; above this the generator may be the limit, and its time stamps late


def pin_load() -> None:
    """Keep this process, the load generator, off the server's core."""
    os.sched_setaffinity(0, {LOAD_CORE})


def allow_sockets() -> None:
    """Raise the limit on open files as far as possible; servers started from here inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, FILES) if most > 0 else FILES, most))


def pinned(command: list[str]) -> list[str]:
    """`command`, run only on the server's core."""
    return ["taskset", "-c", str(SERVER_CORE), *command]


def describe() -> dict[str, str]:
    """The properties of the machine that figures depend on."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor()
    )
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


@dataclass(frozen=True)
class Usage:
    """CPU seconds between two readings: the servers, their database and Redis, the load generator, and all programs."""

    seconds: float
    server: float
    services: float
    load: float
    machine: float

    @property
    def load_share(self) -> float:
        return self.load / self.seconds

    @property
    def others_share(self) -> float:
        """What other programs took, in cores. Figures from a busy machine mean little."""
        return max(0.0, self.machine - self.server - self.services - self.load) / self.seconds

    @property
    def saturated(self) -> bool:
        return self.load_share > SATURATED


class Meter:
    """Measures from its creation on; `pids` are the servers, including their children."""

    def __init__(self, pids: list[int]) -> None:
        self._servers = [psutil.Process(pid) for pid in pids]
        self._services = [child for child in psutil.Process().children() if child.name() in SERVICES]
        self._begin = self._look()

    def read(self) -> Usage:
        now = self._look()
        return Usage(*(after - before for after, before in zip(now, self._begin, strict=True)))

    def _look(self) -> tuple[float, ...]:
        servers, services = sum(map(_cpu, self._servers)), sum(map(_cpu, self._services))
        return time.monotonic(), servers, services, time.process_time(), _busy()


def _busy() -> float:
    times = psutil.cpu_times()
    total: float = sum(times[:8]) - times.idle - getattr(times, "iowait", 0.0)  # the other fields are included in these
    return total


def _cpu(process: psutil.Process) -> float:
    total = 0.0
    for member in [process, *process.children(recursive=True)]:
        times = member.cpu_times()
        total += times.user + times.system
    return total


def resident(pids: list[int]) -> int:
    """The servers' resident memory in bytes."""
    total = 0
    for pid in pids:
        process = psutil.Process(pid)
        total += sum(member.memory_info().rss for member in [process, *process.children(recursive=True)])
    return total
