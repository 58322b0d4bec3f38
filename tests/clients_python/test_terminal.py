"""`agentstream run --terminal`: the command in the terminal as if it had been started there directly."""

import hashlib
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import eventually

from .command import ending, python
from .place import Place
from .terminals import attended, environment, line

# A full-screen program reads keys one by one.
RAW = "import os, sys, termios, tty; tty.setraw(0); "


def test_the_command_has_a_terminal_of_its_own_with_the_same_settings(place: Place) -> None:
    code = (
        "import os, termios; print([os.isatty(n) for n in (0, 1, 2)], termios.tcgetattr(0))\n"
        "print('foreground', os.tcgetpgrp(0) == os.getpgrp(), open('/dev/tty').isatty(), os.get_terminal_size())"
    )
    with attended(place, *python(code), size=(31, 97)) as shown:
        assert shown.wait() == 0
        settings = shown.initial
    assert f"[True, True, True] {settings}" in shown.text
    assert "foreground True True os.terminal_size(columns=97, lines=31)" in shown.text


@pytest.mark.parametrize(
    ("command", "code", "end"),
    [
        ("exit 0", 0, ("finished", "completed", 0, None, "completed")),
        ("exit 7", 7, ("error", "process_error", 7, None, "error")),
        ("kill -9 $$", 137, ("error", "process_error", 137, "SIGKILL", "error")),
    ],
)
def test_its_exit_code_is_that_of_the_shell(
    place: Place, command: str, code: int, end: tuple[str, str, int, str | None, str]
) -> None:
    with attended(place, "sh", "-c", command) as shown:
        assert shown.wait() == code
        assert shown.attributes == shown.initial
    events = place.history()
    assert [event.payload.get("status") for event in events[:1]] == ["running"]
    assert ending(events) == end


@pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_be_started_is_named(place: Place, command: str, code: int) -> None:
    with attended(place, command) as shown:
        assert shown.wait() == code
    assert f"agentstream: {command}: " in shown.text
    assert ending(place.history()) == ("error", "process_error", code, None, "error")


def test_keys_reach_the_command_one_by_one_and_as_they_are(place: Place) -> None:
    code = (
        RAW
        + "print('ready', end='', flush=True)\nwhile (key := os.read(0, 1)) != b'q': print(key, end=' ', flush=True)"
    )
    with attended(place, *python(code)) as shown:
        shown.wait_for("ready")
        for key in (b"\x03", b"\x1a", b"\x1c", b"\r", b"\x13"):
            shown.type(key)
            shown.wait_for(repr(key))
        shown.type(b"q")
        assert shown.wait() == 0


def test_control_c_is_a_signal_for_a_command_that_reads_lines(place: Place) -> None:
    with attended(place, "sh", "-c", "trap 'echo interrupted' INT; echo ready; read line; echo $line") as shown:
        shown.wait_for("ready")
        shown.type(b"\x03")
        shown.wait_for("interrupted")
        shown.type(b"on\r")
        assert shown.wait() == 0
        assert shown.attributes == shown.initial


def test_a_change_of_the_size_reaches_the_command(place: Place) -> None:
    code = (
        "import os, signal; signal.signal(signal.SIGWINCH, lambda *_: print(os.get_terminal_size()))\n"
        "print('ready'); input()"
    )
    with attended(place, *python(code)) as shown:
        shown.wait_for("ready")
        shown.resize(40, 120)
        shown.wait_for("columns=120, lines=40")
        shown.type(b"\n")
        assert shown.wait() == 0


def test_ten_megabytes_arrive_byte_by_byte(place: Place) -> None:
    code = (
        "import hashlib, os, random, sys, tty; tty.setraw(1); r = random.Random(1)\n"
        "data = bytes(r.choices(range(256), k=1 << 20)) * 10\n"
        "os.write(1, b'BEGIN'); sys.stdout.buffer.write(data)\n"
        "sys.stdout.buffer.write(b'END' + hashlib.sha256(data).hexdigest().encode())"
    )
    with attended(place, *python(code)) as shown:
        assert shown.wait() == 0
        eventually(lambda: re.search(rb"END[0-9a-f]{64}\Z", shown.shown))
    data, digest = shown.shown.partition(b"BEGIN")[2][:-67], shown.shown[-64:].decode()
    assert len(data) == 10 << 20
    assert hashlib.sha256(data).hexdigest() == digest


def test_a_slow_terminal_slows_the_command_down(place: Place, tmp_path: Path) -> None:
    # Counts what is taken until nothing has been for a second.
    code = (
        "import os, select, tty; tty.setraw(1); os.write(1, b'ready'); os.read(0, 1)\n"
        "os.set_blocking(1, False); n = 0\n"
        "while n < 10 << 20 and select.select([], [1], [], 1)[1]: n += os.write(1, b'x' * 1000)\n"
        f"os.set_blocking(1, True); open({str(tmp_path / 'taken')!r}, 'w').write(str(n)); os.write(1, b'rest')"
    )
    with attended(place, *python(code)) as shown:
        shown.wait_for("ready")
        shown.pause()
        shown.type(b"g")
        eventually(lambda: (tmp_path / "taken").exists() and (tmp_path / "taken").read_text())
        taken = int((tmp_path / "taken").read_text())
        assert taken < 1 << 20
        shown.go_on()
        assert shown.wait() == 0
        shown.wait_for("rest")
    assert shown.shown.count(b"x") == taken


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_restored_after_a_signal(place: Place, number: signal.Signals) -> None:
    with attended(place, *python(RAW + "print('ready', flush=True); sys.stdin.read()")) as shown:
        shown.wait_for("ready")
        assert shown.attributes != shown.initial
        shown.process.send_signal(number)
        assert shown.wait() == 128 + number
        assert shown.attributes == shown.initial
    assert ending(place.history()) == ("finished", "user_stopped", 128 + number, number.name, "user_stopped")


def test_a_command_that_outlives_a_signal_keeps_the_terminal(place: Place) -> None:
    code = (
        "import signal; signal.signal(signal.SIGTERM, lambda *_: print('still here'))\n"
        "print('ready'); input(); print('end')"
    )
    with attended(place, *python(code)) as shown:
        shown.wait_for("ready")
        shown.process.terminate()
        shown.wait_for("still here")
        shown.type(b"\r")
        assert shown.wait() == 0
        assert "end" in shown.text


@pytest.mark.parametrize("killed", [True, False], ids=["the runner is killed", "the terminal is closed"])
def test_the_command_is_hung_up_when_the_terminal_goes_away(place: Place, tmp_path: Path, killed: bool) -> None:
    told = tmp_path / "told"
    code = (
        "import os, signal, sys, time\n"
        f"signal.signal(signal.SIGHUP, lambda *_: (open({str(told)!r}, 'w').write('hung up'), os._exit(0)))\n"
        "print('ready', flush=True)\nwhile True: time.sleep(1)"
    )
    with attended(place, *python(code)) as shown:
        shown.wait_for("ready")
        if killed:
            shown.process.kill()
        else:
            shown.hang_up()
        eventually(lambda: told.exists() and told.read_text() == "hung up")
        shown.wait()
    if not killed:
        assert ending(place.history())[0] == "finished"


def test_the_command_does_not_get_the_token_and_its_environment_is_otherwise_the_same(place: Place) -> None:
    code = "import os; print(sorted(os.environ.items()))"
    own = {key: value for key, value in environment(place).items() if key != "AGENTSTREAM_TOKEN"}
    with attended(place, *python(code), size=(24, 10_000)) as shown:
        assert shown.wait() == 0
    assert str(sorted(own.items())) in shown.text


def test_nothing_of_the_screen_is_published(place: Place) -> None:
    with attended(place, "sh", "-c", "echo secret; echo more >&2") as shown:
        assert shown.wait() == 0
    assert [event.type for event in place.history()] == ["agent:status", "agent:status", "agent:terminated"]


def test_a_terminal_that_is_asked_for_must_be_there(place: Place) -> None:
    made = subprocess.run(line(place, "true"), env=environment(place), capture_output=True, text=True, check=False)
    assert made.returncode == 1
    assert "expected standard input and output that are a terminal" in made.stderr


@pytest.mark.parametrize(
    ("options", "arguments", "terminal"),
    [
        ((), (), True),
        ((), ("-p", "hi"), False),
        (("--no-terminal",), (), False),
        (("--pty",), (), False),
        (("--adapter", "text"), (), False),
    ],
    ids=str,
)
def test_an_interactive_tool_gets_the_terminal_by_itself(
    place: Place, tmp_path: Path, options: tuple[str, ...], arguments: tuple[str, ...], terminal: bool
) -> None:
    tool = tmp_path / "claude"
    tool.write_text("#!/bin/sh\n[ -t 0 ] && [ -t 2 ] && echo attended || echo headless\n")
    tool.chmod(0o755)
    with attended(place, str(tool), *arguments, options=options) as shown:
        assert shown.wait() == 0
        shown.wait_for("attended" if terminal else "headless")
    assert place.text() == ("" if terminal else "headless\n")
