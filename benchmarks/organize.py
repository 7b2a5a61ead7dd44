"""Status of statements whose right status is known: ``python -m benchmarks.organize``.

Cases are made of real pages (benchmarks/organize_cases.py): true sentences and restatements, altered numbers and names,
denials, merged halves, two hosts that agree or contradict each other, copies on a second host. Four kinds, over half of
the pages, were looked at while the checks were tuned; the other four, over the other half, were not.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks import report
from benchmarks.organize_cases import LOOKED_AT, UNSEEN, Case, cases, documents
from benchmarks.organize_paraphrase import paraphrase
from stages.statement_checks import relate, verify

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
RIGHT = ("status right", 0.93, "share")
PRECISION = ("precision of corroborated", 0.98, "share")
RATE = ("pairs of one core", 500.0, "pairs/s")
_HOSTS = ("first.example.org", "www.second-press.net")


def tables(case: Case) -> tuple[pa.Table, pa.Table]:
    """The statement of a case, and all sentences of both pages, as `verify` reads them."""
    own, other = case.document, case.other
    statement = {
        "statement": case.statement, "lang": own.language, "evidence": own.told[case.place],
        "context": own.around(case.place), "title": own.title, "host": _HOSTS[0], "cluster_id": None,
        "evidence_uid": own.uid,
    }  # fmt: skip
    passages = [
        {"passage": told, "lang": page.language, "title": page.title, "context": page.around(i), "host": host,
         "cluster_id": None, "evidence_uid": page.uid}
        for page, host in ((own, _HOSTS[0]), (other, _HOSTS[1]))
        for i, told in enumerate(page.told)
    ]  # fmt: skip
    return _strings([statement]), _strings(passages)


def _strings(rows: list[dict[str, str | None]]) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in rows[0]]))


def judge(some: Sequence[Case]) -> list[dict[str, Any]]:
    """The verified statement of every case."""
    return [verify(*tables(case)).to_pylist()[0] for case in some]


def figures(some: Sequence[Case], judged: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares of right statuses, by kind, language and half; and the precision of `corroborated`."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for case, found in zip(some, judged, strict=True):
        half = "kinds looked at" if case.kind in LOOKED_AT else "kinds not looked at"
        for name in ("all", half, case.kind, case.document.language, f"{case.kind} {case.document.language}"):
            hits[name].append(found["status"] == case.status)
    named = [
        case.status == "corroborated"
        for case, found in zip(some, judged, strict=True)
        if found["status"] == "corroborated"
    ]
    return {
        "cases": len(some),
        "right": {name: {"of": len(one), "share": _share(one)} for name, one in sorted(hits.items())},
        "corroborated": {"of": len(named), "precision": _share(named)},
    }


def _share(hits: Sequence[bool]) -> float:
    return round(sum(hits) / len(hits), 4) if hits else 0.0


def rate(some: Sequence[Case], repeats: int = 3) -> float:
    """Pairs that `relate` judges in a second of CPU time: each statement with its evidence's page, median of three."""
    rows = [
        {"statement": case.statement, "lang": case.document.language, "passage": told, "title": case.document.title}
        for case in some
        for told in case.document.told[max(0, case.place - 2) : case.place + 3]
    ]
    pairs, found = _strings(rows), []
    for _ in range(repeats):
        start = time.process_time()
        relate(pairs)
        found.append(len(rows) / max(time.process_time() - start, 1e-9))
    return sorted(found)[repeats // 2]


def bars(found: dict[str, Any], pairs: float) -> list[report.Bar]:
    """The bars, of the figures."""
    return [
        report.at_least(found["right"]["all"]["share"], *RIGHT),
        report.at_least(found["corroborated"]["precision"], *PRECISION),
        report.at_least(round(pairs, 1), *RATE),
    ]


def show_errors(some: Sequence[Case], judged: Sequence[dict[str, Any]], kinds: Sequence[str]) -> None:
    """Print what was judged wrongly, of some kinds."""
    for case, found in zip(some, judged, strict=True):
        if case.kind in kinds and found["status"] != case.status:
            print(f"{case.kind} {case.document.language}: {found['status']}, {found['reason']}")
            print(f"    {case.statement!r}\n    of {case.document.told[case.place]!r}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge all cases and print the figures, last as one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.organize", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with docs-pages and web-pages")
    parser.add_argument("--draws", type=int, default=19, help="cases of each kind and language")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("--errors", choices=("looked_at", "unseen"), help="print what was judged wrongly of one half")
    options = parser.parse_args(arguments)
    some = [
        case
        for language in ("en", "zh")
        for case in cases(documents(options.data, language), options.draws, options.seed, paraphrase)
    ]
    judged = judge(some)
    if options.errors:
        show_errors(some, judged, tuple(LOOKED_AT if options.errors == "looked_at" else UNSEEN))
    found = figures(some, judged)
    report.show(report.body("organize", found, bars(found, rate(some))))


if __name__ == "__main__":
    main()
