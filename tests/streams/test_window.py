"""Windows hold consecutive events and cut the frames that readers at the same position share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.hub.window import Frame, Window

TEXTS = [b"one", b"two", b"three", b"four"]
ALL = 1_000_000  # bytes: more than any of these windows holds


def held(window: Window) -> list[bytes]:
    """The events, as someone reads them one by one."""
    return [text for seq in range(window.after + 1, window.last + 1) if (text := window.text(seq)) is not None]


def cut(window: Window, seq: int, max_bytes: int) -> tuple[list[bytes], int]:
    part = window.part(seq, max_bytes)
    assert part is not None
    return part[0].payload.split(b"\n"), part[1]


def test_a_window_contains_what_follows_its_start() -> None:
    window = Window(10, TEXTS)
    assert (window.last, len(window), window.size) == (14, 4, sum(map(len, TEXTS)))
    assert held(window) == window.texts() == TEXTS
    assert window.text(10) is None
    assert window.text(15) is None


def test_forgetting_removes_the_oldest_until_both_bounds_hold() -> None:
    window = Window(0, TEXTS)
    window.forget(max_events=3, max_bytes=ALL)
    assert (window.after, held(window)) == (1, TEXTS[1:])
    window.forget(max_events=3, max_bytes=len(b"threefour"))
    assert (window.after, held(window), window.size) == (2, TEXTS[2:], len(b"threefour"))


def test_the_newest_event_is_never_forgotten() -> None:
    window = Window(0, TEXTS)
    window.forget(max_events=0, max_bytes=0)
    assert (window.after, held(window)) == (3, [b"four"])


@given(st.lists(st.tuples(st.lists(st.binary(min_size=1, max_size=5), max_size=6), st.integers(0, 6))))
def test_growing_and_forgetting_keep_seqs_right(steps: list[tuple[list[bytes], int]]) -> None:
    window, everything = Window(0), list[bytes]()
    for texts, keep in steps:
        before = len(window)
        window.extend(texts)
        everything += texts
        window.forget(keep, ALL)
        assert window.last == len(everything)
        assert len(window) == min(before + len(texts), max(keep, 1))
        assert held(window) == window.texts() == everything[window.after :]
        assert window.size == sum(map(len, everything[window.after :]))


def test_a_frame_stays_within_its_bytes() -> None:
    window = Window(0, TEXTS)
    assert cut(window, 0, len(b"one\ntwo\n")) == ([b"one", b"two"], 2)
    assert cut(window, 0, len(b"one\ntwo")) == ([b"one"], 1)
    assert cut(window, 2, ALL) == ([b"three", b"four"], 4)


def test_a_frame_has_at_least_one_event_and_with_zero_exactly_one() -> None:
    window = Window(0, [b"x" * 500, b"y"])
    assert cut(window, 0, 10) == ([b"x" * 500], 1)
    assert cut(window, 1, 0) == ([b"y"], 2)


@pytest.mark.parametrize("seq", [0, 1, 4, 5, 9])
def test_there_is_no_frame_for_a_reader_elsewhere(seq: int) -> None:
    window = Window(2, [b"three", b"four"])
    assert window.part(seq, ALL) is None


def test_readers_at_the_same_seq_share_a_frame_until_the_window_grows() -> None:
    window = Window(0, TEXTS)
    part = window.part(1, ALL)
    assert part is not None
    assert window.part(1, ALL) is part
    window.extend([b"five"])
    assert cut(window, 1, ALL) == ([b"two", b"three", b"four", b"five"], 5)


def test_a_frame_cut_after_forgetting_holds_the_right_events() -> None:
    window = Window(0, TEXTS)
    window.forget(max_events=3, max_bytes=ALL)
    assert cut(window, 1, ALL) == (TEXTS[1:], 4)
    assert window.part(0, ALL) is None


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, "8100"),
        (125, "817d"),
        (126, "817e007e"),
        (65_535, "817effff"),
        (65_536, "817f0000000000010000"),
    ],
)
def test_a_frame_has_the_header_of_rfc_6455(length: int, header: str) -> None:
    frame = Frame(b"x" * length)
    assert frame.wire == bytes.fromhex(header) + b"x" * length
    assert frame.wire is frame.wire
