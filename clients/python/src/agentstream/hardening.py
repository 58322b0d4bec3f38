"""Hides a process's secrets from the other processes of its user.

On Linux, any process can read the environment block (`/proc/PID/environ`) and the memory of the other processes of
its user. After `harden`, no process without root's rights can read either, and the block no longer contains the named
variables, so that not even root finds them there. Root can still read the memory.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

log = logging.getLogger("agentstream")

PR_SET_DUMPABLE = 4  # <linux/prctl.h>

# Indexes of the environment block's addresses among the fields of /proc/PID/stat that follow the command's name.
_ENV_START, _ENV_END = 47, 48


def harden(variables: Collection[str]) -> None:
    """Remove `variables` from the environment and from its block, and make the process undumpable.

    On systems other than Linux it only removes them from the environment. Logs a warning if Linux doesn't permit the
    rest.
    """
    for name in variables:
        os.environ.pop(name, None)
    if sys.platform != "linux":
        return
    try:
        _erase(variables)
        # Afterwards the process can't read its own block any more: erase first.
        _make_undumpable()
    except OSError as failed:
        log.warning("other processes of this user may be able to read the token: %s", failed)


def _erase(variables: Collection[str]) -> None:
    start, end = _block()
    for offset, entry in _entries(ctypes.string_at(start, end - start)):
        if os.fsdecode(entry.partition(b"=")[0]) in variables:
            # Nothing refers to the entry any more: os.environ.pop() has called unsetenv().
            ctypes.memset(start + offset, 0, len(entry))
    left = {os.fsdecode(entry.partition(b"=")[0]) for _, entry in _entries(Path("/proc/self/environ").read_bytes())}
    if left & set(variables):
        raise OSError("the environment block could not be erased")


def _block() -> tuple[int, int]:
    """The addresses at which the environment block starts and ends."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(fields[_ENV_START]), int(fields[_ENV_END])


def _entries(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Each entry of an environment block, with its offset."""
    offset = 0
    for entry in block.split(b"\0"):
        yield offset, entry
        offset += len(entry) + 1


def _make_undumpable() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
