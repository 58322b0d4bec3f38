"""Describes a run as labels of its agent: host, user, cwd, repo, branch, tool and toolVersion."""

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

# The server's limit for a value, in characters.
MAX_VALUE = 300
# Timeout for another program's answer.
PATIENCE_SECONDS = 3.0

_VERSION = re.compile(r"\d+\.\d+[\w.+-]*")


async def describe(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The labels of a run of `command`. Labels that can't be determined are omitted.

    `environment` is passed to the programs (git, the tool) that are run to determine them.
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
    """The name of the repository's folder, and the branch; not the repository's URL, which may contain a password."""
    lines = (await _output(environment, "git", "rev-parse", "--show-toplevel", "--abbrev-ref", "HEAD")).splitlines()
    if len(lines) != 2:
        return {}
    folder, branch = lines
    return {"repo": PurePath(folder).name, "branch": "" if branch == "HEAD" else branch}


async def _version(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """The version of a known tool, if the command runs it directly; nothing else is started to find it out."""
    if PurePath(command[0]).name not in TOOLS:
        return ""
    found = _VERSION.search(await _output(environment, command[0], "--version"))
    return found[0] if found else ""


async def _output(environment: Mapping[str, str], *command: str) -> str:
    """A command's output, if it succeeds in time; otherwise empty."""
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
    """On one line, truncated to the server's limit."""
    return "".join(character if character.isprintable() else " " for character in words)[:MAX_VALUE]
