"""Signals of the workspace service, sent after the transaction that they tell of has been committed."""

from django.dispatch import Signal

events_recorded = Signal()
"""Streams have grown. `news`: a list of streams.log.News."""

streams_dropped = Signal()
"""Streams have ended, with whatever they belonged to. `names`: a list of str."""

access_changed = Signal()
"""What users may do, or whether they are signed in, may have changed. `user_ids`: a list of int."""
