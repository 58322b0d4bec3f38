"""No client sends a token over an unencrypted connection to another machine, unless it is told to."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agentstream import Api, BlockingPublisher, Publisher, watch
from agentstream.options import RunOptions

AGENT = "6f9c1de2-0000-4000-8000-000000000001"

clients = pytest.mark.parametrize(
    "client",
    [
        lambda url, **options: Api(url, "t", **options),
        lambda url, **options: Publisher(url, "t", AGENT, **options),
        lambda url, **options: BlockingPublisher(url, "t", AGENT, **options),
        lambda url, **options: watch(url, "t", agents=[AGENT], **options),
        lambda url, **options: RunOptions(url, "t", None, None, ["true"], **options),
    ],
    ids=["Api", "Publisher", "BlockingPublisher", "watch", "run"],
)
REMOTE = ["http://agents.example", "http://192.0.2.1:8000", "http://localhost.evil.example", "http://[2001:db8::1]"]
LOCAL = ["http://127.0.0.1:8000", "http://127.9.9.9", "http://localhost", "http://a.localhost", "http://[::1]:80"]


@clients
@pytest.mark.parametrize("url", REMOTE)
def test_a_token_is_not_sent_unencrypted_to_another_host(client: Callable[..., Any], url: str) -> None:
    with pytest.raises(ValueError, match="expected https://"):
        client(url)
    client(url, insecure=True)


@clients
@pytest.mark.parametrize("url", [*LOCAL, "https://agents.example"])
def test_a_token_may_be_sent_to_this_machine_or_encrypted(client: Callable[..., Any], url: str) -> None:
    client(url)


@pytest.mark.parametrize("url", ["ws://agents.example", "ws://192.0.2.1:8000"])
def test_the_same_holds_for_websocket_urls(url: str) -> None:
    with pytest.raises(ValueError, match="expected https://"):
        watch(url, "t", agents=[AGENT])


@pytest.mark.parametrize("command", [["run", "--", "true"], ["login"]])
def test_the_command_line_needs_insecure(tmp_path: Path, command: list[str]) -> None:
    # Nothing is sent: the address is reserved for documentation, and connecting to it would take until the timeout.
    name, *rest = command
    line = [sys.executable, "-m", "agentstream", name, "--url", "http://192.0.2.1:8000", *rest]
    env = {**os.environ, "AGENTSTREAM_TOKEN": "ags_secret", "XDG_CONFIG_HOME": str(tmp_path)}
    result = subprocess.run(line, env=env, input="ags_secret", capture_output=True, text=True, timeout=9, check=False)
    assert result.returncode == 1
    assert "allow it with --insecure" in result.stderr
