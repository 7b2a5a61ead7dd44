"""A report as one HTML page: no network, no script but its own, nothing of a crawled page that can run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from governance.classifier_page import TEMPLATES, data_url, excerpt, percent, whole
from governance.funnel import size
from governance.report_plots import CAPTIONS
from governance.report_sankey import document_steps, layout, output_steps

_TIERS = {
    "L0": "raw text of every page",
    "L1": "clean, of known language, without near-duplicates",
    "L2": "selected by the quality classifier",
    "L3": "written from L2 and checked against it",
    "L4": "statements with their evidence",
}


def render(body: Mapping[str, Any], shown: Mapping[str, Any], plots: Mapping[str, str], seed: int) -> str:
    """The page of a report.

    Args: body as ``report.build`` makes it; shown, the rows by rule; plots, SVG by name; seed, of drawing rows.
    """
    environment = _environment()
    style = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "report.css"))
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    images = [
        {"name": name, "title": title, "shows": shows, "data": data_url(plots[name])}
        for name, (title, shows) in CAPTIONS.items()
        if name in plots
    ]
    documents = [level for level in body["tiers"] if level["tier"] == "L2"]
    refined = any(level["tier"] == "L3" for level in body["tiers"])
    written_from = sum(level["rows"] for level in documents) if refined else None
    steps = document_steps(body["tiers"], body["figures"]["documents"], written_from)
    groups = _groups(body, shown)
    languages = {one["lang"] or "none" for rule in groups for one in rule["examples"]}
    return environment.get_template("report.html").render(
        body=body, shown=shown, seed=seed, images=images, tiers=_TIERS, style=style, script=script,
        style_hash=csp_hash(style), script_hash=csp_hash(script), documents=layout(steps),
        outputs=layout(output_steps(body["tiers"])), groups=groups, langs=sorted(languages), warnings=warnings_of(body),
    )  # fmt: skip


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "percent": percent, "whole": whole, "size": size, "excerpt": excerpt, "change": change,
        "any_number": any_number,
    }  # fmt: skip
    return environment


def csp_hash(text: str) -> str:
    """How a Content-Security-Policy names a style or script: only these bytes are applied or run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _groups(body: Mapping[str, Any], shown: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rules with their examples, in the order of the pipeline."""
    return [
        rule | {"id": f"rule-{place}", "examples": shown["rejected"].get(rule["tier"], {}).get(rule["fate"], [])}
        for place, rule in enumerate(body["rules"])
    ]


def warnings_of(body: Mapping[str, Any]) -> list[str]:
    """What a reader must not overlook."""
    found = []
    for level in body["tiers"]:
        for dump, shards in level["shards"].items():
            told = ", ".join(f"{step} {count:,}" for step, count in shards.items()) or "none"
            found.append(
                f"{level['tier']} of {dump} is unfinished. Its figures are of the shards committed so far ({told}). "
                "The same governance run goes on from there."
            )
    for told in body["contamination"]:
        if "not_checked" in told:
            found.append(f"{told['tier']} of {told['dump']} was compared with no question set: {told['not_checked']}.")
    if body["tiers"] and not body["tiers"][0]["in"]:
        found.append("The input held no record: every figure is 0.")
    if body["figures"]["hosts_error"]:
        error = body["figures"]["hosts_error"]
        found.append(f"There are more hosts than are counted at once; rows of a host are too low by at most {error:,}.")
    return found


def change(was: float | None, now: float | None) -> str:
    """A change for people: with its sign, and as a share where there was something."""
    if was is None or now is None:
        return "new" if was is None else "gone"
    difference = now - was
    told = f"{difference:+,.4g}" if isinstance(difference, float) else f"{difference:+,}"
    return f"{told} ({difference / was:+.1%})" if was else told


def any_number(value: float | None) -> str:
    """A count or a figure for people, a dash for none."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
