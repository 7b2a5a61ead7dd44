"""What of a text full-text search looks at: words, and runs of characters of scripts that write none.

Both the index and a question go through here, so that they meet. Words are what Lance's word tokenizer stems; runs are
what its n-gram tokenizer cuts into pairs of characters, traditional Chinese written as simplified.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# Scripts without spaces between words: kana, Han with its extensions, Hangul, Thai, Lao, Khmer, Burmese.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_UNSPACED}]+")
_WORD = re.compile(rf"[^\W_{_UNSPACED}]+")
# Chinese asks with words that an answer does not hold; Lance's list of English stop words leaves out what English asks
# with, such as "how do I".
_ASKING = re.compile(
    r"请问|什么是|是什么|什么叫|什么|怎么样|怎样|怎么|如何|为什么|为何|哪个|哪些|哪里|哪儿|哪种|能否|可否|是否|会不会|能不能"
    r"|有没有|可以用来|吗|呢|我想|我要|应该|该"
)  # fmt: skip


@cache
def _simplified() -> dict[int, str]:
    from stages.chinese import simplified_forms

    return str.maketrans(simplified_forms())


def folded(text: str) -> str:
    """A text in the one form that is indexed: compatibility forms resolved, traditional Chinese as simplified."""
    text = unicodedata.normalize("NFKC", text)
    return text if text.isascii() else text.translate(_simplified())


def words_of(text: str) -> str:
    """The words of a folded text that are written with spaces, a space between each."""
    return " ".join(_WORD.findall(text))


def runs_of(text: str) -> str:
    """The runs of characters of a folded text in scripts that write no spaces, a space between each."""
    return " ".join(_RUN.findall(text))


def asked_runs(text: str) -> str:
    """As ``runs_of`` for a question: without the words that ask, unless nothing else is left."""
    runs = runs_of(text)
    return " ".join(_ASKING.sub(" ", runs).split()) or runs
