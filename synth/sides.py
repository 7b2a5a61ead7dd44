"""Which side of a relation is which: cause and effect, earlier and later, more and less.

"A because B" says the same as "because B, A" and "B, so A"; "A because B" said of "B because A" is another claim. Both
texts are read for relations of a family, each with its two sides, and sides that have changed places are found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from synth.passages import sentences
from synth.polarity import opposites
from synth.source import Source, content

_LEAST_CROSSED = 2  # content that stands on the other side, more than what stands on its own
# Family, connective, whether its left side comes first: the cause, the earlier, the greater.
_CONNECTIVES = {
    "en": (
        ("cause", r"\b(?:because(?: of)?|due to|as a result of|owing to|thanks to)\b", False),
        ("cause", r"\b(?:therefore|thus|hence|consequently|as a result(?! of)|leads? to|results? in|causes?)\b", True),
        ("cause", r",? so (?!that|far|long|much|many|on|as)", True),
        ("condition", r"\b(?:if|when|whenever|unless|provided that|as long as)\b", False),
        ("purpose", r"\b(?:in order to|so that)\b", True),
        ("order", r"\b(?:before|prior to)\b", True),
        ("order", r"\b(?:after|once|as soon as)\b", False),
    ),
    "zh": (
        ("cause", r"因为|由于", False),
        ("cause", r"所以|因此|因而|导致|引起|造成", True),
        ("condition", r"如果|若(?!干)|假如|只要|只有|除非|要是", False),
        ("purpose", r"以便|从而", True),
        ("order", r"之前|以前", False),
        ("order", r"之后|以后|然后", True),
    ),
}
_COMPARED = {
    "en": re.compile(r"\b(?:(more|less|fewer)(?: \w+){0,3}|(\w+er)(?: \w+){0,3}) than\b", re.IGNORECASE),
    "zh": re.compile(
        r"比([^，。；]{1,20}?)(?:更|要|还)?(快|慢|高|低|大|小|多|少|长|短|新|旧|好|差|强|弱|早|晚|难|容易|简单|复杂)"
    ),
}
Sides = tuple[str, frozenset[str], frozenset[str]]  # family, or the word of a comparison; first; second


@cache
def _connectives(language: str) -> tuple[tuple[str, re.Pattern[str], bool], ...]:
    return tuple((family, re.compile(words, re.IGNORECASE), left) for family, words, left in _CONNECTIVES[language])


def reversed_sides(text: str, source: Source) -> list[str]:
    """Relations of a text whose sides have changed places in the source."""
    theirs = [sides for stretch in source.sentences for sides in _relations(stretch.text, source)]
    found = []
    for sentence in (text[slice(*span)] for span in sentences(text)) if theirs else ():
        for sides in _relations(sentence, source):
            scores = [score for other in theirs if (score := _crossed(sides, other, source.language)) is not None]
            if scores and min(scores) >= _LEAST_CROSSED:
                found.append(sides[0])
    return found


def _crossed(sides: Sides, other: Sides, language: str) -> float | None:
    """How much more of two relations stands crosswise than side by side; None of what is not compared."""
    word, first, second = sides
    name, one, two = other
    turned = name in opposites(language).get(word, ())
    if word != name and not turned:
        return None
    if turned:
        one, two = two, one
    one, two = one - two, two - one
    straight, crossed = len(first & one) + len(second & two), len(first & two) + len(second & one)
    if straight + crossed < _LEAST_CROSSED:
        return None
    return crossed - straight if first & two and second & one else min(0, crossed - straight)


def _relations(sentence: str, source: Source) -> Iterator[Sides]:
    """The relations that a sentence tells. A question tells none."""
    if sentence.rstrip().endswith(("?", "？")):
        return
    for family, pattern, left_first in _connectives(source.language):
        if (match := pattern.search(sentence)) is not None:
            if family == "cause" and re.search(r"\bwould\b", sentence):  # what is not so
                continue
            opens = not content(sentence[: match.start()], source.language)
            if opens and left_first:  # "Therefore", of what another sentence says
                continue
            left, right = _around(sentence, match, source.language, left_first)
            yield (family, *_held((left, right) if left_first else (right, left), source))
    if (match := _COMPARED[source.language].search(sentence)) is not None:
        if source.language == "zh":
            yield (match[2], *_held((_last_clause(sentence[: match.start()]), match[1]), source))
        else:
            yield ((match[1] or match[2]).lower(), *_held((sentence[: match.start()], sentence[match.end() :]), source))


def _last_clause(text: str) -> str:
    return re.split(r"[，；]", text)[-1]


def _around(sentence: str, match: re.Match[str], language: str, left_first: bool) -> tuple[str, str]:
    """What stands on the two sides of a connective; where it opens its sentence, its clause counts as the right one."""
    left, right = sentence[: match.start()], sentence[match.end() :]
    if language == "zh" and not left_first and "，" in right:  # its clause follows it, its subject may go before
        own, _, rest = right.partition("，")
        return f"{left}，{rest}", own
    if len(content(left, language)) == 0:
        own, _, rest = right.partition("，" if language == "zh" else ",")
        return rest, own
    return left, right


def _held(sides: tuple[str, str], source: Source) -> tuple[frozenset[str], frozenset[str]]:
    """The content of two sides by the units of the source; of Chinese pairs of characters."""
    if source.language == "zh":
        first, second = (_pairs(side) for side in sides)
    else:
        first, second = (
            frozenset(unit for _, unit in source.match(content(side, source.language)) if unit is not None)
            for side in sides
        )
    return first - second, second - first


def _pairs(text: str) -> frozenset[str]:
    runs = [word.unit for word in content(text, "zh")]
    return frozenset(a + b for a, b in pairwise(runs))
