"""The HTTP API of the caller's own tokens, and the tickets for the WebSocket."""

import uuid
from datetime import datetime

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from accounts import tokens
from accounts.credentials import TICKET_SECONDS, issue_ticket
from accounts.models import Token
from accounts.requests import Camel, caller, read, write

router = Router(tags=["tokens"])


class TokenOut(Camel):
    id: uuid.UUID
    name: str
    hint: str = Field(description="the token's beginning, to tell tokens apart")
    created_at: datetime
    expires_at: datetime | None


class TokenIn(Camel):
    name: str = Field(description="what it is for, such as the machine that uses it")
    days: int | None = Field(None, ge=1, le=3650, description="for which it holds; left out: until it is deleted")


class TokenMade(TokenOut):
    token: str = Field(description="for `Authorization: Bearer`; it is shown this once")


class TicketOut(Camel):
    ticket: str = Field(description="for the query of one WebSocket handshake: /ws/?ticket=…")
    expires_in: int = Field(description="seconds")


@router.get("/tokens", response=list[TokenOut], by_alias=True, summary="The caller's tokens")
async def list_tokens(request: HttpRequest) -> list[Token]:
    return await read(tokens.tokens_of, caller(request).id)


@router.post("/tokens", response={201: TokenMade}, by_alias=True, summary="Make a token; needs a session")
async def make_token(request: HttpRequest, body: TokenIn) -> tuple[int, TokenMade]:
    made, secret = await write(tokens.make_token, caller(request), body.name, body.days)
    return 201, TokenMade(**TokenOut.from_orm(made).model_dump(), token=secret)


@router.delete("/tokens/{uuid:token_id}", response={204: None}, summary="Delete a token of the caller's")
async def delete_token(request: HttpRequest, token_id: uuid.UUID) -> tuple[int, None]:
    await write(tokens.delete_token, caller(request).id, token_id)
    return 204, None


@router.post("/tickets", response={201: TicketOut}, by_alias=True, summary="A single-use WebSocket ticket")
async def create_ticket(request: HttpRequest) -> tuple[int, TicketOut]:
    ticket = await write(issue_ticket, caller(request))
    return 201, TicketOut(ticket=ticket, expires_in=TICKET_SECONDS)
