"""Live servers as the Python client sees them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients_python.machine import Machine
from tests.support.api import Api
from tests.support.server import LiveServer

from .place import Place


@pytest.fixture
def place(root: Api) -> Place:
    return Place.made(root)


@pytest.fixture
def machine(tmp_path: Path, place: Place) -> Iterator[Machine]:
    """A machine that is connected to the place."""
    machine = Machine(tmp_path, place)
    yield machine
    machine.close()


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, Api]]:
    with LiveServer(tmp_path_factory.mktemp("phoenix")) as server:
        yield server, Api(server.url, server.token("root", "--superuser"))


@pytest.fixture
def mortal(phoenix: tuple[LiveServer, Api]) -> LiveServer:
    """A server that may be killed and started again."""
    server, _ = phoenix
    try:
        server.wait_until_up(1)
    except RuntimeError:
        server.start()
    return server


@pytest.fixture
def mortal_place(mortal: LiveServer, phoenix: tuple[LiveServer, Api]) -> Place:
    return Place.made(phoenix[1])
