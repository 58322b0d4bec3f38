"""What the tests share. Each test runs against the real thing: server processes, sockets, SQLite, PostgreSQL, Redis."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import Api
from tests.support.machine import TOOLS
from tests.support.server import LiveServer
from tests.support.services import Postgres, Redis, environment, running

# Hundreds of servers and commands are started here; where this is set each would compile the project anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def sqlite_live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that tests share: SQLite, in-memory layer. Do not stop it."""
    with LiveServer(tmp_path_factory.mktemp("live")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_live(
    postgres: Postgres, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """The same with PostgreSQL and Redis."""
    env = environment(postgres, redis_server)
    with LiveServer(tmp_path_factory.mktemp("postgres"), **env) as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgres and redis"])
def both(request: pytest.FixtureRequest) -> LiveServer:
    """Each of the two."""
    found: LiveServer = request.getfixturevalue("sqlite_live" if request.param == "sqlite" else "postgres_live")
    return found


@pytest.fixture(params=["sqlite", "postgres and redis"])
def backend(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment that makes a server of the test's own use each of the backends."""
    if request.param == "sqlite":
        return {}
    postgres: Postgres = request.getfixturevalue("postgres")
    redis: Redis = request.getfixturevalue("redis_server")
    return environment(postgres, redis)


@pytest.fixture(scope="session")
def live(sqlite_live: LiveServer) -> LiveServer:
    """The server that tests share where the database makes no difference."""
    return sqlite_live


@pytest.fixture
def own_live(tmp_path: Path) -> Iterator[LiveServer]:
    """A server of the test's own, to be killed and restarted at will."""
    with LiveServer(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def root(live: LiveServer) -> Api:
    """The shared server's API, as a superuser."""
    return Api(live.url, live.token("root", "--superuser"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _skip_what_needs_missing_tools(items)
    _move_long_files_to_the_front(items)


def _skip_what_needs_missing_tools(items: list[pytest.Item]) -> None:
    """By name; under CI that is a failure of the machine."""
    for tool in TOOLS:
        if tool.find() or os.environ.get("CI") == "true":
            continue
        for item in items:
            if item.get_closest_marker(tool.marker):
                item.add_marker(pytest.mark.skip(reason=f"{tool.names[0]} is not installed"))


def _move_long_files_to_the_front(items: list[pytest.Item]) -> None:
    """So that no worker is left with one at the end. Those that wait alternate with those that compute."""
    files = list(dict.fromkeys(item.path for item in items))
    waiting = [path for path in files if path.parent.name == "chaos"]
    computing = [path for path in files if path.parent.name == "browser"]
    turns = {path: turn for paths in (waiting, computing) for turn, path in enumerate(paths)}
    items.sort(key=lambda item: turns.get(item.path, len(files)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running(Postgres) as service:
        assert isinstance(service, Postgres)
        yield service


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    with running(Redis) as service:
        assert isinstance(service, Redis)
        yield service
