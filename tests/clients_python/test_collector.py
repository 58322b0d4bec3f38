"""The collector reports what it finds on a machine, as configured, whatever happens to single agents."""

import subprocess
import sys

import pytest

from tests.clients_python.machine import Machine, say
from tests.support.api import Api
from tests.support.waiting import eventually

MAIN = '[collector]\nurl = "http://h"\nworkspace = "w"\n'


def test_sessions_in_one_folder_are_numbered_and_end_with_their_processes(machine: Machine) -> None:
    machine.configure()
    first, _ = machine.session("site", "Hello from the first")
    machine.session("site", "Hello from the second")
    with machine.collecting():
        eventually(lambda: set(machine.agents()) == {"site", "site #2"})
        eventually(lambda: {agent["status"] for agent in machine.agents().values()} == {"running"})
        both = {"Hello from the first", "Hello from the second"}
        eventually(lambda: {machine.place.text(name) for name in machine.agents()} == both)
        first.kill()
        eventually(lambda: {agent["status"] for agent in machine.agents().values()} == {"running", "offline"})


def test_a_deleted_agent_stops_no_other(machine: Machine) -> None:
    machine.configure()
    _, transcript = machine.session("one", "Hello")
    machine.session("another", "Hello")
    with machine.collecting() as collector:
        eventually(lambda: len(machine.agents()) == 2)
        gone = machine.agents()["one"]["id"]
        assert Api(machine.place.url, machine.place.token).call("DELETE", f"/agents/{gone}").status == 204
        say(transcript, "into the void")
        _, other = machine.session("third", "Hello")
        eventually(lambda: set(machine.agents()) == {"another", "third"})
        say(other, " again")
        eventually(lambda: machine.place.text("third") == "Hello again")
        assert collector.poll() is None


def test_rules_decide_what_leaves_the_machine(machine: Machine) -> None:
    rules = "".join(
        f'[[rule]]\nfolder = "{machine.home}/{folder}"\n{rule}\n'
        for folder, rule in (
            ("secret", "ignore = true"),
            ("quiet", 'detail = "status"'),
            ("some", 'detail = "messages"'),
        )
    )
    machine.configure(rules)
    for folder in ("secret", "quiet", "some", "open"):
        machine.session(folder, f"Hello from {folder}")
    with machine.collecting():
        eventually(lambda: set(machine.agents()) == {"quiet", "some", "open"})
        eventually(lambda: machine.place.text("open") and machine.place.text("some"))
        eventually(lambda: machine.place.text("open", "tool"))
        eventually(lambda: machine.agents()["quiet"]["status"] == "running")
    said = {name: (machine.place.text(name), machine.place.text(name, "tool")) for name in machine.agents()}
    assert said == {"quiet": ("", ""), "some": ("Hello from some", ""), "open": ("Hello from open", "{}")}


def test_a_second_collector_says_that_there_is_one(machine: Machine) -> None:
    machine.configure()
    machine.session("site")
    with machine.collecting() as first:
        eventually(machine.agents)
        command = [sys.executable, "-m", "agentstream", "collect"]
        second = subprocess.run(
            command, env=machine.environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert second.returncode == 1
        assert second.stderr.strip() == f"agentstream: another collector is running, with pid {first.pid}"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, "run `agentstream connect`"),
        ("[collector]\n", "expected url in [collector]"),
        ("[collector\n", "config.toml"),
        (
            '[collector]\nurl = "http://h"\nworkspace = "w"\ndetail = "all"\n',
            "expected status, messages or full; got 'all'",
        ),
        (MAIN + "colour = 1\n", "got colour"),
        (
            '[collector]\nurl = "http://h"\nworkspace = "w"\n[[rule]]\nignore = "yes"\n',
            "expected true or false; got 'yes'",
        ),
    ],
)
def test_a_wrong_configuration_is_explained(machine: Machine, config: str | None, expected: str) -> None:
    if config is not None:
        folder = machine.home / ".config" / "agentstream"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(config)
    code, said = machine.collect()
    assert code == 1
    assert expected in said
    assert "Traceback" not in said
