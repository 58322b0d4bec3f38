"""Starts of Python programs that share their imports: hundreds of tests start one, and imports are most of a start.

A fork server imports what a program needs, but nothing that depends on its environment. Each start is a fork of it: a
process of its own with its own environment, files, signals and exit code. `python -m tests.support.forkserver MODULE …`
runs a server; its standard input is a socket on which it is asked.
"""

import gc
import importlib
import inspect
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.support import ROOT

# What `manage.py` imports of others, but for what reads Django's settings at once or chooses Twisted's reactor.
DJANGO = (
    "autobahn.wamp.protocol",
    "autobahn.websocket.protocol",
    "channels.generic.websocket",
    "channels_redis.core",
    "django.core.handlers.asgi",
    "django.core.management",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.forms",
    "django.test.client",
    "environ",
    "msgspec",
    "prometheus_client",
    "psycopg_pool",
    "pydantic.types",
    "servestatic.middleware",
    "twisted.internet.asyncioreactor",
    "twisted.internet.endpoints",
    "twisted.internet.ssl",
    "twisted.web.http",
)
CLIENT = ("agentstream.cli", "agentstream.runner")  # all that `agentstream run` imports
LENGTH = struct.Struct("!I")
STATUS = struct.Struct("!i")
LOCK = threading.Lock()
FILES = 4  # standard input, output and error, and the socket on which the start and the end are told


class ForkedPopen(subprocess.Popen[Any]):
    """`Popen([sys.executable, …])` from a fork server that has imported `modules`.

    It takes a script or `-m` and a module. What a fork server can't do (`preexec_fn`) starts anew.
    """

    def __init__(self, args: Sequence[str], modules: tuple[str, ...], **options: Any) -> None:
        self._modules = modules
        self._told: socket.socket | None = None
        super().__init__(args, **options)

    def _execute_child(self, *args: Any, **kwargs: Any) -> None:
        given = inspect.signature(super()._execute_child).bind(*args, **kwargs).arguments  # type: ignore[misc]
        if given["preexec_fn"] is not None or given["args"][0] != sys.executable:
            super()._execute_child(*args, **kwargs)  # type: ignore[misc]
            return
        files = [given[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        files = [number if file == -1 else file for number, file in enumerate(files)]
        env = os.environ if given["env"] is None else given["env"]
        order = {
            "argv": list(given["args"][1:]),
            "env": dict(env),
            "cwd": str(given["cwd"] or Path.cwd()),
            "session": given["start_new_session"],
        }
        self._told, theirs = socket.socketpair()
        with theirs:
            _ask(self._modules, order, [*files, theirs.fileno()])
        self.pid = self._hear()
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in pipes))  # type: ignore[attr-defined]

    def _hear(self) -> int:
        assert self._told is not None
        word = self._told.recv(STATUS.size, socket.MSG_WAITALL)
        if not word:
            raise RuntimeError("the fork server has ended")
        number: int = STATUS.unpack(word)[0]
        return number

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if self._told is None:
            return super()._try_wait(wait_flags)  # type: ignore[misc,no-any-return]
        self._told.setblocking(not wait_flags & os.WNOHANG)
        try:
            status = self._hear()
        except BlockingIOError:
            return 0, 0
        self._told.close()
        return self.pid, status

    def _internal_poll(self, *args: Any, **kwargs: Any) -> int | None:
        if self._told is None:
            return super()._internal_poll(*args, **kwargs)  # type: ignore[misc,no-any-return]
        if self.returncode is None:
            pid, status = self._try_wait(os.WNOHANG)
            if pid:
                self._handle_exitstatus(status)  # type: ignore[attr-defined]
        return self.returncode


@cache
def _server(modules: tuple[str, ...]) -> socket.socket:
    """The socket on which a fork server with these modules is asked. It ends when this process does."""
    ours, theirs = socket.socketpair()
    with theirs:
        line = [sys.executable, "-m", "tests.support.forkserver", *modules]
        subprocess.Popen(line, cwd=ROOT, stdin=theirs.fileno())
    return ours


def _ask(modules: tuple[str, ...], order: dict[str, Any], files: list[int]) -> None:
    data = json.dumps(order).encode()
    with LOCK:
        server = _server(modules)
        socket.send_fds(server, [LENGTH.pack(len(data))], files)
        server.sendall(data)


class ForkServer:
    """The process that is forked."""

    def __init__(self) -> None:
        self._asked = socket.socket(fileno=0)
        self._children: dict[int, socket.socket] = {}
        self._woken, wake = os.pipe()
        os.set_blocking(wake, False)
        self._files = (self._woken, wake)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def run(self) -> list[str] | None:
        """Serve; returns the command line of a program in its new process, None in the server's at the end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._asked, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._asked:
                        head, files, *_ = socket.recv_fds(self._asked, LENGTH.size, FILES)
                        if not head:
                            return None
                        (length,) = LENGTH.unpack(head)
                        order = json.loads(self._asked.recv(length, socket.MSG_WAITALL))
                        if self._fork(order, files):
                            return list(order["argv"])
                    else:
                        os.read(self._woken, 4096)
                        self._reap()

    def _fork(self, order: dict[str, Any], files: list[int]) -> bool:
        """Whether this is the new process."""
        *standard, told = files
        if pid := os.fork():
            for file in standard:
                os.close(file)
            self._children[pid] = socket.socket(fileno=told)
            self._children[pid].sendall(STATUS.pack(pid))
            return False
        self._become(order, standard)
        os.close(told)
        return True

    def _become(self, order: dict[str, Any], standard: list[int]) -> None:
        signal.set_wakeup_fd(-1)
        for caught in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
            signal.signal(caught, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._asked.detach()
        for number, file in enumerate(standard):
            os.dup2(file, number)
            os.close(file)
        for child in self._children.values():
            child.close()
        for file in self._files:
            os.close(file)
        if order["session"]:
            os.setsid()
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        time.tzset()

    def _reap(self) -> None:
        for pid in list(self._children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with self._children.pop(pid) as told:
                    try:
                        told.sendall(STATUS.pack(status))
                    except OSError:
                        continue  # nobody waits for it any more


def main(modules: list[str]) -> None:
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    line = ForkServer().run()
    if line is None:
        return
    # The selector and all else of the server is gone; this is the program's main module from here.
    if line[0] == "-m":
        sys.argv = line[1:]
        runpy.run_module(line[1], run_name="__main__", alter_sys=True)
    elif line[0] == "-c":
        sys.argv = ["-c", *line[2:]]
        exec(line[1], {"__name__": "__main__"})  # as Python does
    else:
        sys.argv = line
        runpy.run_path(line[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
