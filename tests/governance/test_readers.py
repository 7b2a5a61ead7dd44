"""The result is plain Parquet: polars, datasets and datatrove read the same rows under the same uids at every tier."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from governance import commands
from manifests.schema import tier_schema
from tests.corpora import small_crawl
from tests.llm_server import llm_server

FOLDERS = {"L0": "L0/web/data", "L1": "L1/web/data", "L2": "L2/web/data", "L3": "L3/data"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus up to L3, in both languages; a stand-in repeats what it was shown."""
    crawl = small_crawl(tmp_path_factory.mktemp("crawl"), english=14, chinese=6)
    output = tmp_path_factory.mktemp("built")
    with llm_server() as server:
        overrides = (
            f'l3.engine.endpoints=["{server.endpoint}"]', 'l3.engine.model="echo"',
            'l3.synthesize.scale="small"', "l3.max_documents=6",
            "l3.synthesize.max_passages=1", "l3.synthesize.checks.max_copied_ratio=1.0",
        )  # fmt: skip
        ask = commands.Ask("L3", (str(crawl),), str(output), None, "L0", "web", None, 0, overrides, False)
        commands.run(ask, as_json=True)
    return output


def expected(built: Path, tier: str) -> dict[str, str]:
    """uid -> content, by polars over a glob and nothing else."""
    table = pl.read_parquet(f"{built}/{FOLDERS[tier]}/**/*.parquet")
    assert table.columns == tier_schema(tier).names
    rows = dict(table.select("uid", "content").rows())
    assert len(rows) == len(table) > 0
    return rows


@pytest.mark.parametrize("tier", FOLDERS)
def test_polars_reads_the_folder_with_the_columns_of_the_tier(built: Path, tier: str) -> None:
    assert all(len(uid) == 32 and content for uid, content in expected(built, tier).items())


@pytest.mark.parametrize("tier", ["L1", "L2"])
def test_a_language_is_a_folder_of_its_own(built: Path, tier: str) -> None:
    for language in ("en", "zh"):
        table = pl.read_parquet(f"{built}/{FOLDERS[tier]}/{language}/*.parquet")
        assert table["lang"].unique().to_list() == [language]


@pytest.mark.parametrize("tier", FOLDERS)
def test_datasets_loads_the_same_rows(built: Path, tier: str, tmp_path: Path) -> None:
    import datasets

    files = f"{built}/{FOLDERS[tier]}/**/*.parquet"
    table = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert dict(zip(table["uid"], table["content"], strict=True)) == expected(built, tier)
    assert table.column_names == tier_schema(tier).names


@pytest.mark.parametrize("tier", FOLDERS)
def test_datatrove_reads_the_same_documents(built: Path, tier: str) -> None:
    from datatrove.pipeline.readers import ParquetReader

    reader = ParquetReader(
        str(built / FOLDERS[tier]), text_key="content", id_key="uid", glob_pattern="**/*.parquet", doc_progress=False
    )
    documents = list(reader.run(rank=0, world_size=1))
    assert {document.id: document.text for document in documents} == expected(built, tier)
    names = set(tier_schema(tier).names) - {"uid", "content"}
    assert all(names <= document.metadata.keys() for document in documents)


def test_the_published_layout_has_a_folder_for_each_language_and_kind(built: Path) -> None:
    folders = {str(path.parent.relative_to(built / "L3/data")) for path in (built / "L3/data").rglob("*.parquet")}
    assert folders <= {f"ultrafineweb_{lang}_l3/{kind}" for lang in ("en", "zh") for kind in ("qa", "multi_style")}
    assert folders
    for folder in folders:
        table = pl.read_parquet(f"{built}/L3/data/{folder}/*.parquet")
        assert table["lang"].unique().to_list() == [folder.split("_")[1]]
        assert (set(table["style"]) == {"qa"}) == folder.endswith("/qa")


def test_the_folder_of_l3_loads_by_its_configuration_names(built: Path, tmp_path: Path) -> None:
    import datasets

    names = datasets.get_dataset_config_names(f"{built}/L3")
    assert "Ultra-FineWeb-L3-en-Multi-Style-Synthetic" in names
    loaded = [datasets.load_dataset(f"{built}/L3", name, split="train", cache_dir=str(tmp_path)) for name in names]
    rows = [(uid, text) for table in loaded for uid, text in zip(table["uid"], table["content"], strict=True)]
    assert len(rows) == len(dict(rows)) and dict(rows) == expected(built, "L3")


def test_annotations_of_every_tier_are_plain_parquet_and_hold_no_text(built: Path) -> None:
    for tier in ("L0", "L1", "L2"):
        notes = pl.read_parquet(f"{built}/{tier}/web/annotations/*.parquet")
        assert {"uid", "fate"} <= set(notes.columns)
        assert not {"content", "title", "payload"} & set(notes.columns)
        assert set(notes.filter(pl.col("fate").is_null())["uid"]) >= set(expected(built, tier))
