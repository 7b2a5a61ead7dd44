"""The rows that a report shows of each rule, with what the rule looked at and the place where it was broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from governance.classifier_report import printable
from governance.report_draw import CLEANED, Draw, Drawn
from governance.report_places import places
from governance.report_rows import NOTES, TEXTS, Rows
from governance.report_rules import figures_of, number
from governance.report_texts import cleaned, differences, masked, masked_url, windows
from governance.report_tiers import Tier
from stages.clean import CleanConfig, clean

_TEXT = ("content", "url", "title")
_TEXT_AND_LANG = (*_TEXT, "lang")  # L0 has no language yet
_BELOW = {"L1": "L0", "L2": "L1"}  # the tier that holds the text of what a tier rejects
_MAX_URL = 300
_STANDS = {"ingest", "extract", "policy", "quarantined"}  # of which the text tells nothing more


class Examples:
    """Makes the examples of a report; ``chars`` is how much of each text is shown."""

    def __init__(self, rows: Rows, tiers: Sequence[Tier], draw: Draw, chars: int) -> None:
        self._rows, self._draw, self._chars = rows, draw, chars
        self._tiers = {(tier.name, tier.dump): tier for tier in tiers}

    def of_level(self, level: str) -> dict[str, list[dict[str, Any]]]:
        """The examples of L0, L1 or L2 by rule."""
        fates = [label for label in self._draw.labels(level) if label != CLEANED]
        drawn = {fate: self._draw.of(level, fate) for fate in fates}
        notes = self._read(level, NOTES, [one for found in drawn.values() for one in found])
        twins = _twins_of(self._rows, level, drawn)
        texts = self._texts(level, drawn, twins)
        return {
            fate: [self._example(level, fate, one, notes.get(one.uid, {}), texts, twins) for one in found]
            for fate, found in drawn.items()
        }

    def _read(self, level: str, kind: str, drawn: Iterable[Drawn], columns: Sequence[str] | None = None) -> dict:
        by_dump: dict[str, list[str]] = {}
        for one in drawn:
            by_dump.setdefault(one.dump, []).append(one.uid)
        found: dict[str, dict[str, Any]] = {}
        for dump, uids in sorted(by_dump.items()):
            found |= self._rows.read(level, dump, kind, uids, columns)
        return found

    def _texts(self, level: str, drawn: dict[str, Sequence[Drawn]], twins: dict[str, dict[str, Any]]) -> dict:
        """By uid what the rules of a level read: content, cleaned where cleaning comes before them, url and title."""
        if level not in _BELOW:
            return {}
        below = _BELOW[level]
        wanted = [one for found in drawn.values() for one in found]
        wanted += [Drawn(0, twin["survivor"], twin["survivor_dump"]) for twin in twins.values()]
        texts: dict[str, dict[str, Any]] = {}
        for dump in sorted({one.dump for one in wanted}):
            found = self._read(below, TEXTS, [one for one in wanted if one.dump == dump], _TEXT_AND_LANG)
            settings = self._config("L1", dump, "clean") if level == "L1" else None
            texts |= _shown_texts(found, CleanConfig(**settings) if settings else None)
        return texts

    def _config(self, level: str, dump: str, stage: str) -> dict[str, Any]:
        tier = self._tiers.get((level, dump))
        return tier.config(stage) if tier else {}

    def _example(
        self, level: str, fate: str, one: Drawn, note: dict[str, Any], texts: dict[str, dict[str, Any]],
        twins: dict[str, dict[str, Any]],
    ) -> dict[str, Any]:  # fmt: skip
        text, stage = texts.get(one.uid, {}), fate.partition(".")[0]
        config, note = self._config(level, one.dump, stage), {"lang": text.get("lang"), **note}
        told = identity(one, text.get("url", note.get("url")), text.get("title"), note.get("lang"))
        told["figures"] = [{name: printable(value) for name, value in figure.items()}
                           for figure in figures_of(fate, note, config)]  # fmt: skip
        if note.get("decontaminate.set") and stage == "decontaminate":
            item = f"{note['decontaminate.set']}:{note['decontaminate.item']}"
            told["figures"].append({"name": "item", "value": printable(item), "limit": ""})
        told["error"] = printable(masked([note.get("error")])[0] or "")
        told["text"], told["twin"] = [], None
        content = text.get("content") or ""
        if one.uid in twins:
            told |= self._beside(one, twins[one.uid], texts, config)
        elif content:
            spans = (
                _found_at(note, content)
                if stage == "decontaminate"
                else places(fate, content, note.get("lang"), config)
            )
            told["text"] = windows(content, spans, self._chars // 3 if stage in _STANDS else self._chars)
        return told

    def _beside(
        self, one: Drawn, twin: dict[str, Any], texts: dict[str, dict[str, Any]], config: dict[str, Any]
    ) -> dict[str, Any]:
        """A duplicate beside the row that stays: how alike they are, and how their texts differ where both are."""
        stays = texts.get(twin["survivor"], {})
        figures = []
        if twin["similarity"] is not None:
            name = "url_similarity" if twin["reason"] == "url" else "threshold"
            limit = f"≥ {number(config[name])}" if name in config else ""
            figures.append({"name": "similarity", "value": number(twin["similarity"]), "limit": limit})
        mine, other = (texts.get(uid, {}).get("content") or "" for uid in (one.uid, twin["survivor"]))
        half = self._chars
        text = differences(other[:half], mine[:half]) if mine and other else windows(mine, [], half)
        survivor = identity(Drawn(0, twin["survivor"], twin["survivor_dump"]), stays.get("url"), stays.get("title"))
        return {"figures": figures, "twin": survivor, "text": text, "cut": max(len(mine), len(other)) > half}

    def cleaning(self, count: int) -> list[dict[str, Any]]:
        """Rows of L1 whose text cleaning changed, L0's text against L1's."""
        drawn = self._draw.of("L1", CLEANED)
        after = self._read("L1", TEXTS, drawn, (*_TEXT, "lang"))
        kept = [one for one in drawn if one.uid in after][:count]
        before = self._read("L0", TEXTS, kept, ("content",))
        kept = [one for one in kept if one.uid in before]
        shown = masked([before[one.uid]["content"] for one in kept])
        found = []
        for one, old in zip(kept, shown, strict=True):
            row = after[one.uid]
            url, title, new = masked([row["url"], row["title"], row["content"]])
            pieces = cleaned(old or "", new or "", 3 * self._chars)
            sizes = {"before": len(before[one.uid]["content"]), "after": len(row["content"])}
            found.append({**identity(one, url, title, row["lang"]), "text": pieces, **sizes})
        return found


def _twins_of(rows: Rows, level: str, drawn: dict[str, Sequence[Drawn]]) -> dict[str, dict[str, Any]]:
    """By uid of a duplicate, the row that stays in its place."""
    wanted = [one for fate, found in drawn.items() if fate.startswith("dedup.") for one in found]
    return rows.duplicates(level, wanted) if wanted else {}


def _shown_texts(found: dict[str, dict[str, Any]], settings: CleanConfig | None) -> dict[str, dict[str, Any]]:
    """Rows with their text as the rules read it, masked, and their address and title masked too."""
    if not found:
        return {}
    uids = list(found)
    table = pa.table({"content": pa.array([found[uid]["content"] for uid in uids], pa.string())})
    contents = (clean(table, settings) if settings else table)["content"].to_pylist()
    columns = [masked(contents), *(masked([found[uid][name] for uid in uids]) for name in _TEXT[1:])]
    rows = zip(uids, *columns, strict=True)
    return {uid: {**dict(zip(_TEXT, values, strict=True)), "lang": found[uid].get("lang")} for uid, *values in rows}


def _found_at(note: dict[str, Any], content: str) -> list[tuple[int, int]]:
    """Where the item of a question set stands, if that is not behind what was read of the text."""
    start, end = note.get("decontaminate.start"), note.get("decontaminate.end")
    return [] if start is None or end is None or start >= len(content) else [(start, end)]


def identity(one: Drawn, url: str | None, title: str | None, lang: str | None = None) -> dict[str, Any]:
    """What names a row: uid, address, title. Only an address of the web becomes a link."""
    url, (title,) = masked_url(url), masked([title])
    return {
        "uid": one.uid,
        "dump": one.dump,
        "url": printable((url or "")[:_MAX_URL]),
        "link": link_of(url),
        "title": printable((title or "")[:200]),
        "lang": lang or "",
    }


def link_of(url: str | None) -> str | None:
    """An address as a link may have it: http or https with a host and no more than one line; else None."""
    if not url or len(url) > 2 * _MAX_URL or printable(url) != url or any(sign in url for sign in "\n\r\t<>\"' "):
        return None
    try:
        found = urlsplit(url)
    except ValueError:
        return None
    return url if found.scheme in ("http", "https") and found.hostname else None
