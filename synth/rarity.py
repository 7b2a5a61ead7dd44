"""How much a word or a character says: rare ones say what a text is about, common ones hold it together.

Source: the word frequencies of wordfreq; those of characters are summed over the words that hold them. A word it does
not know counts as rare.
"""

from __future__ import annotations

import math
from functools import cache

from synth.units import HAN

# On the Zipf scale (occurrences in a billion, base-10 logarithm) a word of 6 ("other") weighs 0.2 and one of 4
# ("install") 1; characters are commoner: 是 has 7.5, most others 6.
_WORD, _HAN = (6.5, 2.5), (7.5, 1.5)
_BOUNDS = (0.1, 1.4)


@cache
def _word_frequencies() -> dict[str, float]:
    from wordfreq import get_frequency_dict

    return get_frequency_dict("en", "small")


@cache
def _character_frequencies() -> dict[str, float]:
    from wordfreq import get_frequency_dict

    found: dict[str, float] = {}
    for word, frequency in get_frequency_dict("zh", "small").items():
        for character in word:
            found[character] = found.get(character, 0.0) + frequency
    return found


@cache
def weight(unit: str) -> float:
    """The weight of one lower-case word or character, 0.1 to 1.4."""
    han = HAN.fullmatch(unit) is not None
    frequency = (_character_frequencies() if han else _word_frequencies()).get(unit, 0.0)
    if not frequency:
        return _BOUNDS[1]
    most, span = _HAN if han else _WORD
    return min(_BOUNDS[1], max(_BOUNDS[0], (most - 9 - math.log10(frequency)) / span))
