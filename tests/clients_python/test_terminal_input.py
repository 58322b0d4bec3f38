"""What people send from elsewhere to a command that has the terminal."""

import re
from ast import literal_eval
from pathlib import Path

import pytest
from agentstream.terminal.keyboard import Keyboard, cleaned, pasted

from tests.support.api import Api
from tests.support.pty import Screen

from .command import ending, python
from .place import Place
from .terminals import attended

BRACKETED, PLAIN = "\\x1b[?2004h", ""


def reader(start: str) -> tuple[str, ...]:
    """Prints `start`, and each read of its input; q ends it."""
    return python(
        f"import os, tty; tty.setraw(0); os.write(1, b'{start}ready')\n"
        "while (keys := os.read(0, 4096)) != b'q': print(f'<{keys!r}>', end='', flush=True)"
    )


def keys(shown: Screen) -> list[bytes]:
    """What the reader has read."""
    return [literal_eval(key) for key in re.findall(r"<(b'.*?')>", shown.text)]


def send(place: Place, path: str, **body: str) -> None:
    Api(place.url, place.token).post(f"/agents/{place.agent}/{path}", body)


@pytest.mark.parametrize(
    ("start", "sent", "typed"),
    [
        (BRACKETED, "first\nsecond\tend\n", b"\x1b[200~first\rsecond\tend\x1b[201~"),
        (BRACKETED, "größer ✳", "\x1b[200~größer ✳\x1b[201~".encode()),
        (PLAIN, "hello", b"hello"),
        (BRACKETED + "\\x1b[?25;2004l", "hello", b"hello"),
        (BRACKETED, "a\x1b[201~\x03b\x9b201~\x7f\x08c\r\nd", b"\x1b[200~a[201~b201~c\rd\x1b[201~"),
    ],
    ids=["lines", "other letters", "plain", "no longer marked", "escape sequences"],
)
def test_text_is_pasted_and_entered(place: Place, start: str, sent: str, typed: bytes) -> None:
    with attended(place, *reader(start)) as shown:
        shown.wait_for("ready")
        send(place, "input", content=sent)
        shown.wait_for(r"<b'\r'>")
        shown.type(b"q")
        assert shown.wait() == 0
    *pieces, enter = keys(shown)
    assert (b"".join(pieces), enter) == (typed, b"\r")


def test_nothing_is_typed_into_a_line_of_the_person_at_the_keyboard(place: Place) -> None:
    with attended(place, *reader(BRACKETED)) as shown:
        shown.wait_for("ready")
        shown.type(b"x")
        shown.wait_for("<b'x'>")
        send(place, "input", content="sent")
        # Comes after the input, but doesn't wait.
        send(place, "signal", signal="interrupt")
        shown.wait_for(r"<b'\x03'>")
        shown.type(b"\r")
        shown.wait_for(r"<b'\r'>", 2)
        shown.type(b"q")
        shown.wait()
    assert keys(shown) == [b"x", b"\x03", b"\r", b"\x1b[200~sent\x1b[201~", b"\r"]


@pytest.mark.parametrize(
    ("name", "pressed"), [("htop", [b"\x03"]), ("claude", [b"\x1b"]), ("opencode", [b"\x1b", b"\x1b"])]
)
def test_an_interrupt_is_the_key_that_the_tool_takes(
    place: Place, tmp_path: Path, name: str, pressed: list[bytes]
) -> None:
    tool = tmp_path / name
    tool.write_text('#!/bin/sh\nexec "$@"\n')
    tool.chmod(0o755)
    with attended(place, str(tool), *reader(PLAIN)) as shown:
        shown.wait_for("ready")
        send(place, "signal", signal="interrupt")
        shown.wait_for(f"<{pressed[0]!r}>", len(pressed))
        shown.type(b"q")
        assert shown.wait() == 0
    assert keys(shown) == pressed


def test_a_stop_ends_the_command_and_restores_the_terminal(place: Place) -> None:
    with attended(place, *reader(BRACKETED)) as shown:
        shown.wait_for("ready")
        send(place, "signal", signal="stop")
        assert shown.wait() == 143
        assert shown.attributes == shown.initial
    assert ending(place.history()) == ("finished", "user_stopped", 143, "SIGTERM", "user_stopped")


@pytest.mark.parametrize(
    "text", ["\x1b[201~rm", "\x9b201~", "\x1b\x1b[2\x0001~", "\x1b]52;c;x\x07", "a\r\x1b\r\nb", "\ud800"]
)
def test_text_can_contain_no_escape_sequence(text: str) -> None:
    for bracketed in (True, False):
        data = pasted(text, bracketed)
        inner = data.removeprefix(b"\x1b[200~").removesuffix(b"\x1b[201~") if bracketed else data
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", inner.decode())


def test_newlines_and_tabs_stay() -> None:
    assert cleaned("a\tb\r\nc\rd\n\n") == "a\tb\nc\nd"


@pytest.mark.parametrize(
    ("typed", "least", "most"),
    [
        (b"hel", 9, 10),
        (b"hello\r", 0.5, 1),
        (b"hel\x03", 0.5, 1),
        (b"\x1b[A", 9, 10),
        (b"\x1b[<35;20;5M\x1b[I\x1b[?62;c\x1b[24;80R\x1b]11;rgb:0/0/0\x1b\\\x1bP>|tmux 3.3a\x1b\\", float("-inf"), 0),
    ],
    ids=["in a line", "after Enter", "after Ctrl-C", "a special key", "what the terminal reports itself"],
)
def test_how_long_nothing_else_is_typed(typed: bytes, least: float, most: float) -> None:
    keyboard = Keyboard()
    keyboard.pressed(typed)
    assert least <= keyboard.pause <= most
