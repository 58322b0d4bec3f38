"""Settings, URLs and the ASGI application: the apps put together."""

__version__ = "0.2.0"
