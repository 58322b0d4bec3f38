"""Which agents need a person: the cases shared with the server's and the JavaScript client's tests."""

import json
from pathlib import Path
from typing import Any

import pytest
from agentstream import needs

CASES = json.loads((Path(__file__).parents[1] / "support" / "needs.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_client_and_server_agree_on_who_needs_you(case: dict[str, Any]) -> None:
    assert needs(case["agent"], case["seen"], case.get("dismissed", 0)) == case["needs"]
