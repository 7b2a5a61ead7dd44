"""What another tool left becomes a tier as it stands, every row accounted for, and every verb works on it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance import commands
from governance.adopt import Ask, adopt, guess_tier
from governance.errors import UsageError
from governance.explain import explain
from governance.progress import Progress
from governance.takedown import rules_from, take_down
from governance.verify import audit
from manifests.store import Store

EN = "The port authority keeps a register of every vessel that enters the harbour, with its flag and its tonnage."
ZH = "港务局为每一艘进港的船只保存一份登记，记下它的船旗和吨位，并且每年公布一次统计。"


def row(number: int, text: str = EN) -> dict[str, Any]:
    return {"text": f"{text} {number}", "id": f"<urn:{number}>", "url": f"https://www.example.org/{number}"}


def take(folder: Path, output: Path | str, **more: Any) -> dict[str, Any]:
    flags: dict[str, Any] = {"tier": None, "dump": None, "text_column": None, "workers": 0, "address": None} | more
    body = adopt(Ask(str(folder), str(output), **flags), Progress("silent"))
    assert audit(Store(str(output)), Progress("silent"))["faults"] == []
    return body


def data(output: Path | str, tier: str, dump: str = "default") -> pl.DataFrame:
    return pl.read_parquet(f"{output}/{tier}/{dump}/data/**/*.parquet")


def test_what_datatrove_wrote_is_taken_up_with_what_it_counted(tmp_path: Path) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import ParquetWriter

    (tmp_path / "in").mkdir()
    lines = [json.dumps(row(number, ZH if number % 3 else EN), ensure_ascii=False) for number in range(12)]
    (tmp_path / "in/a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    steps = [JsonlReader(str(tmp_path / "in")), ParquetWriter(str(tmp_path / "rows/data"))]
    LocalPipelineExecutor(steps, logging_dir=str(tmp_path / "rows/logs"), tasks=1).run()
    body = take(tmp_path / "rows/data", tmp_path / "out")
    (told,) = body["dumps"]
    assert (told["tier"], told["rows_in"], told["rows"], told["guessed"]) == ("L1", 12, 12, True)
    assert set(data(tmp_path / "out", "L1")["lang"]) == {"en", "zh"}
    lineage = json.loads((tmp_path / "out/_adopted/default.json").read_text())
    assert lineage["made_by"].startswith("parquet-cpp-arrow") and lineage["told"]["steps"]


def test_a_score_makes_rows_l2_and_rows_of_a_model_are_refused(tmp_path: Path) -> None:
    pq.write_table(
        pa.Table.from_pylist([row(n) | {"score": 0.9, "source": "fw"} for n in range(3)]), tmp_path / "a.parquet"
    )
    assert take(tmp_path / "a.parquet", tmp_path / "out")["dumps"][0]["tier"] == "L2"
    assert data(tmp_path / "out", "L2")["score"].to_list() == pytest.approx([0.9] * 3)
    with pytest.raises(UsageError, match="written by a model"):
        guess_tier(["uid", "content", "style"])


def test_folders_with_files_of_one_name_become_dumps_of_their_names(tmp_path: Path) -> None:
    for dump, count in (("CC-MAIN-2024-10", 2), ("CC-MAIN-2024-18", 3)):
        (tmp_path / "data" / dump).mkdir(parents=True)
        table = pa.Table.from_pylist([row(n) for n in range(count)])
        pq.write_table(table, tmp_path / "data" / dump / "000_00000.parquet")
    told = {one["dump"]: one["rows"] for one in take(tmp_path / "data", tmp_path / "out")["dumps"]}
    assert told == {"CC-MAIN-2024-10": 2, "CC-MAIN-2024-18": 3}


def test_every_row_is_accounted_for_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    rows = [row(1), {"text": None, "url": "x"}, {"text": "  "}, row(2)]
    body = "".join(json.dumps(one) + "\n" for one in rows) + "{broken\n"
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(body.encode()))
    odd = pa.table({
        "text": pa.array([EN, EN, None], pa.large_string()).dictionary_encode(), "id": pa.array([1, 1, 2]),
        "metadata": [{"url": "y"}] * 3,
    })  # fmt: skip
    pq.write_table(odd, tmp_path / "b.parquet")
    pq.write_table(odd.slice(0, 0), tmp_path / "d.parquet")
    (told,) = take(tmp_path, tmp_path / "out")["dumps"]
    assert told["rows_in"] == 8 and told["rows"] == 4
    assert told["not_taken"] == {"ingest.no_text": 3, "ingest.bad_json": 1}
    (tmp_path / "c.parquet").write_bytes((tmp_path / "b.parquet").read_bytes()[:200])
    with pytest.raises(UsageError, match="no complete Parquet file"):
        take(tmp_path, tmp_path / "out")


def test_adopting_again_does_nothing_and_a_changed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    file = tmp_path / "rows/a.parquet"
    pq.write_table(pa.Table.from_pylist([row(1), row(2)]), file)
    assert take(tmp_path / "rows", tmp_path / "out")["dumps"][0]["built"]
    assert not take(tmp_path / "rows", tmp_path / "out")["dumps"][0]["built"]
    pq.write_table(pa.Table.from_pylist([row(1), row(3), row(4)]), file)
    with pytest.raises(UsageError, match=r"inputs\.a\.parquet"):
        take(tmp_path / "rows", tmp_path / "out")


def test_a_text_of_another_name_is_named_and_a_folder_without_rows_says_so(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([{"body": EN}]), tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="has no column text or content: body"):
        take(tmp_path / "a.parquet", tmp_path / "out")
    assert take(tmp_path / "a.parquet", tmp_path / "out", text_column="body")["dumps"][0]["rows"] == 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no file at"):
        take(tmp_path / "empty", tmp_path / "out2")


def test_the_other_verbs_work_on_it_and_the_next_tier_goes_on_from_it(tmp_path: Path, store_url: str) -> None:
    (tmp_path / "rows").mkdir()
    pq.write_table(pa.Table.from_pylist([row(n) for n in range(4)]), tmp_path / "rows/a.parquet")
    take(tmp_path / "rows", store_url)
    ask = commands.Ask(
        "L2", (str(tmp_path / "rows"),), store_url, None, "L1", None, None, 0, ("l2.quality.threshold=0.0",), False
    )
    commands.run(ask, as_json=True)
    store = Store(store_url)
    uid = explain(store, first_uid(store))["root_uid"]
    assert explain(store, uid)["fate"].startswith("kept up to L2")
    receipt = take_down(store, rules_from([("domain", "www.example.org")], "a letter", None), False)
    assert receipt["documents"] == 4 and receipt["counts"]["L2"]["rows"] == 4


def first_uid(store: Store) -> str:
    from governance.funnel import sample_uid

    uid = sample_uid(store, {"tier": "L1", "dump": "default"})
    assert uid is not None
    return uid
