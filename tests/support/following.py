"""A process that runs a follower, as a server does: `python -m tests.support.following FILE SECONDS START NAME`.

The follower appends a line to FILE for each step and takes SECONDS for it, so that a test can kill it in the middle.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import django

from streams.plugin import Follower, LoggedEvent, Start


class Scribe(Follower):
    """Writes down what it receives, with its process id."""

    name = "scribe"
    kinds = ("agent",)

    def __init__(self, path: Path, seconds: float) -> None:
        self._path = path
        self._seconds = seconds

    def handle(self, stream: str, stream_id: int, events: Sequence[LoggedEvent]) -> None:
        self._write({"stream": stream, "seqs": [event.seq for event in events]})
        time.sleep(self._seconds)

    def trimmed(self, stream: str, stream_id: int, floor: int) -> None:
        self._write({"stream": stream, "floor": floor})

    def ended(self, stream_id: int) -> None:
        self._write({"ended": stream_id})

    def _write(self, line: dict[str, object]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps({"pid": os.getpid(), **line}) + "\n")


async def main() -> None:
    from streams.runtime import Runtime

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    Scribe.start, Scribe.name = Start(sys.argv[3]), sys.argv[4]
    runtime = Runtime.start(kinds=[], jobs=[], followers=[Scribe(Path(sys.argv[1]), float(sys.argv[2]))])
    await stopped.wait()
    await runtime.close()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime_project.settings")
    django.setup()
    asyncio.run(main())
