"""What-if and diff for people: tables, and a few rows with the figure that decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_TITLES = {"newly_kept": "Newly kept", "newly_dropped": "Newly dropped"}


def show(body: Mapping[str, Any]) -> None:
    """Print what other settings would do."""
    out = console()
    changes = "; ".join(f"{one['name']} {_value(one['old'])} -> {_value(one['new'])}" for one in body["changes"])
    out.print(f"{body['output']}, dump {body['dump']}: {changes or 'these are the settings that it was built with'}")
    for tier, told in body["tiers"].items():
        if "untold" in told:
            out.print(f"{tier}: cannot be told: {told['untold']}")
            continue
        out.print(_funnel(tier, told))
        for language, cut in told.get("thresholds", {}).items():
            out.print(f"{tier} {language}: score {cut['was']:.4g} or more, would be {cut['now']:.4g}")
        out.print(f"{tier}: {told['newly_kept_rows']:,} newly kept, {told['newly_dropped_rows']:,} newly dropped")
        for note in told.get("notes", ()):
            out.print(f"Note: {note}.")
        for line in _examples(told):
            out.print(line)
    out.print(f"Nothing was changed. {body['seconds']:.1f} s")


def console() -> Any:
    """Where it is printed: text of pages is no markup."""
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=True)


def table_of(title: str, *columns: str) -> Any:
    """A table: the first column holds words, of A and B both, the others numbers. Long reasons are folded, not cut."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, name in enumerate(columns):
        words = number == 0 or (number == 1 and columns[0] == "A")
        table.add_column(name, justify="left" if words else "right", overflow="fold")
    return table


def _funnel(tier: str, told: Mapping[str, Any]) -> Any:
    table = table_of(f"{tier}, {told['rows']:,} rows", "", "built", "would be", "change")
    for row in told["rejected"]:
        table.add_row(row["reason"], f"{row['was']:,}", f"{row['now']:,}", _signed(row["now"] - row["was"]))
    for name, count in told["open"].items():
        table.add_row(name, "", f"{count:,}", "")
    kept = told["kept"]
    table.add_row("kept", f"{kept['was']:,}", f"{kept['now']:,}", _signed(kept["now"] - kept["was"]))
    return table


def _signed(count: int) -> str:
    return f"{count:+,}" if count else ""


def _examples(told: Mapping[str, Any]) -> Iterator[str]:
    for kind, title in _TITLES.items():
        if told[kind]:
            yield f"{title}:"
        for one in told[kind]:
            yield f"  {one['uid']}  {clean(one.get('url') or '')}"
            yield f"    {one['was'] or 'kept'} -> {one.get('open') or one['now'] or 'kept'}{_because(one)}"
            if one.get("text"):
                yield f"    {clean(one['text'])}"


def _because(one: Mapping[str, Any]) -> str:
    figures = [f"{name} = {_value(value)}" for name, value in one["figures"].items()]
    settings = [f"{s['name']} {_value(s['old'])} -> {_value(s['new'])}" for s in one["settings"]]
    return "".join(f"; {piece}" for piece in (", ".join(figures), ", ".join(settings)) if piece)


def _value(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def clean(text: str) -> str:
    """Text of a page on one line, without what would steer the terminal."""
    return _CONTROL.sub(" ", text)


def show_diff(body: Mapping[str, Any]) -> None:
    """Print how two outputs differ."""
    out = console()
    a, b = body["a"], body["b"]
    out.print(f"A: {a['output']}, dump {a['dump']}: {a['rows']:,} rows, {a['kept']:,} kept at {body['tier']}")
    out.print(f"B: {b['output']}, dump {b['dump']}: {b['rows']:,} rows, {b['kept']:,} kept at {body['tier']}")
    out.print(f"only in A: {body['only_in_a']:,} rows; only in B: {body['only_in_b']:,} rows")
    for line in body["settings"] or ["the settings are the same"]:
        out.print(f"  {line}")
    fates = table_of(f"{body['changed']:,} fates differ", "A", "B", "rows")
    for one in body["fates"]:
        fates.add_row(one["a"] or "kept", one["b"] or "kept", f"{one['rows']:,}")
    if body["fates"]:
        out.print(fates)
    means = table_of("Figures whose mean differs most", "figure", "A", "B", "in standard deviations")
    for one in body["figures"]:
        means.add_row(one["figure"], f"{one['a']:.4g}", f"{one['b']:.4g}", f"{one['shift']:+.3f}")
    if body["figures"]:
        out.print(means)
    for kind, rows in body["examples"].items():
        for one in rows:
            out.print(f"  {kind.replace('_', ' ')}: {one['a_uid']}  {one['a'] or 'kept'} -> {one['b'] or 'kept'}")
            out.print(f"    {clean(one.get('url') or '')}  {clean(one.get('text') or '')}")
