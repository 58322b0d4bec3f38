"""Services and servers that the faults may be done to: shared within this folder, and by nobody else.

A server that has lived through one fault takes the next: what a fault leaves broken, the following test finds.
"""

import resource
from collections.abc import Iterator

import pytest

from tests.chaos.cluster import Cluster, cluster
from tests.support.services import Postgres, Redis, environment, running


@pytest.fixture(scope="package", autouse=True)
def _many_sockets() -> None:
    """Thousands of viewers need as many file descriptors, here and in the servers, which inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 10_000)), hard))


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


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, redis_server: Redis) -> Iterator[Cluster]:
    """Two servers on PostgreSQL and Redis."""
    env = environment(postgres, redis_server)
    with cluster(tmp_path_factory.mktemp("pair"), env, 2) as servers:
        yield servers


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One server on SQLite."""
    with cluster(tmp_path_factory.mktemp("single")) as server:
        yield server
