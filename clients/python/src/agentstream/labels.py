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
COMMAND_SECONDS = 3.0

_VERSION = re.compile(r"\d+\.\d+[\w.+-]*")


async def describe(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The labels of a run of `command`. Labels that can't be determined are omitted.

    `environment` is passed to the programs (git, the tool) that are run to determine them.
    """
    place, version = await asyncio.gather(_repository(environment, "."), _version(command, environment))
    found = {"host": socket.gethostname(), "user": _user(), "cwd": _folder(), **place}
    return labels(found | {"tool": program(command), "toolVersion": version})


async def describe_folder(folder: str, environment: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The labels of a program that runs in `folder` (host, user, cwd, repo, branch), and the repository's remote like
    ``github.com/acme/site``, empty if there is none."""
    place, remote = await asyncio.gather(
        _repository(environment, folder), _output(environment, "git", "-C", folder, "remote", "get-url", "origin")
    )
    return labels({"host": socket.gethostname(), "user": _user(), "cwd": folder, **place}), _without_scheme(remote)


def labels(found: Mapping[str, str]) -> dict[str, str]:
    """Those that aren't empty, as the server accepts them."""
    return {name: _value(value) for name, value in found.items() if value}


def _without_scheme(remote: str) -> str:
    """A remote's host and path, without scheme, user, password and suffix."""
    found = re.fullmatch(r"(?:\w+://)?(?:[^@/\s]*@)?([^:/\s]+)(?::\d+(?=/))?[:/](\S+?)(?:\.git)?/?", remote.strip())
    return f"{found[1]}/{found[2]}" if found else ""


def _user() -> str:
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return ""


def _folder() -> str:
    with suppress(OSError):
        return os.getcwd()
    return ""


async def _repository(environment: Mapping[str, str], folder: str) -> dict[str, str]:
    """The name of the repository's folder, and the branch; not the repository's URL, which may contain a password."""
    command = ("git", "-C", folder, "rev-parse", "--show-toplevel", "--abbrev-ref", "HEAD")
    lines = (await _output(environment, *command)).splitlines()
    if len(lines) != 2:
        return {}
    root, branch = lines
    return {"repo": PurePath(root).name, "branch": "" if branch == "HEAD" else branch}


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
        printed, _ = await within(COMMAND_SECONDS, process.communicate())
    except TimeoutError:
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
