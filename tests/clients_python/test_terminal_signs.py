"""What a program tells its terminal, and what of that is published."""

import pytest
from agentstream.terminal.signs import MAX_STRING_BYTES, Bell, Notification, Sign, SignReader, Title

from tests.support.api import Api
from tests.support.waiting import eventually

from .command import python
from .place import Place
from .terminals import attended

ST, BEL = b"\x1b\\", b"\x07"


def signs(data: bytes, step: int = 1 << 20) -> list[Sign]:
    reader = SignReader()
    return [sign for at in range(0, len(data), step) for sign in reader.feed(data[at : at + step])]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"text" + BEL + b"more", [Bell()]),
        (b"\x1b]9;Build done" + BEL, [Notification("Build done")]),
        (b"\x1b]9;4;1;50" + ST, []),
        (b"\x1b]777;notify;Claude;needs you; now" + ST, [Notification("Claude: needs you; now")]),
        (b"\x1b]777;other;Claude" + ST, []),
        (b"\x1b]99;;Hello" + ST, [Notification("Hello")]),
        (b"\x1b]99;i=1:d=0;Hello" + ST + b"\x1b]99;i=1:p=body;world" + ST, [Notification("Hello: world")]),
        (b"\x1b]99;e=1;SGVsbG8=" + ST, [Notification("Hello")]),
        (b"\x1b]99;e=1;not base64" + ST, []),
        (b"\x1b]99;p=close;x" + ST, []),
        (b"\x1b]0;A title" + BEL + b"\x1b]2;another" + ST + b"\x1b]1;icon" + BEL, [Title("A title"), Title("another")]),
        ("\x1b]9;grün\x9b\u202e\nund weiter\x07".encode(), [Notification("grün und weiter")]),
        (b"\x1bPtmux;\x1b\x1b]9;through tmux" + BEL + ST, [Notification("through tmux")]),
        (b"\x1bP$q" + BEL + BEL + ST + b"\x1b_Gf=100;" + b"A" * 9000 + ST + b"\x1b]52;c;" + b"A" * 9000 + BEL, []),
        (b"\x1b]9;given up\x18" + BEL, [Bell()]),
        (b"\x1b]9;cut off\x1b[31m" + BEL, [Bell()]),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_signs_are_found_wherever_the_output_is_cut(data: bytes, found: list[Sign]) -> None:
    for step in (1 << 20, 1, 2, 3, 5, 7):
        assert signs(data, step) == found


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"\x1b[?2004h", True),
        (b"\x1b[?1049;2004h", True),
        (b"\x1b[?2004h\x1b[?2004l", False),
        (b"\x1b[?2004h\x1bc", False),
        (b"\x1b[2004h\x1b[?12004h\x1b]0;[?2004h" + BEL, False),
    ],
    ids=repr,
)
def test_whether_pasted_text_is_to_be_marked(data: bytes, wanted: bool) -> None:
    for step in (1 << 20, 1, 2, 3):
        reader = SignReader()
        for at in range(0, len(data), step):
            reader.feed(data[at : at + step])
        assert reader.bracketed_paste is wanted


def test_a_string_without_an_end_takes_no_memory() -> None:
    reader = SignReader()
    for start in (b"\x1b]9;", b"\x1bP", b"\x1b[?" + b"1;" * 9000):
        reader.feed(start)
        for _ in range(100):
            reader.feed(b"1" * 9000)
        assert len(reader._held) + len(reader._string or b"") <= MAX_STRING_BYTES + 100


def test_notifications_and_the_bell_are_published_but_not_too_many(place: Place) -> None:
    code = "\n".join(
        [
            r"import os; os.write(1, b'\x07\x07screen\x1b]9;Build <b>done</b>\x07')",
            r"os.write(1, b'\x1b]777;notify;Claude;needs you\x1b\\')",
            r"for n in range(1000): os.write(1, b'\x1b]9;number %d\x07' % n)",
        ]
    )
    with attended(place, *python(code)) as shown:
        assert shown.wait() == 0
    notes = [event.payload for event in place.history() if event.type == "agent:output"]
    assert len(notes) < 20
    assert [note["content"] for note in notes[:5]] == [
        "The command wants attention: it rang the terminal's bell.\n",
        "The terminal was notified: Build <b>done</b>\n",
        "The terminal was notified: Claude: needs you\n",
        "The terminal was notified: number 0\n",
        "The terminal was notified: number 1\n",
    ]
    assert {note["role"] for note in notes} == {"system"}


@pytest.mark.parametrize("key", [True, False])
def test_the_windows_title_is_a_label(place: Place, key: bool) -> None:
    name = f"titled-{key}"
    code = (
        r"import os; [os.write(1, '\x1b]0;%s title %d\x07'.encode() % ('✳⠐'[n % 2].encode(), n)) for n in range(500)]"
        r"; os.write(1, '\x1b]2;⠂ Fix the\x1b[0m\x07\x1b]2;⠂ Fix the tests\x07ready'.encode()); os.read(0, 1)"
    )
    keyed = ("--key", name) if key else ()
    with attended(place, *python(code), options=("--terminal", "--name", name, *keyed)) as shown:
        shown.wait_for("ready")
        eventually(lambda: title(place, name) == "Fix the tests")
        shown.type(b"\r")
        assert shown.wait() == 0
    titles = [event.payload["labels"]["title"] for event in place.history(name) if event.type == "agent:updated"]
    assert len(titles) < 20


def title(place: Place, name: str) -> str | None:
    agents = Api(place.url, place.token).get(f"/workspaces/{place.workspace}/agents").data
    labels: list[dict[str, str]] = [agent["labels"] for agent in agents if agent["name"] == name]
    return labels[0].get("title") if labels else None
