"""The engine of the model, for tests that say themselves what happens."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.test_model import WINDOW, Engine


@pytest.fixture
def engine(settings: Any) -> Iterator[Engine]:
    settings.STREAMS = {"WINDOW_EVENTS": WINDOW, "TRIM_EVERY": 1e9}
    engine = Engine()
    yield engine
    engine.teardown()
