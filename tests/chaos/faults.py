"""Faults of processes."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil  # type: ignore[import-untyped]

from tests.support.server import LiveServer
from tests.support.services import Service


def pid_of(service: Service) -> int:
    assert service._process is not None, "not started"
    return service._process.pid


@contextmanager
def frozen(service: Service) -> Iterator[None]:
    """Freeze the process: connections stay open, nothing responds."""
    os.kill(pid_of(service), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid_of(service), signal.SIGCONT)


def memory(server: LiveServer) -> int:
    """Resident bytes of a server."""
    size: int = psutil.Process(server.pid).memory_info().rss
    return size
