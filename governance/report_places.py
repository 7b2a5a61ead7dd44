"""Where in a text a rule was broken, as spans of characters: repeated lines and phrases, signs, words without letters.

The text is cut into words and lines as the rules cut it. A rule of averages breaks nowhere in particular: no spans.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from stages.rules import CHINESE, ENGLISH, narrow

Span = tuple[int, int]
_GRAMS = re.compile(r"gopher_repetition\.(top|duplicated)_(\d+)_(?:gram|n_grams)")
_LETTER = re.compile(r"[^\W\d_]")
_ENDS = {
    "en": re.compile(r"""[.!?…;:。！？]["'”’)\]]*$"""),
    "zh": re.compile(r"""[。！？…；：.!?;:｡．]["'”’」』）】》〉)\]]*$"""),
}
_BULLET = {"en": re.compile(r"^\s*[•\-]"), "zh": re.compile(r"^\s*[•·●○■□◆◇▪▶►※★☆*\-－–—]")}
MAX_SPANS = 400  # that are looked at; more make no place easier to find
MAX_CHARS = 200_000  # of a text that is looked at


def places(fate: str, text: str, lang: str | None, config: Mapping[str, Any]) -> list[Span]:
    """The spans of a text at which a rule was broken, in order and without overlaps.

    Args: the rule's name in the annotations; the text as the rule read it; the settings of the rule's stage.
    """
    text, lang = text[:MAX_CHARS], lang if lang in ("en", "zh") else "en"
    own = config.get(lang)
    rules = own if isinstance(own, Mapping) else config
    if match := _GRAMS.fullmatch(fate):
        return joined(_grams(match[1], int(match[2]), word_spans(text, lang), text))
    find = _FINDERS.get(fate)
    return joined(find(text, lang, rules)) if find else []


def word_spans(text: str, lang: str) -> list[Span]:
    """The words of a text as the rules count them."""
    from stages.text_kernels import read_page
    from stages.word_kernels import load_tables, make_page, split_words

    code = CHINESE if lang == "zh" else ENGLISH
    data = np.frombuffer(text.encode("utf-8", "replace") or b" ", np.uint8)
    page, tables = make_page(len(data)), load_tables()
    n, _ = read_page(data, 0, len(data), tables.flags, code == CHINESE, page.cps, page.kinds, page.breaks)
    count, _ = split_words(code, page, 0, n, tables, 0)
    return list(zip(page.starts[:count].tolist(), page.stops[:count].tolist(), strict=True))


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch made one, at most ``MAX_SPANS``."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif len(found) == MAX_SPANS:
            break
        elif end > start:
            found.append((start, end))
    return found


def _grams(kind: str, size: int, words: list[Span], text: str) -> list[Span]:
    """The most frequent run of ``size`` words wherever it stands, or every run that stood before."""
    tokens = [text[start:end] for start, end in words]
    grams = [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]
    counts = Counter(grams)
    if kind == "top":
        top = max(counts, key=lambda gram: counts[gram], default=None)
        return [(words[i][0], words[i + size - 1][1]) for i, gram in enumerate(grams) if gram == top]
    seen: set[tuple[str, ...]] = set()
    found = []
    for i, gram in enumerate(grams):
        if gram in seen:
            found.append((words[i][0], words[i + size - 1][1]))
        seen.add(gram)
    return found


def _lines(text: str) -> list[Span]:
    return _between(text, r"\n+")


def _between(text: str, gap: str) -> list[Span]:
    """The stretches between matches of a pattern."""
    found, start = [], 0
    for match in re.finditer(gap, text):
        found.append((start, match.start()))
        start = match.end()
    return [(start, end) for start, end in [*found, (start, len(text))] if end > start]


def _seen_before(pieces: list[Span], text: str) -> list[Span]:
    """The pieces whose text stood earlier."""
    seen: set[str] = set()
    found = []
    for start, end in pieces:
        piece = text[start:end]
        if piece in seen:
            found.append((start, end))
        seen.add(piece)
    return found


def _repeated_lines(text: str, lang: str, rules: Mapping[str, Any]) -> list[Span]:
    return _seen_before(_lines(text), text)


def _repeated_paragraphs(text: str, lang: str, rules: Mapping[str, Any]) -> list[Span]:
    return _seen_before(_between(text, r"\n{2,}"), text)


def _without_letters(text: str, lang: str, rules: Mapping[str, Any]) -> list[Span]:
    return [(start, end) for start, end in word_spans(text, lang) if not _LETTER.search(text[start:end])]


def _lines_where(broken: Callable[[str, str, Mapping[str, Any]], bool]) -> Callable[..., list[Span]]:
    def find(text: str, lang: str, rules: Mapping[str, Any]) -> list[Span]:
        filled = [(start, end) for start, end in _lines(text) if text[start:end].strip()]
        return [(start, end) for start, end in filled if broken(text[start:end].strip(), lang, rules)]

    return find


def _matches(pattern: str) -> Callable[..., list[Span]]:
    def find(text: str, lang: str, rules: Mapping[str, Any]) -> list[Span]:
        return [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]

    return find


def _phrases(text: str, lang: str, rules: Mapping[str, Any]) -> list[Span]:
    """The phrases of menus and advertisements."""
    phrases = [*rules.get("navigation_phrases", ()), *rules.get("advert_phrases", ())]
    if not phrases:
        return []
    pattern = "|".join(map(re.escape, sorted(phrases, key=len, reverse=True)))
    return [match.span() for match in re.finditer(pattern, narrow(text), re.IGNORECASE)]


_FINDERS: dict[str, Callable[..., list[Span]]] = {
    "gopher_repetition.dup_para_frac": _repeated_paragraphs,
    "gopher_repetition.dup_para_char_frac": _repeated_paragraphs,
    "gopher_repetition.dup_line_frac": _repeated_lines,
    "gopher_repetition.dup_line_char_frac": _repeated_lines,
    "fineweb.char_dup_ratio": _repeated_lines,
    "gopher_quality.gopher_below_alpha_threshold": _without_letters,
    "gopher_quality.gopher_too_many_hashes": _matches("#"),
    "gopher_quality.gopher_too_many_ellipsis": _matches(r"\.\.\.|…"),
    "gopher_quality.gopher_too_many_bullets": _lines_where(lambda line, lang, _: bool(_BULLET[lang].search(line))),
    "gopher_quality.gopher_too_many_end_ellipsis": _lines_where(lambda line, *_: line.endswith(("...", "…"))),
    "c4.lorem_ipsum": _matches("lorem ipsum"),
    "c4.curly_bracket": _matches(r"\{"),
    "c4.too_many_boilerplate_lines": _phrases,
    "fineweb.line_punct_ratio": _lines_where(lambda line, lang, _: not _ENDS[lang].search(line)),
    "fineweb.short_line_ratio": _lines_where(
        lambda line, _, rules: len(line) <= rules.get("short_line_length", 0),
    ),
}
