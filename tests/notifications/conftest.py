"""Servers whose webhooks may reach this machine, and a receiver on it."""

from collections.abc import Iterator

import pytest

from tests.support.api import Api
from tests.support.receiver import Receiver, receiving
from tests.support.server import LiveServer

LOOPBACK = {"WEBHOOK_NETWORKS": "127.0.0.0/8", "WEBHOOK_RETRY_SECONDS": "0.1", "STREAM_FOLLOWER_LEASE": "4"}


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("webhooks"), **LOOPBACK) as server:
        yield server


@pytest.fixture(scope="session")
def root(live: LiveServer) -> Api:
    return Api(live.url, live.token("root", "--superuser"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found
