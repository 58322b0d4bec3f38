"""The script that hooks run never harms the agent, and passes on what is answered."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from agentstream.collector.hooks import AlreadyRunning, HookEvent, HookSpool

from tests.support.waiting import eventually

EVENT = {"hook_event_name": "Stop", "session_id": "s"}


@pytest.fixture
def spool(tmp_path: Path) -> HookSpool:
    spool = HookSpool(tmp_path / "Zoë's home" / "agentstream" / "hooks")
    spool.install()
    return spool


@pytest.fixture
def collecting(spool: HookSpool) -> Iterator[HookSpool]:
    with spool.collecting():
        yield spool


def start(spool: HookSpool, *arguments: str) -> subprocess.Popen[str]:
    script = str(spool.folder / "hook.sh")
    pipe = subprocess.PIPE
    return subprocess.Popen([script, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def run(spool: HookSpool, *arguments: str, event: str | None = None) -> tuple[int, str, str]:
    """The script's exit code, and what it printed."""
    process = start(spool, *arguments)
    out, err = process.communicate(json.dumps(EVENT) if event is None else event, timeout=30)
    return process.returncode, out, err


def test_an_event_is_stored_for_the_collector(collecting: HookSpool) -> None:
    assert run(collecting, "note") == (0, "", "")
    [event] = collecting.take()
    assert (event.event, event.asks) == (EVENT, False)
    assert collecting.take() == []


def test_events_arrive_whole_however_many_hooks_write_at_once(collecting: HookSpool) -> None:
    large = {"text": "x" * 300_000}
    processes = [start(collecting, "note") for _ in range(20)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(json.dumps(large))
    taken: list[HookEvent] = []
    for process in processes:
        process.communicate(timeout=30)
        taken += collecting.take()
    taken += collecting.take()
    assert [event.event for event in taken] == [large] * 20


@pytest.mark.parametrize("action", ["note", "ask", "status"])
def test_without_a_collector_it_does_nothing(spool: HookSpool, action: str) -> None:
    assert run(spool, action) == (0, "", "")
    assert [*(spool.folder / "new").iterdir(), *(spool.folder / "asks").iterdir()] == []


@pytest.mark.parametrize("action", ["note", "ask", "status"])
def test_it_is_silent_when_its_folders_are_gone_or_read_only(collecting: HookSpool, action: str) -> None:
    for name in ("new", "asks", "answers"):
        shutil.rmtree(collecting.folder / name)
    assert run(collecting, action) == (0, "", "")


def test_a_large_event_without_a_collector_breaks_no_pipe(spool: HookSpool) -> None:
    assert run(spool, "note", event="x" * 1_000_000) == (0, "", "")


def test_an_answer_is_printed(collecting: HookSpool) -> None:
    process = start(collecting, "ask")
    assert process.stdin is not None
    process.stdin.write(json.dumps(EVENT))
    process.stdin.close()
    [event] = eventually(collecting.take)
    assert event.asks
    assert collecting.waits(event)
    eventually(lambda: collecting.answer(event, '{"decision": "größer"}'))
    assert process.wait(30) == 0
    assert process.stdout is not None
    assert process.stdout.read() == '{"decision": "größer"}'
    eventually(lambda: not collecting.take())


def test_a_hook_that_was_killed_no_longer_waits(collecting: HookSpool) -> None:
    process = start(collecting, "ask")
    assert process.stdin is not None
    process.stdin.write(json.dumps(EVENT))
    process.stdin.close()
    [event] = eventually(collecting.take)
    process.kill()
    process.wait()
    assert not collecting.waits(event)
    collecting.forget(event)
    assert collecting.take() == []
    assert process.stdout is not None
    assert process.stdout.read() == ""  # nothing holds the pipe any longer


def test_the_users_own_status_line_is_shown(collecting: HookSpool) -> None:
    own = "cat; echo mine; exit 3"
    assert run(collecting, "status", own) == (3, json.dumps(EVENT) + "\nmine\n", "")
    assert [event.event for event in collecting.take()] == [EVENT]


def test_hooks_of_an_older_version_go_on_when_the_script_is_replaced(collecting: HookSpool) -> None:
    current = collecting.script.read_text()
    collecting.script.write_text(current + "# as it was once\n")
    waiting = start(collecting, "ask")
    assert waiting.stdin is not None
    waiting.stdin.write(json.dumps(EVENT))
    waiting.stdin.close()
    [event] = eventually(collecting.take)
    assert not collecting.is_current
    collecting.install()
    assert collecting.is_current
    eventually(lambda: collecting.answer(event, "{}"))
    assert waiting.wait(30) == 0
    assert waiting.stdout is not None
    assert waiting.stdout.read() == "{}"
    assert run(collecting, "note") == (0, "", "")
    assert run(collecting, "of-another-version", event="x" * 1_000_000) == (0, "", "")


def test_half_an_event_is_waited_for_and_then_dropped(collecting: HookSpool) -> None:
    path = collecting.folder / "new" / "1-1"
    path.write_text('{"half')
    assert collecting.take() == []
    assert path.exists()
    os.utime(path, (time.time() - 60, time.time() - 60))
    assert collecting.take() == []
    assert not path.exists()


def test_there_is_one_collector(collecting: HookSpool) -> None:
    assert collecting.collector == os.getpid()
    with pytest.raises(AlreadyRunning), HookSpool(collecting.folder).collecting():
        pass


def test_only_the_user_can_read_the_folder(collecting: HookSpool) -> None:
    run(collecting, "note")
    paths = [collecting.folder, *collecting.folder.rglob("*")]
    assert [path for path in paths if path.stat().st_mode & 0o077 and path.name != "collector.pid"] == []
