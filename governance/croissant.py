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
        "keywords": ["pretraining", "web", *(["synthetic"] if "L3" in told["tiers"] else [])],
        "distribution": [_repository(url), *(_files(one) for one in told["configurations"])],
        "recordSet": [_records(one, told["columns"][one["tier"]]) for one in told["configurations"]],
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def _description(told: Mapping[str, Any]) -> str:
    kinds = {"L1": "clean text of web pages", "L2": "selected text of web pages", "L3": "text written from web pages"}
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


def _records(one: Mapping[str, Any], fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": one["name"],
        "name": one["name"],
        "description": f"{one['tier']}, language {one['language']}, {one['rows']:,} rows",
        "key": {"@id": f"{one['name']}/uid"},
        "field": [_field(one["name"], field) for field in fields],
    }


def _field(name: str, field: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{name}/{field['name']}",
        "name": field["name"],
        "description": field["description"],
        "dataType": _TYPES[field["type"]],
        "source": {"fileSet": {"@id": f"files-{name}"}, "extract": {"column": field["name"]}},
    }
