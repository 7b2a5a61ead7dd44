"""Parts become files of the target size with the same rows: copied or written anew, split, on disk and on S3."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance import compaction, publish_plan
from governance.compaction import compact, survey
from governance.errors import CorpusError, UsageError
from governance.publish_plan import Bundle, Plan, plan
from manifests.records import Part, write_part
from manifests.schema import tier_schema
from manifests.store import Store
from tests.published_corpus import BY_SA, rows_of, take_down, write_l3

SCHEMA = tier_schema("L3")
QA = "data/ultrafineweb_en_l3/qa"


@pytest.fixture
def kilobytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes in the plan are in kB, and row groups of 4 kB are large."""
    monkeypatch.setattr(publish_plan, "MB", 1000)
    monkeypatch.setattr(compaction, "MIN_GROUP_BYTES", 4000)


def corpus(url: str, shards: int = 6, rows: int = 30, group_rows: int = 0) -> Store:
    store = Store(url)
    write_l3(store, {f"s{n}": rows_of("web", f"s{n}", rows) for n in range(shards)}, group_rows=group_rows)
    return store


def table_of(bundles: Sequence[Bundle], store: Store, folder: Path) -> pa.Table:
    """The rows of all files, in their order."""
    done = [compact(store, bundle, folder, SCHEMA) for bundle in bundles]
    return pa.concat_tables([pq.read_table(one.path) for one in done if one is not None])


def of_folder(found: Plan, folder: str) -> list[Bundle]:
    return [bundle for bundle in found.bundles if bundle.folder == folder]


def stored(store: Store, folder: str) -> pa.Table:
    """The rows of the parts of a folder of L3, in order."""
    paths = sorted(item.path for item in store.list(f"L3/{folder}"))
    return pa.concat_tables([pq.read_table(io.BytesIO(store.get(path))) for path in paths])


@pytest.mark.parametrize("large", [4000, 40_000], ids=["copied", "written anew"])
def test_files_hold_the_rows_of_the_parts_in_their_order(
    store_url: str, tmp_path: Path, kilobytes: None, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(compaction, "MIN_GROUP_BYTES", large)
    store = corpus(store_url)
    bundles = of_folder(plan(store, ("L3",), 11), QA)
    assert 1 < len(bundles) < 6, "not compacted, or into one file only"
    assert table_of(bundles, store, tmp_path).equals(stored(store, QA))
    groups = sum(pq.ParquetFile(path).num_row_groups for path in tmp_path.glob("*.parquet"))
    assert groups == (6 if large == 4000 else len(bundles)), "small row groups stayed, or large ones were joined"
    assert {path.name for path in tmp_path.glob("*.parquet")} == {f"{one.key[:32]}.parquet" for one in bundles}


def test_the_same_parts_give_the_same_bytes_and_say_what_they_hold(tmp_path: Path, kilobytes: None) -> None:
    store = corpus(str(tmp_path / "out"), group_rows=2)
    (bundle,) = of_folder(plan(store, ("L3",), 1000), QA)
    (tmp_path / "again").mkdir()
    one, again = compact(store, bundle, tmp_path, SCHEMA), compact(store, bundle, tmp_path / "again", SCHEMA)
    assert one is not None and again is not None
    assert one.sha256 == again.sha256 and one.path.read_bytes() == again.path.read_bytes()
    assert one.bytes == len(one.path.read_bytes())
    assert one.counts == survey(store, bundle) and one.counts.rows == 30
    licences = Counter(row["licence"] or "" for row in stored(store, QA).to_pylist())
    assert one.counts.by["licence"] == licences and set(licences) == {"", BY_SA} and licences[""] == 12
    assert one.counts.by["style"] == {"qa": 30}
    assert one.counts.sampling == {"en.qa": '{"temperature": 0.7}'}


def test_a_part_of_the_right_size_is_sent_as_it_is_and_still_checked(tmp_path: Path, kilobytes: None) -> None:
    store = corpus(str(tmp_path / "out"), shards=1)
    (bundle,) = of_folder(plan(store, ("L3",), 1000), QA)
    (part,) = bundle.parts
    done = compact(store, bundle, tmp_path, SCHEMA)
    assert done is not None and done.path.read_bytes() == store.get(part.path)
    assert (done.sha256, done.bytes, done.counts.rows) == (part.sha256, part.bytes, part.rows)
    data = bytearray(store.get(part.path))
    data[len(data) // 3] ^= 1
    store.put(part.path, bytes(data))
    with pytest.raises(CorpusError, match="damaged"):
        compact(store, bundle, tmp_path, SCHEMA)


def test_a_part_above_twice_the_target_is_split_at_its_row_groups(tmp_path: Path, kilobytes: None) -> None:
    store = corpus(str(tmp_path / "out"), shards=1, rows=3000, group_rows=25)
    bundles = of_folder(plan(store, ("L3",), 20), QA)
    assert len(bundles) > 2 and len({bundle.stem for bundle in bundles}) == len(bundles)
    assert table_of(bundles, store, tmp_path).equals(stored(store, QA))
    sizes = [path.stat().st_size for path in tmp_path.glob("*.parquet")]
    assert max(sizes) < 2 * 20_000


def test_withdrawn_rows_change_the_files_of_their_shards_alone(tmp_path: Path, kilobytes: None) -> None:
    store = corpus(str(tmp_path / "out"))
    before = {bundle.key for bundle in plan(store, ("L3",), 11).bundles}
    row = stored(store, QA).slice(0, 1).to_pylist()[0]
    take_down(store, [row["parent_uid"]])
    after = plan(store, ("L3",), 11)
    changed = [bundle for bundle in after.bundles if bundle.key not in before]
    assert 0 < len(changed) < len(after.bundles) / 2
    assert all(bundle.parts[0] in changed[0].parts or bundle.gone for bundle in changed)
    left = table_of(of_folder(after, QA), store, tmp_path)["parent_uid"].to_pylist()
    assert row["parent_uid"] not in left and set(left) < set(stored(store, QA)["parent_uid"].to_pylist())


def test_parts_of_an_older_schema_are_written_in_the_present_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"))
    table = pa.table({"uid": ["0" * 32], "content": ["text"], "style": ["qa"]})
    part = write_part(store, "L3/data/ultrafineweb_en_l3/qa/web-part-00000", [table], table.schema)
    done = compact(store, Bundle(QA, "web-part-00000", (part,)), tmp_path, SCHEMA)
    assert done is not None and pq.read_schema(done.path).equals(SCHEMA, check_metadata=True)
    assert pq.read_table(done.path).to_pylist()[0]["content"] == "text"


def test_a_part_that_is_no_parquet_or_holds_other_rows_is_named(tmp_path: Path) -> None:
    store = corpus(str(tmp_path / "out"), shards=1)
    bundle = of_folder(plan(store, ("L3",), 1), QA)[0]
    part = bundle.parts[0]
    other = Part(part.path, part.rows + 1, part.bytes, part.sha256)
    with pytest.raises(CorpusError, match=f"{part.path} holds {part.rows} rows, its record says {part.rows + 1}"):
        compact(store, Bundle(QA, "x", (other,)), tmp_path, SCHEMA)
    store.put(part.path, b"nothing")
    with pytest.raises(CorpusError, match=f"cannot read {part.path}"):
        compact(store, bundle, tmp_path, SCHEMA)


def test_too_many_files_in_a_folder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = corpus(str(tmp_path / "out"))
    monkeypatch.setattr(publish_plan, "MAX_FILES", 0)
    with pytest.raises(UsageError, match="would have 1 files") as error:
        plan(store, ("L3",), 256)
    assert "--file-size above 256" in error.value.remedy


@settings(max_examples=50)
@given(st.lists(st.integers(1, 5000), max_size=40), st.integers(1, 1000))
def test_every_part_goes_into_one_file_and_files_are_of_the_size_asked_for(sizes: list[int], target: int) -> None:
    parts = [Part(f"L3/{QA}/web-part-{n:05d}-x.parquet", 1, size, f"{n:064x}") for n, size in enumerate(sizes)]
    bundles = list(publish_plan.bundles_of("L3", "web", ((n, part, ()) for n, part in enumerate(parts)), target))
    first = [bundle for bundle in bundles if bundle.which == 0]
    assert [part.path for bundle in first for part in bundle.parts] == [part.path for part in parts]
    assert all(bundle.about <= 2 * target for bundle in bundles)
    assert all(one.about + two.about > target for one, two in pairwise(bundles) if not one.split and not two.split)
    assert len({bundle.key for bundle in bundles}) == len({(one.folder, one.stem) for one in bundles}) == len(bundles)
