"""An agent needs somebody: the cases that the clients' tests share."""

import json
from typing import Any

import pytest

from agents.needs import needs
from tests.support.server import ROOT

CASES = json.loads((ROOT / "tests/support/needs.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_server_says_who_needs_you_as_the_clients_do(case: dict[str, Any]) -> None:
    assert needs(case["agent"], case["seen"]) == case["needs"]
