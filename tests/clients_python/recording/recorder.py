"""Plays a scene and records the tool's output."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from .model import Script, serving
from .scenes import Scene
from .talks import Event, Talk
from .tools import HERE, HOME, WORK

RECORDING_SECONDS = 120.0
# Seconds from the word that a tool is called to its being at work.
BEGUN = 1.0


@dataclass(frozen=True)
class Recording:
    """The result of a scene: standard output byte by byte, and other useful details."""

    printed: bytes
    errors: bytes
    code: int
    script: Script


def record(scene: Scene, path: str) -> Recording:
    """Play it in an empty folder, with its own home; `path` is where programs are found."""
    shutil.rmtree(HERE, ignore_errors=True)
    HOME.mkdir(parents=True)
    WORK.mkdir()
    script = Script(scene.answers)
    with serving(script) as url:
        environment = {"PATH": path, "HOME": str(HOME), "LANG": "C.UTF-8", "TZ": "UTC"}
        return _play(scene, script, {**environment, **scene.tool.set_up(url), **scene.variables})


def _play(scene: Scene, script: Script, environment: Mapping[str, str]) -> Recording:
    command = scene.tool.command(scene.arguments)
    program = shutil.which(command[0], path=environment["PATH"])
    if program is None:
        raise SystemExit(f"{command[0]}: not found; say with --tools where it is")
    with (HERE / "stderr").open("w+b") as errors:
        process = subprocess.Popen(
            [program, *command[1:]],
            env=environment,
            cwd=WORK,
            stdin=subprocess.PIPE if scene.talk else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        timer = threading.Timer(RECORDING_SECONDS, process.kill)
        timer.start()
        try:
            printed = b"".join(_printed(scene, process))
            code = process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
        errors.seek(0)
        return Recording(printed, errors.read(), code, script)


def _printed(scene: Scene, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    talk = scene.talk() if scene.talk else None
    _say(talk, None, process.stdin)
    for line in process.stdout or ():
        yield line
        _say(talk, json.loads(line), process.stdin)
        if scene.interrupted and scene.interrupted in line.decode():
            time.sleep(BEGUN)
            process.send_signal(signal.SIGINT)


def _say(talk: Talk | None, event: Event | None, stdin: IO[bytes] | None) -> None:
    """Everything that is said now; standard input is closed once nothing more will be."""
    if talk is None or stdin is None or stdin.closed:
        return
    try:
        line = next(talk) if event is None else talk.send(event)
        while line is not None:
            stdin.write(line.encode())
            stdin.flush()
            line = next(talk)
    except StopIteration:
        stdin.close()


def programs(tools: str | None) -> str:
    """Where tools, and what they call, are found."""
    return os.pathsep.join(filter(None, [tools, os.environ.get("PATH", os.defpath)]))
