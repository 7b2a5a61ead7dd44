"""``governance adopt``: rows that another tool left, taken up as a tier as they stand, so that people start with what
they have.

No rule, score or search for duplicates is run. The text is written once more, into parts that are ours: they have
a ledger, uids, hashes and a manifest, and every verb reads them; the folder that it came from is not touched and not
needed any more. What is not known of these rows, such as why others were rejected, is not made up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from governance.cluster import Cluster
from governance.commands import open_output
from governance.config import Settings, validated
from governance.errors import UsageError
from governance.inputs import ROW_SUFFIXES, Shard, check_entry, find_files, find_shards
from governance.parts import open_input
from governance.pipeline import Request, run
from governance.progress import Progress
from governance.status import dumps
from manifests.ledger import load
from manifests.store import Store, is_local
from stages.ingest import COLUMNS_TAKEN
from stages.rows import read_json

FOLDER = "_adopted"  # of the output: where each dump came from
_SCORES = ("score", "int_score", "quality_score", "edu_score", "fasttext_score")
_WRITTEN = ("style", "parent_uid", "prompt_id")
_STATS = re.compile(r"stats\.json$|stats/\d+\.json$")
_ONE_FOLDER_A_DUMP = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance adopt``."""

    folder: str
    output: str
    tier: str | None
    dump: str | None
    text_column: str | None
    workers: int | None
    address: str | None


def adopt(ask: Ask, progress: Progress) -> dict[str, Any]:
    """Take up a folder. Returns what was taken, dump by dump; a folder that is there already costs nothing.

    Errors: UsageError for what holds no rows, rows without a text, or files that changed since they were adopted.
    """
    overrides = [f"l0.ingest.text_column={json.dumps(ask.text_column)}"] if ask.text_column else []
    settings = validated({}, overrides)
    store = open_output(ask.output)
    told = []
    with Cluster(ask.address, ask.workers) as cluster:
        for dump, pattern in _dumps(ask):
            shards = find_shards([pattern], dump)
            check_entry(shards, "L1")  # web archives are no rows
            body = _adopt(store, ask, dump, shards, settings, cluster, progress)
            told.append(body | {"input": pattern})
    return {"folder": ask.folder, "output": ask.output, "dumps": told}


def _dumps(ask: Ask) -> list[tuple[str, str]]:
    """The dumps of a folder, with where their files lie: one, or where files of one name lie in several folders, as
    those of FineWeb do, one a folder."""
    shards = find_files_of(ask.folder)
    names = [shard.name for shard in shards]
    if ask.dump is not None or len(set(names)) == len(names):
        return [(ask.dump or "default", ask.folder)]
    folders = {f"{shard.folder}/{shard.path}".rpartition("/")[0] for shard in shards}
    found: dict[str, str] = {}
    for folder in sorted(folders):
        dump = _ONE_FOLDER_A_DUMP.sub("-", folder.rpartition("/")[2]).strip("-.") or "default"
        if dump in found:
            raise UsageError(
                f"{ask.folder} holds several folders named {dump!r}, with files of the same names",
                "adopt them one by one, each with its own --dump",
            )
        found[dump] = folder
    return list(found.items())


def find_files_of(folder: str) -> list[Shard]:
    """The files of rows of a folder. Errors: UsageError for none."""
    found = [shard for shard in find_files([folder], ROW_SUFFIXES) if not _STATS.search(shard.path)]
    if not found:
        raise UsageError(f"{folder!r} holds no rows", f"known: {', '.join(ROW_SUFFIXES)}")
    return found


def _adopt(
    store: Store, ask: Ask, dump: str, shards: Sequence[Shard], settings: Settings, cluster: Cluster, progress: Progress
) -> dict[str, Any]:
    seen = _look(shards)
    tier = ask.tier or guess_tier(seen.columns)
    _refuse(store, dump, tier)
    if not seen.has_text(ask.text_column):
        raise UsageError(
            f"{shards[0].name} has no column {ask.text_column or 'text or content'}: {', '.join(seen.columns[:20])}",
            "name the column of the text with --text-column",
        )
    outcome = run(Request(tier, shards, store, dump, settings, tier), cluster, progress)
    manifest = outcome.manifests[tier]
    ledger = load(manifest["ledger"])
    body = {
        "dump": dump, "tier": tier, "guessed": ask.tier is None, "files": len(shards), "built": bool(outcome.built),
        "rows_in": ledger[0].came.rows if ledger else 0, "rows": manifest["rows"], "bytes": manifest["bytes"],
        "not_taken": {f"{one.stage}.{reason}": count.rows for one in ledger for reason, count in one.rejected.items()},
        "columns_left": [name for name in seen.columns if name not in COLUMNS_TAKEN and name != ask.text_column],
    }  # fmt: skip
    lineage = body | {"from": ask.folder, "made_by": seen.made_by, "told": seen.told}
    del lineage["built"]
    store.put(f"{FOLDER}/{dump}.json", json.dumps(lineage, indent=1, ensure_ascii=False, sort_keys=True).encode())
    return body


def _refuse(store: Store, dump: str, tier: str) -> None:
    """Errors: UsageError where the dump is there at another tier."""
    there = sorted(found for found, name in dumps(store) if name == dump)
    if there and there[0] != tier:
        raise UsageError(
            f"{store.url} holds dump {dump!r} from {there[0]} on, not from {tier}",
            f"name another --dump, or adopt it with --tier {there[0]}",
        )


@dataclass(frozen=True)
class Seen:
    """What the first file that can be read shows."""

    columns: tuple[str, ...]
    made_by: str | None  # the tool that a Parquet file names
    told: dict[str, Any] | None  # what datatrove counted, where its statistics lie beside the rows

    def has_text(self, column: str | None) -> bool:
        """Whether there is a text to take."""
        return bool({column} & set(self.columns) if column else {"text", "content"} & set(self.columns))


def guess_tier(columns: Sequence[str]) -> str:
    """The tier that rows look like: with a score of their quality L2, else L1.

    Errors: UsageError for what a model wrote.
    """
    if set(_WRITTEN) & set(columns):
        raise UsageError(
            "these rows were written by a model (they have " + ", ".join(sorted(set(_WRITTEN) & set(columns))) + ")",
            "they cannot be an L3, as what they were written from is not told; --tier L2 takes them as plain text",
        )
    return "L2" if set(_SCORES) & set(columns) else "L1"


def _look(shards: Sequence[Shard]) -> Seen:
    for shard in shards:
        with open_input(shard) as stream:
            if not shard.name.endswith(".parquet"):
                first = next((line.fields for line in read_json(stream, shard.name, 1 << 26) if line.fields), None)
                if first:
                    return Seen(tuple(first), None, _statistics(shard))
                continue
            try:
                file = pq.ParquetFile(stream)
            except pa.ArrowException:
                continue  # it will be counted as one that cannot be read
            return Seen(tuple(file.schema_arrow.names), file.metadata.created_by, _statistics(shard))
    raise UsageError("no file can be read", "check how they were fetched")


def _statistics(shard: Shard) -> dict[str, Any] | None:
    """What datatrove says of the run that wrote a folder: its steps with their counts."""
    if not is_local(shard.folder):
        return None
    for folder in (Path(shard.folder), *list(Path(shard.folder).parents)[:2]):
        for path in (folder / "stats.json", folder / "logs" / "stats.json", folder / "logging" / "stats.json"):
            if path.is_file():
                try:
                    steps = json.loads(path.read_text(encoding="utf-8"))
                    return {"file": path.name, "steps": [_step(one) for one in steps]}
                except (ValueError, TypeError, KeyError):
                    return {"file": path.name, "unreadable": True}
    return None


def _step(one: dict[str, Any]) -> dict[str, Any]:
    counts = {name: value for name, value in one.get("stats", {}).items() if isinstance(value, int | float)}
    totals = {
        name: value["total"]
        for name, value in one.get("stats", {}).items()
        if isinstance(value, dict) and "total" in value
    }
    return {"name": one["name"], "counts": counts | totals}


def show(body: dict[str, Any]) -> None:
    """Tell what was taken, for people."""
    for one in body["dumps"]:
        guessed = ", as its columns suggest; --tier names another" if one["guessed"] else ""
        there = "" if one["built"] else " (there already)"
        print(f"{one['dump']}: taken as {one['tier']}{guessed}{there}")
        print(f"  {one['files']:,} files, {one['rows_in']:,} rows in, {one['rows']:,} taken")
        for reason, rows in one["not_taken"].items():
            print(f"  {rows:,} not taken: {reason}")
        if one["columns_left"]:
            print(f"  columns that no tier has were left: {', '.join(one['columns_left'][:12])}")
    first = body["dumps"][0]
    level = first["tier"]
    print(f"next: governance report {body['output']}; governance verify {body['output']}; what the next tier would do:")
    above = "L3" if level == "L2" else "L2"
    same = f"--enter {level} --input {first['input']} --dump {first['dump']} --output {body['output']}"
    print(f"  governance plan --level {above} {same}")
