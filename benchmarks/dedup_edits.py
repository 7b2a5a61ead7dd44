"""Planted near-duplicates: real pages edited in seven ways, and families of pages that share a template.

How much is edited is drawn so that similarities spread around the threshold; what came of it is measured, not assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.dedup_pairs import CHARACTERS, WORD, WORDS

FAMILY = 6  # pages of one template
_TEMPLATE = (0.5, 0.72)  # similarity of the pages of a family
_DENSE, _WIDE = (0.74, 0.87), (0.5, 0.99)  # similarities to plant: most where the curve is judged
_DENSE_SHARE = 0.7
_MIN_WORDS = 60  # of a page that is edited

Piece = tuple[str, str]  # what stands before a word, and the word


@dataclass(frozen=True)
class Planted:
    """A text, the way it was made ("template" or the edit), and the page it was made from."""

    text: str
    way: str
    source: int


@dataclass(frozen=True)
class Edit:
    """What an edit may draw on."""

    random: Random
    spare: Sequence[str]  # words of other pages
    size: int  # words of a shingle, or characters

    def kept(self, similarity: float) -> float:
        """Share of the shingles that each of two pages must share with the other to be so similar."""
        return 2 * similarity / (1 + similarity)

    def rate(self, similarity: float) -> float:
        """Share of the words to edit, one by one."""
        return 1 - self.kept(similarity) ** (1 / self.size)

    def foreign(self, count: int) -> list[Piece]:
        """So many words in a row from other pages."""
        start = self.random.randrange(max(1, len(self.spare) - count))
        blank = " " if self.size == WORDS else ""
        return [(blank, word) for word in self.spare[start : start + count]]

    def word(self) -> str:
        """Any word of other pages."""
        return self.random.choice(self.spare)


def pieces_of(text: str) -> tuple[list[Piece], str]:
    """The words of a text, each with what stands before it, and what follows the last."""
    pieces, at = [], 0
    for match in WORD.finditer(text):
        pieces.append((text[at : match.start()], match.group()))
        at = match.end()
    return pieces, text[at:]


def replace_words(pieces: list[Piece], similarity: float, edit: Edit) -> list[Piece]:
    """Words for words of other pages."""
    rate = edit.rate(similarity)
    return [(gap, edit.word() if edit.random.random() < rate else word) for gap, word in pieces]


def mistype_words(pieces: list[Piece], similarity: float, edit: Edit) -> list[Piece]:
    """One character of a word for another."""
    rate, found = edit.rate(similarity), []
    for gap, word in pieces:
        if edit.random.random() < rate:
            at = edit.random.randrange(len(word))
            word = word[:at] + edit.word()[0] + word[at + 1 :]
        found.append((gap, word))
    return found


def delete_words(pieces: list[Piece], similarity: float, edit: Edit) -> list[Piece]:
    """Words left out here and there."""
    rate = edit.rate(similarity)
    return [piece for piece in pieces if edit.random.random() >= rate]


def insert_words(pieces: list[Piece], similarity: float, edit: Edit) -> list[Piece]:
    """Words of other pages put in here and there."""
    rate, found = edit.rate(similarity), []
    blank = " " if edit.size == WORDS else ""
    for piece in pieces:
        if edit.random.random() < rate:
            found.append((blank, edit.word()))
        found.append(piece)
    return found


def reorder_parts(pieces: list[Piece], similarity: float, edit: Edit) -> list[Piece]:
    """Passages in another order: only shingles over a seam change."""
    length = max(1, round((edit.size - 1) / max(1e-3, 1 - edit.kept(similarity))))
    parts = [pieces[start : start + length] for start in range(0, len(pieces), length)]
    edit.random.shuffle(parts)
    return [piece for part in parts for piece in part]


def add_boilerplate(pieces: list[Piece], similarity: float, edit: Edit) -> list[Piece]:
    """A stretch of another page at either end."""
    more = edit.foreign(round(len(pieces) * (1 / similarity - 1)))
    return [*more, *pieces] if edit.random.random() < 0.5 else [*pieces, *more]


def truncate(pieces: list[Piece], similarity: float, edit: Edit) -> list[Piece]:
    """The end cut off."""
    return pieces[: round(len(pieces) * similarity)]


EDITS: tuple[Callable[[list[Piece], float, Edit], list[Piece]], ...] = (
    replace_words, mistype_words, delete_words, insert_words, reorder_parts, add_boilerplate, truncate,
)  # fmt: skip


def plant(texts: Sequence[str], lang: str, count: int, families: int, seed: int) -> list[Planted]:
    """One edited copy of each of so many of the texts, and families of pages around a template cut from others."""
    random = Random(f"{seed} {lang}")
    order = random.sample(range(len(texts)), len(texts))
    spare = [word for number in order[:200] for _, word in pieces_of(texts[number])[0]]
    edit = Edit(random, spare, CHARACTERS if lang == "zh" else WORDS)
    found: list[Planted] = []
    for number in order[:count]:
        pieces, tail = pieces_of(texts[number])
        if len(pieces) >= _MIN_WORDS:
            low, high = _DENSE if random.random() < _DENSE_SHARE else _WIDE
            change = random.choice(EDITS)
            text = "".join(map("".join, change(pieces, random.uniform(low, high), edit))) + tail
            found.append(Planted(text, change.__name__, number))
    templates = [number for number in order if len(pieces_of(texts[number])[0]) >= _MIN_WORDS][-families:]
    for number in templates if families else []:
        found += _family(pieces_of(texts[number])[0], number, edit)
    return found


def _family(template: list[Piece], source: int, edit: Edit) -> list[Planted]:
    """Pages of one template, each with a stretch of its own inside: any two share little more than the template."""
    similarity = edit.random.uniform(*_TEMPLATE)
    own = round(len(template) * (1 / similarity - 1) / 2)  # two pages hold template + 2 * own words
    middle = len(template) // 2
    pages = [[*template[:middle], *edit.foreign(own), *template[middle:]] for _ in range(FAMILY)]
    return [Planted("".join(map("".join, page)), "template", source) for page in pages]
