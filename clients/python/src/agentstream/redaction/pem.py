"""Private keys in PEM and PGP armor, of any length, wherever their lines are: in files, JSON, patches, listings."""

from __future__ import annotations

import re

from agentstream.redaction.verdict import Secret, Undecided, Verdict

_LONGEST_LABEL = 100
_HEADER = re.compile(r"[A-Z0-9 ]{0,60}PRIVATE KEY(?: BLOCK)?-----")
_HEADER_BEGUN = re.compile(r"[A-Z0-9 ]{0,80}-{0,5}\Z")
# A key in prose or code, such as a pattern that looks for keys, is not followed by one of these and base64.
_BREAK = r"(?:\\+[nr]|\s)"
_BREAK_BEGUN = re.compile(r"\\*\Z")
# What may stand between runs of base64: line breaks, also escaped ones, and what listings, patches and code add.
_GLUE = re.compile(rf"(?:{_BREAK}|[\"'`,;>|#*.() -]|\+(?=[\s\"'])|(?<=[\s+-])\d{{1,6}}(?:→|\t|[:|-] ?)){{0,64}}")
_RUN = re.compile(r"[A-Za-z0-9+/=]+")
_FOOTER = re.compile(r"-----END [A-Z0-9 ]{0,60}PRIVATE KEY(?: BLOCK)?-----")
_FOOTER_BEGUN = re.compile(r"-{1,5}\Z|-----E?\Z|-----EN?\Z|-----END?\Z|-----END [A-Z0-9 ]{0,80}-{0,5}\Z")
_ATTRIBUTE = re.compile(
    r"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID): [^\n\\\"']{0,200}(?=[\n\\\"'])"
)
_ATTRIBUTE_BEGUN = re.compile(r"[A-Z][A-Za-z-]{0,12}(?:: ?[^\n\\\"']{0,200})?\Z")
# Shorter runs are words, except in the key's last line.
_LONG = 24


class Body:
    """What follows the header of a private key."""

    def take(self, text: str, start: int, final: bool) -> tuple[int, bool]:
        """See `Rest`. The key ends with its footer or, if that is missing, before the first thing that isn't base64."""
        while True:
            glue = _end(_GLUE, text, start)
            at = _dashes(text, start, glue)
            if footer := _FOOTER.match(text, at):
                return footer.end(), True
            if not final and (_BREAK_BEGUN.match(text, glue) or _FOOTER_BEGUN.match(text, at)):
                return start, False
            end = self._line(text, glue, final)
            if end is None:
                return start, True
            if end < 0:
                return start, False
            start = end

    def _line(self, text: str, start: int, final: bool) -> int | None:
        """The end of a run of base64 or of an attribute; None if there is neither; -1: undecided."""
        end = _end(_RUN, text, start)
        if end - start >= _LONG:
            return end if final or end < len(text) else _without_end(text, start, end)
        if attribute := _ATTRIBUTE.match(text, start):
            return attribute.end()
        if not final and (end == len(text) or _ATTRIBUTE_BEGUN.match(text, start)):
            return -1
        if end == start:
            return None
        return self._last(text, start, end, final)

    @staticmethod
    def _last(text: str, start: int, end: int, final: bool) -> int | None:
        """The end of a short run that is the key's last line, or its checksum; None if the footer doesn't follow."""
        after = _end(_GLUE, text, end)
        at = _dashes(text, end, after)
        if _FOOTER.match(text, at):
            return end
        if not final and (_BREAK_BEGUN.match(text, after) or _FOOTER_BEGUN.match(text, at)):
            return -1
        # PGP's checksum is a line of its own: =AbCd.
        return end if text[start:end].startswith("=") or text[after : after + 1] == "=" else None


_BODY = Body()


def private_key(text: str, start: int, body: int, final: bool) -> Verdict:
    """A header that is followed by base64, or by an attribute such as `Proc-Type: 4,ENCRYPTED`."""
    header = _HEADER.match(text, body)
    if header is None:
        begun = not final and _HEADER_BEGUN.match(text, body) and len(text) - body <= _LONGEST_LABEL
        return Undecided(start) if begun else None
    end, _ = _BODY.take(text, header.end(), final)
    if end > header.end():
        return Secret(start, header.end(), "private key", _BODY)
    return None if _is_over(text, header.end(), final) else Undecided(start)


def _is_over(text: str, start: int, final: bool) -> bool:
    return final or _BODY.take(text, start, final)[1]


def _without_end(text: str, start: int, end: int) -> int:
    """Leaves enough of an incomplete run to recognize its continuation. Returns -1 if there is no more than that."""
    return end - _LONG if end - _LONG > start else -1


def _dashes(text: str, start: int, end: int) -> int:
    """Where the dashes before `end` begin that a footer may begin with."""
    at = end
    while at > max(start, end - 5) and text[at - 1] == "-":
        at -= 1
    return at


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start
