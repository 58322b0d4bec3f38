"""The HTTP API of the caller's own tokens, and the tickets for the WebSocket."""

import uuid
from datetime import datetime

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from accounts import tokens
from accounts.credentials import TICKET_SECONDS, issue_ticket
from accounts.models import Token
from accounts.requests import ANY_SCOPE, Caller, Camel, authorize, caller, read, write
from accounts.scopes import DEFAULT, Limits, clean_pattern, parse_scopes
from streams.protocol.kinds import Access

router = Router(tags=["tokens"])


class TokenOut(Camel):
    id: uuid.UUID
    name: str
    hint: str = Field(description="the first characters of the token, to tell tokens apart")
    created_at: datetime
    expires_at: datetime | None
    full_access: bool = Field(
        description="whether it may do whatever its user may, like tokens created before there were scopes"
    )
    scopes: list[str] = Field(description="any of watch, publish, answer and manage; empty with full access")
    workspace: uuid.UUID | None = Field(description="the only workspace it may access; null: all of the user's")
    agents: str = Field(description="a pattern of the names of the agents it may access; empty: all")
    last_used_at: datetime | None = Field(description="to the minute")
    last_address: str


class TokenIn(Camel):
    name: str = Field(description="its purpose, such as the machine that uses it")
    days: int | None = Field(None, ge=1, le=3650, description="how many days it is valid; omitted: until it is deleted")
    scopes: list[str] | None = Field(
        None, max_length=10, description="any of watch, publish, answer and manage; omitted: watch and publish"
    )
    workspace: uuid.UUID | None = Field(
        None, description="the only workspace it may access; omitted: all of the user's"
    )
    agents: str = Field(
        "", description="a pattern of the names of the agents it may access, such as `ci-*`; omitted: all"
    )


class TokenMade(TokenOut):
    token: str = Field(description="for `Authorization: Bearer`; shown only this once")


class TicketOut(Camel):
    ticket: str = Field(description="for one WebSocket handshake: /ws/?ticket=…")
    expires_in: int = Field(description="seconds")


def _out(token: Token) -> TokenOut:
    limits = token.limits
    return TokenOut(
        id=token.pk,
        name=token.name,
        hint=token.hint,
        created_at=token.created_at,
        expires_at=token.expires_at,
        full_access=limits is None,
        scopes=limits.names if limits else [],
        workspace=token.workspace_id,
        agents=token.agents,
        last_used_at=token.last_used_at,
        last_address=token.last_address,
    )


@router.get("/tokens", response=list[TokenOut], by_alias=True, summary="The caller's tokens")
async def list_tokens(request: HttpRequest) -> list[TokenOut]:
    return [_out(token) for token in await read(tokens.tokens_of, caller(request).id)]


@router.post("/tokens", response={201: TokenMade}, by_alias=True, summary="Create a token; requires a session")
async def make_token(request: HttpRequest, body: TokenIn) -> tuple[int, TokenMade]:
    scopes = DEFAULT if body.scopes is None else parse_scopes(body.scopes)
    limits = Limits(scopes, body.workspace, clean_pattern(body.agents))
    if body.workspace is not None:
        await authorize(request, "workspace", body.workspace, Access.READ)
    made, secret = await write(tokens.make_token, caller(request), body.name, body.days, limits)
    return 201, TokenMade(**_out(made).model_dump(), token=secret)


@router.delete("/tokens/{uuid:token_id}", response={204: None}, summary="Delete one of the caller's tokens")
async def delete_token(request: HttpRequest, token_id: uuid.UUID) -> tuple[int, None]:
    await write(tokens.delete_token, caller(request).id, token_id)
    return 204, None


@router.post(
    "/tickets",
    response={201: TicketOut},
    by_alias=True,
    summary="A single-use WebSocket ticket",
    auth=Caller(ANY_SCOPE),
)
async def create_ticket(request: HttpRequest) -> tuple[int, TicketOut]:
    ticket = await write(issue_ticket, caller(request))
    return 201, TicketOut(ticket=ticket, expires_in=TICKET_SECONDS)
