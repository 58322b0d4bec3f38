"""Splits text into words, and parses the queries that people type.

The same for both databases: letters and digits make words, all else separates them, case and accents are ignored.
"""

import re
import unicodedata
from dataclasses import dataclass

from streams.protocol.messages import Code, ProtocolError, brief

MAX_WORDS = 12
MIN_PREFIX = 2  # characters
NO_WORD = re.compile(r"[\W_]+")
PART = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))(?P<star>\*?)')


def plain(text: str) -> str:
    """The words of a text, with a space between them."""
    text = text.lower()
    if not text.isascii():
        text = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return NO_WORD.sub(" ", text).strip()


@dataclass(frozen=True, slots=True)
class Term:
    """Consecutive words; with `prefix` the last one may continue. `without`: matches must not contain them."""

    words: tuple[str, ...]
    prefix: bool = False
    without: bool = False

    @property
    def pattern(self) -> str:
        """A regular expression that finds them in text."""
        inner = r"[\W_]+".join(re.escape(word) for word in self.words)
        return rf"(?<![^\W_]){inner}" + ("" if self.prefix else r"(?![^\W_])")


def parse(query: str) -> list[Term]:
    """The terms of a query: words, "phrases", prefixes* and -exclusions.

    Raises ProtocolError (INVALID_MESSAGE) for a query without words, with too many, or malformed.
    """
    if query.count('"') % 2:
        raise _invalid('expected a closing " for each opening one', query)
    terms = [term for match in PART.finditer(query) if (term := _term(match))]
    if not any(not term.without for term in terms):
        raise _invalid("expected at least one word of letters or digits that isn't excluded", query)
    count = sum(len(term.words) for term in terms)
    if count > MAX_WORDS:
        raise ProtocolError(Code.INVALID_MESSAGE, f"q: expected at most {MAX_WORDS} words, got {count}")
    return terms


def _term(match: re.Match[str]) -> Term | None:
    given = match["phrase"] if match["phrase"] is not None else match["word"]
    words = tuple(plain(given).split())
    if not words:
        return None
    prefix = bool(match["star"]) or given.endswith("*")
    if prefix and len(words[-1]) < MIN_PREFIX:
        raise _invalid(f"expected at least {MIN_PREFIX} characters before *", match[0])
    return Term(words, prefix, bool(match["minus"]))


def _invalid(expected: str, got: str) -> ProtocolError:
    return ProtocolError(Code.INVALID_MESSAGE, f"q: {expected}; got {brief(got)}")


def for_sqlite(terms: list[Term]) -> str:
    """The terms as an FTS5 query. Words contain only letters and digits, so nothing in them is query syntax."""
    wanted = " AND ".join(_fts5(term) for term in terms if not term.without)
    unwanted = " OR ".join(_fts5(term) for term in terms if term.without)
    return f"({wanted}) NOT ({unwanted})" if unwanted else wanted


def _fts5(term: Term) -> str:
    return f'"{" ".join(term.words)}"{" *" if term.prefix else ""}'


def for_postgresql(terms: list[Term]) -> str:
    """The terms as the text of a tsquery."""
    return " & ".join(("!" if term.without else "") + _tsquery(term) for term in terms)


def _tsquery(term: Term) -> str:
    words = [f"'{word}'" for word in term.words]
    return f"({' <-> '.join(words)}{':*' if term.prefix else ''})"
