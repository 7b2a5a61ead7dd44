"""One item of an output, read; or why it could not be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parsed:
    """One item of an output, read. For a question-answer pair both parts are set, for a question whose answer is what
    the model was shown the first; of a rewrite there is only the text; a judgement has a score or a verdict."""

    text: str  # what the model wrote, without think blocks
    question: str | None = None
    answer: str | None = None
    score: int | None = None
    supported: bool | None = None
    listed: bool = False  # an item of a list, such as a term of a glossary: it may be much shorter than its passage


class ParseError(ValueError):
    """An output that does not have the form asked for; ``reason`` is a snake_case word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
