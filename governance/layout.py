"""The published layout of L3: folders named as those of Ultra-FineWeb-L3, and the card that names them for a reader.

The card, ``L3/README.md``, gives each folder its configuration name in the YAML that Hugging Face's ``datasets`` reads:
``load_dataset("output/L3", "Ultra-FineWeb-L3-en-QA-Synthetic")``. It tells what is there and nothing else, so the same
corpus has the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from manifests.store import Store

CARD = "L3/README.md"
DATA = "L3/data"
_PUBLISHED = {"ultrafineweb": "Ultra-FineWeb"}  # the name in folders -> the name in configurations
# Kind of folder -> its word in the configuration name, in the order of the card. The first two are the published data
# set's; the others hold what is written from mathematical documents only, as in UltraData-Math-L3.
_KINDS = {
    "qa": "QA",
    "multi_style": "Multi-Style",
    "conversation": "Conversation",
    "knowledge": "Knowledge",
    "textbook_exercise": "Textbook-Exercise",
}
_KIND_OF_STYLE = {"qa": "qa", "dialogue": "conversation", "knowledge": "knowledge", "exercise": "textbook_exercise"}
_FOLDER = re.compile(r"(?P<name>.+)_(?P<language>[a-z]+)_l3")
_NAME = "ultrafineweb"  # of the tiers below L3, whose settings name none
_PUBLISHED_FOLDER = re.compile(r"(?P<name>.+)_(?P<language>[a-z]+)_(?P<tier>l[123])")
# Tables of L4 -> the word in the configuration name. Statements of both languages share entities, so no table is split.
_TABLES = {"statements": "Statements", "evidence": "Evidence", "entities": "Entities", "edges": "Edges"}
_TABLES_FOLDER = re.compile(r"(?P<name>.+)_l4")
_ORDER = ("L3", "L4", "L2", "L1")  # of the card; the first of all is what loads where no name is given


@dataclass(frozen=True)
class Configuration:
    """One configuration of the data set: its name, the folder of its rows, and their language, "" if it is of all."""

    name: str
    folder: str
    language: str


def folder(name: str, language: str, style: str) -> str:
    """The folder of a row: the name of the data set, its language and the kind of its style."""
    return f"{DATA}/{name}_{language}_l3/{_KIND_OF_STYLE.get(style, 'multi_style')}"


def published_folder(tier: str, path: str) -> str:
    """Where a part's rows lie in the published data set: for L3 where they lie already, for the tiers below in a folder
    a language, named likewise, and for L4 in a folder a table."""
    folder = path.rpartition("/")[0]
    if tier == "L3":
        return folder.removeprefix("L3/")
    last = folder.rpartition("/")[2]
    return f"data/{_NAME}_l4/{last}" if tier == "L4" else f"data/{_NAME}_{last}_{tier.lower()}"


def tier_of(folder: str) -> str:
    """The tier whose rows a folder of the published data set holds."""
    return folder.split("/")[1].rpartition("_")[2].upper()


def schema_of(folder: str) -> str:
    """The name of the schema of a published folder's rows: its tier, or the table of L4."""
    tier, table = tier_of(folder), folder.rpartition("/")[2]
    return f"{tier}.{table}" if tier == "L4" and table != "statements" else tier


def of_folders(folders: Iterable[str]) -> list[Configuration]:
    """The configurations of folders of a published data set: L3 first, the order of the card in it, then L4, L2, L1."""
    found = [_ranked(folder) for folder in folders]
    return [one for _, one in sorted(found, key=lambda item: item[0])]


def _ranked(folder: str) -> tuple[tuple[int, str, int], Configuration]:
    """The configuration of a folder with its place in the order. Errors: ValueError for a folder of no data set."""
    name, _, kind = folder.removeprefix("data/").partition("/")
    if (tables := _TABLES_FOLDER.fullmatch(name)) and kind in _TABLES:
        title = _PUBLISHED.get(tables["name"], tables["name"])
        rank = (_ORDER.index("L4"), name, list(_TABLES).index(kind))
        return rank, Configuration(f"{title}-L4-{_TABLES[kind]}", folder, "")
    match = _PUBLISHED_FOLDER.fullmatch(name)
    if match is None or (kind and kind not in _KINDS):
        raise ValueError(f"{folder} is no folder of a data set")
    title, tier = _PUBLISHED.get(match["name"], match["name"]), match["tier"].upper()
    words = f"{match['language']}-{_KINDS[kind]}-Synthetic" if kind else match["language"]
    rank = (_ORDER.index(tier), name, list(_KINDS).index(kind) if kind else 0)
    return rank, Configuration(f"{title}-{tier}-{words}", folder, match["language"])


def configurations(store: Store) -> list[Configuration]:
    """The configurations that have a folder in the store, sorted by name of the data set, language and kind."""
    found = []
    for data_set in sorted(store.folders(DATA)):
        match = _FOLDER.fullmatch(data_set)
        there = store.folders(f"{DATA}/{data_set}") if match else ()
        for kind, word in _KINDS.items():
            below = f"{DATA}/{data_set}/{kind}"
            # A local folder stays where all of its objects were removed; a configuration without rows would not load.
            if match and kind in there and next(iter(store.list(below)), None) is not None:
                title = _PUBLISHED.get(match["name"], match["name"])
                name = f"{title}-L3-{match['language']}-{word}-Synthetic"
                found.append(Configuration(name, f"data/{data_set}/{kind}", match["language"]))
    return found


def card(found: list[Configuration]) -> str:
    """The data set card: YAML for machines, and a page for people."""
    languages = sorted({one.language for one in found})
    lines = ["---"]
    if found:
        lines += ["language:", *(f"- {language}" for language in languages)]
        lines += ["task_categories:", "- text-generation", "tags:", "- synthetic", "configs:"]
    for number, one in enumerate(found):
        lines += [f"- config_name: {one.name}"]
        lines += ["  default: true"] if number == 0 else []
        lines += ["  data_files:", "  - split: train", f"    path: {one.folder}/*.parquet"]
    lines += ["---", "", "# L3: text written from L2 and checked against its own source", "", *_page(found)]
    return "\n".join(lines) + "\n"


def _page(found: list[Configuration]) -> list[str]:
    if not found:
        return ["No row passed the checks."]
    rows = [f"| `{one.name}` | `{one.folder}` |" for one in found]
    return [
        "| configuration | folder |",
        "|---|---|",
        *rows,
        "",
        "A row's `content` is text to train on, `style` what it is. The passage of L2 behind it is `parent_uid` from",
        "`passage_start` to `passage_end`; `prompt_id` and `prompt_sha256` say how it was asked for, `model` and",
        "`sampling` who wrote it and how. The verdicts of all checks are in `<dump>/annotations`, rejected texts too.",
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        f'rows = load_dataset("FOLDER", "{found[0].name}", split="train")',
        "```",
    ]


def card_faults(store: Store) -> Iterator[str]:
    """What is wrong with the card: nothing, or that it is not there, or is another than that of what lies there."""
    try:
        found = store.get(CARD)
    except FileNotFoundError:
        yield f"{CARD} is missing"
        return
    if found != card(configurations(store)).encode():
        yield f"{CARD} is not the card of the folders that are there"


def write_card(store: Store) -> None:
    """Write the card of what lies in the store."""
    store.put(CARD, card(configurations(store)).encode())
