"""What the collector takes while the sessions it reports are idle: `python -m benchmarks.collector [SOURCE …]`.

Each SOURCE is a folder with a client, such as another checkout's `clients/python/src`; all are measured at the same
time, so that their ratio holds on a busy machine, too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.support.api import Api
from tests.support.server import ROOT, LiveServer

SOURCE = ROOT / "clients" / "python" / "src"
STARTED_SECONDS = 120.0
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Used:
    """By one process while it was watched: CPU seconds, times that it waited, bytes it holds, and its connections."""

    seconds: float
    cpu: float
    waits: int
    resident: int
    sockets: int

    def __str__(self) -> str:
        return (
            f"{100 * self.cpu / self.seconds:5.2f} % of a core, {self.waits / self.seconds:6.1f} wakeups/s,"
            f" {self.resident / MEGABYTE:5.1f} MB, {self.sockets} sockets"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", type=Path, default=[SOURCE], help="the clients to compare")
    parser.add_argument("--sessions", type=int, default=50, help="how many are idle")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch")
    parser.add_argument("--settle", type=float, default=15.0, help="seconds before, in which they become idle")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        pids = [process.pid for process in stack.enter_context(_processes(arguments.sessions))]
        server = stack.enter_context(_server())
        collectors = [stack.enter_context(_collecting(source, server, pids)) for source in arguments.sources]
        time.sleep(arguments.settle)
        found = _watch(collectors, arguments.seconds)
    for source, used in zip(arguments.sources, found, strict=True):
        ratio = f", {used.cpu / found[0].cpu:.2f} of the first" if len(found) > 1 else ""
        print(f"{used}{ratio}  {source}")


def _watch(collectors: list[psutil.Process], seconds: float) -> list[Used]:
    before = [_look(collector) for collector in collectors]
    time.sleep(seconds)
    after = [_look(collector) for collector in collectors]
    return [
        Used(
            seconds,
            after_cpu - before_cpu,
            after_waits - before_waits,
            collector.memory_info().rss,
            sum(one.status == psutil.CONN_ESTABLISHED for one in collector.net_connections()),
        )
        for collector, (before_cpu, before_waits), (after_cpu, after_waits) in zip(
            collectors, before, after, strict=True
        )
    ]


def _look(collector: psutil.Process) -> tuple[float, int]:
    times = collector.cpu_times()
    return times.user + times.system, collector.num_ctx_switches().voluntary


@contextmanager
def _processes(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that stand for a tool's."""
    processes = [subprocess.Popen(["sleep", "100000"]) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def _server() -> Iterator[Api]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        # One user is everybody here.
        LiveServer(Path(folder), STREAM_SOCKETS_PER_USER="0", HTTP_CALLS_PER_SECOND="0") as server,
    ):
        yield Api(server.url, server.token("root", "--superuser"))


@contextmanager
def _collecting(source: Path, server: Api, pids: list[int]) -> Iterator[psutil.Process]:
    """A collector on a machine of its own, once it has reported all sessions."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        workspace = server.workspace(f"Idle {uuid.uuid4()}")
        _configure(home, server, workspace["slug"])
        for pid in pids:
            _session(home, pid)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "CLAUDE_"))}
        environment = {
            **inherited,
            "HOME": folder,
            "PYTHONPATH": str(source.resolve()),
            "AGENTSTREAM_TOKEN": str(server.token),
        }
        with (home / "log").open("wb") as log:
            command = [sys.executable, "-m", "agentstream", "collect"]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_reported(home / ".local/state/agentstream/collector.json", len(pids))
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()


def _wait_until_reported(state: Path, count: int) -> None:
    deadline = time.monotonic() + STARTED_SECONDS
    while not state.exists() or len(json.loads(state.read_text())["files"]) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{count} sessions weren't reported within {STARTED_SECONDS:g} s")
        time.sleep(0.2)


def _configure(home: Path, server: Api, workspace: str) -> None:
    folder = home / ".config" / "agentstream"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(f'[collector]\nurl = "{server.url}"\nworkspace = "{workspace}"\n')


def _session(home: Path, pid: int) -> None:
    """An idle session of Claude Code that has said something."""
    session, work = str(uuid.uuid4()), home / f"work-{pid}"
    work.mkdir()
    said = {"type": "assistant", "uuid": session, "message": {"content": [{"type": "text", "text": "Done."}]}}
    transcript = home / ".claude" / "projects" / work.name / f"{session}.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text(json.dumps(said) + "\n")
    registry = home / ".claude" / "sessions"
    registry.mkdir(exist_ok=True)
    now = time.time() * 1_000
    entry = {
        "pid": pid,
        "procStart": Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19],
        "sessionId": session,
        "cwd": str(work),
        "status": "idle",
        "startedAt": now,
        "statusUpdatedAt": now,
        "version": "2.1.332",
    }
    (registry / f"{pid}.json").write_text(json.dumps(entry))


if __name__ == "__main__":
    main()
