"""Search holds on both databases, like the streams that it follows."""

from tests.streams.conftest import live, root  # noqa: F401
