"""Media types of attachments, detected from their content: a few types, none of which a browser would run."""

from streams.protocol.messages import Code, ProtocolError, brief

TEXT = "text/plain"
BY_CONTENT = "application/octet-stream"  # declared by clients that leave detection to the server
EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
    TEXT: "txt",
}
_STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
_NOT_IN_TEXT = bytes({*range(32)} - {*b"\t\n\r\f\x1b"})
NAME_LENGTH = 200


def media_type(content: bytes, declared: str = "") -> str:
    """The type of `content`. Raises ProtocolError (INVALID_MESSAGE) if it is unsupported or not the declared one."""
    if not content:
        raise ProtocolError(Code.INVALID_MESSAGE, "expected a file, got an empty body")
    found = _found(content)
    said = declared.partition(";")[0].strip().lower()
    if found is None or (said and said not in (found, BY_CONTENT)):
        expected = found or f"one of {', '.join(EXTENSIONS)}"
        got = brief(said) if said not in ("", BY_CONTENT, *EXTENSIONS) else brief(content, 40)
        raise ProtocolError(Code.INVALID_MESSAGE, f"expected {expected} by Content-Type and content, got {got}")
    return found


def _found(content: bytes) -> str | None:
    for start, type_ in _STARTS.items():
        if content.startswith(start):
            return type_
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return TEXT if _is_text(content) else None


def _is_text(content: bytes) -> bool:
    if len(content.translate(None, _NOT_IN_TEXT)) < len(content):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def clean_name(name: str, type_: str) -> str:
    """A name to display: the last part of a path, without unprintable characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(character for character in last if character.isprintable()).strip(" .")
    return shown[:NAME_LENGTH] or f"attachment.{EXTENSIONS[type_]}"
