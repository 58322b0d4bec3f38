"""`manage.py serve` under observation: `python -m tests.support.probe MODE REPORT`; MODE is `modules` or `slices`.

SIGUSR1 begins an observation, SIGUSR2 ends it and writes the result to REPORT as JSON: the project's modules in which
lines were run, in order; or for how many seconds of CPU time the longest callback held the event loop.
"""

import asyncio
import json
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.support import ROOT

PREFIX = f"{ROOT}/"
PACKAGES = ("streams/", "agents/", "workspaces/", "accounts/", "realtime_project/")


class Modules:
    """The project's modules in which lines are run."""

    def __init__(self) -> None:
        self._seen: dict[str, None] | None = None
        threading.settrace(self._call)
        sys.settrace(self._call)

    def begin(self) -> None:
        self._seen = {}

    def end(self) -> list[str]:
        seen, self._seen = self._seen, None
        return list(seen or ())

    def _call(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        name = frame.f_code.co_filename
        ours = self._seen is not None and name.startswith(PREFIX) and name[len(PREFIX) :].startswith(PACKAGES)
        return self._line if ours else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        if event == "line" and self._seen is not None:
            self._seen[frame.f_code.co_filename[len(PREFIX) :]] = None
        return self._line


class Slices:
    """For how long callbacks hold the event loop."""

    def __init__(self) -> None:
        self._longest = 0.0
        run = asyncio.Handle._run

        def timed(handle: asyncio.Handle) -> None:
            start = time.thread_time()
            run(handle)
            self._longest = max(self._longest, time.thread_time() - start)

        asyncio.Handle._run = timed  # type: ignore[method-assign, assignment]

    def begin(self) -> None:
        self._longest = 0.0

    def end(self) -> float:
        return self._longest


def main(mode: str, report: str) -> None:
    probe: Modules | Slices = Modules() if mode == "modules" else Slices()
    signal.signal(signal.SIGUSR1, lambda *_: probe.begin())
    signal.signal(signal.SIGUSR2, lambda *_: _write(Path(report), probe.end()))
    sys.argv = ["manage.py", "serve"]
    runpy.run_path("manage.py", run_name="__main__")


def _write(report: Path, seen: object) -> None:
    unfinished = report.with_suffix(".tmp")
    unfinished.write_text(json.dumps(seen))
    unfinished.rename(report)


if __name__ == "__main__":
    main(*sys.argv[1:])
