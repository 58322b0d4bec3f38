"""The publisher for programs without asyncio."""

import threading
import time

import pytest
from agentstream import BlockingPublisher, NotFound, Unauthenticated
from agentstream.blocking import agent_id

from tests.support.server import LiveServer

from .place import Place


def test_everything_published_is_stored_in_order(place: Place) -> None:
    with BlockingPublisher(place.url, place.token, place.agent) as said:
        said.status("running")
        said.output("Hel", message_id="m", is_streaming=True)
        said.output("lo", message_id="m", is_streaming=False, kind="text")
        said.context(41.6, tokens_used=1, tokens_limit=3)
        said.error("E", "it broke")
        said.flush()
        assert said.pending == 0
        said.terminated(0)
    events = place.history()
    assert [event.type.split(":")[1] for event in events if event.type != "agent:output"] == [
        "status",
        "context",
        "error",
        "status",  # of its end
        "terminated",
    ]
    assert place.text() == "Hello"


def test_it_may_be_called_from_any_thread(place: Place) -> None:
    with BlockingPublisher(place.url, place.token, place.agent) as said:
        threads = [threading.Thread(target=said.output, args=(letter,)) for letter in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(place.text()) == ["a", "b", "c"]


def test_events_published_while_the_server_is_down_arrive(mortal: LiveServer, mortal_place: Place) -> None:
    mortal.kill()
    with BlockingPublisher(mortal_place.url, mortal_place.token, mortal_place.agent) as said:
        for number in range(100):
            said.output(f"{number},")
        mortal.start()
    assert mortal_place.text() == "".join(f"{number}," for number in range(100))


def test_a_refusal_is_raised(place: Place) -> None:
    with pytest.raises(Unauthenticated), BlockingPublisher(place.url, "wrong", place.agent) as said:
        for _ in range(100):
            said.output("x")
            time.sleep(0.05)
    assert not [thread for thread in threading.enumerate() if thread.name == "agentstream"]


def test_the_blocks_own_error_is_the_one_seen(place: Place) -> None:
    with pytest.raises(ZeroDivisionError), BlockingPublisher(place.url, place.token, place.agent) as said:
        said.output("said before")
        _ = 1 / 0
    assert place.text() == "said before"


def test_invalid_arguments_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="got 'nonsense'"):
        BlockingPublisher("nonsense", "token", "id")


def test_a_name_becomes_an_id(place: Place) -> None:
    made = agent_id(place.url, place.token, "new", place.slug)
    assert made == agent_id(place.url, place.token, "new", place.slug) != place.agent
    with pytest.raises(NotFound):
        agent_id(place.url, place.token, "new", "nowhere")
