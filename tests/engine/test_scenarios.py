"""Situations that the model rarely reaches, one by one."""

from streams.database import UnavailableError
from tests.engine.fakes import ROOMY
from tests.engine.test_model import WINDOW, Engine


def test_a_reader_continues_once_the_log_is_readable_again(engine: Engine) -> None:
    [client, *_], [stream, *_] = engine.clients, engine.streams
    client.subscribe(stream, None, None)
    engine.wait(0.1)
    engine.fill(0, 0)
    engine.layer.deliver(engine.log.append(stream, 3 * WINDOW))
    engine.wait(0.1)
    engine.log.failure = UnavailableError
    engine.fill(0, ROOMY)
    engine.wait(2.5)  # more than a round of the clock: nothing can be read
    assert client.views[str(stream.key)].seq == 0
    engine.log.failure = None
    engine.wait(1.2)
    assert client.views[str(stream.key)].seq == stream.head


def test_if_the_first_caller_for_a_feed_is_cancelled_the_others_still_get_it(engine: Engine) -> None:
    [first, second, *_], [stream, *_] = engine.clients, engine.streams
    engine.log.latency = 3.0
    first.subscribe(stream, None, None)
    second.subscribe(stream, None, None)
    engine.wait(4.0)  # rights and state are known after three seconds, the stream is open after six
    assert first.waiting
    engine.disconnect(0, politely=False)
    engine.wait(3.0)
    assert not second.waiting
    engine.layer.deliver(engine.log.append(stream, 1))
    engine.wait(0.1)
    assert second.views[str(stream.key)].seq == 1
