"""`agentstream run`, end to end: a real process, a real server, and what is finally stored."""

import os
import re
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from tests.support.api import Api
from tests.support.server import LiveServer

from .command import PYTHON, clock, ending, gone, python, run, running, wait_for
from .place import Place


def test_what_a_command_prints_is_shown_from_start_to_end(place: Place) -> None:
    code, out, err = run(place, "sh", "-c", "echo one; sleep 0.3; echo two >&2; sleep 0.3; echo three")
    assert (code, out, err) == (0, "one\nthree\n", "two\n")
    events = place.history()
    assert events[0].payload["status"] == "running"
    assert [(event.payload["content"], event.payload["role"], event.payload["kind"]) for event in events[1:-2]] == [
        ("one\n", "assistant", "text"),
        ("two\n", "system", "text"),
        ("three\n", "assistant", "text"),
    ]
    assert ending(events) == ("finished", "completed", 0, None, "completed")


def test_a_missing_agent_is_created(place: Place) -> None:
    run(place, "echo", "hi", name="brand new")
    assert place.text("brand new") == "hi\n"


def test_workspace_and_name_have_defaults(live: LiveServer, place: Place) -> None:
    name = f"member-{uuid.uuid4()}"
    token = live.token(name)
    member = f"User.objects.get(username='{name}').pk"
    call = f"WorkspaceService.set_member('{place.workspace}', {member}, 'operator')"
    live.run("shell", "-c", f"from workspaces.services import WorkspaceService; {call}")
    line = [PYTHON, "-m", "agentstream", "run", "--url", place.url, "--", "/bin/echo", "hi"]
    env = {**os.environ, "AGENTSTREAM_TOKEN": token}
    assert subprocess.run(line, env=env, capture_output=True, timeout=30, check=True).stdout == b"hi\n"
    assert place.text("echo") == "hi\n"


def test_among_several_workspaces_one_must_be_named(place: Place, root: Api) -> None:
    root.workspace("Another")
    line = [PYTHON, "-m", "agentstream", "run", "--url", place.url, "--", "true"]
    env = {**os.environ, "AGENTSTREAM_TOKEN": place.token}
    result = subprocess.run(line, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert place.slug in result.stderr
    assert "got none to choose between them" in result.stderr


def test_the_events_of_a_tool_are_translated(place: Place) -> None:
    recorded = Path(__file__).parent / "transcripts/recorded/claude-partial.jsonl"
    code, out, _ = run(place, "cat", str(recorded), options=("--adapter", "claude"))
    assert (code, out) == (0, recorded.read_text())
    events = place.history()
    statuses = [event.payload["status"] for event in events if event.type == "agent:status"]
    assert statuses == ["running", "idle", "finished"]
    assert place.text().endswith("I'll greet twice — größer als 3 €.Done: greeted twice.")
    level = [event.payload for event in events if event.type == "agent:context"][-1]
    assert (level["contextLevel"], level["tokensUsed"], level["tokensLimit"]) == (12, 24_200, 200_000)


def test_a_failing_command_is_an_error(place: Place) -> None:
    assert run(place, "sh", "-c", "exit 3")[0] == 3
    assert ending(place.history()) == ("error", "process_error", 3, None, "error")


def test_a_killed_command_is_an_error_with_the_signal(place: Place) -> None:
    assert run(place, "sh", "-c", "kill -9 $$")[0] == 137
    assert ending(place.history()) == ("error", "process_error", 137, "SIGKILL", "error")


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [("no-such-command", 127, "no-such-command: command not found"), ("/etc/passwd", 126, "Permission denied")],
)
def test_a_command_that_cannot_be_started(place: Place, command: str, code: int, words: str) -> None:
    got, out, err = run(place, command)
    assert (got, out) == (code, "")
    assert words in err
    assert "Traceback" not in err
    events = place.history()
    assert words in events[0].payload["error"]["message"]
    assert ending(events) == ("error", "process_error", code, None, "error")


def test_a_line_is_shown_before_it_ends(place: Place) -> None:
    with running(place, *python("import time; print('go\\n50%', end=''); time.sleep(1); print(' done')")) as process:
        assert process.wait(20) == 0
    line, partial, rest = place.history()[1:-2]
    assert line.payload["content"] == "go\n"
    assert 0.1 < clock(partial) - clock(line) < 0.4
    assert clock(rest) - clock(partial) > 0.5
    assert (partial.payload["content"], partial.payload["isStreaming"]) == ("50%", True)
    assert (rest.payload["content"], rest.payload.get("isStreaming")) == (" done\n", None)
    assert partial.payload["messageId"] == rest.payload["messageId"]


@pytest.mark.parametrize(
    ("options", "terminal"), [((), True), (("--no-pty",), False), (("--adapter", "codex"), False)], ids=str
)
def test_text_is_written_to_a_terminal_and_events_to_a_pipe(
    place: Place, options: tuple[str, ...], terminal: bool
) -> None:
    code = "import os, sys; print(os.isatty(1), file=sys.stderr); print(os.isatty(0) or os.isatty(2), file=sys.stderr)"
    run(place, *python(code), options=options)
    assert place.text(role="system") == f"{terminal}\nFalse\n"


def test_a_program_that_buffers_on_a_pipe_is_shown_line_by_line(place: Place) -> None:
    run(place, "sh", "-c", "(echo first; sleep 1; echo second) | grep --color=auto .")
    first, second = place.history()[1:-2]
    assert (first.payload["content"], second.payload["content"]) == ("first\n", "second\n")
    assert clock(second) - clock(first) > 0.7


def test_bytes_that_are_not_utf8_are_replaced(place: Place) -> None:
    run(place, *python("import os; os.write(1, b'a\\xff\\xc3'); os.write(1, b'\\xa9\\0b\\n')"))
    assert place.text() == "a\ufffdé\0b\n"


def test_many_and_long_lines_arrive_whole(place: Place) -> None:
    code, out, _ = run(place, *python("for n in range(20_000): print(n)\nprint('é' * 200_000, end='')"))
    expected = "".join(f"{n}\n" for n in range(20_000)) + "é" * 200_000
    assert (code, out) == (0, expected)
    assert place.text() == expected


def test_quiet_prints_nothing_here(place: Place) -> None:
    assert run(place, "sh", "-c", "echo out; echo err >&2", options=("--quiet",)) == (0, "", "")
    assert place.text() == "out\n"


def test_a_closed_stdout_does_not_stop_the_command(place: Place) -> None:
    with running(place, "sh", "-c", "echo one; sleep 0.5; echo two; sleep 0.2; echo three") as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait(20) == 0
    assert place.text() == "one\ntwo\nthree\n"


def test_the_command_cannot_read_the_token(place: Place) -> None:
    run(place, "env")
    assert "PYTHONUNBUFFERED=1" in place.text()
    assert place.token not in place.text()


def test_the_command_reads_the_runners_stdin(place: Place) -> None:
    line = [PYTHON, "-m", "agentstream", "run", "--url", place.url]
    line += ["--workspace", place.slug, "--name", "agent", "--", "cat"]
    env = {**os.environ, "AGENTSTREAM_TOKEN": place.token}
    result = subprocess.run(line, env=env, input=b"piped\n", stdout=subprocess.DEVNULL, timeout=30, check=False)
    assert result.returncode == 0
    assert place.text() == "piped\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_command_and_its_children(place: Place, number: signal.Signals) -> None:
    with running(place, "sh", "-c", "sleep 60 & echo child $!; echo ready; wait") as process:
        wait_for(place, "ready")
        process.send_signal(number)
        assert process.wait(20) == 128 + number
    child = re.search(r"child (\d+)", place.text())
    assert child
    assert gone(int(child[1]))
    assert ending(place.history()) == ("finished", "user_stopped", 128 + number, number.name, "user_stopped")


def test_a_command_may_take_its_time_to_stop(place: Place) -> None:
    with running(place, "sh", "-c", "trap 'echo bye; exit 5' INT; echo ready; while :; do sleep 0.1; done") as process:
        wait_for(place, "ready")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 5
    assert place.text() == "ready\nbye\n"
    assert ending(place.history()) == ("finished", "user_stopped", 5, None, "user_stopped")


def test_a_second_interrupt_kills(place: Place) -> None:
    with running(
        place, *python("import signal, time; signal.signal(2, signal.SIG_IGN); print('ready'); time.sleep(60)")
    ) as process:
        wait_for(place, "ready")
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 137
    assert ending(place.history()) == ("finished", "user_stopped", 137, "SIGKILL", "user_stopped")


def test_under_nohup_a_hangup_has_no_effect(place: Place) -> None:
    with running(place, "sh", "-c", "echo ready; sleep 1; echo over", ignoring=signal.SIGHUP) as process:
        wait_for(place, "ready")
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 0
    assert ending(place.history()) == ("finished", "completed", 0, None, "completed")


def test_the_end_of_the_command_is_the_end_of_its_group(place: Place) -> None:
    assert run(place, "sh", "-c", "sleep 60 & echo child $!")[0] == 0
    child = re.search(r"child (\d+)", place.text())
    assert child
    assert gone(int(child[1]))
    assert ending(place.history()) == ("finished", "completed", 0, None, "completed")


def test_a_child_that_left_the_group_is_not_waited_for(place: Place) -> None:
    started = time.monotonic()
    assert run(place, "sh", "-c", "setsid sleep 20 & echo left")[0] == 0
    assert time.monotonic() - started < 10
    assert place.text() == "left\n"


@pytest.mark.parametrize("quick", [False, True], ids=["a line now and then", "as fast as it can"])
def test_a_server_restart_in_the_middle(mortal: LiveServer, mortal_place: Place, quick: bool) -> None:
    count, burst = (60_000, 200) if quick else (300, 1)
    code = f"import time\nfor n in range({count}): print(n); n % {burst} or time.sleep(0.01)"
    with running(mortal_place, *python(code)) as process:
        wait_for(mortal_place, "9\n")
        for _ in range(2):
            mortal.restart()
            time.sleep(0.7)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    expected = "".join(f"{n}\n" for n in range(count))
    assert out.decode() == expected
    assert "Traceback" not in err.decode()
    assert mortal_place.text() == expected
    assert ending(mortal_place.history()) == ("finished", "completed", 0, None, "completed")


def test_it_waits_for_a_server_that_is_not_up_yet(mortal: LiveServer, mortal_place: Place) -> None:
    mortal.kill()
    with running(mortal_place, "echo", "hi") as process:
        time.sleep(1)
        mortal.start()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"hi\n")
    assert b"trying again" in err
    assert mortal_place.text() == "hi\n"


def test_waiting_for_a_server_that_is_gone_can_be_cut_short(mortal: LiveServer, mortal_place: Place) -> None:
    with running(mortal_place, "sh", "-c", "echo ready; sleep 1; echo over") as process:
        wait_for(mortal_place, "ready")
        mortal.kill()
        assert process.stdout
        assert process.stdout.readline() + process.stdout.readline() == b"ready\nover\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"stopped with 3 unacknowledged events" in err
    assert b"Traceback" not in err


def test_a_wrong_token_ends_it_before_the_command_starts(place: Place) -> None:
    wrong = Place(place.url, "wrong-token", place.workspace, place.slug, place.agent)
    code, out, err = run(wrong, "echo", "hi")
    assert (code, out) == (1, "")
    assert "UNAUTHENTICATED" in err
    assert "wrong-token" not in err
    assert "Traceback" not in err


def test_an_unknown_workspace_is_named(place: Place) -> None:
    nowhere = Place(place.url, place.token, place.workspace, "nowhere", place.agent)
    code, _, err = run(nowhere, "echo", "hi")
    assert code == 1
    assert "got 'nowhere'" in err


def test_a_refusal_during_the_run_does_not_end_the_command(place: Place) -> None:
    with running(place, "sh", "-c", "echo ready; sleep 1.5; echo more; sleep 0.5; exit 4") as process:
        wait_for(place, "ready")
        assert Api(place.url, place.token).call("DELETE", f"/agents/{place.agent}").status == 204
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (4, b"ready\nmore\n")
    assert err.decode().count("publishing has ended") == 1
    assert "NOT_FOUND" in err.decode()


@pytest.mark.parametrize(
    ("arguments", "token", "words"),
    [
        (["run", "--workspace", "w", "--name", "n", "--", "true"], "", "expected a token"),
        (["run", "--workspace", "w", "--name", "n"], "t", "expected a command"),
        (["run", "--adapter", "cobol", "--", "true"], "t", "invalid choice: 'cobol'"),
        (["run", "--url", "nonsense", "--workspace", "w", "--name", "n", "--", "true"], "t", "got 'nonsense'"),
        (["run", "--token", "t", "--", "true"], "", "--token is not accepted"),
        (["run", "--token-file", "/nowhere", "--", "true"], "", "token file /nowhere: No such file"),
    ],
)
def test_a_wrong_command_line_is_explained(arguments: list[str], token: str, words: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AGENTSTREAM_")}
    result = subprocess.run(
        [PYTHON, "-m", "agentstream", *arguments],
        env={**environment, "AGENTSTREAM_TOKEN": token, "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.returncode in {1, 2}
    assert words in result.stderr
    assert "Traceback" not in result.stderr
