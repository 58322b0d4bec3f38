"""`agentstream run --key` registers its agent and labels it."""

import getpass
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from agentstream.labels import describe

from tests.support.api import Api

from .command import run
from .place import Place
from .scripted import within


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Git repository on a branch, which is the current folder."""
    folder = tmp_path / "shop"
    folder.mkdir()
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for line in (("init", "-qb", "total"), (*identity, "commit", "-q", "--allow-empty", "-m", "x")):
        subprocess.run(["git", *line], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    return folder


def agents(place: Place) -> dict[str, dict[str, Any]]:
    found = Api(place.url, place.token).get(f"/workspaces/{place.workspace}/agents").data
    return {agent["name"]: agent for agent in found}


def test_runs_with_one_key_are_one_agent_whatever_its_name(place: Place, checkout: Path) -> None:
    for _ in range(2):
        assert run(place, "echo", "hi", name="total", options=("--key", "host:/shop"))[0] == 0
    found = agents(place)["total"]
    assert place.text("total") == "hi\nhi\n"
    assert {key: found["labels"][key] for key in ("host", "user", "cwd", "repo", "branch", "tool")} == {
        "host": socket.gethostname(),
        "user": getpass.getuser(),
        "cwd": str(checkout),
        "repo": "shop",
        "branch": "total",
        "tool": "echo",
    }
    Api(place.url, place.token).call("PATCH", f"/agents/{found['id']}", {"name": "Renamed"})
    assert run(place, "echo", "ho", name="total", options=("--key", "host:/shop"))[0] == 0
    assert set(agents(place)) == {"agent", "Renamed"}
    assert place.text("Renamed") == "hi\nhi\nho\n"


def test_the_version_of_a_coding_agent_is_a_label(checkout: Path) -> None:
    tool = checkout / "claude"
    tool.write_text('#!/bin/sh\necho "2.1.197 (Claude Code)"\nenv >&2\n')
    tool.chmod(0o755)
    labels = within(20, describe([str(tool), "-p"], os.environ))
    assert (labels["tool"], labels["toolVersion"]) == ("claude", "2.1.197")


def test_other_programs_are_not_started_for_their_version(checkout: Path) -> None:
    tool = checkout / "deploy"
    tool.write_text("#!/bin/sh\ntouch started\n")
    tool.chmod(0o755)
    assert "toolVersion" not in within(20, describe([str(tool)], os.environ))
    assert not (checkout / "started").exists()


def test_unknown_labels_are_omitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    labels = within(20, describe(["x" * 400], {"PATH": ""}))
    assert labels.keys() == {"host", "user", "cwd", "tool"}
    assert labels["tool"] == "x" * 300


def test_the_tool_that_is_asked_for_its_version_gets_no_token(place: Place, checkout: Path) -> None:
    tool = checkout / "claude"
    tool.write_text("#!/bin/sh\nenv >environment\n")
    tool.chmod(0o755)
    run(place, str(tool), "--version", options=("--key", "k"))
    assert place.token not in (checkout / "environment").read_text()
