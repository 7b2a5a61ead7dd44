"""Text that was UTF-8 and was read as a single-byte charset before it reached the page, put right line by line."""

from __future__ import annotations

import re

_CODECS = ("cp1250", "cp1251", "cp1252", "latin-1")
# What the bytes that open a character in UTF-8 turn into. Of Cyrillic only those that open Cyrillic and punctuation:
# the others are its commonest letters.
_LEADS = "ÂÃÄÅÎÏÐÑ×ØÙàâãäåæçèéêëìíîïðĂĐĹŃĐŃâđ" + "РСГв"
_TRAILS = "".join(sorted({char for name in _CODECS for char in bytes(range(0x80, 0xC0)).decode(name, "ignore")}))
# Sound text has such pairs too (French "é »" with a no-break space), so a hit only means that ftfy is asked.
_SUSPECT = re.compile(f"[{_LEADS}][{re.escape(_TRAILS)}]")


def repair(text: str) -> tuple[str, bool]:
    """The text with mojibake undone, and whether there was any.

    Only lines that look broken are handed to ftfy, which is slow, and of these only what its own measure of badness
    finds bad is changed; every other line stays as it is, to the character.
    Source: ftfy (Speer 2019), fix_encoding.
    """
    if _SUSPECT.search(text) is None:
        return text, False
    import ftfy
    from ftfy.badness import is_bad

    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _SUSPECT.search(line) is not None and is_bad(line):
            lines[number] = ftfy.fix_encoding(line)
    repaired = "\n".join(lines)
    return repaired, repaired != text
