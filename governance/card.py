"""The data set card: YAML for the hub, then a page in English and one in Chinese, from the same facts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from governance.card_facts import facts
from governance.classifier_page import percent, whole
from governance.funnel import size

TEMPLATES = Path(__file__).with_name("templates")
_SHOWN = 20  # values of a list, such as reasons and archives
__all__ = ["facts", "front_matter", "render", "size_category", "warnings"]


def render(told: Mapping[str, Any]) -> str:
    """README.md of the data set; the same facts give the same bytes."""
    page = _template().render(told=told, warnings=warnings(told))
    return "---\n" + front_matter(told) + "---\n\n" + page


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=False, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"cell": cell, "whole": whole, "size": size, "percent": percent, "few": few}
    return environment.get_template("card.md")


def front_matter(told: Mapping[str, Any]) -> str:
    """The YAML block; every value is JSON, which YAML holds, so that no name can break out of it."""
    lines = ["language:", *(f"- {language}" for language in told["languages"])] if told["languages"] else []
    names = told["licence_names"]
    lines += [f"license: {names[0]}"] if len(names) == 1 else ["license:", *(f"- {name}" for name in names)]
    if names == ["other"]:
        link = f"https://huggingface.co/datasets/{told['repo_id']}#licences"
        lines += ["license_name: licences-of-the-source-pages", f"license_link: {json.dumps(link)}"]
    lines += [f"pretty_name: {json.dumps(told['repo_id'].partition('/')[2])}"]
    tasks = [
        *(["text-generation"] if set(told["tiers"]) - {"L4"} else []),
        *(["text-retrieval"] if told["statements"] else []),
    ]
    lines += ["task_categories:", *(f"- {task}" for task in tasks)]
    lines += ["size_categories:", f"- {size_category(told['rows'])}", "tags:", "- pretraining", "- web"]
    lines += ["- synthetic"] if "L3" in told["tiers"] else []
    lines += ["- knowledge"] if told["statements"] else []
    lines += ["- croissant", *(["configs:"] if told["configurations"] else [])]
    for number, one in enumerate(told["configurations"]):
        lines += [f"- config_name: {json.dumps(one['name'])}"]
        lines += ["  default: true"] if number == 0 else []
        lines += ["  data_files:", "  - split: train", f"    path: {json.dumps(one['folder'] + '/*.parquet')}"]
    return "\n".join(lines) + "\n"


def size_category(rows: int) -> str:
    """The hub's name for a number of rows."""
    steps = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B"]
    steps += ["1B<n<10B", "10B<n<100B", "100B<n<1T", "n>1T"]
    digits = max(3, math.floor(math.log10(rows))) if rows else 3
    return steps[min(digits - 2, len(steps) - 1)] if rows >= 1000 else steps[0]


def warnings(told: Mapping[str, Any]) -> list[str]:
    """What whoever publishes must have read."""
    found = []
    written = _written(told)
    for one in told["licences"]:
        if one["no_derivatives"] and written:
            found.append(
                f"{one['rows']:,} rows come from pages under {one['licence']}, which forbids sharing adapted text, "
                f"and {written} is that: name the licences that are allowed in l1.policy.licences"
            )
        if one["non_commercial"]:
            found.append(f"{one['rows']:,} rows come from pages under {one['licence']}: no commercial use")
    unknown = sum(one["rows"] for one in told["licences"] if not one["licence"])
    if unknown:
        found.append(f"{unknown:,} of {told['licensed_rows']:,} rows come from pages on which no licence was found")
    if told["personal"] is None:
        found.append("no tier of this corpus masked personal data: its rows entered above L1")
    held = told["statements"]["withheld"] if told["statements"] else 0
    if held:
        found.append(
            f"{held:,} statements are held back, because a page that was taken down had a part in them: "
            "`governance compact` finds them again in what is left, then publish again"
        )
    return found


def _written(told: Mapping[str, Any]) -> str:
    """What of this a model worded, "" where it worded nothing."""
    claims = "what a model worded of L4" if told["statements"] and told["statements"]["models"] else ""
    return "what L3 wrote" if "L3" in told["tiers"] else claims


def cell(value: Any) -> str:
    """A value inside of a table or a line of Markdown: one line, and no sign that means something there."""
    text = " ".join(str(value).split())
    for sign in "\\|`<>[]*":
        text = text.replace(sign, "\\" + sign)
    return text


def few(values: Any) -> list[Any]:
    """The first members of a list or mapping."""
    return list(values.items() if isinstance(values, Mapping) else values)[:_SHOWN]
