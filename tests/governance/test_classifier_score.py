"""`governance classifier score`: every column kept, nothing scored twice, bad input refused before anything is."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from classifiers.score import load_model, model_path, model_sha256
from classifiers.score import score as score_texts
from governance import classifier_score, commands, whole_rows
from governance.classifier_cli import app
from governance.classifier_score import Ask
from governance.errors import GovernanceError, UsageError
from governance.inputs import find_files
from governance.progress import Progress
from governance.whole_rows import read_whole, schema_of
from manifests.store import Store
from tests.classifiers.test_static import embeddings as embeddings
from tests.classifiers.test_static import folder as folder
from tests.stages.test_quality import LISTING, LISTING_ZH, PROSE, PROSE_ZH

TEXTS: list[str | None] = [PROSE, LISTING, None, "", PROSE[:120], "A simple text. " * 5 + "\n" + PROSE[:90]]


def run(folder: Path | str, output: Path | str, model: str = "bundled:en", **flags: Any) -> dict[str, Any]:
    return classifier_score.run(Ask(model, (str(folder),), str(output), **flags), Progress("silent"))


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A Parquet file, a compressed JSONL file of another shape, and a text file."""
    folder = tmp_path / "in"
    folder.mkdir()
    table = pa.table({"id": range(6), "content": TEXTS, "tags": [["a"], [], None, ["b", "c"], [], []]})
    pq.write_table(table, folder / "a.parquet", row_group_size=4)
    lines = [{"text": text, "score": n, "meta": {"n": n} if n % 2 else "plain"} for n, text in enumerate(TEXTS)]
    (folder / "b.jsonl.gz").write_bytes(gzip.compress("\n".join(json.dumps({**x, "more": 1}) for x in lines).encode()))
    (folder / "c.txt").write_text(PROSE)
    return folder


def read(output: Path | str, name: str) -> pl.DataFrame:
    return pl.read_parquet(f"{output}/{name}")


def test_every_file_keeps_its_columns_and_rows_and_gets_the_scores_of_the_model(inputs: Path, tmp_path: Path) -> None:
    body = run(f"{inputs}/[ab].*", tmp_path / "out") | run(inputs / "c.txt", tmp_path / "out")
    assert body["files"] == body["documents"] == body["scored"] == 1
    expected = score_texts(load_model(model_path("en")), [text or "" for text in TEXTS]).astype(np.float32)
    parquet, jsonl, text = (
        read(tmp_path / "out", f"{name}") for name in ("a.parquet", "b.jsonl.gz.parquet", "c.txt.parquet")
    )
    assert parquet.drop("score", "score_bucket").equals(pl.read_parquet(inputs / "a.parquet"))
    for found in (parquet, jsonl):
        assert np.array_equal(found["score"].to_numpy(), expected, equal_nan=True)
        assert found["score_bucket"].null_count() == found["score"].null_count() == 2
    assert jsonl.columns == ["text", "input_score", "meta", "more", "score", "score_bucket"]
    assert jsonl["input_score"].to_list() == list(range(6))
    assert jsonl["meta"].to_list()[:2] == ["plain", '{"n": 1}']
    assert text["content"].to_list() == [PROSE] and text["score"][0] == expected[0]


def test_a_threshold_and_a_share_mark_what_is_kept_and_the_summary_counts_it(inputs: Path, tmp_path: Path) -> None:
    scores = run(f"{inputs}/a.parquet", tmp_path / "out")
    assert "kept" not in scores and "keep" not in read(tmp_path / "out", "a.parquet")
    body = run(f"{inputs}/a.parquet", tmp_path / "out", threshold=0.9)
    found = read(tmp_path / "out", "a.parquet")
    assert found["keep"].to_list() == (found["score"] >= 0.9).fill_null(False).to_list()
    assert body["kept"] == found["keep"].sum() and body["scored_now"] == 0 and body["written"] == 1
    best = run(f"{inputs}/a.parquet", tmp_path / "out", keep_share=0.25)
    ordered = sorted(found["score"].drop_nulls(), reverse=True)
    assert best["threshold"] == ordered[0] and best["kept"] == 1  # one of four that have a score
    assert list(best["quantiles"].values()) == [ordered[3 - int(q * 3)] for q in classifier_score.QUANTILES]


def test_what_is_there_is_not_done_again_until_input_model_or_window_changes(inputs: Path, tmp_path: Path) -> None:
    again = (tmp_path / "out", "bundled:en")
    assert run(inputs, *again)["scored_now"] == 13
    marks = {found.path: found.e_tag for found in Store(str(tmp_path / "out")).list("")}
    assert (run(inputs, *again)["scored_now"], run(inputs, *again)["written"]) == (0, 0)
    assert {found.path: found.e_tag for found in Store(str(tmp_path / "out")).list("")} == marks
    (inputs / "c.txt").write_text(LISTING)
    body = run(inputs, *again)
    assert (body["scored_now"], body["written"]) == (1, 1)
    (tmp_path / "out" / "_scores" / "a.parquet.parquet").unlink()  # as after a kill
    assert run(inputs, *again)["scored_now"] == 6
    assert run(inputs, *again, window=60)["scored_now"] == 13
    assert run(inputs, *again, buckets=5)["scored_now"] == 13  # of the full text again
    assert read(tmp_path / "out", "a.parquet")["score_bucket"].max() == 4


def test_an_output_on_s3_and_several_processes_give_the_same_bytes(
    inputs: Path, tmp_path: Path, s3_server: Any
) -> None:
    run(inputs, tmp_path / "one", threshold=0.5)
    run(inputs, f"{s3_server.url}/scored", threshold=0.5, workers=2)
    one, two = Store(str(tmp_path / "one")), Store(f"{s3_server.url}/scored")
    names = sorted(found.path for found in one.list(""))
    assert names == sorted(found.path for found in two.list("")) and len(names) == 6
    assert all(one.get(name) == two.get(name) for name in names)


def test_chinese_texts_are_scored_by_their_model_and_the_wrong_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zh.jsonl").write_text("\n".join(json.dumps({"body": text}) for text in (PROSE_ZH, LISTING_ZH)))
    run(tmp_path / "zh.jsonl", tmp_path / "out", "bundled:zh", text="body", language="zh")
    assert read(tmp_path / "out", "zh.jsonl.parquet")["score"].is_sorted(descending=True)
    with pytest.raises(UsageError, match="another language than 'zh'"):
        run(tmp_path / "zh.jsonl", tmp_path / "out", str(model_path("en")), text="body", language="zh")


def test_a_static_model_is_a_folder_and_works_like_any_other(
    folder: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = run(inputs, tmp_path / "out", str(folder), keep_share=0.5)
    assert body["scored_now"] == 13 and body["kept"] >= 1
    out, models = str(tmp_path / "L2"), f"l2.quality.models={{en = '{folder}'}}"
    ask = commands.Ask("L2", (str(inputs / "a.parquet"),), out, None, "L1", "web", None, 0, (models,), False)
    commands.run(ask, as_json=True)
    assert json.loads(capsys.readouterr().out)["selection"]["en"]["scored"] >= 1
    plan = json.loads(Path(out, "L2/web/plan.json").read_text())["plan"]
    assert plan["stages"]["scores"]["model"]["en"] == model_sha256(folder)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"model": "none.bin"}, r"none\.bin does not exist"),
        ({"model": "bundled:fr"}, r"fr\.ftz does not exist"),
        ({"text": "body"}, "has no column body"),
        ({"threshold": 0.5, "keep_share": 0.5}, "exclude each other"),
        ({"keep_share": 0.0}, "greater than 0"),
        ({"threshold": 1.5}, "less than or equal to 1"),
    ],
)
def test_bad_flags_are_refused_and_nothing_is_written(
    inputs: Path, tmp_path: Path, flags: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        run(inputs, tmp_path / "out", **flags)
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_files_that_would_replace_each_other_or_their_input_are_refused(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds the input 'a\.parquet'"):
        run(inputs, inputs)
    other = tmp_path / "other"
    other.mkdir()
    (other / "c.txt").write_text(PROSE)
    with pytest.raises(UsageError, match=r"two inputs are both named 'c\.txt'"):
        classifier_score.run(Ask("bundled:en", (str(inputs), str(other)), str(tmp_path / "out")), Progress("silent"))
    twice = pa.table({"content": [PROSE], "score": [1], "input_score": [2]})
    pq.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(UsageError, match="has both a column score and input_score"):
        run(tmp_path / "twice.parquet", tmp_path / "out")


def test_damaged_and_empty_inputs_are_told_plainly(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n{"text": \n')
    with pytest.raises(UsageError, match="row 2 is no JSON object"):
        run(tmp_path / "bad.jsonl", tmp_path / "out")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "none.parquet")
    body = run(tmp_path / "none.parquet", tmp_path / "out", keep_share=0.1)
    assert (body["documents"], body["kept"], body["kept_share"], body["quantiles"]) == (0, 0, None, {})


def test_a_file_that_changed_unseen_since_it_was_scored_is_not_joined_with_other_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"text": PROSE}) for _ in range(3)))
    run(path, tmp_path / "out")
    monkeypatch.setattr(classifier_score, "_scores_identity", lambda job, shard: {"always": "the same"})
    run(path, tmp_path / "out")
    for rows in (2, 4):
        path.write_text("\n".join(json.dumps({"text": PROSE}) for _ in range(rows)))
        with pytest.raises(GovernanceError, match="has other rows than when it was scored"):
            run(path, tmp_path / "out", threshold=0.5)


def test_the_command_prints_a_summary_for_people_and_for_programs(inputs: Path, tmp_path: Path) -> None:
    call = ["score", "bundled:en", "--input", str(inputs), "--output", str(tmp_path / "out"), "--threshold", "0.9"]
    plain = CliRunner().invoke(app, call)
    assert plain.exit_code == 0 and "13 documents in 3 files, 9 scored" in plain.output
    assert "with score 0.9 or more" in plain.output
    told = CliRunner().invoke(app, [*call, "--json"])
    body = json.loads(told.stdout)
    assert (body["documents"], body["scored_now"], body["written"]) == (13, 0, 0)


def test_a_number_that_no_fraction_can_hold_is_told_where_batches_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_rows, "_BATCH_ROWS", 1)
    (tmp_path / "a.jsonl").write_text('{"text": "a", "n": 9007199254740993}\n{"text": "b", "n": 0.5}\n')
    with pytest.raises(UsageError, match=r"the column n of a\.jsonl holds values of several kinds"):
        run(tmp_path / "a.jsonl", tmp_path / "out")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.just(2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("ab"), below, max_size=2),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES), min_size=1, max_size=9))
def test_any_json_lines_become_one_schema_with_every_row(rows: list[dict[str, Any]]) -> None:
    rows = [{"text": "", **row} for row in rows]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_rows, "_BATCH_ROWS", 3)
        path = Path(folder, "rows.jsonl")
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        (shard,) = find_files([str(path)], (".jsonl",))
        schema = schema_of(shard)
        tables = list(read_whole(shard, schema))
    whole = pa.concat_tables(tables)
    assert whole.schema == schema and whole.num_rows == len(rows)
    sink = io.BytesIO()
    pq.write_table(whole, sink)
    for name in schema.names:
        assert [value is None for value in whole[name].to_pylist()] == [row.get(name) is None for row in rows]
