"""Question sets to the index that documents are compared with: which texts of an item, which words, which windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stages.commonplaces import COMMONPLACES
from stages.contamination_kernels import Index, fill_slots
from stages.folded_texts import Folded, fold_texts, sums
from stages.letter_kernels import all_grams, window_hashes
from stages.question_sets import Item

# A window of so many letters is looked up; every so many letters of a text one starts, so that a run of 25 letters, or
# of 10 characters, always holds one.
WINDOWS = {False: (20, 6), True: (8, 3)}
MOST_PLACES = 64  # a window in more places than this says nothing about any
SHORT_CONTEXT = {False: 50, True: 100}  # words: what is no longer was written for its question
STORY = {False: 30, True: 40}  # words: a stretch so long that many questions share is no set phrase
BITS_A_SLOT = 4  # of the bitmap that most windows of a document end at


class Sizes(NamedTuple):
    """Limits in words, or in characters of scripts without spaces."""

    run: int  # that a run must have
    least: int  # that a question must have of its own, to be looked for alone
    joined: int  # that it must have together with its choices or its answer
    phrase: int  # of a phrase that, where many items have it, is nobody's own


@dataclass(frozen=True)
class Limits:
    """What decides which texts are looked for."""

    words: Sizes
    characters: Sizes
    max_repeats: int  # items in which a phrase may stand before it is a commonplace

    def of(self, characters: bool) -> Sizes:
        """The limits of a text by its script."""
        return self.characters if characters else self.words


@dataclass(frozen=True)
class Questions:
    """What is loaded once per worker: the index, and the items its texts belong to."""

    index: Index
    names: tuple[str, ...]  # of the sets
    text_set: np.ndarray  # int32 (texts,)
    text_item: np.ndarray  # int32 (texts,), row of the set
    num_items: dict[str, int]
    too_short: dict[str, int]  # items without a text of enough words of their own


def build_index(
    sets: Mapping[str, Sequence[Item]], limits: Limits, ignored: frozenset[tuple[str, int]] = frozenset()
) -> Questions:
    """The index over the items of sets, by name; their order does not matter.

    Args: ignored, items (set, number) of which nothing is looked for, nor of any that asks the same.
    An item is looked for by its question alone where that has enough words of its own. Where it has not, it is joined
    with what it stands beside on a page: its context, else all its choices, and its answer.
    """
    names = tuple(sorted(sets))
    pairs = [(which, number) for which, name in enumerate(names) for number in range(len(sets[name]))]
    asked, strings = _candidates([sets[names[which]][number] for which, number in pairs])
    texts = fold_texts(strings)
    own = _own_words(texts, asked, limits)
    chosen = list(_choose(asked, texts, sums(own, texts.word_bounds), limits))
    owners = np.array([pairs[one.item] for one in chosen], np.int32).reshape(-1, 2)
    indexed = np.unique(owners, axis=0)[:, 0]
    there = np.bincount(indexed, minlength=len(names))
    kept = _first_of_equals(texts, chosen, [(names[which], number) in ignored for which, number in owners.tolist()])
    return Questions(
        _index(texts, own, [chosen[k] for k in kept], limits),
        names,
        owners[kept, 0],
        owners[kept, 1],
        {name: len(sets[name]) for name in names},
        {name: len(sets[name]) - int(there[which]) for which, name in enumerate(names)},
    )


class _Asked(NamedTuple):
    """A question of an item and what it can be joined with, as places among the candidate texts; -1: none."""

    item: int
    question: int
    with_context: int = -1
    with_choices: int = -1
    with_labels: int = -1  # the same with A, B, C ... before the choices
    with_answer: int = -1


class _Chosen(NamedTuple):
    """A candidate to look for, and which of its letters must be in the document besides."""

    item: int
    text: int
    must_start: int = 0  # from the start of the text
    must_stop: int = 0


def _candidates(items: Sequence[Item]) -> tuple[list[_Asked], list[str]]:
    asked, strings = [], []
    for place, item in enumerate(items):
        labelled = [f"{chr(ord('A') + k)}. {choice}" for k, choice in enumerate(item.choices)]
        for question in item.questions:
            joined = (
                f"{item.context}\n{question}" if item.context else "",
                "\n".join([question, *item.choices]) if item.choices else "",
                "\n".join([question, *labelled]) if item.choices else "",
                f"{question}\n{item.answer}" if item.answer else "",
            )
            strings.append(question)
            places = [len(strings) - 1]
            for text in joined:
                places.append(len(strings) if text else -1)
                strings += [text] if text else []
            asked.append(_Asked(place, *places))
    return asked, strings


def _own_words(texts: Folded, asked: Sequence[_Asked], limits: Limits) -> np.ndarray:
    """Which words of the candidates are an item's own, bool (words,).

    A phrase that stands in the questions of more than ``max_repeats`` items is nobody's own, but where a long stretch
    around it is the same: that is a story about which many questions are asked. The commonplaces never are.
    """
    item_of = np.full(len(texts.bounds) - 1, -1)
    item_of[[one.question for one in asked]] = [one.item for one in asked]
    phrase = np.where(texts.characters, limits.characters.phrase, limits.words.phrase)
    long = np.where(texts.characters, STORY[True], STORY[False])
    shared = _covered(texts, phrase, _repeated(texts, phrase, item_of, limits.max_repeats))
    stories = _covered(texts, long, _repeated(texts, long, item_of, limits.max_repeats))
    known = fold_texts(COMMONPLACES)
    sizes = np.where(known.characters, limits.characters.phrase, limits.words.phrase)
    common = _covered(texts, phrase, all_grams(known.letters, known.words, known.word_bounds, sizes)[0])
    return ~(common | (shared & ~stories))


def _repeated(texts: Folded, sizes: np.ndarray, item_of: np.ndarray, most: int) -> np.ndarray:
    """Hashes of the n-grams that stand in more than ``most`` items; ``item_of``: of each text, -1 for none."""
    hashes, owners, _ = all_grams(texts.letters, texts.words, texts.word_bounds, sizes)
    counted = item_of[owners] >= 0
    pairs = np.stack([hashes[counted], item_of[owners[counted]].astype(np.uint64)], 1)
    values, counts = np.unique(np.unique(pairs, axis=0)[:, 0], return_counts=True)
    return values[counts > most]


def _covered(texts: Folded, sizes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Which words lie in n-grams of these hashes, bool (words,)."""
    hashes, owners, starts = all_grams(texts.letters, texts.words, texts.word_bounds, sizes)
    hit = np.isin(hashes, wanted)
    edges = np.zeros(len(texts.words), np.int64)
    np.add.at(edges, starts[hit], 1)
    np.add.at(edges, starts[hit] + sizes[owners[hit]], -1)
    return np.cumsum(edges)[:-1] > 0


def _choose(asked: Sequence[_Asked], texts: Folded, num_own: np.ndarray, limits: Limits) -> Iterator[_Chosen]:
    """What to look for: a question with enough words of its own, else what it is joined with."""

    window = np.array([WINDOWS[False][0], WINDOWS[True][0]])[texts.characters.astype(int)]
    sizes = [limits.of(script) for script in texts.characters]
    there = texts.num_letters >= window
    alone = there & (num_own >= [size.least for size in sizes])
    joined = there & (num_own >= [size.joined for size in sizes])
    for one in asked:
        if alone[one.question]:
            yield _Chosen(one.item, one.question)
        elif one.with_context >= 0 and alone[one.with_context]:
            yield _with_context(one, texts, num_own)
        else:
            must = texts.num_letters[one.question] if _speaks(one, texts, num_own) else 0
            for k in (one.with_choices, one.with_labels, one.with_answer):
                if k >= 0 and joined[k]:
                    yield _Chosen(one.item, k, 0, must)


def _with_context(one: _Asked, texts: Folded, num_own: np.ndarray) -> _Chosen:
    """A context with its question. A long passage may be from Wikipedia or a book, so the question behind it must be
    found as well, unless that is a commonplace."""
    k, stop = one.with_context, texts.num_letters[one.with_context]
    rest = texts.num_words[k] - texts.num_words[one.question]
    if rest <= SHORT_CONTEXT[texts.characters[k]] or not _speaks(one, texts, num_own):
        return _Chosen(one.item, k)
    return _Chosen(one.item, k, stop - texts.num_letters[one.question], stop)


def _speaks(one: _Asked, texts: Folded, num_own: np.ndarray) -> bool:
    """Whether a question is more than a commonplace."""
    return 0 < texts.num_words[one.question] <= 2 * num_own[one.question]


def _first_of_equals(texts: Folded, chosen: Sequence[_Chosen], ignored: Sequence[bool]) -> list[int]:
    """The chosen without repetitions of a text, and without any text of an ignored item."""
    first: dict[bytes, int] = {}
    unwanted: set[int] = set()
    for place, one in enumerate(chosen):
        letters = texts.letters[texts.bounds[one.text] : texts.bounds[one.text + 1]].tobytes()
        first.setdefault(letters, place)
        if ignored[place]:
            unwanted.add(first[letters])
    return [place for place in first.values() if place not in unwanted]


def _index(texts: Folded, own: np.ndarray, chosen: Sequence[_Chosen], limits: Limits) -> Index:
    """The arrays of the chosen texts."""
    k = np.array([one.text for one in chosen], np.int64)
    bounds = np.concatenate([[0], np.cumsum(texts.num_letters[k])])
    word_bounds = np.concatenate([[0], np.cumsum(texts.num_words[k])])
    letters, owned, words = np.empty(bounds[-1], np.uint16), np.empty(word_bounds[-1], bool), [np.zeros(0, np.int64)]
    for place, one in enumerate(k):
        begin, end = texts.word_bounds[one], texts.word_bounds[one + 1]
        letters[bounds[place] : bounds[place + 1]] = texts.letters[texts.bounds[one] : texts.bounds[one + 1]]
        owned[word_bounds[place] : word_bounds[place + 1]] = own[begin:end]
        words.append(texts.words[begin:end] - texts.bounds[one] + bounds[place])
    characters, num_words = texts.characters[k], texts.num_words[k]
    run = np.where(characters, limits.characters.run, limits.words.run)
    least = np.where(characters, limits.characters.least, limits.words.least)
    musts = np.array([(one.must_start, one.must_stop) for one in chosen], np.int64).reshape(-1, 2) + bounds[:-1, None]
    return Index(
        letters, bounds, np.concatenate([*words, bounds[-1:]]).astype(np.int32), word_bounds, owned,
        sums(owned, word_bounds).astype(np.int32),
        np.where(num_words > run, run, np.minimum(num_words, least)).astype(np.int32),
        num_words <= run, musts.astype(np.int32), *_seeds(letters, bounds, characters),
        np.array([WINDOWS[False][0], WINDOWS[True][0]], np.int32),
    )  # fmt: skip


def _seeds(letters: np.ndarray, bounds: np.ndarray, characters: np.ndarray) -> tuple[np.ndarray, ...]:
    """Hashes of the windows, where they start and in which text, and the table to look them up in."""
    hashes, places, owners = [], [], []
    for script, (size, step) in WINDOWS.items():
        for text in np.flatnonzero(characters == script):
            last = bounds[text + 1] - size
            starts = np.append(np.arange(bounds[text], last, step), last)
            found = np.empty(len(starts), np.uint64)
            window_hashes(letters, starts, size, found)
            hashes.append(found)
            places.append(starts)
            owners.append(np.full(len(starts), text))
    table = [np.concatenate([np.zeros(0, kind), *some]) for kind, some in
             ((np.uint64, hashes), (np.int64, places), (np.int64, owners))]  # fmt: skip
    order = np.lexsort((table[1], table[0]))
    found, place, owner = (column[order] for column in table)
    _, which, counts = np.unique(found, return_inverse=True, return_counts=True)
    rare = counts[which] <= MOST_PLACES
    seeds, counts = np.unique(found[rare], return_counts=True)
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    room = 1 << max(6, (2 * len(seeds)).bit_length())
    slots, bits = np.full(room, -1, np.int32), np.zeros(room * BITS_A_SLOT // 64, np.uint64)
    fill_slots(seeds, slots, bits)
    return seeds, first, place[rare].astype(np.int32), owner[rare].astype(np.int32), slots, bits
