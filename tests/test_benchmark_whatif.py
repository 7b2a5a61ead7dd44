"""The benchmark of what-if at a tiny size: it has the common form, and its corpus is one that what-if reads."""

from __future__ import annotations

from pathlib import Path

from benchmarks import handover_whatif


def test_it_measures_what_if_on_as_many_rows_as_asked(whatif_built: str, tmp_path: Path) -> None:
    settings = ("l1.gopher_quality.en.min_words=350",)
    figures, bars = handover_whatif.measure(Path(whatif_built), 500, 1, tmp_path, settings)
    assert figures["rows"] == 500
    assert figures["rounds"][0]["newly_dropped"] > 0
    assert [(bar.bar, bar.unit) for bar in bars] == [(5.0, "s")]
