"""The usual case of what clients send: short text messages, each whole in one frame and in what has been read."""

TEXT = 0x81  # FIN and opcode 1, no extension (RFC 6455, section 5.2)
MASKED = 0x80
EXTENDED = 126  # the length is in the next two bytes


def whole_texts(data: bytes) -> tuple[list[bytes], int]:
    """The payloads of the masked text frames at the beginning of `data`, and where they end.

    They end at anything else: what is not whole, not text, longer than 64 KiB or not valid is for a full parser.
    """
    payloads: list[bytes] = []
    end = 0
    while (found := _text(data, end)) is not None:
        payload, end = found
        payloads.append(payload)
    return payloads, end


def _text(data: bytes, start: int) -> tuple[bytes, int] | None:
    at = start + 2
    if len(data) < at or data[start] != TEXT or data[start + 1] < MASKED:
        return None
    length = data[start + 1] - MASKED
    if length == EXTENDED:
        at += 2
        length = int.from_bytes(data[start + 2 : at], "big")
        if length < EXTENDED:
            return None
    elif length > EXTENDED:
        return None
    end = at + 4 + length
    if len(data) < end:
        return None
    payload = _unmask(data[at + 4 : end], data[at : at + 4])
    try:
        payload.decode()
    except UnicodeDecodeError:
        return None
    return payload, end


def _unmask(payload: bytes, mask: bytes) -> bytes:
    """Section 5.3: each byte with the mask's byte in turn, here all at once as one long number."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(length, "little")
