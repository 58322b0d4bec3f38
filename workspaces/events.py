"""The events on a workspace's stream."""

import uuid
from enum import StrEnum
from typing import Any, Literal

from accounts.inbox import InboxEvent
from streams.protocol.messages import Wire

WORKSPACE_UPDATED = "workspace:updated"


class Change(StrEnum):
    """The kinds of `workspace:updated`; docs/reference/protocol.md describes the `data` of each."""

    WORKSPACE_UPDATED = "workspace_updated"
    AGENT_ADDED = "agent_added"
    AGENT_UPDATED = "agent_updated"
    AGENT_REMOVED = "agent_removed"
    AGENT_STATUS = "agent_status"
    AGENT_CONTEXT = "agent_context"
    AGENT_USAGE = "agent_usage"
    AGENT_REQUEST = "agent_request"
    AGENT_REQUEST_RESOLVED = "agent_request_resolved"
    MEMBER_ADDED = "member_added"
    MEMBER_UPDATED = "member_updated"
    MEMBER_REMOVED = "member_removed"


class WorkspaceUpdated(Wire):
    """Payload of `workspace:updated`."""

    workspace_id: uuid.UUID
    change: Change
    data: dict[str, Any]

    def encode(self) -> str:
        return self.model_dump_json(by_alias=True)


InboxChange = Literal["added", "removed", "role"]


class InboxWorkspace(InboxEvent):
    """`inbox:workspace`: the user has gained or lost access to a workspace, or has another role there."""

    type = "inbox:workspace"
    workspace_id: uuid.UUID
    change: InboxChange
