"""`governance report`: an output folder as one page that explains it, and needs nothing but a browser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance import commands, contamination, rates
from governance.errors import CorpusError, UsageError
from governance.report_against import compare
from governance.report_data import gather
from governance.report_draw import Draw
from governance.report_examples import Examples
from governance.report_funnel import funnel, rules
from governance.report_page import render
from governance.report_plots import draw as plot
from governance.report_refined import Refined, synthesis
from governance.report_rows import Rows
from governance.report_rules import limits_in_words, rule_of
from governance.report_statements import examples, statements
from governance.report_tiers import Tier, of_level, read_tiers
from governance.selection import told as selection_told
from manifests.store import Store, is_local, local_path

MAX_BYTES = 5_000_000  # of the page
NAME = "report.html"
_CHARS = 900  # of an example's text, where there is room
_ROOM = 2_500_000  # characters of all texts together, at first
_CLEANED = 8  # rows whose cleaning is shown
_STEP_ROWS = {"ingest": "in", "annotate": "in", "select": "in", "score": "in"}


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance report``."""

    out: str
    output: str | None
    dump: str | None
    against: str | None
    examples: int
    seed: int


def report(ask: Ask, as_json: bool) -> None:
    """Write the page, and say where it is. Errors: UsageError, CorpusError."""
    store = commands.existing(ask.out)
    target, name = _target(ask)
    tiers = read_tiers(store, ask.dump)
    if not tiers:
        raise UsageError(f"{ask.out} holds no tier", f"build one first: governance run --output {ask.out}")
    draw = Draw(ask.examples, ask.seed)
    body = build(store, tiers, draw) | {"output": ask.out, "against": None}
    if ask.against is not None:
        body["against"] = _against(ask, body, tiers)
    page = _page(store, tiers, draw, body, ask)
    target.put(name, page.encode())
    body |= {"report": _written(ask), "bytes": len(page.encode())}
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        _show(body)


def build(store: Store, tiers: Sequence[Tier], draw: Draw) -> dict[str, Any]:
    """Every figure of a report as JSON values; rows to show are drawn on the way."""
    figures = gather(store, tiers, draw)
    levels = funnel(tiers)
    times = _times(store, tiers, levels)
    return {
        "dumps": sorted({tier.dump for tier in tiers}),
        "tiers": levels,
        "rules": [rule | _meaning(rule, tiers) for rule in rules(levels)],
        "figures": figures.told(),
        "thresholds": _thresholds(tiers),
        "contamination": [told for tier in tiers if (told := _contamination(store, tier))],
        "synthesis": synthesis(tiers, times and times["engine"]),
        "statements": statements(store, tiers, draw),
        "times": times,
        "fingerprints": {tier.base: tier.manifest["fingerprint"] for tier in tiers if tier.manifest},
    }


def _meaning(rule: dict[str, Any], tiers: Sequence[Tier]) -> dict[str, str]:
    """A rule in words, and its limit as the settings of the first dump have it."""
    first = of_level(tiers, rule["tier"])[0]
    config = first.config(rule["stage"])
    if rule["tier"] == "L3" and rule["stage"] == "outputs":
        config = first.plan["synthesis"]["synthesize"].get("checks", {})
    return {"words": rule_of(rule["fate"]).words, "limit": limits_in_words(rule["fate"], config)}


def _thresholds(tiers: Sequence[Tier]) -> dict[str, float]:
    found: dict[str, float] = {}
    for tier in of_level(tiers, "L2"):
        if tier.manifest:
            found |= {lang: told["threshold"] for lang, told in selection_told(tier.manifest).items()}
    return found


def _contamination(store: Store, tier: Tier) -> dict[str, Any] | None:
    """What a tier was compared with, and what came of it; None below L2."""
    if tier.name not in ("L2", "L3"):
        return None
    told = contamination.check_of(tier.plan)
    if tier.manifest:
        told = contamination.summary(store, {tier.name: tier.manifest})[tier.name]
    words = contamination.in_words(tier.name, {"rejected": 0, **told})
    return {"tier": tier.name, "dump": tier.dump, **told, "words": words}


def _times(store: Store, tiers: Sequence[Tier], levels: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The seconds of the last run that built something, by step, with the rows a second; None where none is told."""
    try:
        told = json.loads(store.get(rates.TIMES))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CorpusError(f"{rates.TIMES} is damaged: {error}", "remove it: it only holds times") from error
    came = {level["tier"]: level["in"] for level in levels}
    steps = []
    for step, seconds in told["steps_s"].items():
        tier, _, name = step.partition(" ")
        rows = came.get(tier) if name in _STEP_ROWS and tier != "L3" else None
        steps.append({"step": step, "seconds": seconds, "rows": rows,
                      "rows_per_s": round(rows / seconds, 1) if rows and seconds else None})  # fmt: skip
    engine = told.get("engine")
    if engine and engine.get("dump") not in {tier.dump for tier in tiers}:
        engine = None
    hours = engine["seconds"] * engine["engines"] / 3600 if engine else None
    return {"built": told["built"], "steps": steps, "wall_s": told["wall_s"], "engine": engine,
            "engine_hours": hours and round(hours, 4)}  # fmt: skip


def _against(ask: Ask, body: dict[str, Any], tiers: Sequence[Tier]) -> dict[str, Any]:
    """What changed from another output to this one."""
    assert ask.against is not None
    store = commands.existing(ask.against)
    theirs = read_tiers(store, ask.dump)
    if not theirs:
        raise UsageError(f"{ask.against} holds no tier", "name the --output of another run")
    other = build(store, theirs, Draw(0))
    return {"output": ask.against, **compare(body, other, tiers, theirs)}


def _page(store: Store, tiers: Sequence[Tier], draw: Draw, body: dict[str, Any], ask: Ask) -> str:
    """The page, with less of each text where it would be too large."""
    rows, chars = Rows(store, tiers), min(_CHARS, _ROOM // max(1, 2 * draw.count()))
    plots = plot(body)
    while True:
        shown = _shown(rows, tiers, draw, chars) | {"stated": examples(store, tiers, draw, chars)}
        page = render(body, shown, plots, ask.seed)
        if len(page.encode()) < MAX_BYTES or chars < 20:
            return page
        chars //= 2


def _shown(rows: Rows, tiers: Sequence[Tier], draw: Draw, chars: int) -> dict[str, Any]:
    """The rows that a page shows: rejected ones by tier and rule, cleaned ones, and what L3 wrote, by style."""
    examples, refined = Examples(rows, tiers, draw, chars), Refined(rows, tiers, draw, chars)
    rejected = {level: examples.of_level(level) for level in ("L0", "L1", "L2")}
    return {
        "rejected": {**rejected, "L3": refined.rejected()},
        "cleaned": examples.cleaning(_CLEANED),
        "written": refined.written(),
        "chars": chars,
    }


def _target(ask: Ask) -> tuple[Store, str]:
    """The store and the name of the page. Errors: UsageError for a place that can be none."""
    place = _written(ask)
    if not is_local(place):
        folder, _, name = place.rpartition("/")
        if "://" not in folder or not name:
            raise UsageError(f"--output {place!r} names no file", "end it in a name such as report.html")
        return Store(folder), name
    path = local_path(place)
    if path.is_dir():
        raise UsageError(f"--output {place!r} is a folder", f"name a file: {place.rstrip('/')}/{NAME}")
    if not path.parent.is_dir():
        raise UsageError(f"no folder {str(path.parent)!r} for {place!r}", "make it first, or name another file")
    return Store(str(path.parent)), path.name


def _written(ask: Ask) -> str:
    """Where the page goes: what was asked for, else into the output, where that is a folder of this machine."""
    if ask.output is not None:
        return ask.output
    return str(Path(ask.out) / NAME) if is_local(ask.out) and "://" not in ask.out else NAME


def _show(body: dict[str, Any]) -> None:
    """Say where the page is, and a line for each tier."""
    for level in body["tiers"]:
        state = "" if level["whole"] else "   (unfinished: of its committed shards only)"
        print(f"{level['tier']}: {level['in']:,} in, {level['rows']:,} rows{state}")
    print(f"{len(body['rules'])} rules turned rows away")
    print(f"Page: {body['report']}   ({body['bytes'] / 1e6:.1f} MB)")
