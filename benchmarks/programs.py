"""Starts the programs under test on the server's core, and stops them."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from benchmarks.machine import pinned

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "benchmarks" / ".cache"
# The checkout whose server is measured; another one allows comparing two versions.
CHECKOUT = Path(os.environ.get("BENCH_CHECKOUT", ROOT)).resolve()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class UnavailableError(Exception):
    """Something is missing and can't be installed; the message says why."""


class Program:
    """A process that listens on `port`; its output goes to `log`."""

    def __init__(
        self, command: list[str], port: int, log: Path, env: dict[str, str] | None = None, cwd: Path = ROOT
    ) -> None:
        self.port = port
        self._log = log
        self._command = " ".join(command)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                pinned(command), cwd=cwd, env={**os.environ, **(env or {})}, stdout=output, stderr=output
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, seconds: float = 20) -> None:
        """Wait until it accepts connections."""
        deadline = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise RuntimeError(f"{self._command} did not start:\n{self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def debian(program: str, *packages: str) -> str:
    """The path of a program, installed with apt if necessary and permitted."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        # Keep the package from starting it: the benchmark starts its own, on another port.
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
        subprocess.run(["apt-get", "update", "-qq"], env=env, check=False, capture_output=True)
        subprocess.run(install, env={**env, "RUNLEVEL": "1"}, check=False, capture_output=True)
        path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        raise UnavailableError(f"{program} is not installed (Debian: {' '.join(packages)})")
    return path
