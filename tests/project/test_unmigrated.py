"""With a database that hasn't been migrated, the server refuses to start and says what is pending."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.server import LiveServer
from tests.support.services import Postgres


def started(server: LiveServer) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "serve"]
    return subprocess.run(command, cwd=ROOT, env=server.env, capture_output=True, text=True, timeout=30, check=False)


def test_an_empty_sqlite_database_refuses_to_serve(tmp_path: Path) -> None:
    done = started(LiveServer(tmp_path))
    assert done.returncode == 1
    assert "cannot start: the database has pending migrations (" in done.stderr
    assert "streams.0001_initial" in done.stderr
    assert "run manage.py migrate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.postgres
def test_an_empty_postgresql_database_refuses_to_serve(postgres: Postgres, tmp_path: Path) -> None:
    done = started(LiveServer(tmp_path, DATABASE_URL=postgres.create_database("unmigrated")))
    assert done.returncode == 1
    assert "cannot start: the database has pending migrations (" in done.stderr
    assert "Traceback" not in done.stderr


def test_servers_with_a_lifespan_refuse_too(tmp_path: Path) -> None:
    code = (
        "import asyncio\n"
        "from realtime_project.asgi import application\n"
        "async def receive(): return {'type': 'lifespan.startup'}\n"
        "async def send(message): print(message['type'], message.get('message', ''))\n"
        "asyncio.run(application({'type': 'lifespan'}, receive, send))\n"
    )
    env = LiveServer(tmp_path).env
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("lifespan.startup.failed the database has pending migrations (")


def test_a_lifespan_starts_and_closes_the_runtime(tmp_path: Path) -> None:
    server = LiveServer(tmp_path)
    server.prepare()
    code = (
        "import asyncio\n"
        "from realtime_project.asgi import application\n"
        "from streams.runtime import Runtime\n"
        "asked = iter(['lifespan.startup', 'lifespan.shutdown'])\n"
        "async def receive(): return {'type': next(asked)}\n"
        "async def send(message): print(message['type'], len(Runtime.running()))\n"
        "asyncio.run(application({'type': 'lifespan'}, receive, send))\n"
    )
    command: list[Any] = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=server.env, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["lifespan.startup.complete 1", "lifespan.shutdown.complete 0"]
