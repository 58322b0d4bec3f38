"""Requests to people: their fields, their answers, and whether an answer is valid for its question."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from msgspec import Raw
from pydantic import Field, StringConstraints, model_validator

from agents.fields import MAX_CHANGES, FileChange, Moment
from streams.protocol.messages import Code, ProtocolError, Wire, brief, parse
from streams.protocol.text import Text

ID_LENGTH = 100
TITLE_LENGTH = 500
MAX_OPTIONS = 20  # of a request, and of one of its questions
MAX_QUESTIONS = 10

RequestId = Annotated[Text, StringConstraints(min_length=1, max_length=ID_LENGTH)]
Title = Annotated[Text, StringConstraints(min_length=1, max_length=TITLE_LENGTH)]


class RequestKind(StrEnum):
    """What a request asks for."""

    PERMISSION = "permission"
    QUESTION = "question"
    PLAN = "plan"
    INPUT = "input"

    @property
    def reason(self) -> str:
        """The agent's status reason while it waits."""
        return "awaiting_approval" if self in (RequestKind.PERMISSION, RequestKind.PLAN) else "awaiting_input"


class ResolutionOutcome(StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Option(Wire):
    """A way to answer a request, and its effect."""

    id: RequestId
    label: Title
    effect: Literal["allow", "allow_always", "deny", "other"]


class Choice(Wire):
    """One of a question's options."""

    id: RequestId
    label: Title
    description: Text | None = None


class Question(Wire):
    """One of a request's questions. `multiple`: several options may be chosen; `free`: free text is accepted."""

    id: RequestId
    header: Title | None = None
    question: Annotated[Text, StringConstraints(min_length=1)]
    options: Annotated[list[Choice], Field(max_length=MAX_OPTIONS)] = []
    multiple: bool | None = None
    free: bool | None = None

    @property
    def takes_text(self) -> bool:
        return bool(self.free) or not self.options

    @model_validator(mode="after")
    def _choices_differ(self) -> Self:
        _require_different([choice.id for choice in self.options], f"questions {brief(self.id)}: options")
        return self

    def check(self, given: Sequence[str]) -> None:
        """Raise ProtocolError (INVALID_MESSAGE) unless this is a valid answer to the question."""
        where = f"answers.{self.id}"
        most = MAX_OPTIONS if self.multiple else 1
        if not 1 <= len(given) <= most:
            raise _invalid(f"{where}: expected {'1 to ' if most > 1 else ''}{most}, got {len(given)}")
        known = [choice.id for choice in self.options]
        for entry in given:
            if entry not in known and not (self.takes_text and entry.strip()):
                raise _invalid(f"{where}: expected {_any_of(known) if known else 'text'}; got {brief(entry)}")


class Tool(Wire):
    """The exact action that needs permission: the tool and its input."""

    name: Title
    tool_call_id: Annotated[Text, StringConstraints(min_length=1, max_length=200)] | None = None
    input: dict[str, Any]
    changes: Annotated[list[FileChange], Field(max_length=MAX_CHANGES)] | None = None


class RequestFields(Wire):
    """The fields of a request."""

    request_id: RequestId
    kind: RequestKind
    title: Title
    body: Text | None = None
    tool: Tool | None = None
    options: Annotated[list[Option], Field(max_length=MAX_OPTIONS)] = []
    questions: Annotated[list[Question], Field(max_length=MAX_QUESTIONS)] | None = None
    expires_at: Moment | None = None

    @model_validator(mode="after")
    def _can_be_answered(self) -> Self:
        _require_different([option.id for option in self.options], "options")
        _require_different([question.id for question in self.questions or ()], "questions")
        if self.kind in (RequestKind.PERMISSION, RequestKind.PLAN) and not self.options:
            raise _invalid(f"options: expected at least one for a {self.kind}")
        if self.kind is RequestKind.INPUT and self.options:
            raise _invalid(f"options: expected none for kind input, got {len(self.options)}")
        if self.kind is not RequestKind.QUESTION and self.questions:
            raise _invalid(f"questions: expected none for a {self.kind}, got {len(self.questions)}")
        return self

    def check(self, answer: "Answer") -> None:
        """Raise ProtocolError (INVALID_MESSAGE) unless this is a valid answer to the request."""
        known = [option.id for option in self.options]
        if answer.option is not None and answer.option not in known:
            raise _invalid(f"option: expected {_any_of(known)}; got {brief(answer.option)}")
        if answer.answers is not None:
            self._check_answers(answer.answers)
        if answer.option is None and answer.answers is None:
            if self.options or self.questions:
                wanted = [name for name, asked in (("option", self.options), ("answers", self.questions)) if asked]
                raise _invalid(f"expected {' or '.join(wanted)}")
            if not (answer.text or "").strip():
                raise _invalid("text: expected at least one character")

    def _check_answers(self, answers: dict[str, list[str]]) -> None:
        questions = {question.id: question for question in self.questions or ()}
        if not questions:
            raise _invalid("answers: expected none, because the request has no questions")
        for key in answers:
            if key not in questions:
                raise _invalid(f"answers: expected {_any_of(questions)}; got {brief(key)}")
        for key, question in questions.items():
            if key not in answers:
                raise _invalid(f"answers.{key}: missing")
            question.check(answers[key])


class Answer(Wire):
    """A person's answer: an option, answers to the questions (option ids or texts), or a text."""

    option: RequestId | None = None
    answers: dict[RequestId, Annotated[list[Text], Field(max_length=MAX_OPTIONS)]] | None = None
    text: Text | None = None


def _require_different(ids: Sequence[str], where: str) -> None:
    if len(set(ids)) < len(ids):
        again = next(id_ for index, id_ in enumerate(ids) if id_ in ids[:index])
        raise _invalid(f"{where}: expected different ids, got {brief(again)} twice")


def _any_of(ids: Sequence[str] | dict[str, Any]) -> str:
    return f"one of {brief(list(ids), 200)}" if ids else "none"


def _invalid(message: str) -> ProtocolError:
    return ProtocolError(Code.INVALID_MESSAGE, message)


class NamedAnswer(Answer):
    """Payload of `answer:agent` without the agent's id."""

    request_id: RequestId


def read_named_answer(raw: Raw) -> tuple[str, Answer]:
    """A request's id and answer from JSON text. Raises ProtocolError (INVALID_JSON, INVALID_MESSAGE)."""
    named = parse(NamedAnswer, raw, "payload")
    return named.request_id, Answer(option=named.option, answers=named.answers, text=named.text)
