"""Where Django looks for an app's models."""

from streams.log.models import Event, Producer, Stream

__all__ = ["Event", "Producer", "Stream"]
