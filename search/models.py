"""The searchable text: pieces of agents' output as plain text. The database's own full-text index refers to it."""

from django.db import models


class Entry(models.Model):
    """One event of an agent's stream as text, or the chunks of one message: events `seq` to `last_seq`.

    There is no foreign key to the agent or the stream: the entries of a deleted one are removed in small steps.
    """

    stream_id = models.BigIntegerField()
    agent_id = models.UUIDField()
    seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    type = models.CharField(max_length=64)
    message = models.CharField(max_length=255, blank=True, help_text="a key that its next chunk shares")
    time = models.BigIntegerField(help_text="milliseconds since 1970-01-01 UTC, of its first event")
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream_id", "seq"], name="one_entry_per_event")]

    def __str__(self) -> str:
        return f"{self.stream_id}#{self.seq}"
