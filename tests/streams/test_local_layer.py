"""The single process's layer behaves like Channels' own, at a lower cost."""

import asyncio

import pytest
from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer

from streams.layers.local import LocalLayer

MESSAGE = {"type": "stream.appended", "text": "x"}
KINDS = pytest.mark.parametrize("kind", [InMemoryChannelLayer, LocalLayer])


@KINDS
def test_a_group_receives_its_messages_in_order(kind: type[InMemoryChannelLayer]) -> None:
    async def scenario() -> None:
        layer = kind()
        one, two = await layer.new_channel(), await layer.new_channel()
        await layer.group_add("agent.1", one)
        await layer.group_add("agent.1", two)
        for number in range(3):
            await layer.group_send("agent.1", {**MESSAGE, "number": number})
        await layer.group_discard("agent.1", two)
        await layer.group_send("agent.1", {**MESSAGE, "number": 3})
        await layer.group_send("agent.2", {**MESSAGE, "number": 4})
        assert [(await layer.receive(one))["number"] for _ in range(4)] == [0, 1, 2, 3]
        assert [(await layer.receive(two))["number"] for _ in range(3)] == [0, 1, 2]
        assert not layer.channels

    asyncio.run(scenario())


@KINDS
def test_a_member_that_does_not_receive_does_not_affect_the_others(kind: type[InMemoryChannelLayer]) -> None:
    async def scenario() -> None:
        layer = kind(capacity=2)
        deaf, hearing = await layer.new_channel(), await layer.new_channel()
        for channel in (deaf, hearing):
            await layer.group_add("agent.1", channel)
        for number in range(4):
            await layer.group_send("agent.1", {**MESSAGE, "number": number})
            assert (await layer.receive(hearing))["number"] == number
        with pytest.raises(ChannelFull):
            await layer.send(deaf, MESSAGE)
        assert [(await layer.receive(deaf))["number"] for _ in range(2)] == [0, 1]

    asyncio.run(scenario())


@KINDS
def test_unread_messages_expire(kind: type[InMemoryChannelLayer]) -> None:
    async def scenario() -> None:
        layer = kind(expiry=0)
        gone = await layer.new_channel()
        await layer.group_add("agent.1", gone)
        await layer.group_send("agent.1", MESSAGE)
        await asyncio.sleep(1.1)
        await layer.group_send("agent.2", MESSAGE)
        assert not layer.channels
        assert gone not in layer.groups.get("agent.1", {})

    asyncio.run(scenario())
