"""The rows of L3, assembled from the annotations of what was kept and the documents it was written from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stages.editing import edited_content
from stages.notes import EDIT, PROVENANCE, WRITE

PAIR_LABELS = {"en": ("Question: ", "Answer: "), "zh": ("问题：", "答案：")}
ROW_SCHEMA = pa.schema(
    {"uid": pa.string(), "content": pa.string(), "style": pa.string(), "lang": pa.string()}
    | {"score": pa.float64(), "source": pa.string(), "url": pa.string(), "licence": pa.string()}
    | PROVENANCE
    | {"num_outputs": pa.int64()}
)
# What of the annotations the rows are made from.
NEEDS = (
    "row_uid", "role", "outcome", "task", "style", "lang", "text", "question", "answer", "output", "target_start",
    "target_end", *PROVENANCE,
)  # fmt: skip


def make_rows(notes: pa.Table, parents: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    """One row for each task of which something was kept: of a rewrite the rewrite, of question-answering the passage
    and then its pairs.

    Args: notes, with NEEDS, all of a document together; parents, the L2 rows of these documents by uid.
    Returns: ROW_SCHEMA, in the order in which the rows' first outputs come.
    """
    edits: dict[str, list[tuple[tuple[int, int], str]]] = {}
    outputs: dict[str, list[dict[str, Any]]] = {}
    for one in notes.select(list(NEEDS)).to_pylist():
        if one["outcome"] == "kept" and one["role"] == EDIT:
            edits.setdefault(one["parent_uid"], []).append(((one["target_start"], one["target_end"]), one["output"]))
        elif one["outcome"] == "kept" and one["role"] == WRITE:
            outputs.setdefault(one["row_uid"], []).append(one)
    rows = [_row(kept, parents[kept[0]["parent_uid"]], edits) for kept in outputs.values()]
    return pa.Table.from_pylist(rows, schema=ROW_SCHEMA)


def _row(
    kept: Sequence[dict[str, Any]],
    parent: Mapping[str, Any],
    edits: Mapping[str, list[tuple[tuple[int, int], str]]],
) -> dict[str, Any]:
    first = kept[0]
    content = first["text"]
    if first["question"] is not None:
        text = parent["content"]
        if first["edited"]:
            text = edited_content(text, edits[first["parent_uid"]])
        question, answer = PAIR_LABELS[first["lang"]]
        pairs = [f"{question}{one['question']}\n{answer}{one['answer']}" for one in kept]
        content = "\n\n".join([text[first["passage_start"] : first["passage_end"]], *pairs])
    elif len(kept) > 1:  # knowledge points
        content = "\n".join(one["text"] for one in kept)
    return {
        "uid": first["row_uid"],
        "content": content,
        "style": first["style"],
        "lang": first["lang"],
        **{name: parent.get(name) for name in ("score", "source", "url", "licence")},
        **{name: first[name] for name in PROVENANCE},
        "sampling": json.dumps([json.loads(one["sampling"]) for one in kept], sort_keys=True),
        "num_outputs": len(kept),
    }
