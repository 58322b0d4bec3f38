"""Where Django looks for an app's models."""

from streams.log.models import Event, Follower, FollowerPosition, Producer, Stream

__all__ = ["Event", "Follower", "FollowerPosition", "Producer", "Stream"]
