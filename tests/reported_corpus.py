"""A corpus with everything that a report shows: two dumps up to L3, one of them of rows that try to break the page."""

from __future__ import annotations

import json
from pathlib import Path

from governance import commands
from tests.corpora import CRAWL, pages_of, small_crawl, texts_of
from tests.llm_server import llm_server

# What must not run, end an element, turn a line round, or widen the page.
HOSTILE = (
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'></style><style>body{display:none}</style>"
    "</pre></div></details></body>]]><!-- {{ 7 * 7 }} javascript:window.hacked=3 \x00\x1b[31m\u202etxt.exe\u2066"
)
SECRET = "erika.mustermann@beispiel-firma.de"
_PROSE = (
    "Water expands when it freezes, because its molecules take up an open lattice; this is why ice floats on a lake. "
    "The ice that covers the lake in winter protects the fish below it, which would freeze without it. "
    "In spring the sun melts the ice from above, and the lake turns over as its cold water sinks to the ground. "
)
OVERRIDES = (
    'l3.synthesize.scale="small"', "l3.synthesize.max_passages=1", "l3.synthesize.checks.max_copied_ratio=1.0",
    "l3.max_documents=4", "l2.quality.threshold=0.2",
)  # fmt: skip


def hostile_rows() -> list[dict[str, str]]:
    """Rows that L1 keeps and rows that it rejects, in both languages, with hostile titles, texts and addresses."""
    pages = [texts_of(pages_of(CRAWL / f"{lang}.warc.gz", 3, skip=20))["content"].to_pylist() for lang in ("en", "zh")]
    kept = [f"{text}\n\n{HOSTILE} {i} {SECRET}\n" for i, text in enumerate([*pages[0], *pages[1]])]
    rejected = ["x" * 1_000_000, f"{HOSTILE}\n" * 60, f"{HOSTILE} {SECRET}", _PROSE * 2 + "{ } " + HOSTILE]
    urls = ("javascript:window.hacked=4", 'https://site.test/"onmouseover="window.hacked=5', f"https://site.test/{SECRET}",
            "data:text/html,<script>window.hacked=6</script>", "https://site.test/a?b=<script>", "http://[broken",
            "https://site.test/" + "a" * 5000)  # fmt: skip
    rows = [{"text": text, "title": HOSTILE, "url": urls[i % len(urls)]} for i, text in enumerate([*kept, *rejected])]
    return [*rows, {"text": "", "title": HOSTILE, "url": urls[0]}]


def build(folder: Path, output: str) -> str:
    """Build the corpus; returns the output."""
    (folder / "crawl").mkdir()
    small_crawl(folder / "crawl", english=10, chinese=3)
    (folder / "hostile.jsonl").write_text("".join(json.dumps(row) + "\n" for row in hostile_rows()))
    with llm_server() as server:
        engine = (f'l3.engine.endpoints=["{server.endpoint}"]', 'l3.engine.model="echo"')
        for dump, inputs in (("web", folder / "crawl"), ("hostile", folder / "hostile.jsonl")):
            overrides = (*OVERRIDES, *engine)
            ask = commands.Ask("L3", (str(inputs),), output, None, "L0", dump, None, 0, overrides, False)
            commands.run(ask, as_json=True)
    return output
