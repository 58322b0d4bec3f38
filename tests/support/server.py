"""Real servers for the tests: `manage.py serve` in its own process, on a free port."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support import ROOT as ROOT  # noqa: PLC0414
from tests.support.commands import CommandRunner
from tests.support.forkserver import DJANGO, ForkedPopen

DATABASE = "db.sqlite3"
SHARED_KEY = "for-tests-alone-Zk3vQ9xT7mLw2RbY"  # a SECRET_KEY for several servers
ROOT_USER = ("root", "--create", "--superuser")
PREPARED: dict[str, str] = {}  # by the URL of a migrated database: the token of its superuser, `root`


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Template:
    """A migrated SQLite database with a superuser, `root`, and a token of theirs: made once, copied for every server,
    which would otherwise take three seconds to make its own."""

    database: Path
    token: str

    @staticmethod
    @cache
    def made() -> "Template":
        folder = tempfile.TemporaryDirectory(prefix="agentstream-template-")
        atexit.register(folder.cleanup)
        database = Path(folder.name) / DATABASE
        return Template(database, root_in(f"sqlite:///{database}"))


def root_in(url: str) -> str:
    """Migrate a database and create its superuser, `root`. Returns a token of theirs."""
    with tempfile.TemporaryDirectory(prefix="agentstream-maker-") as folder:
        maker = LiveServer(Path(folder), DATABASE_URL=url)
        maker.manage("migrate", "--verbosity=0")
        return maker.manage("createtoken", *ROOT_USER)


@cache
def compressed_files() -> Path:
    """A directory of compressed static files, shared so that not every server creates them."""
    folder = tempfile.TemporaryDirectory(prefix="agentstream-static-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


class LiveServer:
    """One server process; `env` is added to our environment for it."""

    command: tuple[str, ...] = ("manage.py", "serve")
    fresh = False  # whether it creates its own database, without users

    def __init__(self, data_dir: Path, **env: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}/ws/"
        self.log_path = data_dir / "server.log"
        self.env = {**os.environ, "DATA_DIR": str(data_dir), "HOST": "127.0.0.1", "PORT": str(self.port), **env}
        self._process: subprocess.Popen[bytes] | None = None
        self._root_token: str | None = None
        self._commands = CommandRunner(self.env)

    def __enter__(self) -> Self:
        self.prepare()
        self.start()
        return self

    def prepare(self) -> None:
        """Make sure that there is a database."""
        static = self.data_dir / "static"
        if not self.fresh and not static.exists():
            static.symlink_to(compressed_files())
        database = self.data_dir / DATABASE
        url = self.env.get("DATABASE_URL", "")
        if url in PREPARED:
            self._root_token = PREPARED[url]
        elif self.fresh or url or database.exists():
            self.manage("migrate", "--verbosity=0")
        else:
            template = Template.made()
            shutil.copyfile(template.database, database)
            self._root_token = template.token

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._commands.close()
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """The server's log so far."""
        return self.log_path.read_text(errors="replace")

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            self._process = self._popen(self.command, stdout=log, stderr=log)
        self.wait_until_up()

    def wait_until_up(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=2):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise RuntimeError(f"the server did not come up:\n{self.log}")

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self, seconds: float = 15) -> int:
        """Stop it with SIGTERM and return the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def restart(self) -> None:
        self.kill()
        self.start()

    def run(self, *arguments: str) -> str:
        """As `manage`, but in one process for all commands, because each start takes a second."""
        return self._commands.run(*arguments)

    def manage(self, *arguments: str) -> str:
        """Run `manage.py …` with the server's settings; returns its standard output, stripped. Raises RuntimeError."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with self._popen(("manage.py", *arguments), **pipes) as process:
            out, err = process.communicate()
        if process.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{out}{err}")
        return str(out).strip()

    def _popen(self, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        line = [sys.executable, *command]
        if self.fresh:  # such tests are about the start
            return subprocess.Popen(line, cwd=ROOT, env=self.env, **options)
        return ForkedPopen(line, DJANGO, cwd=ROOT, env=self.env, **options)

    def token(self, username: str, *options: str) -> str:
        """A token of a user, who is created if necessary."""
        if self._root_token and (username, set(options) - {"--create"}) == ("root", {"--superuser"}):
            return self._root_token
        return self._commands.run("createtoken", username, *{"--create", *options})
