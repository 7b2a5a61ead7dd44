"""docs/knowledge.md: its tables are the schemas of L4, and its words those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from manifests.schema import schema_file

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "knowledge.md").read_text(encoding="utf-8")
TABLES = {"L4": "statements", "L4.evidence": "evidence", "L4.entities": "entities", "L4.edges": "edges"}


@pytest.mark.parametrize("tier", TABLES)
def test_the_page_lists_the_schema(tier: str) -> None:
    file = schema_file(tier)
    section = PAGE.partition(f"### {TABLES[tier]}\n")[2].partition("\n### ")[0]
    rows = [f"| `{one['name']}` | {one['type']} | {one['description']} |" for one in file["fields"]]
    assert re.findall(r"^\| `.*$", section, re.MULTILINE) == rows
    assert f"Version {file['version']}." in section


def test_the_page_names_every_term_of_the_graph() -> None:
    terms = Path(__file__).resolve().parent.parent / "governance" / "export_terms.py"
    used = re.findall(r"\b(?:OURS|SCHEMA|PROV|SKOS|DCTERMS)\.(\w+)", terms.read_text(encoding="utf-8"))
    assert [term for term in sorted(set(used)) if not re.search(rf"\b{term}\b", PAGE)] == []


def test_the_page_names_every_status() -> None:
    described = next(one["description"] for one in schema_file("L4")["fields"] if one["name"] == "status")
    for status in re.findall(r"\w+", described.replace(" or ", " ")):
        assert f"| {status} |" in PAGE
