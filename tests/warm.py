"""What a child process of the crash tests has loaded before it starts: imports and compiled rules, no clients.

Polars is imported but not used here: its threads would not survive the fork.
"""

from __future__ import annotations

import os

import aiohttp
import ftfy
import polars
import pyarrow as pa
import trafilatura

from classifiers.normalize import folded
from governance import commands
from governance.config import Settings
from governance.runner import fold, load_models
from governance.tiers import l1, l2
from stages.extract import ExtractConfig, load_extractor
from stages.url_lists import bundled_lists

# Threads do not survive the fork, so nothing that starts them runs here.
os.environ["TOKENIZERS_PARALLELISM"] = "false"
_STAGES = ("language", "figures", "gopher_repetition", "gopher_quality", "c4", "fineweb", "dedup", "scores", "quality")


def warm() -> None:
    """Run the compiled rules once."""
    texts = {"en": "A sentence of words for the rules to read. " * 20, "zh": "这是一个用来预热规则的句子。" * 20}
    none = pa.nulls(2, pa.string())
    rows = {"uid": ["0" * 32, "1" * 32], "url": none, "canonical_url": none, "content": list(texts.values())}
    table = pa.table(rows)
    stages = [stage for stage in (*l1(Settings()), *l2(Settings())) if stage.name in _STAGES]
    fold(stages, table, load_models(stages))
    folded(list(texts.values()))  # the rules reject these rows, so that no row comes to the scores


warm()
load_extractor(ExtractConfig())
bundled_lists()
WARMED = (commands, aiohttp, ftfy, polars, trafilatura)
