"""The log's tables. Only streams/log writes them."""

from django.db import models

NAME_LENGTH = 64
DROPPED = "dropped."  # name prefix of a dropped stream whose events are still being removed


class Stream(models.Model):
    """An ordered, durable log of events, named like its channel-layer group: `agent.<uuid>`.

    `head` is the seq of its newest event (0: none yet), `floor` the newest seq that retention has removed.
    """

    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    head = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class Event(models.Model):
    """One event. `payload` is JSON text, stored as it is sent, so that reading needs no encoding."""

    pk = models.CompositePrimaryKey("stream_id", "seq")
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, db_index=False)
    seq = models.BigIntegerField()
    type = models.CharField(max_length=64)
    payload = models.TextField()
    time = models.BigIntegerField(help_text="milliseconds since 1970-01-01 UTC")

    def __str__(self) -> str:
        return f"{self.stream_id}#{self.seq} {self.type}"


class Producer(models.Model):
    """The progress of one run of one producer on a stream, which makes retries idempotent."""

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, db_index=False)
    name = models.CharField(max_length=NAME_LENGTH)
    n = models.BigIntegerField(help_text="the highest number stored")
    seq = models.BigIntegerField(help_text="the stream's newest seq when it was stored")
    time = models.BigIntegerField(help_text="milliseconds since 1970-01-01 UTC")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "name"], name="one_position_per_producer")]

    def __str__(self) -> str:
        return f"{self.stream_id} {self.name}"


class Follower(models.Model):
    """A consumer on the server, and which process may run it until when."""

    name = models.CharField(max_length=NAME_LENGTH, primary_key=True)
    holder = models.CharField(max_length=NAME_LENGTH, blank=True)
    lease_until = models.BigIntegerField(default=0, help_text="milliseconds since 1970-01-01 UTC")

    def __str__(self) -> str:
        return self.name


class FollowerPosition(models.Model):
    """A follower's position in one stream, and the last floor it was notified of. Outlives the stream until the
    follower has been notified of its end."""

    follower = models.CharField(max_length=NAME_LENGTH)
    stream_id = models.BigIntegerField()
    seq = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["follower", "stream_id"], name="one_position_per_follower")]

    def __str__(self) -> str:
        return f"{self.follower} {self.stream_id}#{self.seq}"
