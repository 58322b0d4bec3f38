"""What streams/layers relies on in channels and channels_redis. A failure names what an upgrade has changed."""

import inspect

import pytest
from channels.layers import InMemoryChannelLayer
from channels_redis import pubsub, serializers


@pytest.mark.parametrize(
    "name", ["_clean_expired", "require_valid_channel_name", "require_valid_group_name", "get_capacity"]
)
def test_channels_in_memory_layer_has(name: str) -> None:
    assert hasattr(InMemoryChannelLayer, name), f"channels.layers.InMemoryChannelLayer.{name} is gone"


def test_channels_in_memory_layer_keeps_groups_and_channels() -> None:
    layer = InMemoryChannelLayer()
    assert layer.groups == {}
    assert layer.channels == {}
    assert layer.expiry > 0


def test_channels_redis_finds_a_layer_for_each_loop() -> None:
    assert hasattr(pubsub.RedisPubSubChannelLayer, "_get_layer"), "RedisPubSubChannelLayer._get_layer is gone"


@pytest.mark.parametrize("name", ["_get_group_channel_name", "_get_shard"])
def test_channels_redis_layer_of_a_loop_has(name: str) -> None:
    assert hasattr(pubsub.RedisPubSubLoopLayer, name), f"RedisPubSubLoopLayer.{name} is gone"


@pytest.mark.parametrize("name", ["_lock", "_ensure_redis", "_redis"])
def test_a_shard_of_channels_redis_has(name: str) -> None:
    assert name in inspect.getsource(pubsub.RedisSingleShardConnection), f"RedisSingleShardConnection.{name} is gone"


def test_channels_redis_sets_encryption_up_in_a_method_of_its_serializers() -> None:
    source = inspect.getsource(serializers.BaseMessageSerializer)
    for part in ("self._setup_encryption(symmetric_encryption_keys)", "self.crypter.encrypt(", "self.crypter.decrypt("):
        assert part in source, f"channels_redis.serializers.BaseMessageSerializer has no {part}"
