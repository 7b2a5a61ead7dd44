"""Items of question sets planted in ordinary pages, in every form in which a page may hold them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from stages.question_sets import Item

_PUNCTUATION = re.compile(r"[^\w\s]|_")
_MARKS = (", ", " - ", "; ", " ", "... ")
HOST_WORDS = {"inside_5000_words": 5000}
_WORDS = 300  # of the page around an item, where it is not said otherwise
_CHARS_A_WORD = 1.65  # Chinese

SCHEMA = pa.schema(
    {"kind": pa.string(), "set": pa.string(), "item": pa.int64(), "chinese": pa.bool_(), "content": pa.string()}
)


def whole(item: Item) -> str:
    """An item as it stands on a page: its passage, its question, its choices."""
    choices = [f"{chr(ord('A') + k)}. {choice}" for k, choice in enumerate(item.choices)]
    return "\n".join(filter(None, [item.context, item.questions[0], *choices]))


def answered(item: Item) -> str:
    """The passage, the question and the right answer."""
    return "\n".join(filter(None, [item.context, item.questions[0], item.answer]))


def alone(item: Item) -> str:
    """The question without all that belongs to it."""
    return item.questions[0]


def _repunctuated(text: str, rng: random.Random) -> str:
    return re.sub(r"(\w) (\w)", lambda match: match[1] + rng.choice(_MARKS) + match[2], text)


def _broken(text: str, rng: random.Random) -> str:
    return re.sub(" ", lambda _: rng.choice((" ", "\n", "  ", "\t")), text)


def _marked(text: str, rng: random.Random) -> str:
    return re.sub(r"\b(\w+)\b", lambda match: rng.choice([match[1]] * 4 + [f"**{match[1]}**", f"_{match[1]}_"]), text)


def _full_width(text: str, _: random.Random) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def _edited(text: str, rng: random.Random) -> str:
    """One word of twelve is another."""
    words = text.split(" ")
    for k in range(rng.randrange(12), len(words), 12):
        words[k] = rng.choice(words)
    return " ".join(words)


def _half(text: str, _: random.Random) -> str:
    return text[: len(text) // 2]


Edit = Callable[[str, random.Random], str]
# Kind -> what is planted of an item, and how it is changed. The first ones are those of the bar.
BAR_KINDS: dict[str, tuple[Callable[[Item], str], Edit]] = {
    "verbatim": (whole, lambda text, _: text),
    "upper_case": (whole, lambda text, _: text.upper()),
    "lower_case": (whole, lambda text, _: text.lower()),
    "capitals": (whole, lambda text, _: text.title()),
    "no_punctuation": (whole, lambda text, _: _PUNCTUATION.sub("", text)),
    "punctuation_as_spaces": (whole, lambda text, _: _PUNCTUATION.sub(" ", text)),
    "other_punctuation": (whole, _repunctuated),
    "line_breaks": (whole, _broken),
    "full_width": (whole, _full_width),
    "markdown": (whole, _marked),
    "inside_5000_words": (whole, lambda text, _: text),
    "with_answer_only": (answered, lambda text, _: text),
}
OTHER_KINDS: dict[str, tuple[Callable[[Item], str], Edit]] = {
    "question_alone": (alone, lambda text, _: text),
    "edited": (whole, _edited),
    "half": (whole, _half),
}


def plant(sets: Mapping[str, Sequence[Item]], pages: Mapping[bool, Sequence[str]], items: int) -> pa.Table:
    """About ``items`` rows of each kind, every item equally likely.

    Args: pages, the texts to plant in, by whether they are Chinese.
    """
    rng = random.Random(5)
    hosts = {False: " ".join(pages[False]).split(" "), True: list("".join(pages[True]))}
    choices = [(name, item) for name in sorted(sets) for item in sets[name] if item.questions]
    rows: list[dict[str, Any]] = []
    for kind, (make, edit) in (BAR_KINDS | OTHER_KINDS).items():
        for name, item in rng.sample(choices, min(items, len(choices))):
            text = make(item)
            chinese = 3 * len(re.findall(r"[\u4e00-\u9fff]", text)) > len(text)
            content = _inside(edit(text, rng), hosts[chinese], chinese, HOST_WORDS.get(kind, _WORDS), rng)
            rows.append(dict(zip(SCHEMA.names, (kind, name, int(item.number), chinese, content), strict=True)))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _inside(text: str, host: Sequence[str], chinese: bool, words: int, rng: random.Random) -> str:
    """The text at some place of a stretch of pages."""
    count = min(len(host) - 1, int(words * _CHARS_A_WORD) if chinese else words)
    start = rng.randrange(len(host) - count)
    place = start + rng.randrange(count)
    between = "" if chinese else " "
    return "\n".join((between.join(host[start:place]), text, between.join(host[place : start + count])))
