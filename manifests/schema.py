"""The schema of each tier: a committed JSON file with a version, recorded in every manifest.

L4 has four tables: ``L4``, its statements, ``L4.evidence``, ``L4.entities`` and ``L4.edges``.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

import pyarrow as pa


@cache
def schema_file(tier: str) -> dict[str, Any]:
    """The JSON file of a tier: ``tier``, ``version`` and ``fields`` with name, type and description."""
    return json.loads(resources.files("manifests").joinpath(f"schemas/{tier}.json").read_text(encoding="utf-8"))


@cache
def tier_schema(tier: str) -> pa.Schema:
    """The Arrow schema of a tier's data, with the schema's version in its metadata."""
    file = schema_file(tier)
    fields = [pa.field(f["name"], _type(f["type"])) for f in file["fields"]]
    return pa.schema(fields, metadata={"governance.tier": tier, "governance.schema_version": str(file["version"])})


def _type(name: str) -> pa.DataType:
    """The Arrow type of a name, such as ``int32`` or ``list<string>``."""
    if name.startswith("list<"):
        return pa.list_(_type(name[len("list<") : -1]))
    return pa.type_for_alias(name)


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly the schema's columns: others dropped, missing ones null.

    Errors: pa.ArrowInvalid when a column cannot be cast without loss.
    """
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
