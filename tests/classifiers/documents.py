"""Small documents of two classes that a small model tells apart."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import pyarrow as pa

from classifiers.split import DOCUMENTS

SMALL = {"dim": 16, "bucket": 600_000, "min_count": 1, "epochs": 5}
WORDS = re.findall(r"\S+", "the water moves because heat rises and the cold air sinks below it 因为 热空气 上升")
MENU = re.findall(r"\S+", "home menu login cart price buy now click next page 登录 购物车 首页")


def sentences(number: int, seed: int) -> list[str]:
    source = random.Random(seed)
    return [" ".join(source.choices(WORDS, k=40)) + "." for _ in range(number)]


def menus(number: int, seed: int) -> list[str]:
    source = random.Random(seed)
    return [" | ".join(source.choices(MENU, k=25)) for _ in range(number)]


def rows(
    texts: Sequence[str | None], positive: bool, source: str, sites: Sequence[str | None] = (None,), test: bool = False
) -> list[dict]:
    """Documents of one source, their sites taken in turn."""
    return [
        {"content": text, "positive": positive, "source": source, "site": sites[i % len(sites)], "test": test}
        for i, text in enumerate(texts)
    ]


def table(*parts: list[dict]) -> pa.Table:
    return pa.Table.from_pylist([row for part in parts for row in part], schema=DOCUMENTS)
