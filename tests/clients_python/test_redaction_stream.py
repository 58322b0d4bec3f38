"""A text that arrives in chunks is redacted as the whole text is."""

import random

import pytest
from agentstream.redaction import RedactedStream, Redactor

from .secrets import Case, Generator, cases
from .test_redaction import ENVIRONMENT, HARMLESS, HOSTILE

CASES = cases()
# The most that a stream holds back, in characters, besides a word: "a few KiB".
MAX_HELD = 4096


def streamed(redactor: Redactor, *chunks: str) -> str:
    stream = redactor.stream()
    return "".join([*map(stream.feed, chunks), stream.end()])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_secret_split_over_two_chunks_is_redacted(case: Case) -> None:
    redactor = Redactor()
    whole = redactor.text(case.text)
    # In a private key, all places in a line are alike.
    step = 1 if len(case.text) < 300 else 7
    for at in range(1, len(case.text), step):
        assert streamed(redactor, case.text[:at], case.text[at:]) == whole


def test_secrets_that_arrive_byte_by_byte_are_redacted() -> None:
    redactor = Redactor()
    for case in CASES:
        assert streamed(redactor, *case.text) == redactor.text(case.text)


def test_harmless_text_that_arrives_byte_by_byte_stays() -> None:
    for text in HARMLESS:
        assert streamed(Redactor(), *text) == text


@pytest.mark.parametrize("seed", range(8))
def test_any_text_in_any_chunks_is_redacted_as_the_whole(seed: int) -> None:
    chance = random.Random(seed)
    parts = [
        *(case.text for case in CASES),
        *HARMLESS,
        *HOSTILE,
        *ENVIRONMENT.values(),
        "\x1b[3",
        "\\",
        '"',
        " = ",
        "İ",
        "\n",
    ]
    redactor = Redactor(ENVIRONMENT)
    for _ in range(25):
        # Cut and joined anywhere, so that secrets begin but don't go on.
        pieces = [
            part[: chance.randint(1, len(part))] if chance.random() < 0.5 else part
            for part in chance.choices(parts, k=6)
        ]
        text = "".join(pieces)
        chunks = []
        at = 0
        while at < len(text):
            size = chance.choice((1, 2, 5, 17, 80, 300))
            chunks.append(text[at : at + size])
            at += size
        assert streamed(redactor, *chunks) == redactor.text(text)


def test_values_of_variables_split_over_two_chunks_are_redacted() -> None:
    redactor = Redactor(ENVIRONMENT)
    text = 'before wal"rus-tulip 77 after'
    for at in range(len(text)):
        assert streamed(redactor, text[:at], text[at:]) == "before [redacted: SERVICE_TOKEN] after"


def test_of_ordinary_text_at_most_the_beginning_of_a_word_is_held_back() -> None:
    stream = Redactor().stream()
    words = "The quick brown fox jumps over the lazy dog, and it took 50% of the time: 12 s.\n"
    for at, character in enumerate(words, 1):
        shown = words[: at - held(stream) - 1]
        assert words[:at].startswith(shown + stream.feed(character))
        assert held(stream) <= 3
    assert not stream.held


def test_a_private_key_is_suppressed_however_long_it_is() -> None:
    stream = Redactor().stream()
    key = Generator().pem(lines=4000)
    shown = [stream.feed(key[at : at + 1000]) for at in range(0, len(key), 1000)]
    assert "".join([*shown, stream.feed("\nafter\n"), stream.end()]) == "[redacted: private key]\nafter\n"
    assert stream.found == {"private key": 1}


@pytest.mark.parametrize("unit", HOSTILE)
def test_little_is_held_back_whatever_arrives(unit: str) -> None:
    stream = Redactor(ENVIRONMENT).stream()
    text = (unit * (20_000 // len(unit) + 1))[:20_000]
    for at in range(0, len(text), 500):
        stream.feed(text[at : at + 500])
        assert held(stream) <= MAX_HELD


def held(stream: RedactedStream) -> int:
    return len(stream._text) - stream._decided


def test_a_pause_shows_what_is_unlikely_to_be_a_secret() -> None:
    stream = Redactor().stream()
    assert stream.feed("Enter the password:") + stream.pause() == "Enter the password:"
    assert stream.feed(" ") + stream.pause() == " "
    assert stream.feed("thanks\n") + stream.end() == "thanks\n"


def test_a_secret_is_redacted_even_if_the_text_pauses_inside_it() -> None:
    redactor = Redactor(ENVIRONMENT)
    for case in CASES[::5]:
        for at in range(1, len(case.text), 7):
            stream = redactor.stream()
            shown = [stream.feed(case.text[:at]), stream.pause(), stream.feed(case.text[at:]), stream.end()]
            for secret in case.secrets:
                assert secret[-8:] not in "".join(shown)
                # Only a prefix that identifies a token may have been shown.
                assert secret[:8] not in "".join(shown) or case.text.startswith("https", case.text.find(secret) - 20)


def test_a_stream_can_be_used_again_after_its_end() -> None:
    stream = Redactor().stream()
    assert stream.feed("password=") + stream.end() == "password="
    assert stream.feed("hunter22 is not assigned") + stream.end() == "hunter22 is not assigned"
