"""Secrets in what is published never reach the server."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from agentstream import Api, BlockingPublisher, FileChange, Option, PlanEntry, Publisher, Request
from agentstream.messages import Output
from agentstream.redaction import Redactor
from agentstream.redaction.publication import Redaction
from agentstream.redaction.requests import redacted_request

from tests.support.server import LiveServer

from .command import PYTHON, python, running, wait_for
from .place import Place
from .scripted import AGENT, Store, scripted, within
from .secrets import Generator
from .test_requests import answer, asked

MAKE = Generator(23)
TOKEN = "ghp_" + MAKE.some("abcDEF1234", 36)
PASSWORD = MAKE.password()
MARK = "[redacted: github token]"


def published(store: Store, talk: Callable[[Publisher], Awaitable[None]], redact: bool | Redactor = True) -> str:
    """Everything that a publisher sent, as JSON."""

    async def go() -> None:
        async with scripted(store.serve) as url, Publisher(url, "t0ken", AGENT, redact=redact) as publisher:
            await talk(publisher)

    within(30, go())
    return json.dumps(store.events)


async def every_kind(publisher: Publisher) -> None:
    """Each field that may contain a secret contains one."""
    await publisher.output(f"It is {TOKEN}.")
    await publisher.output(
        f"password={PASSWORD}",
        kind="tool_call",
        tool_call_id="t1",
        tool_name="Bash",
        tool_input={"command": f"echo {TOKEN}", "env": {"password": PASSWORD}},
        changes=[FileChange("a.env", f"+TOKEN={TOKEN}\n-PASSWORD={PASSWORD}\n")],
    )
    await publisher.status("waiting", reason=TOKEN)
    await publisher.error("E", f"refused {TOKEN}")
    await publisher.session("s-1", "started", title=f"Use {TOKEN}", cwd=f"/home/{TOKEN}", branch=TOKEN)
    await publisher.plan([PlanEntry(f"Rotate {TOKEN}"), PlanEntry("Done", "completed")])
    await publisher.subagent("t1", "started", "helper", description=f"Try {TOKEN}")
    await publisher.terminated(0)


def test_secrets_in_every_kind_of_message_are_redacted() -> None:
    store = Store()
    sent = published(store, every_kind)
    assert TOKEN not in sent
    assert PASSWORD not in sent
    payloads = [event["payload"] for event in store.events]
    assert payloads[0]["content"] == f"It is {MARK}."
    assert payloads[1]["toolInput"] == {"command": f"echo {MARK}", "env": {"password": "[redacted: password]"}}
    assert payloads[1]["changes"][0]["patch"] == f"+TOKEN={MARK}\n-PASSWORD=[redacted: password]\n"
    assert payloads[4]["title"] == f"Use {MARK}"
    assert [entry["content"] for entry in payloads[5]["entries"]] == [f"Rotate {MARK}", "Done"]


def test_without_redaction_everything_is_published_as_it_is() -> None:
    sent = published(Store(), every_kind, redact=False)
    assert sent.count(TOKEN) >= 10
    assert "[redacted" not in sent


def test_the_publishers_own_token_and_environment_are_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_SECRET", "walrus-tulip-anchor-77")

    async def go(url: str, store: Store) -> None:
        async with Publisher(url, "publishers-0wn-token", AGENT) as publisher:
            await publisher.output("publishers-0wn-token and walrus-tulip-anchor-77")

    store = Store()

    async def serve() -> None:
        async with scripted(store.serve) as url:
            await go(url, store)

    within(30, serve())
    assert store.content == "[redacted: AGENTSTREAM_TOKEN] and [redacted: DEPLOY_SECRET]"


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_a_secret_in_chunks_of_one_message_is_redacted(size: int) -> None:
    text = f"I found {TOKEN} and\npassword: {PASSWORD}\nthere."
    store = Store()

    async def talk(publisher: Publisher) -> None:
        for at in range(0, len(text), size):
            await publisher.output(text[at : at + size], message_id="m", is_streaming=True)
        await publisher.output("", message_id="m", is_streaming=False)

    published(store, talk)
    assert store.content == f"I found {MARK} and\npassword: [redacted: password]\nthere."
    assert {event["payload"]["messageId"] for event in store.events} == {"m"}
    assert store.events[-1]["payload"].get("isStreaming") is False


def test_chunks_of_two_messages_do_not_mix() -> None:
    store = Store()

    async def talk(publisher: Publisher) -> None:
        for at in range(0, len(TOKEN), 9):
            await publisher.output(TOKEN[at : at + 9], message_id="a", is_streaming=True)
            await publisher.output("word ", message_id="b", is_streaming=True)
        await publisher.output("!", message_id="a", is_streaming=False)
        await publisher.output("!", message_id="b", is_streaming=False)

    published(store, talk)
    said = {
        name: "".join(e["payload"]["content"] for e in store.events if e["payload"]["messageId"] == name)
        for name in "ab"
    }
    assert said["b"] == "word " * 5 + "!"
    assert said["a"].endswith(f"{MARK}!")
    assert not any(TOKEN[at : at + 6] in said["a"] for at in range(4, len(TOKEN) - 6))


def test_a_secret_at_the_seam_of_a_long_messages_parts_is_redacted() -> None:
    store = Store()
    before = "x " * (32 * 1024 - 8)

    async def talk(publisher: Publisher) -> None:
        await publisher.output(f"{before} {TOKEN} after")

    published(store, talk)
    assert store.content == f"{before} {MARK} after"


def test_a_key_in_the_lines_of_several_messages_is_redacted() -> None:
    store = Store()
    key = MAKE.pem()

    async def talk(publisher: Publisher) -> None:
        for number, line in enumerate(f"{key}\nafter\n".splitlines(keepends=True)):
            await publisher.output(line, message_id=f"run-{number // 3}", kind="text")

    published(store, talk)
    assert store.content == "[redacted: private key]\nafter\n"


def test_text_held_back_is_shown_after_a_silence() -> None:
    store = Store()

    async def talk(publisher: Publisher) -> None:
        await publisher.output("Enter the pass", message_id="m", is_streaming=True)
        while store.content != "Enter the pass":
            await asyncio.sleep(0.02)
        await publisher.output(f"word: {PASSWORD}\n", message_id="m", is_streaming=True)

    published(store, talk)
    assert store.content == "Enter the password: [redacted: password]\n"


def test_the_beginning_of_a_secret_is_held_back_through_a_silence() -> None:
    store = Store()

    async def talk(publisher: Publisher) -> None:
        await publisher.output(f"It is {TOKEN[:20]}", message_id="m", is_streaming=True)
        await publisher.output("Meanwhile.")
        await publisher.flush()
        assert store.content == "It is Meanwhile."
        await publisher.output(f"{TOKEN[20:]}\n", message_id="m", is_streaming=True)

    published(store, talk)
    assert store.content == f"It is Meanwhile.{MARK}\n"


def test_what_only_looked_like_a_secret_is_published_at_the_end() -> None:
    store = Store()

    async def talk(publisher: Publisher) -> None:
        await publisher.output("It is ghp_abc", message_id="m", is_streaming=True)
        await publisher.terminated(0)

    published(store, talk)
    assert [event["type"] for event in store.events][-1] == "agent:terminated"
    assert "".join(event["payload"].get("content", "") for event in store.events) == "It is ghp_abc"


def test_a_complete_message_becomes_exactly_one_with_nothing_held_back() -> None:
    redaction = Redaction(Redactor(), complete=True)
    for text in (f"It is {TOKEN[:20]}", "Enter the pass", TOKEN, ""):
        [shown] = redaction.take(Output(text, message_id="m"))
        assert isinstance(shown, Output)
        assert shown.content == text.replace(TOKEN, MARK)
    assert not redaction.held
    assert redaction.pause() == redaction.end() == []


def test_many_short_secrets_do_not_make_a_message_too_large() -> None:
    store = Store()
    hostile = "pwd=a1b2c3," * 12_000

    async def talk(publisher: Publisher) -> None:
        await publisher.output("call", tool_name="Bash", tool_input={"command": hostile})
        await publisher.output("after")

    assert "a1b2c3" not in published(store, talk)
    assert store.events[0]["payload"]["toolInput"] == {"note": "[redacted: too long]"}
    assert store.content == "callafter"


# With a real server


def test_a_redacted_request_says_so_and_its_answer_works(place: Place) -> None:
    options = [Option(f"use {TOKEN}", f"Use {TOKEN}", "allow"), Option("no", "No", "deny")]
    request = Request(
        f"Use {TOKEN}?",
        options,
        kind="permission",
        body=f"With password: {PASSWORD}",
        tool={"name": "Bash", "input": {"command": f"login --token {TOKEN}"}},
    )
    found: dict[str, Any] = {}

    def reply() -> None:
        found.update(asked(place))
        answer(place, found, option=found["options"][0]["id"])

    replying = threading.Thread(target=reply)
    replying.start()
    with BlockingPublisher(place.url, place.token, place.agent) as publisher:
        resolution = publisher.ask(request)
    replying.join()
    assert (resolution.outcome, resolution.option) == ("answered", f"use {TOKEN}")
    assert found["tool"]["input"] == {"command": f"login --token {MARK}"}
    assert found["title"] == f"Use {MARK}?"
    stored = json.dumps([event.payload for event in place.history()])
    assert TOKEN not in stored
    assert PASSWORD not in stored


def test_questions_are_redacted_but_not_their_ids() -> None:
    question = {"id": "q1", "question": f"Or {TOKEN}?", "options": [{"id": "o1", "label": f"Not {TOKEN}"}]}
    shown = redacted_request(Redactor(), Request("Which?", questions=[question]))
    expected = {"id": "q1", "question": f"Or {MARK}?", "options": [{"id": "o1", "label": f"Not {MARK}"}]}
    assert shown.questions == [expected]


def test_text_that_is_attached_is_redacted(place: Place) -> None:
    async def go() -> None:
        async with Publisher(place.url, place.token, place.agent) as publisher:
            file = await publisher.attach(f"PASSWORD={PASSWORD}\n".encode(), name="shop.env")
            await publisher.output("The file", attachments=[file])
        content = await Api(place.url, place.token).attachment(file.id)
        assert content == b"PASSWORD=[redacted: password]\n"

    within(60, go())


# The first write is a line's beginning: the runner shows it before the second, unless it holds it back.
SPLIT = f"""
import os, sys
os.write(1, b'The token is {TOKEN[:15]}')
sys.stdin.readline()
os.write(1, b'{TOKEN[15:]}\\nand that is all\\n')
"""


@pytest.mark.parametrize("options", [(), ("--no-redact",)], ids=["redacted", "not redacted"])
def test_a_secret_split_over_two_writes_of_a_command_never_reaches_the_server(
    live: LiveServer, place: Place, options: tuple[str, ...]
) -> None:
    with running(place, *python(SPLIT), options=("--no-pty", "--no-input", *options), stdin=subprocess.PIPE) as process:
        wait_for(place, "The token is ")
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.close()
        process.stdin = None
        assert process.stdout
        assert process.stdout.read().decode() == f"The token is {TOKEN}\nand that is all\n"
        assert process.wait(60) == 0
    shown = TOKEN if options else MARK
    assert place.text() == f"The token is {shown}\nand that is all\n"
    stored = json.dumps([event.payload for event in place.history()])
    assert (TOKEN[:15] in stored) == bool(options)


def test_the_runner_redacts_secret_variables_and_labels(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / TOKEN
    folder.mkdir()
    line = [PYTHON, "-m", "agentstream", "run", "--workspace", place.slug, "--key", "k", "--name", "keyed", "--spool"]
    environment = {
        "AGENTSTREAM_URL": place.url,
        "AGENTSTREAM_TOKEN": place.token,
        "SHOP_SECRET": "walrus-tulip-anchor-77",
    }
    subprocess.run(
        [*line, str(tmp_path / "spool"), "--", "sh", "-c", "echo $SHOP_SECRET"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **environment},
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert place.text("keyed") == "[redacted: SHOP_SECRET]\n"
    agents = asyncio.run(Api(place.url, place.token)._call("GET", f"workspaces/{place.workspace}/agents"))
    labels = next(agent["labels"] for agent in agents if agent["name"] == "keyed")
    assert labels["cwd"].endswith(MARK)


# `agentstream redact`


def redact(*arguments: str, given: bytes = b"") -> tuple[int, bytes, str]:
    line = [PYTHON, "-m", "agentstream", "redact", *arguments]
    done = subprocess.run(line, input=given, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def test_a_file_is_printed_as_it_would_be_published(tmp_path: Path) -> None:
    file = tmp_path / "a.env"
    file.write_bytes(f"PASSWORD={PASSWORD}\r\nGITHUB={TOKEN}\r\nAGAIN={TOKEN}\r\n\xff".encode("latin-1"))
    code, out, err = redact(str(file))
    assert (code, err) == (0, "agentstream: 3 redacted: 2 github token, 1 password\n")
    assert out == f"PASSWORD=[redacted: password]\r\nGITHUB={MARK}\r\nAGAIN={MARK}\r\n\xff".encode("latin-1")


def test_standard_input_is_redacted_too() -> None:
    assert redact("-", given="größer\n".encode()) == (0, "größer\n".encode(), "agentstream: 0 redacted\n")
    assert redact("-", given=TOKEN.encode())[1] == MARK.encode()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    code, out, err = redact(str(tmp_path / "none"))
    assert (code, out) == (1, b"")
    assert "No such file" in err
    assert "Traceback" not in err
