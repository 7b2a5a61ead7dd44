"""Croissant metadata of the data set, beside its card: configurations as record sets, columns as fields.

Source: the Croissant format 1.1, https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_TYPES = {
    "string": "sc:Text", "int64": "sc:Integer", "int32": "sc:Integer", "float": "sc:Float", "double": "sc:Float",
    "bool": "sc:Boolean",
}  # fmt: skip
# Columns that are a row's own name, and those that name rows of another table, by schema.
_KEYS = {"L4.evidence": ("statement_uid", "evidence_uid", "start", "end"), "L4.edges": ()}
_REFERENCES = {
    "L4": {"entities": "L4.entities", "contradicted_by": "L4"},
    "L4.evidence": {"statement_uid": "L4"},
    "L4.edges": {"statement_uid": "L4", "subject": "L4.entities", "object_entity": "L4.entities"},
}
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_REPOSITORY = "repository"


def render(told: Mapping[str, Any]) -> str:
    """croissant.json of the facts of a card; the same facts give the same bytes."""
    url = f"https://huggingface.co/datasets/{told['repo_id']}"
    names = {one["schema"]: one["name"] for one in told["configurations"] if one["tier"] == "L4"}
    licences = [one["licence"] for one in told["licences"] if one["licence"]]
    body = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": told["repo_id"].partition("/")[2],
        "description": _description(told),
        "url": url,
        "license": licences if len(licences) == len(told["licences"]) and licences else [*licences, f"{url}#licences"],
        "inLanguage": told["languages"],
        "keywords": [
            "pretraining", "web", *(["synthetic"] if "L3" in told["tiers"] else []),
            *(["knowledge"] if "L4" in told["tiers"] else []),
        ],
        "distribution": [_repository(url), *(_files(one) for one in told["configurations"])],
        "recordSet": [_records(one, told["columns"][one["schema"]], names) for one in told["configurations"]],
    }  # fmt: skip
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def _description(told: Mapping[str, Any]) -> str:
    kinds = {
        "L1": "clean text of web pages", "L2": "selected text of web pages", "L3": "text written from web pages",
        "L4": "statements of web pages with their evidence",
    }  # fmt: skip
    what = ", ".join(kinds[tier] for tier in told["tiers"])
    return f"{what}: {told['rows']:,} rows in {', '.join(told['languages'])}. See README.md for how it was made."


def _repository(url: str) -> dict[str, Any]:
    # A repository has no digest of its own; the hub's own metadata names this issue in its place.
    return {
        "@type": "cr:FileObject",
        "@id": _REPOSITORY,
        "name": _REPOSITORY,
        "description": "The repository of the data set.",
        "contentUrl": url,
        "encodingFormat": "git+https",
        "sha256": "https://github.com/mlcommons/croissant/issues/80",
    }


def _files(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"files-{one['name']}",
        "name": f"files-{one['name']}",
        "description": f"{one['files']:,} files, {one['bytes']:,} bytes",
        "containedIn": {"@id": _REPOSITORY},
        "encodingFormat": "application/x-parquet",
        "includes": f"{one['folder']}/*.parquet",
    }


def _records(one: Mapping[str, Any], fields: list[dict[str, Any]], names: Mapping[str, str]) -> dict[str, Any]:
    """One configuration; names: the configurations of L4's tables that are there, by schema."""
    key = [{"@id": f"{one['name']}/{column}"} for column in _KEYS.get(one["schema"], ("uid",))]
    return {
        "@type": "cr:RecordSet",
        "@id": one["name"],
        "name": one["name"],
        "description": f"{one['tier']}, language {', '.join(one['languages'])}, {one['rows']:,} rows",
        **({"key": key if len(key) > 1 else key[0]} if key else {}),
        "field": [_field(one, field, names) for field in fields],
    }


def _field(one: Mapping[str, Any], field: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    inner = field["type"].removeprefix("list<").removesuffix(">")
    told: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{one['name']}/{field['name']}",
        "name": field["name"],
        "description": field["description"],
        "dataType": _TYPES[inner],
        "source": {"fileSet": {"@id": f"files-{one['name']}"}, "extract": {"column": field["name"]}},
    }
    if inner != field["type"]:
        told |= {"isArray": True, "arrayShape": "-1"}
    other = names.get(_REFERENCES.get(one["schema"], {}).get(field["name"], ""))
    return told | ({"references": {"field": {"@id": f"{other}/uid"}}} if other else {})
