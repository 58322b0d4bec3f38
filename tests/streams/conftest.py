"""The promises hold on both ways to run the server: SQLite alone, and PostgreSQL with Redis."""

from collections.abc import Iterator

import pytest

from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.services import Postgres, Redis


@pytest.fixture(scope="session", params=["sqlite", "postgres and redis"])
def backend(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment that makes a server use this backend."""
    if request.param == "sqlite":
        return {}
    postgres: Postgres = request.getfixturevalue("postgres")
    redis: Redis = request.getfixturevalue("redis_server")
    return {"DATABASE_URL": postgres.migrated_database(), "REDIS_URL": redis.url}


@pytest.fixture(scope="session")
def live(backend: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("live"), **backend) as server:
        yield server


@pytest.fixture(scope="session")
def root(live: LiveServer) -> Api:
    return Api(live.url, live.token("root", "--superuser"))
