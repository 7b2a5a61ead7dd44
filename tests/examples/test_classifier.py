"""The classifier that comes as an example: trained, measured and used as its page says."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from governance.cli import app

EXAMPLE = Path(__file__).parents[2] / "examples" / "classifier"


def call(*arguments: str) -> None:
    app(args=list(arguments), standalone_mode=False)


def test_three_commands_train_measure_and_use_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "mine.bin"
    call("classifier", "train", str(EXAMPLE / "seeds.toml"), "--output", str(model), "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["metrics"]["other_sources"]["auc"] > 0.95
    assert report["counts"]["lines"]["positives"] == report["counts"]["lines"]["negatives"] > 200

    call("classifier", "evaluate", str(model), "--output", str(tmp_path / "evaluation"))
    assert (tmp_path / "evaluation" / "evaluation.html").stat().st_size > 50_000

    pages = [str(EXAMPLE / f"{name}-elsewhere.jsonl.gz") for name in ("good", "bad")]
    inputs = [word for page in pages for word in ("--input", page)]
    out = tmp_path / "out"
    setting = f"l2.quality.models.en={model}"
    call("run", "--level", "L2", "--enter", "L1", *inputs, "--output", str(out), "--set", setting, "--workers", "0")
    kept = pq.read_table(out / "L2" / "default" / "data")
    assert 40 < kept.num_rows < 110
    assert min(kept["score"].to_pylist()) >= 0.5


def test_every_package_is_named_with_its_licence() -> None:
    notice = (EXAMPLE / "NOTICE").read_text(encoding="utf-8")
    import polars as pl

    for path in sorted(EXAMPLE.glob("*.jsonl.gz")):
        assert all(name in notice for name in pl.read_ndjson(path)["package"].unique())
