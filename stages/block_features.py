"""The figures of a block that the extraction model reads: their names and places in a row."""

from __future__ import annotations

import numpy as np

from stages.block_words import LEXICON_NAMES
from stages.html_tags import CUE_NAMES, FLAGS, NAMES

# Kinds of the element that a block stands in; a heading is 10 and its level.
_KINDS = ("", "p", "li", "td th", "dt dd", "pre", "div", "article section main", "blockquote", "figcaption caption")
HEADING_1, HEADING_6, OTHER_KIND = 11, 16, 20
CONTAINER_KINDS = (6, 7, OTHER_KIND)


def _kinds() -> np.ndarray:
    kinds = np.full(len(FLAGS), OTHER_KIND, np.int64)
    for number, names in enumerate(_KINDS):
        for name in names.split():
            kinds[NAMES.index(name)] = number
    for level in range(1, 7):
        kinds[NAMES.index(f"h{level}")] = HEADING_1 - 1 + level
    return kinds


KIND = _kinds()
PARAGRAPH_CHARS = 80  # from here on a block with few links counts as a paragraph; a Chinese character counts thrice
PARAGRAPH_LINKS = 0.3
FAR = 30  # levels at which a cue counts as absent
LEVELS = np.array([0, 1, 2, 4])  # of the elements around a block that are looked at


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_OWN = _names(
    "chars words link_density links bold breaks images inputs wide_ratio ends ends_ratio commas "
    "upper_ratio digit_ratio word_chars marks first last kind depth stop_ratio"
)
_PLACE = _names(
    "index_ratio before_ratio page_chars page_blocks page_links page_paragraphs since_heading "
    "heading_furniture after_comments after_related since_paragraph until_paragraph paragraphs_before "
    "paragraphs_after in_best best_ratio best_distance title_ratio h1_passed repeats opening"
)
_TOP = _names("in_top top_distance top_score top_share kin_score")
_LEVEL = _names("share density blocks paragraphs mean siblings")
_BESIDE = _names("chars link_density kind furniture ends stop_ratio")
FEATURES = (
    *_OWN,
    *(f"num_{name}" for name in LEXICON_NAMES[1:]),
    *(f"to_{name}" for name in CUE_NAMES),
    *_PLACE,
    *_TOP,
    *(f"{name}_{level}" for level in range(len(LEVELS)) for name in _LEVEL),
    *(f"{name}_{step:+d}" for step in (-2, -1, 1, 2) for name in _BESIDE),
)
NUM_FEATURES = len(FEATURES)
CUE_AT = FEATURES.index(f"to_{CUE_NAMES[0]}")
LEXICON_AT = FEATURES.index(f"num_{LEXICON_NAMES[1]}")
PLACE_AT = FEATURES.index(_PLACE[0])
BEST_AT = FEATURES.index("in_best")
TOP_AT = FEATURES.index(_TOP[0])
LEVEL_AT = FEATURES.index(f"{_LEVEL[0]}_0")
NUM_LEVEL = len(_LEVEL)
BESIDE_AT = FEATURES.index(f"{_BESIDE[0]}_-2")
NUM_BESIDE = len(_BESIDE)
F_CHARS, F_DENSITY, F_BOLD, F_WIDE, F_ENDS, F_KIND, F_STOP = (
    FEATURES.index(name) for name in ("chars", "link_density", "bold", "wide_ratio", "ends", "kind", "stop_ratio")
)

# Cues that raise and lower an element's score, as in Readability.
GOOD = sum(1 << CUE_NAMES.index(name) for name in ("content", "article", "body", "<article>", "<main>"))
BAD = sum(
    1 << CUE_NAMES.index(name)
    for name in [
        "comment",
        "footer",
        "sidebar",
        "share",
        "related",
        "advert",
        "form",
        "cookie",
        "hidden",
        "nav",
        "hides",
    ]
)
