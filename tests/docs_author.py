"""What the server that plays the model writes for the pages of docs: what it is shown, and English questions about it.

It answers small prompts and large ones in the form that they ask for, and a question asked again with its passage the
way it answered it before. What it writes is no language anybody speaks; it passes the checks, and that is its purpose.
"""

from __future__ import annotations

import re

_PASSAGE = re.compile(r"=====+\n(.*?)\n=====+", re.DOTALL)
_SENTENCE = re.compile(r"[A-Z][^.!?\n]{40,300}\.(?=\s|$)")
_VERBS = frozenset(("is", "are", "can", "was", "has", "must", "may", "will"))


class Author:
    """Called with the last message of a prompt; remembers its questions."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def __call__(self, shown: str) -> str:
        if "Score:" in shown:
            return "It explains.\nScore: 4"
        if shown.startswith("Statement: "):
            return self._ask(shown.removeprefix("Statement: ").strip())
        asked = shown.rpartition("Question: ")[2].partition("\n")[0].strip()
        if shown.startswith("Question: "):
            return "I do not know."
        if asked in self._answers:
            return self._answers[asked]
        passage = _PASSAGE.search(shown)
        if passage is None:
            return re.sub(r"^(Text:|原文：)\s*", "", shown)
        return self._pairs(passage[1]) if "question-answer pairs" in shown else passage[1]

    def _ask(self, statement: str) -> str:
        """A question whose answer is the statement."""
        words = statement.rstrip(".").split(" ")
        verb = next((place for place, word in enumerate(words) if word in _VERBS), 3)
        question = f"What {words[min(verb, len(words) - 1)]} {' '.join(words[:verb])}?"
        self._answers[question] = statement
        return question

    def _pairs(self, passage: str) -> str:
        pairs = (f"Question: {self._ask(found)}\nAnswer: {found}" for found in _SENTENCE.findall(passage)[:4])
        return "\n\n".join(pairs)
