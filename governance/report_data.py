"""The figures of a report, from annotations and narrow columns, one row group in memory at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.output_duplicates import STEP as DUPLICATES
from governance.parts import read_visible
from governance.report_draw import Draw
from governance.report_hosts import Hosts, top_hosts
from governance.report_tiers import Tier, note_parts, of_level, step_parts, text_parts
from governance.runner import FATE
from governance.selection import STEP as SCORES
from manifests.ledger import OUTPUTS
from manifests.store import Store
from manifests.tombstones import read_tombstones
from stages.pii import KINDS
from stages.uids import uid_from_bytes

LENGTH_EDGES = np.logspace(0, 6, 49)  # eight bins a factor of ten
SCORE_BINS = 50
SHOWN_HOSTS = 25
_UNKNOWN = "unknown"
_VERDICTS = ("uid", FATE, "lang", "num_words", "clean.chars_removed", *(f"pii.{kind}" for kind in KINDS))


class Figures:
    """What is added up over all parts of a report."""

    def __init__(self) -> None:
        self.lengths: dict[tuple[str, str], np.ndarray] = {}  # (language, kept or rejected) -> rows by LENGTH_EDGES
        self.languages = Counter[tuple[str, str]]()  # (language, kept or rejected)
        self.scores: dict[str, np.ndarray] = {}
        self.clusters = Counter[int]()  # size of cluster -> rows that stand for one
        self.pii: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self.hosts = {level: Hosts() for level in ("L0", "L1", "L2")}
        self.documents = Counter[str]()  # of L2 that L3 asked about, and of which an output passed
        self._last = ("", False)  # document of the last annotation, and whether an output of it passed

    def add_documents(self, notes: pa.Table) -> None:
        """Count the documents of some annotations of L3, which stand together document by document."""
        import polars as pl

        passed = pl.col("row_uid").is_not_null().any().alias("passed")
        asked = notes.filter(pc.not_equal(notes["outcome"], "skipped"))
        frame = pl.DataFrame(asked.select(["parent_uid", "row_uid"]))
        for uid, some in frame.group_by("parent_uid", maintain_order=True).agg(passed).iter_rows():
            before, counted = self._last
            self.documents["asked"] += uid != before
            self.documents["passed"] += some and not (uid == before and counted)
            self._last = (uid, some or (uid == before and counted))

    def told(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "lengths": {
                "edges": [round(float(edge), 3) for edge in LENGTH_EDGES],
                "unit": "words; in Chinese, Han characters",
                "rows": [
                    {"lang": lang, "fate": fate, "counts": counts.tolist()}
                    for (lang, fate), counts in sorted(self.lengths.items())
                ],
            },
            "languages": _by_language(self.languages),
            "scores": {lang: counts.tolist() for lang, counts in sorted(self.scores.items())},
            "clusters": {str(size): rows for size, rows in sorted(self.clusters.items())},
            "pii": {kind: dict(found) for kind, found in self.pii.items() if found},
            "documents": dict(self.documents),
            "hosts": top_hosts(self.hosts, SHOWN_HOSTS),
            "hosts_error": max(hosts.error for hosts in self.hosts.values()),
        }


def gather(store: Store, tiers: Sequence[Tier], draw: Draw) -> Figures:
    """Read every annotation once, and of texts the narrow columns beside them; rows are drawn on the way."""
    figures = Figures()
    for tier in of_level(tiers, "L0"):
        for table in _notes(store, tier, ("uid", "url", FATE)):
            draw.add(tier, table)
            if "url" in table.column_names:
                figures.hosts["L0"].add(table["url"].filter(pc.is_null(table[FATE])))
    for tier in of_level(tiers, "L1"):
        for table in _notes(store, tier, _VERDICTS):
            draw.add(tier, table)
            _add_verdicts(figures, table)
        _draw_duplicates(store, tier, draw)
        _add_texts(store, tier, figures)
    for tier in of_level(tiers, "L2"):
        for table in _notes(store, tier, ("uid", FATE)):
            draw.add(tier, table)
        for table in read_visible(store, step_parts(store, tier, SCORES), ("lang", "score")):
            _add_scores(figures, table)
        _add_texts(store, tier, figures)
    for tier in of_level(tiers, "L3"):
        _draw_written(store, tier, draw, figures)
    return figures


def _notes(store: Store, tier: Tier, columns: Sequence[str]) -> Iterator[pa.Table]:
    return read_visible(store, note_parts(store, tier), columns)


def _draw_duplicates(store: Store, tier: Tier, draw: Draw) -> None:
    """Draw among the duplicates of a tier; their fate is in no annotation."""
    tombstones = read_tombstones(store)
    for table in read_visible(store, step_parts(store, tier, DUPLICATES), ("uid", "reason")):
        table = table.filter(pc.is_valid(table["reason"]))
        uids = uid_from_bytes(table["uid"].combine_chunks())
        seen = pc.invert(tombstones.among(uids))
        reasons = pc.binary_join_element_wise("dedup", table["reason"], ".")
        draw.add_rows(tier, uids.filter(seen), reasons.filter(seen))


def _draw_written(store: Store, tier: Tier, draw: Draw, figures: Figures) -> None:
    """Draw among the rejected outputs of L3 and, by style, its rows; count the documents that were asked about."""
    for table in _notes(store, tier, ("uid", FATE, "parent_uid", "row_uid", "outcome")):
        outputs = pc.fill_null(pc.starts_with(table[FATE], f"{OUTPUTS}."), False)
        draw.add_rows(tier, table["uid"].filter(outputs), table[FATE].filter(outputs))
        figures.add_documents(table)
    _draw_duplicates(store, tier, draw)
    for table in read_visible(store, text_parts(store, tier), ("uid", "style")):
        draw.add_rows(tier, table["uid"], table["style"])


def _add_verdicts(figures: Figures, table: pa.Table) -> None:
    """Lengths, languages and masked values of some rows of L1's annotations."""
    import polars as pl

    names = [name for name in ("lang", "num_words") if name in table.column_names]
    if "lang" not in names:
        return
    fate = pl.when(pl.col(FATE).is_null()).then(pl.lit("kept")).otherwise(pl.lit("rejected")).alias("fate")
    frame = pl.DataFrame(table.select([FATE, *names])).select(pl.col("lang").fill_null(_UNKNOWN), fate, *names[1:])
    for lang, word, rows in frame.group_by("lang", "fate").len().iter_rows():
        figures.languages[lang, word] += rows
    if "num_words" in names:
        for (lang, word), group in frame.drop_nulls("num_words").group_by("lang", "fate"):
            counts = np.histogram(np.clip(group["num_words"].to_numpy(), 1, LENGTH_EDGES[-1]), LENGTH_EDGES)[0]
            key = (str(lang), str(word))
            figures.lengths[key] = figures.lengths.get(key, 0) + counts
    for kind, found in figures.pii.items():
        if f"pii.{kind}" in table.column_names:
            column = table[f"pii.{kind}"]
            values, pages = pc.sum(column).as_py() or 0, pc.sum(pc.greater(column, 0)).as_py() or 0
            found.update({"values": values, "pages": pages})


def _add_scores(figures: Figures, table: pa.Table) -> None:
    import polars as pl

    for (lang,), group in pl.DataFrame(table).drop_nulls().group_by("lang"):
        counts = np.histogram(group["score"].to_numpy(), SCORE_BINS, (0, 1))[0]
        figures.scores[str(lang)] = figures.scores.get(str(lang), 0) + counts


def _add_texts(store: Store, tier: Tier, figures: Figures) -> None:
    """Hosts and sizes of clusters of the rows that a tier keeps; no text is read."""
    import polars as pl

    for table in read_visible(store, text_parts(store, tier), ("url", "cluster_size")):
        figures.hosts[tier.name].add(table["url"])
        if tier.name == "L1":
            sizes = pl.Series("size", table["cluster_size"].combine_chunks()).drop_nulls()
            figures.clusters.update(dict(sizes.value_counts().iter_rows()))


def _by_language(found: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    """Rows of each language, the most frequent first."""
    sums = Counter[str]()
    for (lang, _), rows in found.items():
        sums[lang] += rows
    ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"lang": lang, "rows": rows, "kept": found[lang, "kept"], "rejected": found[lang, "rejected"]}
        for lang, rows in ranked
    ]
