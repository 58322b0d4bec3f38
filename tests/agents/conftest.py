"""Two servers of one installation, on either database."""

from collections.abc import Iterator

import pytest

from tests.chaos.cluster import Cluster, cluster
from tests.support.server import DATABASE
from tests.support.services import Postgres, Redis, environment


@pytest.fixture(scope="session")
def sqlite_pair(tmp_path_factory: pytest.TempPathFactory, redis_server: Redis) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("pair")
    env = {"DATABASE_URL": f"sqlite:///{folder / DATABASE}", "REDIS_URL": redis_server.url}
    with cluster(folder, env, 2) as servers:
        yield servers


@pytest.fixture(scope="session")
def postgres_pair(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, redis_server: Redis
) -> Iterator[Cluster]:
    env = environment(postgres, redis_server)
    with cluster(tmp_path_factory.mktemp("pair"), env, 2) as servers:
        yield servers


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def pair(request: pytest.FixtureRequest) -> Cluster:
    found: Cluster = request.getfixturevalue(f"{request.param}_pair")
    return found
