"""Which agents need a person: the cases shared with the clients' tests."""

import json
from typing import Any

import pytest

from agents.needs import needs
from tests.support import ROOT

CASES = json.loads((ROOT / "tests/support/needs.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_server_and_clients_agree_on_who_needs_you(case: dict[str, Any]) -> None:
    assert needs(case["agent"], case["seen"], case.get("dismissed", 0)) == case["needs"]
