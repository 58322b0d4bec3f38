"""Bytes become lines, wherever they are split."""

from itertools import pairwise

from agentstream.text import LineReader
from hypothesis import given
from hypothesis import strategies as st


def read(*pieces: bytes, longest: int = 100) -> list[str]:
    reader = LineReader(longest)
    return [reader.feed(piece) for piece in pieces] + [reader.close()]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6), st.integers(1, 20))
def test_any_split_gives_the_same_text(data: bytes, cuts: list[int], longest: int) -> None:
    edges = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert "".join(read(*pieces, longest=longest)) == data.decode("utf-8", "replace")


def test_whole_lines_come_with_their_newlines() -> None:
    assert read(b"one\ntwo\nthr", b"ee\n") == ["one\ntwo\n", "three\n", ""]


def test_a_line_without_end_comes_at_the_end() -> None:
    assert read(b"one\ntw", b"o") == ["one\n", "", "two"]


def test_a_character_cut_in_two_is_whole() -> None:
    assert read("é\n".encode()[:1], "é\n".encode()[1:]) == ["", "é\n", ""]


def test_invalid_utf8_is_replaced() -> None:
    assert read(b"a\xffb\n", b"\xe2\x82") == ["a\ufffdb\n", "", "\ufffd"]


def test_a_very_long_line_is_not_held_back() -> None:
    assert read(b"a" * 60, b"b" * 60, b"c\n") == ["", "a" * 60 + "b" * 60, "c\n", ""]


def test_a_partial_line_can_be_taken() -> None:
    reader = LineReader(100)
    reader.feed(b"50%")
    assert (reader.held, reader.take(), reader.held) == (3, "50%", 0)
    assert reader.feed(b" done\n") == " done\n"
