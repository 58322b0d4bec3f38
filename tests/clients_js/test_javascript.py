"""Runs the JavaScript tests with Node's own runner, file by file, beside a live server."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.api import Api
from tests.support.server import LiveServer

pytestmark = pytest.mark.node

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_javascript(name: str, live: LiveServer, root: Api) -> None:
    env = {**os.environ, "AGENTSTREAM_URL": live.url, "AGENTSTREAM_TOKEN": root.token or ""}
    command = ["node", "--test", "--test-reporter=spec", "--test-timeout=60000", name]
    result = subprocess.run(command, cwd=HERE, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
