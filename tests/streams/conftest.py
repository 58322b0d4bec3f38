"""The promises hold on both ways to run the server: SQLite alone, and PostgreSQL with Redis."""

import pytest

from tests.support.api import Api
from tests.support.server import LiveServer


@pytest.fixture(scope="session")
def live(both: LiveServer) -> LiveServer:
    return both


@pytest.fixture(scope="session")
def root(live: LiveServer) -> Api:
    return Api(live.url, live.token("root", "--superuser"))
