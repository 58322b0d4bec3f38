"""Which texts are redacted, and how."""

import gc
import time
from pathlib import Path

import pytest
from agentstream.redaction import Redactor

from .secrets import Case, Generator, cases

CASES = cases()
HARMLESS = [
    line.replace("⏎", "\n")
    for line in (Path(__file__).parent / "harmless.txt").read_text(encoding="utf-8").splitlines()
]
# Each may be the beginning of a secret, again and again.
HOSTILE = (
    *("A", "-----BEGIN ", "-----BEGIN RSA PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nA\n", "\\", '\\\\"'),
    *("password=", "password: ", 'password="', "token:token=", "key [", "key" + " " * 300, "secret secret access "),
    *(
        "eyJ",
        "eyJ.",
        "sk-",
        "AKIA",
        "://",
        "a://b:",
        "MTA" + "a" * 22 + ".",
        ":AA",
        "bearer a",
        "authorization: ",
        "[0m",
    ),
)


def test_there_are_enough_cases_and_they_differ() -> None:
    assert len({case.text for case in CASES}) == len(CASES) >= 200
    assert len(set(HARMLESS)) == len(HARMLESS) >= 200


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_secret_is_redacted_and_what_is_around_it_stays(case: Case) -> None:
    shown = Redactor().text(case.text)
    assert "[redacted: " in shown
    for secret in case.secrets:
        assert secret not in shown
        assert secret[-8:] not in shown.replace("[redacted: ", "")
    if case.kind != "private key":
        before, *_, after = case.text.split(case.secrets[0])
        assert shown.startswith(before[:6])
        assert shown.endswith(after)


@pytest.mark.parametrize(("before", "after"), [("", "\n"), ("Before.\n", "\nAfter."), ('{"key": "', '", "id": 1}')])
def test_what_is_around_a_private_key_stays(before: str, after: str) -> None:
    key = Generator().pem()
    assert Redactor().text(f"{before}{key}{after}") == f"{before}[redacted: private key]{after}"
    escaped = key.replace("\n", "\\n")
    assert Redactor().text(f"{before}{escaped}{after}") == f"{before}[redacted: private key]{after}"


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays(text: str) -> None:
    assert Redactor().text(text) == text
    assert Redactor().text(f"{text}\n") == f"{text}\n"


def test_texts_are_redacted_alike_whatever_is_around_them() -> None:
    texts = [text for pair in zip(HARMLESS, (case.text for case in CASES), strict=False) for text in pair]
    # A header that only begins a key would make what follows part of one.
    alone = [Redactor().text(f"{text}\n") for text in texts if "-----" not in text]
    together = Redactor().text("".join(f"{text}\n" for text in texts if "-----" not in text))
    assert together == "".join(alone)


def test_what_is_redacted_is_not_redacted_again() -> None:
    redactor = Redactor()
    for case in CASES:
        shown = redactor.text(case.text)
        assert redactor.text(shown) == shown


def test_the_kind_is_shown_and_counted() -> None:
    make, redactor = Generator(), Redactor()
    key = "AKIA" + make.some("ABCDEFGHKLM", 16)
    assert redactor.text(f"id {key}, again {key}.") == "id [redacted: aws key], again [redacted: aws key]."
    assert redactor.text(f"{make.pem()}\n") == "[redacted: private key]\n"
    assert redactor.found == {"aws key": 2, "private key": 1}


def seconds(text: str) -> float:
    """The least CPU time that the text takes, because anything else on the machine adds to it."""
    found = []
    gc.disable()
    try:
        for _ in range(3):
            began = time.process_time()
            Redactor().text(text)
            found.append(time.process_time() - began)
    finally:
        gc.enable()
    return min(found)


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    small, large = (seconds(unit * (size // len(unit))) for size in (8 * 1024, 64 * 1024))
    # Eight times as much text. Anything quadratic would take 64 times as long.
    assert large < 24 * small + 0.05


@pytest.mark.parametrize("unit", ["A", "-----BEGIN "])
def test_a_mebibyte_of_hostile_text_takes_linear_time(unit: str) -> None:
    small, large = (seconds(unit * (size // len(unit))) for size in (128 * 1024, 1024 * 1024))
    assert large < 24 * small + 0.05


# Structures


def test_a_string_under_a_secret_name_is_redacted() -> None:
    make = Generator()
    token = make.mixed(24)
    given = {
        "password": "hunter",
        "user": "ada",
        "nested": [{"apiKey": token, "count": 3}, None, 1.5],
        "env": [{"name": "DB_PASSWORD", "value": "tulip"}, {"name": "HOST", "value": "db"}],
        "args": ["psql", "--password", "tulip77", "--host", "db"],
        "max_tokens": 4096,
        "token": {"type": "string"},
    }
    shown = Redactor().value(given)
    assert shown == {
        "password": "[redacted: password]",
        "user": "ada",
        "nested": [{"apiKey": "[redacted: api key]", "count": 3}, None, 1.5],
        "env": [{"name": "DB_PASSWORD", "value": "[redacted: password]"}, {"name": "HOST", "value": "db"}],
        "args": ["psql", "--password", "[redacted: password]", "--host", "db"],
        "max_tokens": 4096,
        "token": {"type": "string"},
    }
    assert given["password"] == "hunter"


def test_secrets_in_strings_and_keys_of_structures_are_redacted() -> None:
    token = "ghp_" + Generator().some("abcDEF123", 36)
    assert Redactor().value({token: [f"echo {token}"]}) == {
        "[redacted: github token]": ["echo [redacted: github token]"]
    }
    assert Redactor().value({"password": "", "secret": "${SECRET}", "token": "str"}) == {
        "password": "",
        "secret": "${SECRET}",
        "token": "str",
    }


# The environment

ENVIRONMENT = {
    "SERVICE_TOKEN": 'wal"rus-tulip 77',
    "SIGNING_KEY": "line-one-of-it-12345\nline-two-of-it-67890\n",
    "POSTGRES_PASSWORD": "postgres",
    "DATABASE_URL": "postgres://app:anchor/battery@db/shop".replace("/battery", "%2Fbattery9"),
    "API_KEY_FILE": "/run/secrets/api-key",
    "SSH_KEY_PATH": "/home/ada/.ssh/id_ed25519",
    "TOKEN_TTL_SECRET": "12",
    "PWD": "/home/ada/walrus-project",
    "EDITOR": "some-editor-3000",
}


def test_values_of_secret_variables_are_redacted_wherever_they_occur() -> None:
    redactor = Redactor(ENVIRONMENT)
    assert redactor.text('a wal"rus-tulip 77 b') == "a [redacted: SERVICE_TOKEN] b"
    assert redactor.text('{"x": "wal\\"rus-tulip 77"}') == '{"x": "[redacted: SERVICE_TOKEN]"}'
    assert redactor.text("?t=wal%22rus-tulip%2077&u") == "?t=[redacted: SERVICE_TOKEN]&u"
    assert redactor.text("line-two-of-it-67890\r\n") == "[redacted: SIGNING_KEY]\r\n"
    assert redactor.text("it is anchor%2Fbattery9.") == "it is [redacted: DATABASE_URL]."


@pytest.mark.parametrize(
    "text",
    ["postgres", "/run/secrets/api-key", "/home/ada/.ssh/id_ed25519", "/home/ada/walrus-project", "some-editor-3000"],
)
def test_values_that_are_words_paths_or_not_secret_stay(text: str) -> None:
    assert Redactor(ENVIRONMENT).text(f"see {text} there") == f"see {text} there"
