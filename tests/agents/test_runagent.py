"""`manage.py runagent`: the runner on the server's own machine."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.api import Api
from tests.support.server import SHARED_KEY, LiveServer

SECRETS = {"SECRET_KEY": SHARED_KEY, "REDIS_URL": "", "AGENTSTREAM_TOKEN": ""}


@pytest.fixture
def workspace(root: Api) -> dict[str, Any]:
    return root.workspace(f"Runagent {uuid.uuid4()}")


@contextmanager
def runagent(live: LiveServer, tmp_path: Path, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "runagent", *arguments],
        cwd=ROOT,
        env={**live.env, "XDG_STATE_HOME": str(tmp_path), **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - no threads
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def outputs(root: Api, workspace: dict[str, Any]) -> dict[str, str]:
    """The output of each agent of the workspace, by name."""
    found = {}
    for agent in root.get(f"/workspaces/{workspace['id']}/agents").data:
        events = root.get(f"/agents/{agent['id']}/events").data["events"]
        said = [event["payload"]["content"] for event in events if event["type"] == "agent:output"]
        found[agent["name"]] = "".join(said)
    return found


def test_a_command_is_shown_under_its_own_name_without_the_servers_secrets(
    live: LiveServer, root: Api, workspace: dict[str, Any], tmp_path: Path
) -> None:
    secrets = {"SECRET_KEY": SHARED_KEY, "MINE": "to keep", "DATABASE_URL": f"sqlite:///{live.data_dir}/db.sqlite3"}
    with runagent(live, tmp_path, "--workspace", workspace["slug"], "--", "env", **secrets) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    shown = outputs(root, workspace)["env"]
    assert shown == out
    assert "MINE=to keep" in shown
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "AGENTSTREAM_TOKEN"):
        assert name not in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "nonsense", "--", "true"], "got 'nonsense'"),
        (["--url", "http://", "--", "true"], "got 'http://'"),
        (["--workspace", "nowhere", "--", "true"], "got 'nowhere'"),
        ([], "expected a command after --"),
    ],
)
def test_errors_are_explained(
    live: LiveServer, workspace: dict[str, Any], tmp_path: Path, arguments: list[str], words: str
) -> None:
    given = [] if "--workspace" in arguments else ["--workspace", workspace["slug"]]
    with runagent(live, tmp_path, *given, *arguments) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert words in err
    assert "Traceback" not in err


def test_ctrl_c_leaves_no_traceback(live: LiveServer, workspace: dict[str, Any], tmp_path: Path) -> None:
    arguments = ("--workspace", workspace["slug"], "--url", "http://127.0.0.1:9", "--", "true")
    with runagent(live, tmp_path, *arguments) as process:
        assert process.stderr
        while "trying again" not in process.stderr.readline():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_fifty_runners_at_once(live: LiveServer, root: Api, workspace: dict[str, Any], tmp_path: Path) -> None:
    """All in one program, each with a real command, its own connections and a lease."""
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from agentstream.runner import RunOptions, run\n"
        "async def main():\n"
        "    url, token, slug, spool = sys.argv[1:]\n"
        "    script = 'for i in 1 2 3 4 5; do echo $0 $i; sleep 0.2; done; read line; echo $0 heard $line'\n"
        "    runs = [run(RunOptions(url, token, slug, f'r{n}', ['sh', '-c', script, f'r{n}'], quiet=True,\n"
        "                           spool=Path(spool))) for n in range(50)]\n"
        "    print(sum(await asyncio.gather(*runs)))\n"
        "asyncio.run(asyncio.wait_for(main(), 60))\n"
    )
    line = [sys.executable, "-c", program, live.url, str(root.token), workspace["slug"], str(tmp_path)]
    with subprocess.Popen(line, env=os.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        told: set[str] = set()
        deadline = time.monotonic() + 50
        while len(told) < 50 and time.monotonic() < deadline:
            for agent in root.get(f"/workspaces/{workspace['id']}/agents").data:
                if agent["id"] not in told and agent["status"] == "running":
                    root.post(f"/agents/{agent['id']}/input", {"content": agent["name"]})
                    told.add(agent["id"])
            time.sleep(0.2)
        out, _ = process.communicate(timeout=60)
    assert out == "0\n"
    said = outputs(root, workspace)
    assert len(said) == 50
    for name, text in said.items():
        assert text == "".join(f"{name} {i}\n" for i in range(1, 6)) + f"{name} heard {name}\n"
