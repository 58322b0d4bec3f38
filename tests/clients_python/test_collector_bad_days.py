"""The collector neither loses nor repeats anything, and hurts nobody, on a machine's bad days."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.clients_python.machine import Machine, say
from tests.clients_python.place import Place
from tests.support.api import Api
from tests.support.server import LiveServer
from tests.support.waiting import eventually

HOUR = 3_600.0
DAY = 24 * HOUR


@contextmanager
def small_disk(path: Path, *options: str) -> Iterator[None]:
    """A file system of 64 KiB at that path."""
    path.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(("size=64k", *options)), "tmpfs", path],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root can mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def hook(machine: Machine, *arguments: str) -> tuple[int, str, str]:
    """What a hook of the machine does: its exit code and what it prints."""
    script = machine.home / ".local" / "state" / "agentstream" / "hooks" / "hook.sh"
    done = subprocess.run(
        [script, *arguments], input=json.dumps({"hook_event_name": "Stop"}), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_what_was_said_before_connecting_is_published_only_by_choice(machine: Machine) -> None:
    _, transcript = machine.session("site", "Long ago. ", ago=2 * HOUR)
    say(transcript, "Lately. ", ago=0.5 * HOUR)
    machine.configure(hours=0)
    with machine.collecting():
        eventually(machine.agents)
        eventually(lambda: machine.agents()["site"]["status"] == "running")
        say(transcript, "Now. ")
        eventually(lambda: machine.place.text("site"))
        assert machine.place.text("site") == "Now. "
    _, another = machine.session("another", "Long ago. ", ago=2 * HOUR)
    say(another, "Lately. ", ago=0.5 * HOUR)
    machine.configure(hours=1)
    with machine.collecting():
        eventually(lambda: "another" in machine.agents() and machine.place.text("another"))
    assert machine.place.text("another") == "Lately. "
    assert machine.place.text("site") == "Now. "


def test_on_a_full_disk_words_are_published_and_hooks_stay_silent(machine: Machine) -> None:
    machine.configure()
    state = machine.home / ".local" / "state" / "agentstream"
    with small_disk(state):
        with machine.collecting() as collector:
            machine.session("site", "One. ")
            eventually(lambda: "site" in machine.agents() and machine.place.text("site"))
            with (state / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
                for _ in range(65):
                    filler.write(b"x" * 1024)
            _, transcript = machine.session("another", "Two. ")
            eventually(lambda: "another" in machine.agents() and machine.place.text("another"))
            for action in ("note", "ask", "status"):
                assert hook(machine, action) == (0, "", "")
            assert collector.poll() is None
            (state / "filler").unlink()
            eventually(lambda: transcript.name in (state / "collector.json").read_text())
        with machine.collecting():
            say(transcript, "Three.")
            eventually(lambda: machine.place.text("another").endswith("Three."))
    assert (machine.place.text("site"), machine.place.text("another")) == ("One. ", "Two. Three.")


def test_in_a_read_only_home_it_says_so(machine: Machine) -> None:
    machine.configure()
    with small_disk(machine.home / ".local" / "state", "ro"):
        code, said = machine.collect()
    assert code == 1
    assert "Read-only file system" in said
    assert "Traceback" not in said


def test_after_sleep_longer_than_a_lease_everything_goes_on(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with LiveServer(tmp_path / "server", STREAM_LEASE="1") as server:
        machine = Machine(tmp_path, Place.made(Api(server.url, server.token("root", "--superuser"))))
        machine.configure()
        try:
            tool, transcript = machine.session("site", "Before. ")
            with machine.collecting() as collector:
                eventually(lambda: "site" in machine.agents() and machine.agents()["site"]["status"] == "running")
                for process in (collector, tool):
                    process.send_signal(signal.SIGSTOP)
                say(transcript, "Meanwhile. ")
                eventually(lambda: machine.agents()["site"]["status"] == "offline")
                for process in (collector, tool):
                    process.send_signal(signal.SIGCONT)
                say(transcript, "After.")
                eventually(lambda: machine.place.text("site").endswith("After."))
                assert machine.place.text("site") == "Before. Meanwhile. After."
                eventually(lambda: machine.agents()["site"]["status"] == "running")
        finally:
            machine.close()


def test_clocks_that_jump_lose_and_repeat_nothing(machine: Machine, tmp_path: Path) -> None:
    machine.configure(hours=0)
    clock = tmp_path / "clock"
    clock.write_text("0")
    with machine.collecting(clock):
        for name, ago in (("now", 0.0), ("yesterday", DAY), ("tomorrow", -DAY)):
            clock.write_text(str(-ago))
            _, transcript = machine.session(name, ago=ago)
            eventually(partial(said, machine, name, ""))
            for words in ("One. ", "Two."):
                say(transcript, words, ago)
                eventually(partial(said, machine, name, words))
            assert machine.place.text(name) == "One. Two."


def said(machine: Machine, name: str, words: str) -> bool:
    """Whether there is an agent of that name, and these are its last words."""
    return name in machine.agents() and machine.place.text(name).endswith(words)


def test_a_newer_version_of_the_tool_is_reported_too(machine: Machine) -> None:
    machine.configure()
    process, _ = machine.session("site", "Old. ")
    with machine.collecting():
        eventually(lambda: machine.agents().get("site", {}).get("status") == "running")
        process.kill()
        eventually(lambda: machine.agents()["site"]["status"] == "offline")
        _, transcript = machine.session("site", version="9.0.0", status="pondering", unheard={"of": [1]})
        with transcript.open("a") as file:
            file.write('{"type":"assistant","message":{"content":{"text":"?"}}}\n{"type":"unheard-of"}\n')
        say(transcript, "New.")
        eventually(lambda: machine.place.text("site").endswith("New."))
        agent = machine.agents()["site"]
        assert (agent["status"], agent["labels"]["toolVersion"]) == ("running", "9.0.0")
