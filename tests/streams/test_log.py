"""The log: seqs without gaps, stored and signalled with their transaction or not at all."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from streams import log
from streams.log.log import Progress
from streams.log.models import DROPPED, Event, Stream
from streams.log.retention import trim, trim_stream
from streams.protocol.positions import Span
from streams.signals import EventBatch, events_appended, streams_dropped

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ["test.a", "test.b"]


@pytest.fixture(autouse=True)
def streams() -> None:
    for name in NAMES:
        log.open_stream(name)


@pytest.fixture
def signals() -> Iterator[list[Any]]:
    """What has been signalled so far: lists of batches, and of names."""
    heard: list[Any] = []

    def appended(batches: list[EventBatch], **kwargs: Any) -> None:
        heard.append(batches)

    def dropped(names: list[str], **kwargs: Any) -> None:
        heard.append(names)

    events_appended.connect(appended)
    streams_dropped.connect(dropped)
    yield heard
    events_appended.disconnect(appended)
    streams_dropped.disconnect(dropped)


def append(name: str, *contents: str) -> list[int]:
    with log.writing([name]) as writer:
        return [writer.append(name, "test:event", json.dumps({"content": content})) for content in contents]


def in_threads(*functions: Callable[[], object]) -> None:
    """Run functions at the same time, each with its own database connection."""

    def run(function: Callable[[], object]) -> None:
        try:
            function()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(functions)) as executor:
        list(executor.map(run, functions))


def contents(rows: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return [(seq, json.loads(text)["payload"]["content"]) for seq, text in rows]


def test_each_stream_counts_its_own_events_from_one() -> None:
    assert append("test.a", "one", "two") == [1, 2]
    assert append("test.b", "one") == [1]
    assert append("test.a", "three") == [3]
    assert contents(log.read("test.a", 0, 10)) == [(1, "one"), (2, "two"), (3, "three")]
    assert {name: span.head for name, span in log.spans(NAMES).items()} == {"test.a": 3, "test.b": 1}


def test_reading_begins_after_a_seq_and_ends_at_the_limit() -> None:
    append("test.a", *"abcde")
    assert contents(log.read("test.a", 1, 2)) == [(2, "b"), (3, "c")]
    assert contents(log.read("test.a", 4, 10)) == [(5, "e")]
    assert log.read("test.a", 5, 10) == log.read("test.nothing", 0, 10) == []
    assert log.read("test.a", 0, 10, types=["test:other"]) == []


def test_a_stored_event_is_the_text_that_was_signalled(signals: list[Any]) -> None:
    append("test.a", "one", 'é "quoted" \u2028')
    [[batch]] = signals
    assert (batch.stream, batch.first) == ("test.a", 1)
    assert batch.texts == [text for _, text in log.read("test.a", 0, 10)]


def test_one_transaction_signals_once_with_a_batch_for_each_stream(signals: list[Any]) -> None:
    append("test.b", "before")
    signals.clear()
    with log.writing(NAMES) as writer:
        writer.append("test.a", "test:event", "{}")
        writer.append("test.b", "test:event", "{}")
        writer.append("test.b", "test:event", "{}")
    [batches] = signals
    assert {(batch.stream, batch.first, len(batch.texts)) for batch in batches} == {("test.a", 1, 1), ("test.b", 2, 2)}


def test_nothing_is_signalled_before_the_commit(signals: list[Any]) -> None:
    with transaction.atomic():
        append("test.a", "one")
        assert signals == []
    assert len(signals) == 1


def test_a_rollback_is_silent_and_its_seqs_are_reused(signals: list[Any]) -> None:
    with pytest.raises(ZeroDivisionError), log.writing(["test.a"]) as writer:
        assert writer.append("test.a", "test:event", '{"content": "never"}') == 1
        raise ZeroDivisionError
    assert signals == []
    assert append("test.a", "one") == [1]
    assert contents(log.read("test.a", 0, 10)) == [(1, "one")]


def test_a_receiver_that_fails_cannot_fail_a_committed_write() -> None:
    def fail(**kwargs: Any) -> None:
        raise ZeroDivisionError

    events_appended.connect(fail)
    try:
        assert append("test.a", "one") == [1]
    finally:
        events_appended.disconnect(fail)
    assert contents(log.read("test.a", 0, 10)) == [(1, "one")]


def test_writing_locks_only_streams_that_exist() -> None:
    with log.writing(["test.a", "test.nothing"]) as writer:
        assert "test.a" in writer
        assert "test.nothing" not in writer
        with pytest.raises(KeyError):
            writer.append("test.nothing", "test:event", "{}")


def test_a_producers_progress_is_stored_with_its_events_or_not_at_all() -> None:
    with log.writing(["test.a"]) as writer:
        writer.append("test.a", "test:event", "{}")
        writer.advance("test.a", "p", 7)
    with pytest.raises(ZeroDivisionError), log.writing(["test.a"]) as writer:
        writer.advance("test.a", "p", 8)
        raise ZeroDivisionError
    with log.writing(NAMES) as writer:
        writer.load_progress([("test.a", "p"), ("test.b", "p"), ("test.a", "q")])
        assert writer.progress("test.a", "p") == Progress(n=7, seq=1)
        assert writer.progress("test.b", "p") == writer.progress("test.a", "q") == Progress()


def test_concurrent_writers_leave_no_gap_and_repeat_no_seq() -> None:
    given: list[int] = []

    def write() -> None:
        for _ in range(20):
            given.extend(append("test.a", "x", "y"))

    in_threads(write, write, write)
    assert sorted(given) == [*range(1, 121)] == [seq for seq, _ in log.read("test.a", 0, 1_000)]


def test_a_span_tells_what_is_retained() -> None:
    append("test.a", *"abcde")
    [newest] = log.times("test.a", [5]).values()
    assert log.spans(["test.a", "test.nothing"]) == {"test.a": Span(head=5, floor=0, time=newest)}
    assert trim_stream("test.a", keep_events=2, before=0, limit=100) == 3
    assert log.spans(["test.a"]) == {"test.a": Span(head=5, floor=3, time=newest)}
    assert contents(log.read("test.a", 0, 10)) == [(4, "d"), (5, "e")]
    assert log.times("test.a", [3, 4, 6]).keys() == {4}


def test_a_dropped_stream_is_gone_at_once_and_its_name_may_be_used_again(signals: list[Any]) -> None:
    append("test.a", "one")
    signals.clear()
    log.drop_streams(["test.a", "test.nothing"])
    assert signals == [["test.a", "test.nothing"]]
    assert log.spans(["test.a"]) == {}
    assert log.read("test.a", 0, 10) == []
    log.open_stream("test.a")
    assert append("test.a", "another") == [1]
    trim(pause=0)
    assert not Stream.objects.filter(name__startswith=DROPPED).exists()
    assert Event.objects.count() == 1


def test_reads_within_a_snapshot_see_one_moment() -> None:
    append("test.a", "one")
    with log.snapshot():
        before = log.spans(["test.a"])
        in_threads(lambda: append("test.a", "two"))
        assert log.spans(["test.a"]) == before
        assert contents(log.read("test.a", 0, 10)) == [(1, "one")]
    assert log.spans(["test.a"])["test.a"].head == 2


def test_two_streams_cannot_have_one_name() -> None:
    with pytest.raises(DatabaseError):
        log.open_stream("test.a")
