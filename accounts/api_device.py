"""The HTTP API of signing in by browser. Its callers have no credential yet."""

from typing import Literal

from django.http import HttpRequest
from django.urls import reverse
from ninja import Router
from pydantic import Field

from accounts import device, throttle
from accounts.actor import address_of
from accounts.models import hashed
from accounts.requests import Camel, read, write
from streams.protocol.limits import Buckets
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime

router = Router(tags=["signing in by browser"], auth=None)

STARTS_PER_SECOND = 1.0
STARTS_BURST = 30
CODE_LENGTH = 43  # of 256 bits in base64


class StartBuckets(Buckets):
    """Rates of new sign-ins, by address."""

    burst_seconds = STARTS_BURST / STARTS_PER_SECOND


class PollBuckets(Buckets):
    """Rates of polls, by device code: the second one may come early."""

    burst_seconds = 2.0 * device.INTERVAL


class DeviceIn(Camel):
    client: str = Field(description="what the user sees, such as `host laptop`; becomes the token's name")
    scopes: list[str] = Field(
        default=device.SCOPES, max_length=10, description="any of watch, publish and answer; omitted: all three"
    )


class DeviceOut(Camel):
    device_code: str = Field(description="secret, to fetch the token with")
    user_code: str = Field(description="for the user to enter, like WDJB-MJHT")
    verification_url: str = Field(description="the page to enter it on")
    verification_url_complete: str = Field(description="the same page with the code filled in")
    expires_in: int = Field(description="seconds")
    interval: int = Field(description="seconds to wait before each call of /device/token")


class DeviceCodeIn(Camel):
    device_code: str = Field(min_length=CODE_LENGTH, max_length=CODE_LENGTH)


class DevicePending(Camel):
    status: Literal["pending"] = "pending"


class DeviceToken(Camel):
    token: str = Field(description="for `Authorization: Bearer`; shown only this once")
    user: str = Field(description="the name of the user whom it acts as")


@router.post("/device", response={201: DeviceOut}, by_alias=True, summary="Start signing a program in by browser")
async def start_device(request: HttpRequest, body: DeviceIn) -> tuple[int, DeviceOut]:
    address = address_of(request)
    if not Runtime.current().part(StartBuckets).get(throttle.network(address), STARTS_PER_SECOND).take():
        raise ProtocolError(Code.RATE_LIMITED, "too many sign-ins from this address", retry_after=1 / STARTS_PER_SECOND)
    codes = await write(device.start, body.client, body.scopes, address)
    page = request.build_absolute_uri(reverse("device"))
    return 201, DeviceOut(
        device_code=codes.device_code,
        user_code=codes.user_code,
        verification_url=page,
        verification_url_complete=f"{page}?code={codes.user_code}",
        expires_in=device.VALID_SECONDS,
        interval=device.INTERVAL,
    )


@router.post(
    "/device/token",
    response={200: DeviceToken, 202: DevicePending},
    by_alias=True,
    summary="Fetch the token once the user has approved; 202 before that",
)
async def fetch_device_token(
    request: HttpRequest, body: DeviceCodeIn
) -> tuple[int, DeviceToken] | tuple[int, DevicePending]:
    polls = Runtime.current().part(PollBuckets).get(hashed(body.device_code), 1 / device.INTERVAL)
    if not polls.take():
        raise ProtocolError(
            Code.RATE_LIMITED, f"expected {device.INTERVAL} seconds between two calls", retry_after=device.INTERVAL
        )
    address = address_of(request)
    try:
        if not await read(device.is_approved, body.device_code):
            return 202, DevicePending()
        token, user = await write(device.fetch, body.device_code, address)
    except ProtocolError as error:
        if error.code is Code.NOT_FOUND:
            throttle.note_failure("device code", address)
        raise
    return 200, DeviceToken(token=token, user=user)
