"""L3 in a report: pass rates by prompt, task and language, and passages beside what was written from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from governance import pass_rates
from governance.classifier_report import printable
from governance.report_draw import Draw, Drawn
from governance.report_examples import identity
from governance.report_output_rules import NAMED_IN
from governance.report_rows import NOTES, TEXTS, Rows
from governance.report_rules import figures_of, number
from governance.report_texts import found_in, masked, windows
from governance.report_tiers import Tier, of_level, summed
from manifests import ledger as accounts
from manifests.ledger import OUTPUTS

_WHOLE = 2_000_000  # characters of a document of L2, whose passages are cut by place
_PARENT = ("content", "url", "title", "lang")
_ROW = ("content", "style", "lang", "url", "parent_uid", "passage_start", "passage_end", "edited", "prompt_id", "model")


def synthesis(tiers: Sequence[Tier], work: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The summary of L3 over all dumps as ``pass_rates.synthesis`` gives it; None where nothing is written yet.

    Args: work, what the engines of the last run did, where it is of one of these dumps.
    """
    found = of_level(tiers, "L3")
    ledger = summed(found)
    if not any(account.stage == OUTPUTS for account in ledger):
        return None
    figures = Counter[str]()
    for tier in found:
        figures.update({name: value for name, value in tier.figures.items() if isinstance(value, int)})
    models = sorted({tier.plan["synthesis"]["model"] for tier in found})
    manifest = {
        "figures": dict(figures),
        "plan": {"synthesis": {"model": ", ".join(models)}},
        "ledger": accounts.dump(ledger),
    }
    return pass_rates.synthesis(manifest, work if len(found) == 1 else None)


class Refined:
    """Makes the examples of L3; ``chars`` is how much of each text is shown."""

    def __init__(self, rows: Rows, tiers: Sequence[Tier], draw: Draw, chars: int) -> None:
        self._rows, self._draw, self._chars = rows, draw, chars
        self._tiers = {tier.dump: tier for tier in of_level(tiers, "L3")}

    def written(self) -> dict[str, list[dict[str, Any]]]:
        """Rows of L3 by style, each beside its passage."""
        styles = [label for label in self._draw.labels("L3") if "." not in label]
        drawn = {style: self._draw.of("L3", style) for style in styles}
        every = [one for found in drawn.values() for one in found]
        rows = self._read("L3", TEXTS, every, _ROW)
        parents = self._parents(rows, every)
        return {style: [self._pair(one, rows[one.uid], parents, "content") for one in found if one.uid in rows]
                for style, found in drawn.items()}  # fmt: skip

    def rejected(self) -> dict[str, list[dict[str, Any]]]:
        """Outputs that a check rejected, or that add nothing, by rule, each beside its passage."""
        drawn = {label: self._draw.of("L3", label) for label in self._draw.labels("L3") if "." in label}
        every = [one for found in drawn.values() for one in found]
        notes = self._read("L3", NOTES, every)
        parents = self._parents(notes, every)
        alike = self._rows.duplicates("L3", [one for one in every if notes.get(one.uid, {}).get("row_uid")])
        found: dict[str, list[dict[str, Any]]] = {}
        for fate, ones in drawn.items():
            found[fate] = [self._rejected(one, fate, notes[one.uid], parents, alike) for one in ones
                           if one.uid in notes]  # fmt: skip
        return found

    def _rejected(
        self, one: Drawn, fate: str, note: dict[str, Any], parents: Mapping[str, Any], alike: Mapping[str, Any]
    ) -> dict[str, Any]:
        told = self._pair(one, note, parents, "text", note.get(NAMED_IN.get(fate.partition(".")[2], "")))
        told["figures"] = figures_of(fate, note, self._checks(one.dump))
        if one.uid in alike:
            twin = alike[one.uid]
            told["figures"] = [{"name": "adds nothing to", "value": twin["survivor"], "limit": ""}]
            if twin["similarity"] is not None:
                told["figures"].append({"name": "similarity", "value": number(twin["similarity"]), "limit": ""})
        return told

    def _checks(self, dump: str) -> dict[str, Any]:
        tier = self._tiers.get(dump)
        return tier.plan["synthesis"]["synthesize"].get("checks", {}) if tier else {}

    def _read(
        self, level: str, kind: str, drawn: Iterable[Drawn], columns: Sequence[str] | None = None
    ) -> dict[str, dict[str, Any]]:
        by_dump: dict[str, list[str]] = {}
        for one in drawn:
            by_dump.setdefault(one.dump, []).append(one.uid)
        found: dict[str, dict[str, Any]] = {}
        for dump, uids in sorted(by_dump.items()):
            found |= self._rows.read(level, dump, kind, uids, columns)
        return found

    def _parents(self, rows: Mapping[str, Mapping[str, Any]], drawn: Iterable[Drawn]) -> dict[str, dict[str, Any]]:
        """The documents of L2 that some outputs were written from, by uid."""
        wanted: dict[str, set[str]] = {}
        for one in drawn:
            if one.uid in rows:
                wanted.setdefault(one.dump, set()).add(rows[one.uid]["parent_uid"])
        found: dict[str, dict[str, Any]] = {}
        for dump, uids in sorted(wanted.items()):
            found |= self._rows.read("L2", dump, TEXTS, uids, _PARENT, _WHOLE)
        return found

    def _pair(
        self, one: Drawn, row: Mapping[str, Any], parents: Mapping[str, Any], column: str, named: str | None = None
    ) -> dict[str, Any]:
        """A passage and what was written from it, with what a check objects to marked."""
        parent = parents.get(row["parent_uid"], {})
        passage, text = masked([_passage(parent, row), row[column]])
        spans = sorted(found_in(text or "", [named])) if named else []
        return {
            **identity(one, parent.get("url"), parent.get("title"), row["lang"]),
            "task": row.get("task") or row["style"],
            "prompt_id": row["prompt_id"],
            "model": printable(row["model"].partition("@")[0]),
            "passage": windows(passage or "", [], 2 * self._chars),
            "edited": bool(row["edited"]),
            "text": windows(text or "", _disjoint(spans), 2 * self._chars),
            "figures": [],
            "named": printable(named or ""),
            "start": printable((text or "")[:200]),
            "error": "",
        }


def _passage(parent: Mapping[str, Any], row: Mapping[str, Any]) -> str | None:
    """The characters of a document that an output was written from; its beginning where it was edited first, since
    places then are those of the edited text."""
    content = parent.get("content")
    return content if content is None or row["edited"] else content[row["passage_start"] : row["passage_end"]]


def _disjoint(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, end in spans:
        if not found or start >= found[-1][1]:
            found.append((start, end))
    return found
