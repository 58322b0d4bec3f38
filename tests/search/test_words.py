"""Queries in the words that people type."""

import pytest

from search.texts import snippet
from search.words import Term, for_postgresql, for_sqlite, parse, plain
from streams.protocol.messages import Code, ProtocolError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", "hello world"),
        ("foo_bar.py:12", "foo bar py 12"),
        ("Größe café", "große cafe"),
        ("日本語 123abc", "日本語 123abc"),
        ("'; DROP TABLE--", "drop table"),
        ("\u202e\x1b[31m", "31m"),
        ("---", ""),
    ],
)
def test_letters_and_digits_make_words(text: str, words: str) -> None:
    assert plain(text) == words


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("One two", [Term(("one",)), Term(("two",))]),
        ('"exit code" 1', [Term(("exit", "code")), Term(("1",))]),
        ("depl*", [Term(("depl",), prefix=True)]),
        ('"npm ru"*', [Term(("npm", "ru"), prefix=True)]),
        ("test -flaky", [Term(("test",)), Term(("flaky",), without=True)]),
        ("src/foo_bar.py", [Term(("src", "foo", "bar", "py"))]),
        ("a && b", [Term(("a",)), Term(("b",))]),
        ('NEAR("x" OR)', [Term(("near",)), Term(("x",)), Term(("or",))]),
    ],
)
def test_a_query_has_words_phrases_prefixes_and_exclusions(query: str, terms: list[Term]) -> None:
    assert parse(query) == terms


@pytest.mark.parametrize("query", ["", "  ", "&&", '"', 'a "b', "-only", "x*", '""', " ".join("abcdefghijklm")])
def test_a_malformed_query_is_refused_with_an_explanation(query: str) -> None:
    with pytest.raises(ProtocolError, match="q: expected") as refused:
        parse(query)
    assert refused.value.code == Code.INVALID_MESSAGE


def test_words_contain_no_query_syntax() -> None:
    terms = parse('NOT "a b" cd* -"d e"')
    assert for_sqlite(terms) == '("not" AND "a b" AND "cd" *) NOT ("d e")'
    assert for_postgresql(terms) == "('not') & ('a' <-> 'b') & ('cd':*) & !('d' <-> 'e')"


def test_snippets_are_text_with_the_positions_of_the_matches() -> None:
    text = "x " * 500 + "the <b>Quick</b> brown fox <script>" + " y" * 500
    found = snippet(text, parse("quick fox"))
    assert [found.text[start:end] for start, end in found.matches] == ["Quick", "fox"]
    assert len(found.text) < 400
    assert "<script>" in found.text
    assert (found.text[0], found.text[-1]) == ("…", "…")
    assert snippet("quickly", parse("quick")).matches == []
    assert snippet("quickly", parse("qui*")).matches == [(0, 3)]
    assert for_postgresql(parse("a -b")) == "('a') & !('b')"
