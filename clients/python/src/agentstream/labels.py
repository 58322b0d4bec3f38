"""Where and what a run is, as labels of its agent: host, user, cwd, repo, branch, tool and toolVersion."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath

from agentstream.adapters.registry import TOOLS, program
from agentstream.concurrency import within

# The server's bound for a value, in characters.
MAX_VALUE = 300
# For how long another program is asked.
PATIENCE_SECONDS = 3.0

_VERSION = re.compile(r"\d+\.\d+[\w.+-]*")


async def describe(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The labels of a run of `command` here and now. What cannot be found out is left out.

    `environment` is that of the programs that are asked.
    """
    place, version = await asyncio.gather(_repository(environment), _version(command, environment))
    found = {"host": socket.gethostname(), "user": _user(), "cwd": _folder(), **place}
    found |= {"tool": program(command), "toolVersion": version}
    return {name: _value(value) for name, value in found.items() if value}


def _user() -> str:
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return ""


def _folder() -> str:
    with suppress(OSError):
        return os.getcwd()
    return ""


async def _repository(environment: Mapping[str, str]) -> dict[str, str]:
    """Its folder's name and the branch. Not its address, which may hold a password."""
    lines = (await _output(environment, "git", "rev-parse", "--show-toplevel", "--abbrev-ref", "HEAD")).splitlines()
    if len(lines) != 2:
        return {}
    folder, branch = lines
    return {"repo": PurePath(folder).name, "branch": "" if branch == "HEAD" else branch}


async def _version(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """That of a tool we know, if the command runs it directly: nothing else is started to find out."""
    if PurePath(command[0]).name not in TOOLS:
        return ""
    found = _VERSION.search(await _output(environment, command[0], "--version"))
    return found[0] if found else ""


async def _output(environment: Mapping[str, str], *command: str) -> str:
    """What a command prints, if it succeeds soon."""
    try:
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdin=null, stdout=pipe, stderr=null)
    except OSError:
        return ""
    try:
        printed, _ = await within(PATIENCE_SECONDS, process.communicate())
    except asyncio.TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return printed.decode(errors="replace") if process.returncode == 0 else ""


def _value(words: str) -> str:
    """In one line, as long as the server takes."""
    return "".join(character if character.isprintable() else " " for character in words)[:MAX_VALUE]
