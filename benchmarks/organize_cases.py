"""Cases for the verification of statements: documents made of real pages, each with a statement and its right status.

Of every kind as many in English as in Chinese. The second host of a case is another real page, one sentence of which is
exchanged for one that agrees or disagrees; a copy keeps its neighbours.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.checks_edits import ADDED, DROPPED, LATIN_NAME, NAMES, NUMBER
from benchmarks.pages import read_pages
from synth import units
from synth.checks_form import FUNCTION_WORDS
from synth.passages import cut_sentences, opens_with_subject, sentences

LENGTHS = {"en": (50, 220), "zh": (18, 90)}  # of a sentence, in characters
_EVERY = {"en": 6, "zh": 2}  # pages of documentation, one in so many
_MIN_SENTENCES = 6  # of a page
_AROUND = 3  # sentences on both sides of a passage that come with it


@dataclass(frozen=True)
class Document:
    """A page, cut into sentences."""

    uid: str
    title: str
    language: str
    told: tuple[str, ...]  # all its sentences
    sound: tuple[int, ...]  # those that can be read by themselves

    def around(self, place: int) -> str:
        return " ".join(self.told[max(0, place - _AROUND) : place + _AROUND + 1])


@dataclass(frozen=True)
class Case:
    """A statement, its evidence, a page of another host, and the status that is right."""

    kind: str
    statement: str
    document: Document
    place: int  # the sentence of its document that is its evidence
    other: Document
    status: str


def documents(data: Path, language: str) -> list[Document]:
    """Pages of documentation and of the web in a language, that have prose."""
    found = {}
    for archive, every in (
        (data / "docs-pages" / f"{language}.warc.gz", _EVERY[language]),
        (data / "web-pages" / "pages.warc.gz", 3),
    ):
        for table in read_pages(archive, every):
            for row in table.select(["url", "title", "content"]).to_pylist():
                document = read(row["url"], row["title"] or "", row["content"], language)
                if document is not None:
                    found.setdefault(document.told[document.sound[0]], document)
    return list(found.values())


def read(url: str, title: str, text: str, language: str) -> Document | None:
    """A page as a document; None of one with too little prose in the language."""
    spans = [span for span in sentences(text) if text[span[1] - 1] in ".。"]
    if len(spans) < _MIN_SENTENCES:
        return None
    good = {span for span in cut_sentences(text, (0, len(text)), *LENGTHS[language]) if opens_with_subject(text, span)}
    told = [text[slice(*span)] for span in spans]
    sound = tuple(
        i for i, span in enumerate(spans)
        if span in good and _in_language(told[i], language) and told.count(told[i]) == 1
        and _is_telling(told[i], language)
    )  # fmt: skip
    uid = hashlib.sha256(url.encode()).hexdigest()[:32]
    return Document(uid, title, language, tuple(told), sound) if sound else None


def _in_language(text: str, language: str) -> bool:
    han = len(units.HAN.findall(text))
    if language == "zh":
        return han >= 0.5 * len(text)
    words = units.words(text)
    return sum(word in FUNCTION_WORDS for word in words) >= 0.15 * len(words)


def _is_telling(text: str, language: str) -> bool:
    """Whether a sentence has enough content to tell what it is about."""
    return len(units.content_units(text, language)) >= (6 if language == "en" else 10)


def looked_at(document: Document) -> bool:
    """Whether a page belongs to the half that was looked at while the checks were tuned."""
    return int(document.uid[:8], 16) % 2 == 0


# --- what becomes of a sentence -------------------------------------------------------------------------------------

Edit = Callable[[str, random.Random, str], str | None]


def changed_number(text: str, rng: random.Random, language: str) -> str | None:
    """Another number in place of one that counts something: a digit is changed."""
    counted = (
        r"(?<![\w.#-])(?<!ersion )(?<!hapter )\d+(?= [a-z]{3,})"
        if language == "en"
        else r"(?<![\w第.版-])\d+(?=[个条项名位次天年倍种行字秒分小])"
    )
    found = [*re.finditer(counted, text)]
    return _other_digits(text, rng.choice(found), rng) if found else None


def any_number(text: str, rng: random.Random, language: str) -> str | None:
    """Another number in place of any."""
    found = [*NUMBER.finditer(text)]
    return _other_digits(text, rng.choice(found), rng) if found else None


def _other_digits(text: str, match: re.Match[str], rng: random.Random) -> str | None:
    digits = match.group()
    place = rng.choice([i for i, char in enumerate(digits) if char.isdigit()])
    put = digits[:place] + rng.choice([d for d in "123456789" if d != digits[place]]) + digits[place + 1 :]
    return text[: match.start()] + put + text[match.end() :] if put not in text else None


def changed_name(text: str, rng: random.Random, language: str) -> str | None:
    """Another name in place of one."""
    found = [match for match in LATIN_NAME.finditer(text) if match.start() or " " in match.group()]
    free = [name for name in NAMES[language] if name.lower() not in text.lower()]
    if not found:
        return None
    match = rng.choice(found)
    return text[: match.start()] + rng.choice(free) + text[match.end() :]


def negated(text: str, rng: random.Random, language: str) -> str | None:
    """A denial put in, or taken out."""
    found = [(m, put) for p, put in (*DROPPED[language], *ADDED[language]) for m in re.finditer(p, text)]
    if not found:
        return None
    match, put = rng.choice(found)
    said = text[: match.start()] + match.expand(put) + text[match.end() :]
    return None if re.search(r"not['’]t\b", said) else said


def merged(first: str, second: str, language: str) -> str:
    """The first half of one sentence and the second half of another."""
    if language == "zh":
        return first[: len(first) // 2] + second[len(second) // 2 :]
    head, tail = first.split(), second.split()
    return " ".join([*head[: len(head) // 2], *tail[len(tail) // 2 :]])


# --- the cases ------------------------------------------------------------------------------------------------------


def _true(document: Document, place: int, other: Document, rng: random.Random, paraphrase: Edit) -> Case | None:
    told = document.told[place]
    statement = told if rng.random() < 0.5 else paraphrase(told, rng, document.language)
    return Case("true", statement, document, place, other, "supported") if statement else None


def _edited(kind: str, edit: Edit) -> Callable[..., Case | None]:
    def make(document: Document, place: int, other: Document, rng: random.Random, _: Edit) -> Case | None:
        statement = edit(document.told[place], rng, document.language)
        return Case(kind, statement, document, place, other, "unsupported") if statement else None

    return make


def _merged(document: Document, place: int, other: Document, rng: random.Random, _: Edit) -> Case | None:
    others = [i for i in document.sound if abs(i - place) > 0]
    if not others:
        return None
    second = rng.choice(others)
    evidence = rng.choice([place, second])
    statement = merged(document.told[place], document.told[second], document.language)
    return Case("merged halves", statement, document, evidence, other, "unsupported")


def _agreeing(document: Document, place: int, other: Document, rng: random.Random, paraphrase: Edit) -> Case | None:
    said = paraphrase(document.told[place], rng, document.language)
    return (
        Case("two hosts agreeing", document.told[place], document, place, _put(other, said, rng), "corroborated")
        if said
        else None
    )


def _contradicting(document: Document, place: int, other: Document, rng: random.Random, _: Edit) -> Case | None:
    told = document.told[place]
    edits = [changed_number, negated] if rng.random() < 0.5 else [negated, changed_number]
    said = next(filter(None, (edit(told, rng, document.language) for edit in edits)), None)
    return (
        Case("two hosts contradicting", told, document, place, _put(other, said, rng), "contradicted") if said else None
    )


def _copy(document: Document, place: int, other: Document, rng: random.Random, _: Edit) -> Case | None:
    copied = document.told[max(0, place - _AROUND) : place + _AROUND + 1]
    where = rng.randrange(len(other.told))
    told = (*other.told[:where], *copied, *other.told[where + 1 :])
    page = Document(other.uid, other.title, other.language, told, other.sound)
    return Case("copy on a second host", document.told[place], document, place, page, "supported")


def _put(page: Document, said: str, rng: random.Random) -> Document:
    """A page with one of its sentences exchanged."""
    where = rng.randrange(len(page.told))
    return Document(
        page.uid, page.title, page.language, (*page.told[:where], said, *page.told[where + 1 :]), page.sound
    )


LOOKED_AT: dict[str, Callable[..., Case | None]] = {
    "true": _true,
    "altered number": _edited("altered number", any_number),
    "negated": _edited("negated", negated),
    "two hosts agreeing": _agreeing,
}
UNSEEN: dict[str, Callable[..., Case | None]] = {
    "altered name": _edited("altered name", changed_name),
    "merged halves": _merged,
    "two hosts contradicting": _contradicting,
    "copy on a second host": _copy,
}


def cases(pages: Sequence[Document], draws: int, seed: int, paraphrase: Edit) -> Iterator[Case]:
    """So many cases of each kind, of the pages of one language: kinds looked at over pages looked at, others over
    others; one of a page and kind."""
    for kind, make in (LOOKED_AT | UNSEEN).items():
        own = [page for page in pages if looked_at(page) == (kind in LOOKED_AT)]
        rng, made = random.Random(f"{seed} {kind} {pages[0].language}"), 0
        for page in rng.sample(own, len(own)):
            other = rng.choice([one for one in own if one.uid != page.uid])
            tried = (
                make(page, place, other, rng, paraphrase) for place in rng.sample(page.sound, min(4, len(page.sound)))
            )
            case = next(filter(None, tried), None)
            if case is not None and made < draws:
                made += 1
                yield case
