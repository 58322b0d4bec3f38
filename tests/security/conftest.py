"""A hole may be in one database only: these tests run on SQLite alone, and on PostgreSQL with Redis."""

from collections.abc import Iterator

import pytest

from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.services import Postgres, Redis


@pytest.fixture(scope="session", params=["sqlite", "postgres and redis"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that tests share, on each of the ways to run it."""
    env: dict[str, str] = {}
    if request.param != "sqlite":
        postgres: Postgres = request.getfixturevalue("postgres")
        redis: Redis = request.getfixturevalue("redis_server")
        env = {"DATABASE_URL": postgres.migrated_database(), "REDIS_URL": redis.url}
    with LiveServer(tmp_path_factory.mktemp("both"), **env) as server:
        yield server


@pytest.fixture(scope="session")
def admin(both: LiveServer) -> Api:
    """That server's API, as a superuser."""
    return Api(both.url, both.token("root", "--create", "--superuser"))
