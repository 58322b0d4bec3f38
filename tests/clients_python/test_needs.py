"""An agent needs somebody: the cases that the server's and the JavaScript client's tests share."""

import json
from pathlib import Path
from typing import Any

import pytest
from agentstream import needs

CASES = json.loads((Path(__file__).parents[1] / "support" / "needs.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_client_says_who_needs_you_as_the_server_does(case: dict[str, Any]) -> None:
    assert needs(case["agent"], case["seen"]) == case["needs"]
