"""What a data set card says, drawn from manifests, ledgers and the counts of the published rows; no clock, no guess."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import pyarrow.parquet as pq

from governance import contamination, layout, pass_rates
from governance.compaction import BY_LANGUAGE, Counts
from governance.funnel import tier_row
from governance.job import data_parts
from governance.publish_plan import TABLES, Plan
from manifests.records import Part, read_records
from manifests.schema import schema_file
from manifests.store import Store

_TIERS = ("L0", "L1", "L2", "L3", "L4")
_STATUSES = ("corroborated", "supported", "contradicted", "unsupported")
_LOOKED_AT = 500  # parts whose dates are looked at, evenly spread; each costs a request
_CC = "https://creativecommons.org/"
# Licences that the hub has a name for, by their address without the host.
_NAMES = {
    "publicdomain/zero/1.0/": "cc0-1.0",
    **{f"licenses/by/{version}/": f"cc-by-{version}" for version in ("2.0", "2.5", "3.0", "4.0")},
    **{f"licenses/by-sa/{version}/": f"cc-by-sa-{version}" for version in ("3.0", "4.0")},
    **{f"licenses/by-nc/{version}/": f"cc-by-nc-{version}" for version in ("2.0", "3.0", "4.0")},
    **{f"licenses/by-nc-sa/{version}/": f"cc-by-nc-sa-{version}" for version in ("2.0", "3.0", "4.0")},
    "licenses/by-nd/4.0/": "cc-by-nd-4.0",
    **{f"licenses/by-nc-nd/{version}/": f"cc-by-nc-nd-{version}" for version in ("3.0", "4.0")},
}


class File(Protocol):
    """What is told of a file of the data set."""

    @property
    def path(self) -> str:
        """Where it lies in the data set, "" where no row was left."""
        ...

    @property
    def bytes(self) -> int:
        """Its size."""
        ...

    @property
    def counts(self) -> Counts:
        """What its rows are."""
        ...


def facts(
    store: Store, found: Plan, files: Sequence[File], repo_id: str, contact: str | None
) -> dict[str, Any]:  # fmt: skip
    """Everything that the card, the Croissant metadata and the printed outcome tell, as JSON values."""
    files = [one for one in files if one.path]
    manifests = _with_parents(store, found.manifests)
    tiers = sorted({manifest["tier"] for manifest in found.manifests}, reverse=True)
    licences = _licences(files)
    configurations = _configurations(found, files)
    written = [one for one in files if layout.tier_of(one.path) == "L3"]
    return {
        "repo_id": repo_id,
        "contact": contact,
        "tiers": tiers,
        "top": tiers[0],
        "dumps": sorted({manifest["dump"] for manifest in found.manifests}),
        "configurations": configurations,
        "languages": sorted({language for one in configurations for language in one["languages"]}),
        "rows": sum(one["rows"] for one in configurations),
        "bytes": sum(one["bytes"] for one in configurations),
        "columns": {name: schema_file(name)["fields"] for tier in tiers for name in _schemas(tier)},
        "licensed_rows": sum(one["rows"] for one in licences),
        "licences": licences,
        "licence_names": licence_names(licences),
        "funnel": [_funnel(manifest) for manifest in manifests],
        "written": [_written(manifest) for manifest in found.manifests if manifest["tier"] == "L3"],
        "sampling": _sampling(files),
        "styles": _sums(files, "style"),
        "models": _sums(written, "model"),
        "statements": _statements(files, found.withheld) if "L4" in tiers else None,
        "origin": [_origin(store, manifest) for manifest in manifests if manifest["parent"] is None],
        "personal": _stage_settings(manifests, "pii", "kinds"),
        "opt_outs": _stage_settings(manifests, "policy", "reject_opt_outs"),
        "contamination": [
            f"{manifest['dump']}: {contamination.in_words(tier, told)}"
            for manifest in manifests
            for tier, told in contamination.summary(store, {manifest["tier"]: manifest}).items()
        ],
    }


def _with_parents(store: Store, manifests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The published tiers and all that they were made from, by dump and tier."""
    found = {}
    for manifest in manifests:
        for tier in _TIERS[: _TIERS.index(manifest["tier"])]:
            path = f"{tier}/{manifest['dump']}/manifest.json"
            if store.exists(path):
                found[manifest["dump"], tier] = json.loads(store.get(path))
        found[manifest["dump"], manifest["tier"]] = manifest
    return [found[key] for key in sorted(found)]


def _configurations(found: Plan, files: Sequence[File]) -> list[dict[str, Any]]:
    told = []
    for one in found.configurations:
        own = [file for file in files if file.path.rpartition("/")[0] == one.folder]
        if own:
            languages = [one.language] if one.language else sorted(filter(None, _sums(own, "lang")))
            told.append({
                "name": one.name, "folder": one.folder, "languages": languages, "tier": layout.tier_of(one.folder),
                "schema": layout.schema_of(one.folder), "files": len(own),
                "rows": sum(file.counts.rows for file in own), "bytes": sum(file.bytes for file in own),
            })  # fmt: skip
    return told


def _schemas(tier: str) -> tuple[str, ...]:
    return (tier, *(f"{tier}.{table}" for table in TABLES[1:])) if tier == "L4" else (tier,)


def _statements(files: Sequence[File], withheld: int) -> dict[str, Any]:
    """What L4 holds: its statements by status and language, by how they came to be, and its evidence by role."""
    by_both = _sums(files, BY_LANGUAGE)
    languages = sorted({name.partition(" ")[0] for name in by_both})
    statuses = [
        {"status": status, "rows": sum(counts), "by_language": dict(zip(languages, counts, strict=True))}
        for status in _STATUSES
        for counts in [[by_both.get(f"{language} {status}", 0) for language in languages]]
    ]
    told = {"statuses": statuses, "languages": languages, "withheld": withheld}
    return told | {
        "methods": _sums(files, "method"), "roles": _sums(files, "role"), "models": _worded(files),
    }  # fmt: skip


def _worded(files: Sequence[File]) -> dict[str, int]:
    """Statements by the model that worded them."""
    found = _sums([one for one in files if layout.tier_of(one.path) == "L4"], "model")
    return {model: rows for model, rows in found.items() if model}


def _sums(files: Sequence[File], column: str) -> dict[str, int]:
    """Rows by value of a counted column, most first."""
    total: Counter[str] = Counter()
    for file in files:
        total.update(file.counts.by.get(column, {}))
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _licences(files: Sequence[File]) -> list[dict[str, Any]]:
    """The licences that the pages state, and what follows for text that was written from them."""
    found = []
    for link, rows in _sums(files, "licence").items():
        code = link.removeprefix(_CC + "licenses/").split("/")[0].split("-") if link.startswith(_CC) else []
        terms = {"share_alike": "sa" in code, "no_derivatives": "nd" in code, "non_commercial": "nc" in code}
        found.append({"licence": link, "rows": rows, "name": _NAMES.get(link.removeprefix(_CC)), **terms})
    return found


def licence_names(licences: Sequence[Mapping[str, Any]]) -> list[str]:
    """The hub's names of all licences, ["other"] where a row has none or one that the hub has no name for."""
    names = {one["name"] for one in licences}
    return ["other"] if None in names or not names else sorted(names)


def _funnel(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {"dump": manifest["dump"], **tier_row(dict(manifest))}


def _written(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """How L3 was written: pass rates by prompt, what the checks caught, the model and the prompts' digests."""
    told = pass_rates.synthesis(manifest, None)
    plan = manifest["plan"]["synthesis"]
    prompts = [
        {"name": name, "sha256": plan["prompts"].get(name, ""), **{"requests": 0, "outputs": 0, "kept": 0}, **counts}
        for name, counts in told["pass_rates"]["prompt"].items()
    ]
    left = {name: told[name] for name in ("near_duplicate", "same_question", "in_l2") if told.get(name)}
    return {
        "dump": manifest["dump"],
        "model": plan["model"],
        "revision": plan["revision"],
        "requests": told["requests"],
        "outputs": told.get("outputs", 0),
        "passed": told.get("passed", 0),
        "skipped": told.get("skipped", 0),
        "prompts": prompts,
        "rejected": told["rejected_by"],
        "left_out": left,
        "round_trip": plan["synthesize"]["round_trip"]["enabled"],
    }


def _sampling(files: Sequence[File]) -> dict[str, str]:
    """Sampling parameters by prompt, as the first row of each has them."""
    found: dict[str, str] = {}
    for file in files:
        found = file.counts.sampling | found
    return dict(sorted(found.items()))


def _stage_settings(manifests: Sequence[Mapping[str, Any]], stage: str, name: str) -> list[str] | None:
    """A list in the settings of a stage, of the first dump that has it; None where no tier ran the stage."""
    for manifest in manifests:
        if stage in manifest["plan"].get("stages", {}):
            return list(manifest["plan"]["stages"][stage]["config"][name])
    return None


def _origin(store: Store, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a dump was read from, as far as its files tell: their names, and the dates of the captures."""
    inputs = sorted(manifest["plan"].get("inputs", {}))
    archives = [name for name in inputs if ".warc" in name or ".arc" in name]
    told = {"dump": manifest["dump"], "tier": manifest["tier"], "inputs": inputs, "archives": len(archives)}
    parts = [p for r in read_records(store, f"{manifest['tier']}/{manifest['dump']}", "data") for p in data_parts(r)]
    dates = list(_dates(store, parts[:: max(1, -(-len(parts) // _LOOKED_AT))]))
    span = {"first": min(low for low, _ in dates)[:10], "last": max(high for _, high in dates)[:10]} if dates else None
    return told | {"parts": len(parts), "dated_parts": len(dates), "dates": span}


def _dates(store: Store, parts: Sequence[Part]) -> Iterator[tuple[str, str]]:
    """The first and the last date of each part that has any, by its footer alone."""
    for part in parts:
        with store.open(part.path) as stream:
            footer = pq.read_metadata(stream)
        names = footer.schema.names
        if "date" not in names:
            continue
        groups = (footer.row_group(group) for group in range(footer.num_row_groups))
        found = [group.column(names.index("date")).statistics for group in groups]
        known = [one for one in found if one is not None and one.has_min_max]
        if known:
            yield min(one.min for one in known), max(one.max for one in known)
