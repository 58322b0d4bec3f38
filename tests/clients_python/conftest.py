"""Live servers as the Python client sees them."""

import pytest

from tests.support.api import Api
from tests.support.server import LiveServer

from .place import Place


@pytest.fixture
def place(root: Api) -> Place:
    return Place.made(root)


@pytest.fixture
def own_place(own_live: LiveServer) -> Place:
    return Place.made(Api(own_live.url, own_live.token("root", "--superuser")))
