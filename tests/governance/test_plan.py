"""A plan builds nothing, names every reason by its kind, and its forecast is near what the run then gives."""

from __future__ import annotations

import gzip
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import commands, outlook, plan_command, tiers
from governance.changes import Change, changes_of
from governance.errors import UsageError
from governance.inputs import find_shards
from governance.outlook import scale
from governance.pieces import BYTES, pieces, stream_of
from manifests.store import Store
from stages.ingest import IngestConfig
from tests.children import tree
from tests.corpora import small_crawl

SERVER = ('l3.engine.endpoints=["http://127.0.0.1:9/v1"]', 'l3.engine.model="echo"', 'l3.synthesize.scale="small"')


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_crawl(tmp_path_factory.mktemp("crawl"), english=6, chinese=2)


@pytest.fixture(scope="module")
def selected(crawl_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("selected")
    commands.run(asked(crawl_folder, output), as_json=True)
    return output


def asked(source: Path, output: Path, *overrides: str, level: str = "L2") -> commands.Ask:
    return commands.Ask(level, (str(source),), str(output), None, "L0", "web", None, 0, overrides, False)


def planned(capsys: Any, ask: commands.Ask, seconds: float = 0, save: bool = False) -> dict[str, Any]:
    capsys.readouterr()
    plan_command.plan(ask, seconds, save, as_json=True)
    return json.loads(capsys.readouterr().out)


def states(body: dict[str, Any]) -> dict[str, str]:
    return {tier["tier"]: tier["state"] for tier in body["tiers"]}


def why(body: dict[str, Any], tier: str) -> list[tuple[str, str, Any, Any]]:
    (found,) = [one for one in body["tiers"] if one["tier"] == tier]
    return [(change["kind"], change["name"], change["old"], change["new"]) for change in found["changes"]]


def test_what_is_sealed_with_the_same_settings_is_reused_and_nothing_is_written(
    crawl_folder: Path, selected: Path, tmp_path: Path, capsys: Any
) -> None:
    before = tree(str(selected))
    body = planned(capsys, asked(crawl_folder, selected), seconds=5)
    assert states(body) == {"L0": "reused", "L1": "reused", "L2": "reused"}
    assert body["forecast"]["tiers"] == {}
    planned(capsys, asked(crawl_folder, selected, "l2.quality.threshold=0.9"), seconds=5)
    assert tree(str(selected)) == before
    body = planned(capsys, asked(crawl_folder, tmp_path / "new"))
    assert set(states(body).values()) == {"built"}
    assert not (tmp_path / "new").exists()


def test_a_setting_is_named_with_its_old_and_new_value_and_what_rests_on_it_is_rebuilt_too(
    crawl_folder: Path, selected: Path, capsys: Any
) -> None:
    body = planned(capsys, asked(crawl_folder, selected, "l1.gopher_quality.en.min_words=60", level="L1"))
    assert states(body) == {"L0": "reused", "L1": "rebuilt"}
    assert why(body, "L1") == [("setting", "l1.gopher_quality.en.min_words", 50, 60)]
    assert (body["needs_rebuild"], body["discarded"]) == (True, ["L2"])
    body = planned(capsys, asked(crawl_folder, selected, "l2.quality.threshold=0.9"))
    assert states(body) == {"L0": "reused", "L1": "reused", "L2": "rebuilt"}
    assert why(body, "L2") == [("setting", "l2.quality.threshold", 0.5, 0.9)]
    assert body["tiers"][2]["kept"] == "scores"


def test_inputs_stages_versions_and_models_are_named(
    crawl_folder: Path, selected: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = shutil.copytree(crawl_folder, tmp_path / "more")
    shutil.copy(more / "a.warc.gz", more / "d.warc.gz")
    (more / "b.warc.gz").unlink()
    body = planned(capsys, asked(more, selected))
    assert [(kind, name) for kind, name, *_ in why(body, "L0")] == [("input", "b.warc.gz"), ("input", "d.warc.gz")]
    assert [kind for kind, *_ in why(body, "L1")] == ["parent tier"]
    body = planned(capsys, asked(crawl_folder, selected, "l1.host_lines.enabled=true", level="L1"))
    assert why(body, "L1") == [("stage", "host_lines", None, "there")]
    words = tmp_path / "words.txt"
    words.write_text("casino\n")
    body = planned(capsys, asked(crawl_folder, selected, f"l1.policy.hard_words={words}", level="L1"))
    assert {"model", "setting"} == {kind for kind, *_ in why(body, "L1")}
    assert any(name.startswith("policy.") for kind, name, *_ in why(body, "L1") if kind == "model")
    real = tiers.clean_stage
    monkeypatch.setattr(tiers, "clean_stage", lambda cfg: replace(real(cfg), version=99))
    assert why(planned(capsys, asked(crawl_folder, selected, level="L1")), "L1") == [
        ("stage version", "clean", real(tiers.Settings().l1.clean).version, 99)
    ]


def test_of_l3_prompts_models_and_settings_are_told_apart() -> None:
    def body(**changed: Any) -> dict[str, Any]:
        synthesis = {
            "model": "one", "revision": "1", "version": 1, "seed": 0, "max_documents": None, "prompts": {"en.qa": "a"},
            "synthesize": {"judge": False},
            "decontaminate": {"version": 1, "config": {"min_share": 0.6}, "model": {"piqa": "a"}},
        }  # fmt: skip
        dedup = {"rows": changed.pop("rows", 5)}
        return {"tier": "L3", "schema": 2, "stages": {}, "order": [], "synthesis": synthesis | changed, "dedup": dedup}

    for changed, kind, name in (
        ({"model": "two"}, "setting", "l3.engine.model"), ({"revision": "2"}, "model", "l3.engine.revision"),
        ({"prompts": {"en.qa": "b"}}, "prompt", "en.qa"), ({"rows": 6}, "setting", "l3.dedup.rows"),
        ({"synthesize": {"judge": True}}, "setting", "l3.synthesize.judge"), ({"seed": 1}, "setting", "l3.engine.seed"),
        ({"max_documents": 5}, "setting", "l3.max_documents"), ({"version": 2}, "stage version", "synthesize"),
        ({"decontaminate": {"version": 1, "config": {"min_share": 0.5}, "model": {"piqa": "a"}}}, "setting",
         "l2.decontaminate.min_share"),
        ({"decontaminate": {"version": 1, "config": {"min_share": 0.6}, "model": {"piqa": "b"}}}, "model",
         "decontaminate.piqa"),
    ):  # fmt: skip
        (change,) = changes_of(body(), body(**changed))
        assert (change.kind, change.name) == (kind, name)
    assert changes_of(body() | {"against": {"old": "1"}}, body()) == [Change("older dump", "old", "1", None)]
    assert changes_of(body() | {"schema": 1}, body()) == [Change("schema", "L3", 1, 2)]


def test_of_l4_settings_and_versions_are_told_apart() -> None:
    def body(**changed: Any) -> dict[str, Any]:
        config, versions = {"max_words": 40, "topics": 12}, {"entities": 1}
        return {"tier": "L4", "organize": {"config": config, "versions": versions} | changed}

    assert changes_of(body(), body(config={"max_words": 12, "topics": 12})) == [
        Change("setting", "l4.organize.max_words", 40, 12)
    ]
    assert changes_of(body(), body(versions={"entities": 2})) == [Change("stage version", "L4.entities", 1, 2)]


def test_a_tier_that_was_interrupted_goes_on_and_a_gate_that_fails_stands_in_the_way(
    crawl_folder: Path, selected: Path, tmp_path: Path, governance: Any
) -> None:
    output = Path(shutil.copytree(selected, tmp_path / "out"))
    (output / "L2/web/manifest.json").unlink()
    flags = ("--level", "L2", "--input", str(crawl_folder), "--output", str(output), "--dump", "web", "--seconds", "0")
    said = governance(
        "plan", *flags, "--set", "l1.gates.max_pii_per_million_words=0", "--set", 'l1.gates.licences=["cc0"]'
    )
    assert said.code == 0, said.err
    assert "L1 reused" in said.out
    assert "L2 continued" in said.out
    assert "data of 3 shards" in said.out
    assert "does not pass its gate licences: " in said.out


def test_the_forecast_is_near_what_the_run_gives_and_the_run_says_so(
    crawl: dict[str, Path], tmp_path: Path, capsys: Any
) -> None:
    ask = asked(crawl["en"], tmp_path / "out", level="L1")
    body = planned(capsys, ask, seconds=600, save=True)
    assert body["forecast"]["sample"]["share"] < 0.8
    commands.run(ask, as_json=True)
    told = json.loads((tmp_path / "out" / "run.json").read_text())["forecast"]
    for tier in ("L0", "L1"):
        manifest = json.loads((tmp_path / "out" / tier / "web" / "manifest.json").read_text())
        forecast = body["forecast"]["tiers"][tier]
        for name, actual in (("documents", manifest["rows"]), ("bytes", manifest["bytes"])):
            assert forecast[name]["value"] == pytest.approx(actual, rel=0.25)
            assert forecast[name]["low"] <= forecast[name]["value"] <= forecast[name]["high"]
            assert told[tier][name]["actual"] == actual
            assert told[tier][name]["forecast"] == forecast[name]
        assert forecast["tokens"]["value"] > forecast["documents"]["value"]
        assert forecast["cpu_hours"]["value"] > 0
    other = asked(crawl["en"], tmp_path / "out", "l1.gopher_quality.en.min_words=60", level="L1")
    commands.run(replace(other, rebuild=True), as_json=True)
    assert "forecast" not in json.loads((tmp_path / "out" / "run.json").read_text())


def test_l3_is_forecast_from_the_sample_where_l2_is_not_there_and_nobody_is_asked(
    crawl_folder: Path, selected: Path, tmp_path: Path, capsys: Any
) -> None:
    new = planned(capsys, asked(crawl_folder, tmp_path / "new", *SERVER, level="L3"), seconds=5)["forecast"]["L3"]
    there = planned(capsys, asked(crawl_folder, selected, *SERVER, level="L3"), seconds=5)["forecast"]["L3"]
    assert new["requests"]["value"] == pytest.approx(there["requests"]["value"], rel=0.5)
    assert any("a forecast themselves" in said for said in new["assumptions"])


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.parquet"])
def test_rows_of_files_are_sampled_too(tmp_path: Path, capsys: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.pieces.BYTES", 4096)
    monkeypatch.setattr("governance.pieces._HEAD_BYTES", 200_000)
    rng = np.random.default_rng(2)
    rows = [{"text": " ".join(map(str, rng.integers(0, 10**6, 150))) * (1 + n % 3)} for n in range(400)]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path = tmp_path / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=50)
    else:
        path.write_bytes(gzip.compress(lines, 1) if name.endswith(".gz") else lines)
    told = planned(capsys, asked(path, tmp_path / "out", level="L0"), seconds=600)["forecast"]
    assert told["sample"]["share"] < 1
    assert told["tiers"]["L0"]["documents"]["value"] == pytest.approx(400, rel=0.2)


@pytest.mark.parametrize("suffix", [".warc.gz", ".warc", ".jsonl"])
def test_the_pieces_of_a_small_input_hold_each_record_once(crawl: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    data = crawl["zh"].read_bytes()[: 6 * BYTES] if suffix == ".warc.gz" else b""
    if suffix == ".warc":
        data = gzip.decompress(crawl["zh"].read_bytes())[: 10 * BYTES]
    if suffix == ".jsonl":
        data = b"".join(json.dumps({"text": "a" * (n * 3_701 % 90_000)}).encode() + b"\n" for n in range(30))
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    (shard,) = find_shards([str(path)], "web")
    read = [tiers.read_warc, tiers.read_table][suffix == ".jsonl"]
    whole = [row for table in read(io.BytesIO(data), shard.name, shard.key, IngestConfig()) for row in keys(table)]
    found = list(pieces([shard], count=40))
    assert sum(piece.weight for piece in found) == len(data)
    assert len(found) > 3
    parts = [read(stream_of(piece), shard.name, shard.key, IngestConfig()) for piece in found if piece.data]
    assert [row for tables in parts for table in tables for row in keys(table)] == whole


def keys(table: pa.Table) -> list[Any]:
    """What tells a record, wherever it stands in its file."""
    return (table["record_id"] if "record_id" in table.column_names else table["content"]).drop_null().to_pylist()


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(1, 50))
def test_an_interval_holds_its_value_and_what_was_counted_and_the_whole_is_exact(
    values: list[float], more: float
) -> None:
    weights = [1.0] * len(values)
    told = scale(values, weights, len(values) * more)
    assert told.low <= told.value * (1 + 1e-9) + 1e-9
    assert told.value <= told.high * (1 + 1e-9) + 1e-9
    assert told.high >= sum(values) * (1 - 1e-9)
    exact = scale(values, weights, len(values))
    assert exact.low == exact.value == exact.high == pytest.approx(sum(values))


def test_an_empty_sample_forecasts_nothing() -> None:
    assert scale([], [], 0).value == 0
    assert outlook.FILE == "forecast.json"


def test_a_forecast_that_is_not_made_cannot_be_kept(crawl_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--seconds 0 makes none"):
        plan_command.plan(asked(crawl_folder, tmp_path / "out"), 0, save=True, as_json=True)


def test_a_sample_without_records_says_that_it_is_not_to_be_trusted(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "big.jsonl"
    small, big = ("The harbour office recorded the depth of the channel. " * times for times in (9, 40_000))
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in (small, big, small)))
    told = planned(capsys, asked(path, tmp_path / "out", "l1.host_lines.enabled=true"), seconds=600)["forecast"]
    assert told["tiers"]["L2"]["documents"]["value"] == 0
    assert any(said.startswith("only 0 documents were looked at") for said in told["assumptions"])


def test_a_forecast_is_kept_beside_the_corpus_wherever_that_lies_and_manifests_know_nothing_of_it(
    store_url: str, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"The harbour office recorded {n}. " * 9}) + "\n" for n in range(50)))
    ask = replace(asked(path, tmp_path, level="L0"), output=store_url)
    body = planned(capsys, ask, seconds=600, save=True)
    commands.run(ask, as_json=True)
    store = Store(store_url)
    told = json.loads(store.get("run.json"))["forecast"]["L0"]
    assert told["documents"]["actual"] == told["documents"]["forecast"]["value"] == 50
    assert told["bytes"]["forecast_over_actual"] == pytest.approx(1, abs=0.2)
    assert "forecast" not in store.get("L0/web/manifest.json").decode()
    assert states(planned(capsys, ask)) == {"L0": "reused"}
    assert body["forecast"]["tiers"]["L0"]["tokens"]["value"] > 50


def test_a_share_that_is_to_be_kept_is_a_share_of_the_sample(tmp_path: Path, selected: Path, capsys: Any) -> None:
    ask = replace(asked(selected / "L1", tmp_path / "out", "l2.quality.keep_share=0.5"), enter="L1")
    source = next((selected / "L1/web/data").rglob("*.parquet"))
    told = planned(capsys, replace(ask, inputs=(str(source),)), seconds=600)["forecast"]["tiers"]
    rows = pq.read_metadata(source).num_rows
    assert told["L1"]["documents"]["value"] == rows
    assert told["L2"]["documents"]["value"] == pytest.approx(rows / 2, abs=0.6)
