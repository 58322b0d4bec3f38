"""The leader of a terminal session: starts one command in the foreground, as a shell would, and reports what becomes
of it. Run as a script, `python -I -S leader.py DESCRIPTOR COMMAND …`, with the terminal as standard input.

The kernel doesn't let a session's leader be suspended, so that Ctrl-Z works only for a child of the leader. To the
descriptor it writes a line for each change: `started PID`, `failed ERRNO`, `stopped` and `ended STATUS` as from
waitpid. It ends with the command. When the terminal goes away, the command gets SIGHUP.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sys
import termios

TERMINAL = 0
# Python ignores these, and a command would inherit that.
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


def main(descriptor: int, command: list[str]) -> None:
    os.set_inheritable(descriptor, False)
    fcntl.ioctl(TERMINAL, termios.TIOCSCTTY, 0)
    outcome, told = os.pipe()  # the exec closes it
    pid = os.fork()
    if pid == 0:
        _become(command, told)
    os.close(told)
    signal.signal(signal.SIGHUP, lambda *_: _hang_up(pid))
    failed = os.read(outcome, 16)
    if failed:
        os.waitpid(pid, 0)
        _report(descriptor, "failed", int(failed))
        return
    _report(descriptor, "started", pid)
    _watch(descriptor, pid)


def _become(command: list[str], told: int) -> None:
    """Replace this process, the leader's child, by the command; never returns."""
    number = errno.EINVAL
    try:
        os.setpgid(0, 0)
        # A background process that takes the foreground would be stopped.
        usual = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(TERMINAL, os.getpid())
        signal.signal(signal.SIGTTOU, usual)
        for ignored in _IGNORED_BY_PYTHON:
            signal.signal(ignored, signal.SIG_DFL)
        os.execvp(command[0], command)
    except OSError as failed:
        number = failed.errno or number
    finally:
        os.write(told, str(number).encode())
        os._exit(127)


def _watch(descriptor: int, pid: int) -> None:
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            _report(descriptor, "ended", status)
            return
        _report(descriptor, "stopped")


def _hang_up(pid: int) -> None:
    for number in (signal.SIGHUP, signal.SIGCONT):
        try:
            os.killpg(pid, number)
        except OSError:
            return


def _report(descriptor: int, *words: object) -> None:
    try:
        os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    except OSError:  # nobody listens any more
        return


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
