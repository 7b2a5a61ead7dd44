"""``governance anneal`` as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command_line import Said, refused

WORDS = ("rivers", "carry", "cold", "water", "from", "high", "mountains", "to", "a", "wide", "valley", "rice", "tea")


@pytest.fixture
def tiers(tmp_path: Path) -> tuple[str, str]:
    """Two small tiers: Parquet under a folder data, beside annotations that are not to be trained on."""
    for tier, count in (("L2", 400), ("L3", 120)):
        texts = [
            f"{tier} {n} " + " ".join(WORDS[(n * k) % len(WORDS)] for k in range(1, 60)) + f" {n * 7919}"
            for n in range(count)
        ]
        folder = tmp_path / tier / "default"
        for name in ("data", "annotations"):
            (folder / name).mkdir(parents=True)
        pq.write_table(pa.table({"content": texts}), folder / "data" / "a.parquet")
        pq.write_table(pa.table({"score": [0.5] * count}), folder / "annotations" / "a.parquet")
        (folder / "manifest.json").write_text("{}")
    return str(tmp_path / "L3"), str(tmp_path / "L2")


def test_a_model_is_annealed_and_loads_in_transformers(
    tiers: tuple[str, str], tmp_path: Path, governance: Callable[..., Said]
) -> None:
    import transformers

    data, mix = tiers
    asked = ("anneal", "--data", data, "--mix", mix, "--tokens", "16000", "--output", str(tmp_path / "out"), "--json")
    said = governance(*asked)
    assert said.code == 0, said
    body = json.loads(said.out)
    assert body["parameters"] == 5_203_328 and body["sources"][data]["tokens"] > 0
    assert body["sources"][mix]["rows"] > body["sources"][data]["rows"]
    assert (tmp_path / "out" / "curve.svg").read_text().count("decay") >= 1
    model = transformers.AutoModelForCausalLM.from_pretrained(body["model"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(body["model"])
    ids = tokenizer("rivers carry", return_tensors="pt", return_token_type_ids=False)
    assert tokenizer.decode(model.generate(**ids, max_new_tokens=4, pad_token_id=1)[0]).startswith("rivers carry")
    assert json.loads(governance(*asked).out) == body  # nothing is trained twice


def test_the_plan_can_be_seen_before_anything_is_trained(
    tiers: tuple[str, str], tmp_path: Path, governance: Callable[..., Said]
) -> None:
    data, mix = tiers
    out = str(tmp_path / "out")
    said = governance("anneal", "--data", data, "--mix", mix, "--share", "0.5", "--output", out, "--dry-run", "--json")
    stable, decay = json.loads(said.out)
    assert (stable["phase"], decay["phase"]) == ("stable", "decay")
    assert set(stable["data"]) == {mix} and decay["data"][data]["share"] == pytest.approx(0.5)
    assert stable["lr"][-1] == decay["lr"][0] > decay["lr"][-1]
    assert not (tmp_path / "out" / "run.json").exists()


def test_given_weights_are_only_decayed(
    tiers: tuple[str, str], tmp_path: Path, governance: Callable[..., Said]
) -> None:
    data, mix = tiers
    first = ("anneal", "--data", mix, "--tokens", "12000", "--output", str(tmp_path / "base"), "--json")
    said = governance(*first)
    assert said.code == 0, said
    (last,) = (tmp_path / "base" / "checkpoints").iterdir()

    def decay(start: Path) -> dict[str, Any]:
        asked = ("--data", data, "--mix", mix, "--from", str(start), "--output", str(tmp_path / "next"))
        said = governance("anneal", *asked, "--dry-run", "--json")
        assert said.code == 0, said
        (phase,) = json.loads(said.out)
        assert phase["phase"] == "decay" and phase["steps"] >= 50
        return phase

    for start in (tmp_path / "base" / "model", last):  # nothing to go on from: neither moments, nor a rate above 0
        assert max(decay(start)["lr"]) <= 1e-4
    state = json.loads((last / "state.json").read_text())
    (last / "state.json").write_text(json.dumps(state | {"lr_end": 2e-3}))
    assert decay(last)["lr"][0] == pytest.approx(2e-3)


@pytest.mark.parametrize(
    ("flags", "pieces"),
    [
        ((), ("nothing to train on", "--data output/L3")),
        (("--data", "L3", "--preset", "7b"), ("no preset '7b'", "5m, 60m, 250m, 1b")),
        (("--data", "L3", "--share", "1.5"), ("no share", "between 0 and 1")),
        (("--data", "L3", "--preset", "1b"), ("needs a tokenizer", "--tokenizer")),
        (("--data", "nowhere",), ("not there", "Parquet or JSONL")),
        (("--data", "L3", "--recipe", "r.toml"), ("--recipe says all", "leave out")),
        (("--recipe", "r.toml"), ("r.toml cannot be read", "docs/annealing.md")),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_with_a_remedy(
    tiers: tuple[str, str], tmp_path: Path, governance: Callable[..., Said], monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...], pieces: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    refused(governance("anneal", *flags), 2, *pieces)
