"""A growing file is published with each event exactly once, whatever happens to it, the collector and the server."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime
from functools import wraps
from math import inf
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from agentstream.collector import feed as feeds
from agentstream.collector.feed import Feed
from agentstream.collector.moments import Search, first_since
from agentstream.collector.positions import Positions
from agentstream.collector.tail import MAX_LINE_BYTES, Tail, line_start
from agentstream.messages import Message, Output
from agentstream.outbox import Outbox
from agentstream.publisher import Publisher

from tests.clients_python.place import Place
from tests.support.api import Api
from tests.support.server import LiveServer

SEGMENT = 400  # bytes, so that a test has many of them


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an asynchronous test."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**fixtures), 120))

    return run


class Words:
    """Publishes each record's words, split in two."""

    def translate(self, record: Mapping[str, Any], offset: int) -> Iterable[Message]:
        for number, half in enumerate((record["say"], "\n")):
            yield Output(half, message_id=f"{offset}-{number}")


def line(number: int) -> bytes:
    return json.dumps({"say": f"line {number} größer"}, ensure_ascii=False).encode() + b"\n"


def expected(count: int) -> str:
    return "".join(f"line {number} größer\n" for number in range(count))


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "SEGMENT_BYTES", SEGMENT)
    monkeypatch.setattr(feeds, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(feeds, "IDLE_POLL_SECONDS", 0.01)


def feed(place: Place, path: Path, state: Path, since: float = 0.0) -> Feed:
    def publisher(producer: str) -> Publisher:
        return Publisher(place.url, place.token, place.agent, outbox=Outbox(producer=producer), complete=True)

    return Feed(
        path, path.name, Positions.load(state), publisher, Words, lambda _: None, lambda message: message, lambda: since
    )


async def following(one: Feed, body: Awaitable[None]) -> None:
    """Let the feed run while something happens, then until the server has everything."""
    task = asyncio.create_task(one.run())
    try:
        await body
        await asyncio.wait_for(one.caught_up(), 60)
        await asyncio.wait_for(one.flush(), 60)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def nothing() -> None:
    pass


def appending(path: Path, numbers: Iterable[int]) -> Callable[[], Awaitable[None]]:
    async def append() -> None:
        for number in numbers:
            with path.open("ab") as file:
                text = line(number)
                file.write(text[:9])  # within a character
                file.flush()
                await asyncio.sleep(0.002)
                file.write(text[9:])

    return append


@in_a_loop
async def test_half_written_lines_are_waited_for(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    await following(feed(place, path, tmp_path / "state"), appending(path, range(60))())
    assert await asyncio.to_thread(place.text) == expected(60)


@in_a_loop
async def test_a_restart_at_any_moment_repeats_and_misses_nothing(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    for start in range(0, 60, 12):
        task = asyncio.create_task(feed(place, path, tmp_path / "state").run())
        await appending(path, range(start, start + 12))()
        task.cancel()  # without waiting for anything
        await asyncio.gather(task, return_exceptions=True)
    await following(feed(place, path, tmp_path / "state"), nothing())
    assert await asyncio.to_thread(place.text) == expected(60)


@in_a_loop
async def test_a_lost_state_repeats_nothing(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    path.write_bytes(b"".join(map(line, range(40))))
    await following(feed(place, path, tmp_path / "state"), nothing())
    await following(feed(place, path, tmp_path / "another"), appending(path, range(40, 50))())
    assert await asyncio.to_thread(place.text) == expected(50)


@in_a_loop
async def test_two_collectors_publish_everything_once(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    path.write_bytes(b"".join(map(line, range(20))))
    first, second = feed(place, path, tmp_path / "one"), feed(place, path, tmp_path / "two")
    await following(first, following(second, appending(path, range(20, 50))()))
    assert await asyncio.to_thread(place.text) == expected(50)


@in_a_loop
async def test_a_file_is_published_from_a_moment_on_even_if_it_is_copied_piece_by_piece(
    place: Place, tmp_path: Path
) -> None:
    path = tmp_path / "talk.jsonl"
    lines = [said_at(60 * minute, words=f"line {minute - 30} größer") for minute in range(60)]
    one = feed(place, path, tmp_path / "state", since=60 * 30 - 0.5)

    async def copied() -> None:
        for line in lines[:30]:
            with path.open("ab") as file:
                file.write(line)
            await one.caught_up()
        with path.open("ab") as file:
            file.write(b"".join(lines[30:]))

    await following(one, copied())
    await following(feed(place, path, tmp_path / "state", since=inf), nothing())  # its state is known
    assert await asyncio.to_thread(place.text) == expected(30)


@in_a_loop
async def test_a_replaced_and_a_truncated_file_are_read_anew(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    one = feed(place, path, tmp_path / "state")

    async def replaced() -> None:
        await appending(path, range(30))()
        await one.caught_up()
        path.rename(tmp_path / "old.jsonl")
        await appending(path, range(30, 32))()
        await one.caught_up()
        await one.flush()
        path.write_bytes(b"")
        await appending(path, range(32, 33))()

    await following(one, replaced())
    assert await asyncio.to_thread(place.text) == expected(33)


@in_a_loop
async def test_lines_that_are_no_json_are_skipped(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    path.write_bytes(line(0) + b"\xff\xfe{\n\n[1]\n" + b"[" * 100_000 + b"\n" + line(1))
    await following(feed(place, path, tmp_path / "state"), nothing())
    assert await asyncio.to_thread(place.text) == expected(2)


@in_a_loop
async def test_a_server_that_was_away_gets_everything(
    mortal: LiveServer, mortal_place: Place, phoenix: tuple[LiveServer, Api], tmp_path: Path
) -> None:
    path = tmp_path / "talk.jsonl"

    async def away() -> None:
        await appending(path, range(10))()
        await asyncio.to_thread(mortal.kill)
        await appending(path, range(10, 40))()
        await asyncio.to_thread(mortal.start)

    await following(feed(mortal_place, path, tmp_path / "state"), away())
    assert await asyncio.to_thread(mortal_place.text) == expected(40)


@in_a_loop
async def test_while_the_server_is_away_it_reads_no_further_than_its_buffer_holds(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    path.write_bytes(b"".join(map(line, range(2_000))))
    boxes: list[Outbox] = []

    def nowhere(producer: str) -> Publisher:
        boxes.append(Outbox(20, producer=producer))
        return Publisher("http://127.0.0.1:1", "token", str(uuid4()), outbox=boxes[-1], complete=True)

    read: list[Mapping[str, Any]] = []
    one = Feed(path, "", Positions.load(tmp_path / "state"), nowhere, Words, read.append, lambda message: message)
    task = asyncio.create_task(one.run())
    while not (boxes and boxes[0].full):
        await asyncio.sleep(0.01)
    for _ in range(1_000):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (len(boxes), len(boxes[0])) == (1, 20)
    assert len(read) < 20


def test_a_long_line_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"x" * 3_000_000 + b"\n" + line(1))
    tail = Tail(path)
    assert [len(one.text) for one in tail.read()] == [3_000_000, len(line(1)) - 1]
    assert not tail.behind


def said_at(moment: float, padding: int = 0, words: str = "") -> bytes:
    told = datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"timestamp": told, "say": words or "x" * padding}).encode() + b"\n"


@pytest.mark.parametrize("wanted", [0, 1, 17, 199, 200])
def test_reading_begins_at_a_moment(tmp_path: Path, wanted: int) -> None:
    path = tmp_path / "talk"
    starts = []
    with path.open("wb") as file:
        for minute in range(200):
            file.write(b'{"type":"mode"}\n' + b"y" * 40_000 + b"\n")
            starts.append(file.tell())
            file.write(said_at(60 * minute + 60, padding=minute * 500))
        end = file.tell()
    found = first_since(path, 60 * wanted + 60 - 0.5)
    assert found == Search([*starts, end][wanted], wanted < 200)
    assert first_since(path, 0) == Search(0, True)


def test_a_transcript_of_half_a_gigabyte_takes_little_time_and_memory(tmp_path: Path) -> None:
    path = tmp_path / "talk"
    with path.open("wb") as file:
        for hour in range(250):
            file.write(said_at(3_600 * (hour + 1), padding=1_000))
            file.truncate(file.tell() + 2_000_000)  # a hole, which takes no disk
            file.seek(0, 2)
            file.write(b"\n")
        last = file.tell()
        file.write(said_at(3_600 * 251))
    assert path.stat().st_size > 500_000_000
    tracemalloc.start()
    began = time.perf_counter()
    assert first_since(path, 3_600 * 251) == Search(last, True)
    taken, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 1024 * 1024
    assert taken < 5


def test_a_line_too_long_for_any_event_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(line(0) + b"x" * (MAX_LINE_BYTES + 10) + b"\n" + line(1))
    tail = Tail(path)
    found = []
    while tail.offset < path.stat().st_size:
        found += [one.text + b"\n" for one in tail.read()]
    assert found == [line(0), line(1)]
    assert tail.skipped == 1


@pytest.mark.parametrize("offset", range(25))
def test_the_first_line_after_any_byte_is_found(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntwo\n\nthree and more\n")
    found = line_start(path, offset)
    starts = [0, 4, 8, 9, 24]
    assert found == min((start for start in starts if start >= offset), default=24)
