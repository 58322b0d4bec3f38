"""A hole may be in one database only: these tests run on SQLite alone, and on PostgreSQL with Redis."""

import pytest

from tests.support.api import Api
from tests.support.server import LiveServer


@pytest.fixture(scope="session")
def admin(both: LiveServer) -> Api:
    """The API of the server that is tested, as a superuser."""
    return Api(both.url, both.token("root", "--create", "--superuser"))
