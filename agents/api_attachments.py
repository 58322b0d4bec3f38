"""The HTTP API of attachments: uploads, and downloads that no browser runs."""

import asyncio
import uuid

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from ninja import Query, Router, Schema
from pydantic import Field

from accounts.requests import Caller, Camel, authorize, read, write
from agents import attachments
from agents.kinds import AgentKind
from agents.media import EXTENSIONS, TEXT, media_type
from agents.models import Attachment
from agents.services import AgentService
from streams.protocol.kinds import Access, Scope
from streams.protocol.messages import Code, ProtocolError

router = Router(tags=["attachments"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"requestBody": {"required": True, "content": dict.fromkeys(EXTENSIONS, _BINARY)}}


class AttachmentOut(Camel):
    id: uuid.UUID
    name: str
    media_type: str
    size: int


class AttachmentQuery(Schema):
    name: str = Field("", max_length=1_000, description="the name that people see")


@router.post(
    "/agents/{uuid:agent_id}/attachments",
    response={201: AttachmentOut},
    by_alias=True,
    summary="Store a file for an output",
    auth=Caller(Scope.PUBLISH),
    openapi_extra=_BODY,
)
async def attach(request: HttpRequest, agent_id: uuid.UUID, query: Query[AttachmentQuery]) -> tuple[int, AttachmentOut]:
    await authorize(request, "agent", agent_id, Access.WRITE)
    # Not request.body: that has the lower limit for decoded bodies, and is read on the event loop.
    content = await asyncio.to_thread(request.read, attachments.MAX_BYTES + 1)
    if len(content) > attachments.MAX_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"expected at most {attachments.MAX_BYTES} bytes, got more")
    type_ = await asyncio.to_thread(media_type, content, request.headers.get("Content-Type", ""))
    row = await write(AgentService.attach, agent_id, query.name, type_, len(content))
    await asyncio.to_thread(attachments.save, row, content)
    return 201, AttachmentOut(id=row.pk, name=row.name, media_type=row.media_type, size=row.size)


@router.get(
    "/attachments/{uuid:attachment_id}",
    summary="A file attached to an output",
    auth=Caller(AgentKind.readers),
    openapi_extra={"responses": {200: {"content": dict.fromkeys(EXTENSIONS, _BINARY)}}},
)
async def get_attachment(request: HttpRequest, attachment_id: uuid.UUID) -> HttpResponse:
    row = await read(Attachment.objects.filter(pk=attachment_id).first)
    if row is None or row.agent_id is None:
        raise _not_found()
    try:
        await authorize(request, "agent", row.agent_id, Access.READ)
    except ProtocolError as error:
        raise _not_found() if error.code == Code.NOT_FOUND else error from None
    content = await asyncio.to_thread(attachments.load, row)
    if content is None:
        raise _not_found()
    return _inert(row, content)


def _not_found() -> ProtocolError:
    return ProtocolError(Code.NOT_FOUND, "there is no such attachment, or you don't have access to it")


def _inert(row: Attachment, content: bytes) -> HttpResponse:
    """The content in a response that makes a browser show an image and save anything else, but never run it."""
    shown = row.media_type.startswith("image/")
    response = HttpResponse(
        content, content_type=f"{TEXT}; charset=utf-8" if row.media_type == TEXT else row.media_type
    )
    response["Content-Disposition"] = content_disposition_header(not shown, row.name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
