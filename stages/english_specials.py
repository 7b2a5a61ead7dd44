"""English contractions, abbreviations and emoticons that spaCy's tokenizer treats as a whole.

The word lists are spaCy's (``spacy/lang/en/tokenizer_exceptions.py``, MIT licence), generated the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from stages.compiled import compiled

_SPREAD = np.uint64(0xD6E8FEB86659FD93)
_NOT_SPLIT = "Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore"
_PRONOUNS = ("i", "you", "he", "she", "it", "we", "they")
_QUESTION_WORDS = ("who", "what", "when", "where", "why", "how", "there", "that", "this", "these", "those")
_MODALS = ("ca", "could", "do", "does", "did", "had", "may", "might", "must", "need", "ought", "sha", "should", "wo")
_HAVE_VERBS = ("could", "might", "must", "should", "would")
_BE_VERBS = ("ai", "are", "is", "was", "were", "have", "has", "dare")
_DROPPED_G = ("doin", "goin", "nothin", "nuthin", "ol", "somethin", "lovin", "havin")
_OTHER_SPLITS = (
    "y' all", "y all", "how 'd 'y", "How 'd 'y", "not 've", "not ve", "Not 've", "Not ve", "can not", "Can not",
    "gon na", "Gon na", "got ta", "Got ta", "let 's", "Let 's", "c'm on", "C'm on",
)  # fmt: skip
_WHOLE = (  # separated by spaces
    "em 'em ll 'll nuff 'nuff 'S 's ‘S ‘s and/or w/o 're 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout ma'am "
    "Ma'am o'clock O'clock Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. "
    "Ind. Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. "
    "Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. 'd a.m. Adm. Bros. co. Co. Corp. D.C. Dr. "
    "e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. "
    "Rev. Sen. St. vs. v.s. ' C++ \\t \\n \\\")"
)
_LETTER_PERIODS = tuple(f"{c}." for c in "abcdefghijklmnopqrstuvwxyzäöü")
_UNITS = (
    "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa "
    "mbar mb MB kb KB gb GB tb TB T G M K %"
)
_FACES = (  # emoticons, separated by spaces
    r"""'' (*_*) (-8 (-: (-; (-_-) (._.) (: (; (= (>_<) (^_^) (o: (¬_¬) (ಠ_ಠ) (╯°□°）╯︵┻━┻ )-: ): -_- -__- ._. """
    r"""0.0 0.o 0_0 0_o 8) 8-) 8-D 8D :'( :') :'-( :'-) :( :(( :((( :() :) :)) :))) :* :-( :-(( :-((( :-) :-)) """
    r""":-))) :-* :-/ :-0 :-3 :-> :-D :-O :-P :-X :-] :-o :-p :-x :-| :-} :/ :0 :1 :3 :> :D :O :P :X :] :o :o) """
    r""":p :x :| :} :’( :’) :’-( :’-) ;) ;-) ;-D ;D ;_; <.< </3 <3 <33 <333 <space> =( =) =/ =3 =D =[ =] =| >.< """
    r""">.> >:( >:o ><(((*> @_@ O.O O.o O_O O_o V.V V_V XD XDD [-: [: [= ]= ^_^ ^__^ ^___^ o.0 o.O o.o o_0 o_O """
    r"""o_o v.v v_v xD xDD ¯\(ツ)/¯ ಠ_ಠ ಠ︵ಠ — ’’ """
)
MAX_SPECIAL = 14  # code points of the longest entry


def _endings() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each stem with the endings spaCy splits off it; an apostrophe may be missing from an ending."""
    yield "i", ("'m", "'m a")
    for word in _PRONOUNS:
        yield word, ("'ll", "'ll 've", "'d", "'d 've")
    for word in ("i", "you", "we", "they"):
        yield word, ("'ve",)
    for word in ("you", "we", "they"):
        yield word, ("'re",)
    for word in ("he", "she", "it"):
        yield word, ("'s",)
    for word in _QUESTION_WORDS:
        yield word, ("'ll", "'ll 've", "'d", "'d 've")
        if word not in ("these", "those"):
            yield word, ("'s",)
        if word not in ("that", "this"):
            yield word, ("'re", "'ve")
    for word in (*_MODALS, "would"):
        yield word, ("n't", "n't 've")
    for word in _HAVE_VERBS:
        yield word, ("'ve",)
    for word in _BE_VERBS:
        yield word, ("n't",)


def _splits() -> Iterator[tuple[str, ...]]:
    """Every entry as its pieces; one piece means the word stays whole."""
    for stem, endings in _endings():
        for word in (stem, stem.title()):
            for ending in endings:
                yield (word, *ending.split())
                yield (word, *ending.replace("'", "").split())
    for hour in range(1, 13):
        for period in ("a.m.", "am", "p.m.", "pm"):
            yield (str(hour), period)
    for word in _DROPPED_G:
        for form in (word, word.title()):
            yield (form,)
            yield (form + "'",)
    for scale in "CcFfKk":
        yield ("°", scale, ".")
    yield from (tuple(entry.split()) for entry in _OTHER_SPLITS)
    yield from ((word,) for word in (*_WHOLE.split(), *_FACES.split(), *_LETTER_PERIODS))


@cache
def special_words() -> dict[str, tuple[int, ...]]:
    """Word -> code points of each piece it is split into."""
    entries, not_split = {}, set(_NOT_SPLIT.split())
    for pieces in _splits():
        word = "".join(pieces)
        if word not in not_split:
            sizes = tuple(map(len, pieces))
            entries[word] = sizes
            entries[word.replace("'", "’")] = sizes
    return entries


def _hashes(words: Iterable[str]) -> np.ndarray:
    from stages.text_kernels import hash_span

    arrays = (np.array([ord(c) for c in word], np.uint32) for word in words)
    return np.array([hash_span(array, 0, len(array)) for array in arrays], np.uint64)


@compiled
def special_slot(key: np.uint64) -> np.int64:
    """Where the entry of this hash stands in the table, or the slots from which it is looked for."""
    return np.int64((key * _SPREAD) >> np.uint64(52))


@cache
def special_table() -> tuple[np.ndarray, np.ndarray]:
    """The entries as an open hash table: keys uint64 (4096 + 512,), packed piece lengths uint32 (4096,), 0 = free.

    Piece k's length is bits 8k..8k+7. Behind the keys stand the lengths of entries, as bits, by the low byte of their
    first character and then of their last: most words need not be hashed to see that they are none.
    """
    entries = special_words()
    keys, packed = np.zeros(4096 + 512, np.uint64), np.zeros(4096, np.uint32)
    for key, (word, sizes) in zip(_hashes(entries), entries.items(), strict=True):
        slot = special_slot(key)
        while packed[slot]:
            slot = (slot + 1) & 4095
        keys[slot] = key
        packed[slot] = sum(size << (8 * k) for k, size in enumerate(sizes))
        for place in (4096 + (ord(word[0]) & 255), 4352 + (ord(word[-1]) & 255)):
            keys[place] |= np.uint64(1 << len(word))
    return keys, packed


@cache
def unit_hashes() -> np.ndarray:
    """Sorted hashes of the units of measure that spaCy splits off a number, uint64."""
    return np.sort(_hashes(_UNITS.split()))


def word_hashes(words: tuple[str, ...]) -> np.ndarray:
    """Hashes of words as the kernels see them, uint64 (len(words),)."""
    return _hashes(words)
