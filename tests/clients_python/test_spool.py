"""A spool keeps unacknowledged events beyond the program's end, and the agent's next run sends them once."""

import json
import logging
import os
import signal
import time
from pathlib import Path

import pytest
from agentstream import spool as spool_module
from agentstream.messages import Output, StatusChange, Terminated
from agentstream.options import RunOptions
from agentstream.outbox import Outbox
from agentstream.publisher import Publisher
from agentstream.report import reporting
from agentstream.runner import recover
from agentstream.spool import Record, Spool, abandoned_spools
from websockets.asyncio.server import ServerConnection

from tests.support.api import Api
from tests.support.server import LiveServer

from .command import python, run, running, wait_for
from .place import Place
from .scripted import AGENT, Store, answer, scripted, within


def chunk(text: str) -> Output:
    return Output(text, message_id="m")


def options(url: str) -> RunOptions:
    return RunOptions(url, "token", None, None, ["true"])


def filled(folder: Path, *texts: str) -> Outbox:
    outbox = Outbox(spool=Spool.create(folder, "producer"))
    for text in texts:
        outbox.add(chunk(text))
        outbox.batch()  # sealed: the next message becomes a new event
    return outbox


def contents(outbox: Outbox) -> list[tuple[int, str]]:
    events = [json.loads(entry.seal()) for entry in outbox.batch()]
    return [(event["n"], event["payload"]["content"]) for event in events]


def remaining(folder: Path) -> list[Outbox]:
    return [Outbox.restored(spool) for spool in abandoned_spools(folder)]


def test_unacknowledged_events_are_restored(tmp_path: Path) -> None:
    outbox = filled(tmp_path, "a", "b")
    outbox.add(chunk("c"))
    outbox.add(chunk("d"))
    outbox.acknowledge(1)
    outbox.close(keep=True)
    [found] = remaining(tmp_path)
    assert (found.producer, found.last, found.full) == ("producer", 3, False)
    assert contents(found)[1:] == [(2, "b"), (3, "cd")]


def test_it_is_empty_when_everything_is_acknowledged_and_gone_with_the_run(tmp_path: Path) -> None:
    outbox = filled(tmp_path, "a", "b")
    [path] = tmp_path.iterdir()
    outbox.acknowledge(2)
    assert path.stat().st_size == 0
    outbox.add(chunk("c"))
    outbox.acknowledge(3)
    outbox.close(keep=True)
    assert list(tmp_path.iterdir()) == []


def test_it_does_not_grow_with_acknowledged_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "COMPACT_ABOVE_BYTES", 10_000)
    outbox = filled(tmp_path)
    for n in range(1, 1000):
        outbox.add(Output("x" * 100))
        outbox.batch()
        outbox.acknowledge(n - 5)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 12_000
    outbox.close(keep=True)
    [found] = remaining(tmp_path)
    assert [n for n, _ in contents(found)][-5:] == list(range(995, 1000))


def test_a_running_programs_spool_is_left_alone(tmp_path: Path) -> None:
    outbox = filled(tmp_path, "a")
    assert remaining(tmp_path) == []
    outbox.close(keep=True)
    assert len(remaining(tmp_path)) == 1


@pytest.mark.parametrize("damage", [b'{"n": 3, "type"', b"\xff\n", b"[]\n", b'{"n": 9, "type": "x", "payload": {}}\n'])
def test_a_damaged_end_is_not_sent(tmp_path: Path, damage: bytes) -> None:
    outbox = filled(tmp_path, "a", "b")
    outbox.close(keep=True)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + damage)
    [found] = remaining(tmp_path)
    assert contents(found) == [(1, "a"), (2, "b")]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    filled(tmp_path / "new", "a").close(keep=True)
    modes = [oct(path.stat().st_mode & 0o777) for path in (tmp_path / "new", *(tmp_path / "new").iterdir())]
    assert modes == ["0o700", "0o600"]


def test_a_failing_disk_costs_the_spool_but_not_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        outbox = filled(tmp_path / "file" / "folder", "a", "b")
    assert [record.getMessage().split(": ")[1][:15] for record in caplog.records] == ["Not a directory"]
    assert contents(outbox) == [(1, "a"), (2, "b")]
    outbox.acknowledge(2)
    outbox.close(keep=True)


def test_records_of_other_events_are_kept_as_they_are(tmp_path: Path) -> None:
    outbox = Outbox(spool=Spool.create(tmp_path, "producer"))
    outbox.add(StatusChange("running", "why"))
    outbox.close(keep=True)
    [found] = abandoned_spools(tmp_path)
    assert found.records() == [Record(1, "agent:status", {"status": "running", "reason": "why"})]


def test_spooled_events_are_sent_under_their_own_numbers(tmp_path: Path) -> None:
    store = Store()
    first = filled(tmp_path, "a", "b", "c")
    store.take(json.dumps({"id": 1, "payload": {"events": [json.loads(first.batch()[0].seal())]}}))
    first.close(keep=True)

    async def go() -> None:
        async with scripted(store.serve) as url:
            await recover(options(url), AGENT, tmp_path)
            await recover(options(url), AGENT, tmp_path)

    within(10, go())
    assert store.content == "abc"
    assert list(tmp_path.iterdir()) == []


def test_spools_that_the_server_refuses_are_moved_aside(tmp_path: Path) -> None:
    async def refuse(websocket: ServerConnection) -> None:
        async for frame in websocket:
            await websocket.send(answer("error", json.loads(frame)["id"], code="INVALID_MESSAGE", message="a jump"))

    async def go() -> None:
        async with scripted(refuse) as url:
            await recover(options(url), AGENT, tmp_path)

    filled(tmp_path, "a").close(keep=True)
    within(10, go())
    assert [path.name for path in tmp_path.iterdir()] == ["producer.refused"]


def test_a_killed_runner_loses_none_of_its_output(mortal: LiveServer, mortal_place: Place, tmp_path: Path) -> None:
    code = "import time\nfor n in range(100_000): print(n, flush=True); n < 50 or time.sleep(0.01)"
    options = ("--spool", str(tmp_path))
    with running(mortal_place, *python(code), options=options) as process:
        wait_for(mortal_place, "40\n")
        mortal.kill()
        time.sleep(1)
        process.kill()
        process.wait()
        assert process.stdout
        printed = process.stdout.read().decode()
    assert len(list(tmp_path.glob("*/*.spool"))) == 1
    mortal.start()
    assert run(mortal_place, "echo", "next", options=options)[0] == 0
    *numbers, last = mortal_place.text().splitlines()
    assert last == "next"
    assert numbers == [str(n) for n in range(len(numbers))]
    # The runner prints a line before it keeps it, and was killed between two.
    assert len(numbers) >= len(printed.splitlines()) - 2
    assert list(tmp_path.glob("*/*.spool")) == []


def test_a_run_ends_without_the_server_and_the_next_run_reports_its_end(
    mortal: LiveServer, mortal_place: Place, tmp_path: Path
) -> None:
    options = ("--spool", str(tmp_path), "--wait", "1")
    with running(
        mortal_place, *python("import time; print('begun'); time.sleep(2); print('ended')"), options=options
    ) as process:
        wait_for(mortal_place, "begun")
        mortal.kill()
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "the agent's next run will send them" in err.decode()
    mortal.start()
    assert run(mortal_place, "echo", "next", options=options)[0] == 0
    assert mortal_place.text().splitlines() == ["begun", "ended", "next"]
    ends = [event for event in mortal_place.history() if event.type == "agent:terminated"]
    assert [end.payload["reason"] for end in ends] == ["completed", "completed"]
    assert list(tmp_path.glob("*/*.spool")) == []


def test_a_flood_is_slowed_down_and_reported(mortal: LiveServer, mortal_place: Place) -> None:
    place = mortal_place
    with running(place, "yes", options=("--quiet", "--no-pty")) as process:
        while not newest(place):
            time.sleep(0.05)
        os.kill(mortal.pid, signal.SIGSTOP)
        try:
            time.sleep(6)
            assert most_memory(process.pid) < 100
        finally:
            os.kill(mortal.pid, signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert "for the server to accept its output" in err.decode()
    last = Api(place.url, place.token).get(f"/agents/{place.agent}/events?since={newest(place) - 4}").data["events"]
    flood, note, status, over = last
    assert flood["payload"]["content"].startswith("y\ny\n")
    assert note["payload"]["content"] in err.decode()
    assert (status["payload"]["status"], over["payload"]["reason"]) == ("finished", "user_stopped")


def newest(place: Place) -> int:
    seq: int = Api(place.url, place.token).get(f"/agents/{place.agent}/events?limit=1").data["seq"]
    return seq


def most_memory(pid: int) -> float:
    """The most it has ever had, in MiB."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


# Fills whatever there is between it and the server, and ends: exits once nothing has found room for two seconds.
FLOOD = """
import os, sys, time
print("begun", flush=True)
time.sleep(2)
os.set_blocking(1, False)
count, since = 0, time.monotonic()
while time.monotonic() - since < 2:
    try:
        os.write(1, b"%099d\\n" % count)
    except BlockingIOError:
        time.sleep(0.01)
    else:
        count, since = count + 1, time.monotonic()
with open(sys.argv[1], "w") as file:
    print(count, file=file)
"""


def test_a_full_queue_does_not_keep_a_run_past_its_wait_and_loses_nothing(
    mortal: LiveServer, mortal_place: Place, tmp_path: Path
) -> None:
    options = ("--spool", str(tmp_path / "spool"), "--no-pty", "--quiet")
    written = tmp_path / "written"
    with running(mortal_place, *python(FLOOD), str(written), options=(*options, "--wait", "3")) as process:
        wait_for(mortal_place, "begun")
        mortal.kill()
        while not written.exists():
            time.sleep(0.05)
        ended = time.monotonic()
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - ended < 3 + 2
    assert process.returncode == 0
    assert "the agent's next run will send them" in err.decode()
    assert "they are lost" not in err.decode()
    mortal.start()
    assert run(mortal_place, "echo", "next", options=options)[0] == 0
    first, *numbers, last = mortal_place.text().splitlines()
    assert (first, last) == ("begun", "next")
    assert len(numbers) * 100 > 8 * 1024 * 1024
    assert [int(number) for number in numbers] == list(range(int(written.read_text())))
    ends = [event for event in mortal_place.history() if event.type == "agent:terminated"]
    assert [end.payload["reason"] for end in ends] == ["completed", "completed"]


@pytest.mark.parametrize("writing", ["exec yes", "while echo y; do sleep 0.01; done"], ids=["much", "little"])
def test_output_after_the_commands_end_does_not_keep_a_run_past_its_wait(place: Place, writing: str) -> None:
    code = f"import os; os.fork() or os.setsid() or os.execlp('sh', 'sh', '-c', {writing!r}); os.write(1, b'done\\n')"
    began = time.monotonic()
    assert run(place, *python(code), options=("--no-pty", "--quiet", "--wait", "1"))[0] == 0
    assert time.monotonic() - began < 10
    shown = Api(place.url, place.token).get(f"/agents/{place.agent}/events?limit=100&since=0&type=agent:output")
    assert shown.data["events"][0]["payload"]["content"].startswith(("done\n", "y\n"))


def test_without_time_to_wait_a_run_still_publishes_everything_printed(place: Place, tmp_path: Path) -> None:
    options = ("--spool", str(tmp_path), "--wait", "0")
    assert run(place, *python("print('x' * 60_000)"), options=options)[0] == 0
    assert run(place, "echo", "next", options=("--spool", str(tmp_path)))[0] == 0
    assert place.text().splitlines() == ["x" * 60_000, "next"]


def test_output_without_room_is_reported_as_lost_and_the_end_is_published(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(max_bytes=1_000, spool=Spool.create(tmp_path, "producer"))
    publisher = Publisher("http://127.0.0.1:9", "token", AGENT, outbox=outbox)

    async def go() -> None:
        async with reporting(publisher, outbox, 0.3) as report:
            await report.send(Output("1" * 1_000))
            report.command_ended()
            for number in "234":
                await report.send(Output(number * 1_000))
            report.report_lost()
            report.send_now(Terminated(0))

    began = time.monotonic()
    within(10, go())
    assert time.monotonic() - began < 2
    [found] = abandoned_spools(tmp_path)
    *outputs, note, over = found.records()
    assert [output.payload["content"][0] for output in outputs] == ["1", "2"]
    assert note.payload["content"] == "The server was unreachable and the buffer full: 2 pieces of output were lost.\n"
    assert over.type == "agent:terminated"
    assert "4 events haven't been acknowledged; the agent's next run will send them" in caplog.text


def test_without_a_spool_the_log_promises_no_next_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    outbox = Outbox(spool=Spool.create(tmp_path / "file" / "folder", "producer"))
    publisher = Publisher("http://127.0.0.1:9", "token", AGENT, outbox=outbox)

    async def go() -> None:
        async with reporting(publisher, outbox, 0.1) as report:
            await report.send(Output("gone"))

    within(10, go())
    assert "1 events haven't been acknowledged; they are lost, because there is no spool" in caplog.text
