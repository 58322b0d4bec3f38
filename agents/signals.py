"""Signals of the agent service, sent after the transaction that they tell of has been committed."""

from django.dispatch import Signal

events_recorded = Signal()
"""Agents' streams, and their workspaces' with them, have grown. `news`: a list of streams.log.News."""

agent_deleted = Signal()
"""An agent is gone. `agent_id`: a UUID; `stream`: the name of its stream, which has ended."""
