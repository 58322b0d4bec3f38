"""The HTTP API of the audit log."""

import uuid
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import AwareDatetime, Field

from accounts.audit import EARLIEST, LATEST, MAX_PAGE, PAGE, Action, Search, as_json
from accounts.identity import is_superuser
from accounts.requests import Caller, Camel, authorize, authorize_everywhere, caller, read
from streams.protocol.kinds import Access, Scope
from streams.protocol.messages import BIGINT, Code, ProtocolError

router = Router(tags=["audit"])


class AuditQuery(Schema):
    workspace: uuid.UUID | None = Field(None, description="omitted: all workspaces (superusers only)")
    actor: str | None = Field(None, max_length=200, description="the user name of the actor")
    action: Action | None = None
    from_: AwareDatetime | None = Field(None, alias="from", ge=EARLIEST, le=LATEST)
    to: AwareDatetime | None = Field(None, ge=EARLIEST, le=LATEST, description="only entries before this time")
    cursor: int | None = Field(None, ge=1, le=BIGINT, description="`next` of the previous page")
    limit: int = Field(PAGE, ge=1, le=MAX_PAGE)


class AuditEntryOut(Camel):
    id: int
    time: datetime
    actor: str = Field(description="the user name; empty: unknown")
    actor_id: int | None
    via: str = Field(description="session, page (not signed in), token HINT, command NAME, or server")
    address: str
    action: Action
    workspace: uuid.UUID | None
    target: str
    detail: dict[str, Any]


class AuditPage(Camel):
    entries: list[AuditEntryOut] = Field(description="newest first")
    next: int | None = Field(description="the cursor of the next (older) page; null on the last page")


@router.get(
    "/audit",
    response=AuditPage,
    by_alias=True,
    summary="The audit log, for owners and superusers",
    auth=Caller(Scope.MANAGE),
)
async def audit(request: HttpRequest, query: Query[AuditQuery]) -> dict[str, Any]:
    await _authorize(request, query.workspace)
    search = Search(query.workspace, query.actor, query.action, query.from_, query.to)
    found = await read(search.entries, query.cursor, query.limit + 1)
    page = found[: query.limit]
    return {"entries": [as_json(one) for one in page], "next": page[-1].pk if len(found) > len(page) else None}


async def _authorize(request: HttpRequest, workspace_id: uuid.UUID | None) -> None:
    """Owners see their workspace's entries, superusers all, including those of deleted workspaces."""
    if await read(is_superuser, caller(request).id):
        limits = caller(request).limits
        if limits is None or limits.everywhere:
            return
    if workspace_id is None:
        authorize_everywhere(request)
        raise ProtocolError(
            Code.FORBIDDEN, "expected a workspace: only superusers may read the entries of all workspaces"
        )
    await authorize(request, "workspace", workspace_id, Access.MANAGE)
