"""The card of L3: every folder with rows loads by its configuration name; the same corpus has the same card."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from governance import layout
from manifests.records import write_part
from manifests.schema import conform, tier_schema
from manifests.store import Store

ROWS = {
    ("ultrafineweb", "en", "qa"): 2,
    ("ultrafineweb", "en", "blog"): 1,
    ("ultrafineweb", "en", "abstract"): 3,
    ("ultrafineweb", "zh", "qa"): 1,
    ("ultrafineweb", "zh", "textbook"): 2,
    ("ultrafineweb", "en", "dialogue"): 1,
    ("ultrafineweb", "zh", "exercise"): 2,
    ("my_web", "en", "qa"): 4,
}
NAMES = {
    "my_web-L3-en-QA-Synthetic": 4,
    "Ultra-FineWeb-L3-en-QA-Synthetic": 2,
    "Ultra-FineWeb-L3-en-Multi-Style-Synthetic": 4,
    "Ultra-FineWeb-L3-en-Conversation-Synthetic": 1,
    "Ultra-FineWeb-L3-zh-QA-Synthetic": 1,
    "Ultra-FineWeb-L3-zh-Multi-Style-Synthetic": 2,
    "Ultra-FineWeb-L3-zh-Textbook-Exercise-Synthetic": 2,
}


def rows(style: str, language: str, count: int) -> pa.Table:
    body = {"uid": [f"{i:032x}" for i in range(count)], "content": ["text"] * count, "style": [style] * count}
    return conform(pa.table(body | {"lang": [language] * count}), tier_schema("L3"))


def fill(url: str) -> Store:
    """A store with rows of every kind, each style a part of its own."""
    store = Store(url)
    for (name, language, style), count in ROWS.items():
        table = rows(style, language, count)
        write_part(store, f"{layout.folder(name, language, style)}/web-{style}-part-00000", [table], table.schema)
    return store


def test_every_folder_with_rows_has_its_published_name_on_disk_and_in_a_bucket(store_url: str) -> None:
    store = fill(store_url)
    assert {one.name for one in layout.configurations(store)} == set(NAMES)
    layout.write_card(store)
    card = store.get(layout.CARD)
    layout.write_card(store)
    assert store.get(layout.CARD) == card == layout.card(layout.configurations(store)).encode()


def test_datasets_and_polars_load_each_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    datasets.disable_progress_bars()
    store = fill(str(tmp_path / "out"))
    layout.write_card(store)
    folder, cache = str(tmp_path / "out" / "L3"), str(tmp_path / "cache")
    assert set(datasets.get_dataset_config_names(folder)) == set(NAMES)
    for one in layout.configurations(store):
        loaded = datasets.load_dataset(folder, one.name, split="train", cache_dir=cache)
        assert loaded.num_rows == NAMES[one.name] == len(pl.read_parquet(f"{folder}/{one.folder}/*.parquet"))
        assert {"uid", "content", "style", "parent_uid", "prompt_sha256"} <= set(loaded.column_names)
    default = datasets.load_dataset(folder, split="train", cache_dir=cache)
    assert default.num_rows == NAMES["my_web-L3-en-QA-Synthetic"]


def test_the_english_questions_are_the_default_of_the_published_data_set() -> None:
    found = [
        layout.Configuration(f"Ultra-FineWeb-L3-{language}-{kind}-Synthetic", f"data/{language}/{kind}", language)
        for language in ("en", "zh")
        for kind in ("QA", "Multi-Style")
    ]
    head = layout.card(found).split("\n- config_name: ")
    assert head[1].startswith("Ultra-FineWeb-L3-en-QA-Synthetic\n  default: true\n")
    assert sum("default" in one for one in head) == 1


def test_a_card_that_is_missing_or_of_other_folders_is_a_fault(tmp_path: Path) -> None:
    store = fill(str(tmp_path))
    assert list(layout.card_faults(store)) == ["L3/README.md is missing"]
    layout.write_card(store)
    assert list(layout.card_faults(store)) == []
    table = rows("qa", "zh", 1)
    write_part(store, f"{layout.folder('other', 'zh', 'qa')}/web-part-00000", [table], table.schema)
    assert list(layout.card_faults(store)) == ["L3/README.md is not the card of the folders that are there"]


def test_a_folder_that_was_emptied_is_no_configuration_and_a_card_without_any_says_so(tmp_path: Path) -> None:
    (tmp_path / "L3" / "data" / "ultrafineweb_en_l3" / "qa").mkdir(parents=True)
    (tmp_path / "L3" / "data" / "strange").mkdir()
    store = Store(str(tmp_path))
    assert layout.configurations(store) == []
    layout.write_card(store)
    assert "No row passed the checks." in store.get(layout.CARD).decode()
