"""Documentation sorted into explanatory prose and everything else, by its own lines; prose spoiled into bad text."""

from __future__ import annotations

import hashlib
import math
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

HAN = re.compile("[\u4e00-\u9fff]")
# A line that a writer meant as a sentence or more: long enough, and closed as sentences are.
SENTENCE = {
    "en": re.compile(r"(?=(?:\S+\s+){8})[^{}<>|=\\]{60,}[.?!:;)\"'’”*_]$"),
    "zh": re.compile(r"(?=(?:[^\u4e00-\u9fff]*[\u4e00-\u9fff]){16})[^{}<>|=\\]{20,}[。！？：；）”.:*_]$"),
}
# A short one, which is prose still; but a list of questions is an index.
_SHORT = {
    "en": re.compile(r"(?=(?:\S+\s+){4})[^{}<>|=\\]*[.!][)\"'’”*_]*$"),
    "zh": re.compile(r"(?=(?:[^\u4e00-\u9fff]*[\u4e00-\u9fff]){8})[^{}<>|=\\]*[。！][”）)*_]*$"),
}
_UNIT = {"en": re.compile(r"\S+"), "zh": re.compile(r"[\u4e00-\u9fff]{1,3}|[^\u4e00-\u9fff\s]+")}
_TERM = {"en": re.compile(r"[A-Za-z]{5,}"), "zh": re.compile(r"[\u4e00-\u9fff]{2,4}")}
_STOP = {"en": re.compile(r"(?<=[.?!])\s+"), "zh": re.compile(r"(?<=[。！？])")}
_CLAUSE = re.compile(r"[\n.,;:!。，；：！、()（）]+")
_PAGED, _HEADED, _CLOSE = 0.2, 0.3, 0.5  # of outlines: with numbers of pages, with a heading, without empty lines
_JOINS = (", ", " | ", "\n", " ", " - ", "、")


def label(text: str, role: str, language: str, limits: dict) -> bool | None:
    """Whether a piece is a positive; None for one that lies between the classes and is left out."""
    if role == "essay":
        return True
    if role == "noise":
        return False
    if prose_share(text, language) >= limits["positive_share"]:
        return True
    return False if sentence_share(text, language) <= limits["negative_share"] else None


def prose_share(text: str, language: str) -> float:
    """Share of the characters that stand in sentence lines, 0 to 1."""
    lines = text.splitlines()
    return sum(len(line) for line in lines if is_sentence(line, language)) / max(1, sum(map(len, lines)))


def han_share(text: str) -> float:
    """Chinese characters among those that are not white space, 0 to 1."""
    return len(HAN.findall(text)) / max(1, len("".join(text.split())))


def is_sentence(line: str, language: str) -> bool:
    """Whether a line reads as a sentence of the language."""
    return SENTENCE[language].match(line.strip()) is not None


def sentence_share(text: str, language: str) -> float:
    """Share of the characters that stand in sentences of any length, 0 to 1."""
    lines = text.splitlines()
    return sum(len(line) for line in lines if is_prose(line, language)) / max(1, sum(map(len, lines)))


def is_prose(line: str, language: str) -> bool:
    """Whether a line is a sentence, however short."""
    return is_sentence(line, language) or _SHORT[language].match(line.strip()) is not None


def without_sentences(text: str, language: str) -> str:
    """What a page holds besides its prose: headings, entries of lists, code, captions."""
    return "\n".join(line for line in text.splitlines() if line.strip() and not is_prose(line, language))


def pieces(text: str, limits: dict, number: int) -> Iterator[str]:
    """Cut `number` runs of lines from a text, of lengths spread evenly on a log scale over `lengths`.

    Start and length follow from a hash of the text, so the same text always gives the same pieces.
    """
    lines = text.splitlines(keepends=True)
    for i in range(number if lines else 0):
        length, start = fractions(f"{i} {text}")
        # One piece of a text starts near its top, as pages do; several are spread over it.
        first = int(start * len(lines)) if number > 1 else 0
        yield run_of_lines(lines[first:], drawn_length(length, limits)).strip()


def stretches(texts: Iterable[str], limits: dict) -> Iterator[str]:
    """Short leftovers joined until they are as long as other documents are: lengths are drawn as in `pieces`."""
    taken: list[str] = []
    wanted = drawn_length(0.5, limits)
    for text in texts:
        taken.append(text)
        joined = "\n".join(taken)
        if len(joined) >= wanted:
            yield run_of_lines(joined.splitlines(keepends=True), wanted).strip()
            taken, wanted = [], drawn_length(fractions(joined)[0], limits)


def drawn_length(fraction: float, limits: dict) -> float:
    """Characters, from a number between 0 and 1."""
    low, high = map(math.log, limits["lengths"])
    return math.exp(low + (high - low) * fraction)


def run_of_lines(lines: Sequence[str], wanted: float) -> str:
    """The first lines up to about `wanted` characters, at least one."""
    taken, size = [], 0
    for line in lines:
        if taken and size + len(line) > wanted:
            break
        taken.append(line)
        size += len(line)
    return "".join(taken)


def spoiled(texts: Sequence[str], language: str, share: float) -> Iterator[str]:
    """Bad texts of the same topics: of a share of the texts their words shuffled, their terms heaped up as for a
    search engine, the beginnings of their sentences as a page of search results shows them, or an outline."""
    kinds = (shuffled, stuffed, snippets, outline)
    for text in texts:
        kind, taken = fractions(f"spoiled {text}")
        if taken < share:
            yield kinds[int(kind * len(kinds))](text, language)


def wrapped(text: str, language: str, share: float) -> str:
    """The text, and of a share of texts the same with its lines broken at a width, as older pages and mails have them:
    where a line breaks says nothing of a text."""
    chosen, width = fractions(f"wrapped {text}")
    if chosen >= share:
        return text
    low, high = (45, 85) if language == "en" else (18, 45)
    return "\n".join(part for line in text.splitlines() for part in broken(line, int(low + width * (high - low))))


def broken(line: str, width: int) -> list[str]:
    """A line in pieces of at most about `width` characters, broken at spaces, or anywhere where there are none."""
    if HAN.search(line):
        return [line[k : k + width] for k in range(0, len(line), width)] or [""]
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]


def shuffled(text: str, language: str) -> str:
    """The words of every line in another order."""
    rng = rng_of(text)
    joint = " " if language == "en" else ""
    lines = (_UNIT[language].findall(line) for line in text.splitlines())
    return "\n".join(joint.join(rng.permutation(words)) if words else "" for words in lines)


def stuffed(text: str, language: str) -> str:
    """The terms of a text over and over, a few words at a time."""
    rng = rng_of(text)
    terms = list(dict.fromkeys(_TERM[language].findall(text))) or [text.strip()]
    joint, inner = _JOINS[int(rng.integers(len(_JOINS)))], " " if language == "en" else ""
    number = max(4, len(text) // (20 if language == "en" else 8))
    picks = (rng.choice(terms, size=int(rng.integers(1, 4))) for _ in range(number))
    return joint.join(inner.join(pick) for pick in picks)


def snippets(text: str, language: str) -> str:
    """The beginnings of sentences, broken off, each on a line of its own."""
    rng = rng_of(text)
    low, high = (20, 90) if language == "en" else (8, 30)
    sentences = [line for line in _STOP[language].split(text) if len(line) > low]
    cut = (line[: int(rng.integers(low, high))].rsplit(" ", 1)[0].strip() for line in sentences)
    mark = ("...", "…", " [...]", "")[int(rng.integers(4))]
    return "\n".join(f"{line}{mark}" for line in cut)


def outline(text: str, language: str) -> str:
    """Clauses as a table of contents or a list of links: numbered, or with a bullet, some with a number of a page."""
    rng = rng_of(text)
    low, high = (15, 70) if language == "en" else (5, 25)
    clauses = [clause.strip(" -*#|`") for clause in _CLAUSE.split(text)]
    kept = [clause for clause in clauses if low <= len(clause) <= high]
    chapter, mark, pages = int(rng.integers(1, 20)), int(rng.integers(4)), rng.random() < _PAGED
    first = ("目录" if language == "zh" else "Table of Contents") if rng.random() < _HEADED else ""
    lines = [first, *(f"{bullet(mark, chapter, k)}{clause}" for k, clause in enumerate(kept, 1))]
    gap = "\n" if rng.random() < _CLOSE else "\n\n"
    return gap.join(f"{line} {7 * k + chapter}" if pages and k else line for k, line in enumerate(lines)).strip()


def bullet(mark: int, chapter: int, number: int) -> str:
    """What stands before a line of an outline."""
    return (f"{chapter}.{number}. ", f"{number}. ", "- ", "")[mark]


def rng_of(text: str) -> np.random.Generator:
    """Chance that follows from the text."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big"))


def fractions(text: str) -> tuple[float, float]:
    """Two numbers from 0 to 1 that follow from the text."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:4], "big") / 2**32, int.from_bytes(digest[4:8], "big") / 2**32


def capped(texts: Iterable[str], cap: int) -> list[str]:
    """At most `cap` different texts, in the order of their hash."""
    return sorted(dict.fromkeys(texts), key=fractions)[:cap]
