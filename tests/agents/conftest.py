"""Two servers of one installation, on either database."""

from collections.abc import Iterator

import pytest

from tests.chaos.cluster import Cluster, cluster
from tests.support.server import DATABASE
from tests.support.services import Postgres, Redis


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, redis_server: Redis
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("pair")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / DATABASE}"
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.migrated_database()
    with cluster(folder, {"DATABASE_URL": url, "REDIS_URL": redis_server.url}, 2) as servers:
        yield servers
