"""The benchmark of what-if at a tiny size: it has the common form, and its corpus is one that what-if reads."""

from __future__ import annotations

from pathlib import Path

from benchmarks import handover_whatif
from tests.governance.whatif_corpora import build, crawl_of


def test_it_measures_what_if_on_as_many_rows_as_asked(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    small = build(crawl_of(tmp_path / "in"), str(tmp_path / "small"), "L1")
    figures, bars = handover_whatif.measure(Path(small), rows=500, rounds=1, folder=tmp_path)
    assert figures["rows"] == 500
    assert figures["rounds"][0]["newly_dropped"] > 0
    assert [(bar.bar, bar.unit) for bar in bars] == [(5.0, "s")]
