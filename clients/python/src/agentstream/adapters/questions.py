"""Questions with options to choose from, which tools ask in nearly the same form."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agentstream.adapters.bounds import line, plain
from agentstream.requests import Option, Request

Question = dict[str, Any]
Answers = dict[str, list[str]]

# The server's limits.
MAX_QUESTIONS = 10
MAX_CHOICES = 20


@dataclass(frozen=True)
class Form:
    """How a tool writes a question: the field that allows several options, those that describe an option, and whether
    it takes free text."""

    multiple: str
    descriptions: Sequence[str]
    free: Callable[[Question], bool]

    def request(self, questions: Sequence[Question]) -> Request:
        """The request for questions whose texts and choices have been checked."""
        title = questions[0]["question"] if len(questions) == 1 else f"{len(questions)} questions"
        return Request(
            title,
            [Option("deny", "Don't answer", "deny")],
            "question",
            questions=[self._shown(number, question) for number, question in enumerate(questions, 1)],
        )

    def _shown(self, number: int, question: Question) -> dict[str, Any]:
        shown = {
            "id": f"q{number}",
            "question": plain(question["question"]),
            "options": [self._choice(*numbered) for numbered in enumerate(question.get("options", []), 1)],
            "multiple": question.get(self.multiple) is True,
            "free": self.free(question),
        }
        header = question.get("header")
        return shown | {"header": line(header)} if isinstance(header, str) and header.strip() else shown

    def _choice(self, number: int, option: dict[str, Any]) -> dict[str, str]:
        choice = {"id": f"o{number}", "label": line(option["label"]) or "?"}
        said = [text for name in self.descriptions if isinstance(text := option.get(name), str) and text]
        return choice | {"description": plain("\n".join(said))} if said else choice


def has_choices(question: Question) -> bool:
    """Whether the options, if any, can be shown to a person unchanged."""
    match question.get("options", []):
        case [*options] if len(options) <= MAX_CHOICES:
            return all(isinstance(option, dict) and isinstance(option.get("label"), str) for option in options)
        case _:
            return False


def chosen(number: int, question: Question, answers: Answers) -> Iterator[str]:
    """The labels of the options that a person has chosen, and any free text."""
    labels = {f"o{index}": option["label"] for index, option in enumerate(question.get("options", []), 1)}
    yield from (labels.get(given, given) for given in answers.get(f"q{number}", []))
