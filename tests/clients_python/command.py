"""Runs `agentstream run` as a process, and inspects the result."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from agentstream import Event

from tests.support.forkserver import CLIENT, ForkedPopen
from tests.support.waiting import eventually

from .place import Place

PYTHON = sys.executable
# Not the home of the person running the tests.
STATE = TemporaryDirectory()


@contextmanager
def running(
    place: Place,
    *command: str,
    name: str = "agent",
    options: tuple[str, ...] = (),
    ignoring: signal.Signals | None = None,
    stdin: int = subprocess.DEVNULL,
    **variables: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `agentstream run` in its own process, which ends with the block."""
    line = [PYTHON, "-m", "agentstream", "run", "--workspace", place.slug, "--name", name, *options, "--", *command]
    environment = {**os.environ, "XDG_STATE_HOME": STATE.name, **variables}
    environment |= {"AGENTSTREAM_URL": place.url, "AGENTSTREAM_TOKEN": place.token}
    # The tests themselves may have been started in the background, where signals are ignored; a fork server isn't.
    signals = None if ignoring is None else lambda: dispose(ignoring)
    pipe = subprocess.PIPE
    process = ForkedPopen(line, CLIENT, env=environment, stdin=stdin, stdout=pipe, stderr=pipe, preexec_fn=signals)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def dispose(ignoring: signal.Signals) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if number == ignoring else signal.SIG_DFL)


def run(place: Place, *command: str, name: str = "agent", options: tuple[str, ...] = ()) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `agentstream run` for this command."""
    with running(place, *command, name=name, options=options) as process:
        out, err = process.communicate(timeout=30)
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def python(code: str) -> tuple[str, ...]:
    return (PYTHON, "-c", code)


def wait_for(place: Place, text: str, name: str = "agent", role: str = "assistant") -> None:
    """Wait until the agent has said `text` in that role."""
    eventually(
        lambda: text in place.text(name, role),
        otherwise=lambda: f"{text!r} did not arrive; {place.text(name, role)!r} did",
    )


def ending(events: list[Event]) -> tuple[str, str | None, int, str | None, str]:
    """Status, its reason, exit code, signal and reason of the end."""
    status, over = events[-2:]
    assert (status.type, over.type) == ("agent:status", "agent:terminated")
    end = over.payload
    return status.payload["status"], status.payload.get("reason"), end["exitCode"], end.get("signal"), end["reason"]


def clock(event: Event) -> float:
    """When the event was stored, in seconds."""
    return datetime.fromisoformat(event.timestamp).timestamp()


def gone(pid: int) -> bool:
    """Whether the process has ended, if need be as a zombie nobody has asked about yet."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
