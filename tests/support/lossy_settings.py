"""The project's settings, with a channel layer that loses messages."""

from realtime_project.settings import *  # noqa: F403

CHANNEL_LAYERS = {"default": {"BACKEND": "tests.support.lossy.LossyLayer", "CONFIG": {"capacity": 10_000}}}
