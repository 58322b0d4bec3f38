"""The docs are right: every setting, command, message and code is documented, and the examples run."""

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from django.core.management import get_commands

from accounts.audit import Action
from accounts.scopes import NAMES
from agents.events import PUBLISHABLE, Input
from agents.models import Status
from streams.conf import StreamSettings
from streams.protocol.messages import Close, Code, Reason
from tests.support import ROOT
from tests.support.api import Api, agent_of
from tests.support.server import LiveServer
from workspaces.events import WORKSPACE_UPDATED, Change

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md"), ROOT / "clients/python/README.md"])
OURS = {"realtime_project", "notifications", "search", "agents", "workspaces", "accounts", "streams"}


def page(name: str) -> str:
    return (DOCS / "reference" / name).read_text()


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("field", fields(StreamSettings), ids=lambda field: field.name)
def test_every_engine_setting_is_documented_with_its_default(field: object) -> None:
    name, default = field.name, field.default  # type: ignore[attr-defined]
    assert f"| `STREAM_{name}` | {default:g} |" in page("settings.md").replace("1.04858e+06", "1048576") or (
        f"| `STREAM_{name}` | {default} |" in page("settings.md")
    )


def test_every_variable_the_settings_read_is_documented() -> None:
    source = (ROOT / "realtime_project/settings.py").read_text()
    for name in re.findall(r'env\.\w+\(\s*"(\w+)"', source):
        assert f"`{name}`" in page("settings.md"), name


def test_every_command_is_documented() -> None:
    for name, app in get_commands().items():
        if app in OURS:
            assert f"| `{name}" in page("commands.md"), name


@pytest.mark.parametrize(
    "word",
    [
        *PUBLISHABLE,
        Input.type,
        WORKSPACE_UPDATED,
        *Change,
        *Code,
        *Status,
        *Reason,
        *(str(int(code)) for code in Close),
    ],
)
def test_every_message_and_field_of_the_protocol_is_documented(word: str) -> None:
    assert re.search(rf"`{word}`|\b{word}\b", page("protocol.md")), word


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_publish_guides_curl_commands_work(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)
    commands = [text for text in blocks(DOCS / "guides/publish.md", "sh") if "curl" in text]
    script = "set -e\n" + "\n".join(commands).replace("http://127.0.0.1:8000", live.url).replace("curl ", "curl -fsS ")
    env = {**os.environ, "AGENTSTREAM_TOKEN": root.token or "", "AGENT": agent_id}
    run = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    events = root.get(f"/agents/{agent_id}/events").data["events"]
    assert [event["payload"].get("content") for event in events if event["type"] == "agent:output"] == [
        "line\n", "first\n", "second\n", "a\n", "b\n"
    ]  # fmt: skip
    state = root.get(f"/agents/{agent_id}").data
    assert (state["status"], state["contextLevel"]) == ("running", 42)


def test_the_readmes_curl_works(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)
    [command] = [text for text in blocks(ROOT / "README.md", "sh") if "curl" in text]
    env = {**os.environ, "AGENTSTREAM_TOKEN": root.token or "", "AGENT": agent_id}
    script = command.replace("http://127.0.0.1:8000", live.url).replace("curl ", "curl -fsS ")
    subprocess.run(["sh", "-c", script], env=env, capture_output=True, check=True)
    [event] = root.get(f"/agents/{agent_id}/events").data["events"]
    assert event["payload"]["content"] == "Hello from curl\n"


def test_the_readmes_python_client_works(live: LiveServer, root: Api) -> None:
    _, agent_id = agent_of(root)
    root.output(agent_id, "Hello to Python\n")
    [client] = blocks(ROOT / "README.md", "python")
    lines = [line if line.startswith(("from", "import")) else f"    {line}" for line in client.splitlines()]
    body = "\n".join(lines).replace("http://127.0.0.1:8000", live.url)
    imports, _, rest = body.partition("\n")
    program = (
        f"import asyncio\n{imports}\ntoken, agent_id = {root.token!r}, {agent_id!r}\n"
        f"async def main():\n{rest}\n        break\nasyncio.run(main())\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=20)
    assert run.stdout == "Hello to Python\n", run.stderr


def test_the_watch_guides_ticket_call_works(live: LiveServer, root: Api) -> None:
    [command] = [text for text in blocks(DOCS / "guides/watch.md", "sh") if "curl" in text]
    env = {**os.environ, "AGENTSTREAM_TOKEN": root.token or ""}
    script = command.replace("http://127.0.0.1:8000", live.url).replace("curl ", "curl -fsS ")
    answer = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True, check=True).stdout
    assert set(json.loads(answer)) == {"ticket", "expiresIn"}


def test_every_test_that_the_threat_model_names_exists() -> None:
    text = (DOCS / "security.md").read_text()
    named = re.findall(r"`(tests/[^`]+)`", text)
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).is_file()] == []
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| promised")]
    assert [row for row in rows if "`tests/" not in row.rsplit("|", 2)[1]] == [], "what is promised is shown"


@pytest.mark.parametrize("action", list(Action))
def test_every_action_of_the_audit_log_is_documented(action: str) -> None:
    assert f"`{action}`" in (DOCS / "guides/operate.md").read_text()


@pytest.mark.parametrize("scope", list(NAMES))
def test_every_scope_is_documented(scope: str) -> None:
    assert f"| `{scope}` |" in page("access.md")
