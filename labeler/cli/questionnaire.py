"""Asking people for facts, in plain words."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from labeler.cli.console import printable, stderr
from labeler.cli.outputs import check_output, write_text
from labeler.errors import PolicyError
from labeler.gaps.inquiry import Answers
from labeler.gaps.question import Kind, Question, Value
from labeler.policy import Facts

__all__ = ["ask_all"]

_UNKNOWN: Final = "?"
_END: Final = "."
_SUFFIXES: Final = (".toml", ".json")
_YES: Final = frozenset({"y", "yes"})
_NO: Final = frozenset({"n", "no"})
_HINTS: Final = {
    Kind.TRI: "y/n/?",
    Kind.DATE: "YYYY-MM-DD or ?",
    Kind.CHOICE: "a number or ?",
    Kind.CHOICES: "numbers with commas between them, or ?",
    Kind.NUMBER: "a number or ?",
    Kind.TEXT: "text or ?",
}


def ask_all(save: Path | None, *, overwrite: bool) -> Facts:
    """Ask every question that matters, and give the facts.

    Questions go to standard error, so that standard output holds the answer alone.

    Args:
        save: Where to keep the facts; None: nowhere.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        PolicyError: The facts' name says neither TOML nor JSON; the answers ended too early.
        OutputError: The facts cannot be saved.
    """
    if save is not None:
        if save.suffix.lower() not in _SUFFIXES:
            raise PolicyError(
                "the facts' name says neither TOML nor JSON",
                file=save,
                hint="End it in .toml or .json",
            )
        check_output(save, overwrite=overwrite)
    _tell(f"Answer {_UNKNOWN} where you do not know, {_END} to end early. This is no legal advice.")
    answers = Answers(assessment_date=_ask_date())
    while (question := answers.next_question()) is not None:
        following = _ask(question, answers)
        if following is None:
            break
        answers = following
    if save is not None:
        is_toml = save.suffix.lower() == ".toml"
        write_text(save, answers.to_toml() if is_toml else answers.to_json(), overwrite=overwrite)
        _tell(f"The facts are in {save}.")
    return answers.facts()


def _ask_date() -> date:
    today = datetime.now(UTC).date()
    while True:
        text = _prompt(f"As of which day? (YYYY-MM-DD; Enter: {today.isoformat()})")
        try:
            return date.fromisoformat(text) if text else today
        except ValueError:
            _tell(f"{text!r} is no date such as {today.isoformat()}.")


def _ask(question: Question, answers: Answers) -> Answers | None:
    """The answers with one more; None: nothing more is to be asked."""
    _tell("")
    _tell(question.asks)
    for number, choice in enumerate(question.choices, 1):
        _tell(f"  {number:2d}  {choice.says}")
    while True:
        text = _prompt(f"[{_HINTS[question.kind]}]")
        if text == _END:
            return None
        try:
            value = None if text == _UNKNOWN else _understand(question, text)
            return answers.answer(question, value)
        except ValueError:
            _tell(f"{text!r} is no answer: {question.kind.value} is asked for.")
        except PolicyError as error:
            _tell(f"{error}")


def _understand(question: Question, text: str) -> Value:
    """What was typed, as the facts hold it.

    Raises:
        ValueError: It is no answer to the question.
    """
    match question.kind:
        case Kind.TRI:
            return _yes_or_no(text)
        case Kind.DATE:
            return date.fromisoformat(text).isoformat()
        case Kind.CHOICE:
            return _choice(question, text)
        case Kind.CHOICES:
            return tuple(dict.fromkeys(_choice(question, each) for each in text.split(",")))
        case Kind.NUMBER:
            return int(text)
        case Kind.TEXT:
            return text


def _yes_or_no(text: str) -> bool:
    word = text.lower()
    if word in _YES | _NO:
        return word in _YES
    raise ValueError(text)


def _choice(question: Question, text: str) -> str | int:
    number = int(text)
    if not 1 <= number <= len(question.choices):
        raise ValueError(text)
    return question.choices[number - 1].value


def _prompt(text: str) -> str:
    """One line from standard input; click's own prompt would write to standard output."""
    stderr().print(printable(text), end=" ", soft_wrap=True)
    line = sys.stdin.readline()
    if not line:
        raise PolicyError(
            "the answers ended before the questions",
            hint=f"Answer {_END} to end early, with what is known so far",
        )
    return line.strip()


def _tell(text: str) -> None:
    stderr().print(printable(text), soft_wrap=not stderr().is_terminal)
