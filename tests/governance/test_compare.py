"""``governance evaluate``, ``compare`` and ``ladder`` as a user types them, on a few hundred short texts."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance import recipes
from tests.command_line import Said, call, refused

Governance = Callable[..., Said]
ANIMALS, COLOURS = ("cat", "dog", "cow", "hen", "fox", "owl"), ("red", "blue", "green", "white", "black", "brown")
SIGNS = {"cat": "猫", "dog": "狗", "cow": "牛", "hen": "鸡", "fox": "狐", "owl": "鸮"}
COLOUR_OF = dict(zip(ANIMALS, COLOURS, strict=True))


def text(number: int, facts: bool) -> str:
    """A page of sentences about animals and their colours, or about rivers: a quarter of the pages is Chinese."""
    chance = random.Random(number)
    said = []
    for _ in range(chance.randint(12, 30)):
        animal = chance.choice(ANIMALS)
        if number % 4 == 0:
            said.append(
                f"{SIGNS[animal]}是{COLOURS.index(COLOUR_OF[animal])}号。" if facts else f"河流{chance.random()}长。"
            )
        else:
            said.append(f"The {animal} is {COLOUR_OF[animal]}." if facts else f"A river has {chance.random()} bends.")
    return f"Page {number}. " + " ".join(said)


def write_tier(folder: Path, numbers: range, facts: bool) -> None:
    """A tier with its rows by language and a manifest."""
    for language in ("en", "zh"):
        mine = [number for number in numbers if (number % 4 == 0) == (language == "zh")]
        (folder / "default" / "data" / language).mkdir(parents=True)
        table = pa.table(
            {
                "uid": [f"{n:032x}" for n in mine],
                "content": [text(n, facts) for n in mine],
                "lang": [language] * len(mine),
            }
        )
        pq.write_table(table, folder / "default" / "data" / language / "part-00000-0.parquet")
    (folder / "default" / "manifest.json").write_text("{}")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_tier(folder / "L1", range(400), facts=False)
    write_tier(folder / "L2", range(1000, 1300), facts=True)
    return folder


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Which colour an animal has: one tier speaks of colours, the other does not."""
    path = tmp_path_factory.mktemp("questions") / "colours.jsonl"
    rows = [
        {"query": f"The {animal} is", "choices": list(COLOURS), "gold": number} for number, animal in enumerate(ANIMALS)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows * 5) + "\n")
    return path


@pytest.fixture(scope="module")
def compared(corpus: Path, questions: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A comparison that was made once, and the command that made it."""
    folder = tmp_path_factory.mktemp("compare") / "out"
    asked = ("compare", "--candidate", str(corpus / "L2"), "--mix", str(corpus / "L1"), "--share", "0.5",
             "--tokens", "13000", "--seeds", "2", "--questions", str(questions), "--output", str(folder))  # fmt: skip
    said = call(*asked, "--json")
    assert said.code == 0, said
    return asked, folder, json.loads(said.out)


def test_a_candidate_that_knows_the_answers_is_told_from_the_mix(compared: Any) -> None:
    _, _, body = compared
    (pair,) = body["pairs"]
    answers = next(row for row in pair["headlines"] if row["name"] == "right answers")
    assert max(answers["by_seed"]) < 0 and answers["low"] <= answers["value"] <= answers["high"]
    assert len(answers["by_seed"]) == body["seeds"] == 2
    assert pair["word"] in ("better", "no difference shown") and "candidate" in pair["sentence"]
    names = {figure["name"] for arm in body["arms"] for figure in arm["figures"]}
    assert {"candidate (en)", "candidate (zh)", "mix (en)", "mix (zh)", "colours"} <= names


def test_both_sides_begin_from_one_checkpoint_and_train_the_same_tokens(compared: Any) -> None:
    _, folder, body = compared
    starts = {re.search(r'^start = "(.+)"', (folder / f"{name}-0" / "recipe.toml").read_text(), re.M)[1]  # type: ignore[index]
              for name in ("candidate", "control")}  # fmt: skip
    assert len(starts) == 1 and Path(starts.pop()).is_dir()
    tokens = {run["tokens"] for arm in body["arms"] for run in arm["runs"]}
    assert len(tokens) == 1
    control = next(arm for arm in body["arms"] if arm["name"] == "control")
    assert all(len(run["sources"]) == 1 for run in control["runs"])


def test_the_seeds_of_a_side_are_averaged_into_one_model_that_is_measured_too(compared: Any) -> None:
    from safetensors.numpy import load_file

    _, folder, body = compared
    one, other, mean = (
        load_file(folder / name / "model" / "model.safetensors")["model.norm.weight"].astype(float)
        for name in ("candidate-0", "candidate-1", "candidate-soup")
    )
    assert abs((one + other) / 2 - mean).max() < 1e-2 and abs(one - other).max() > 0
    assert all(figure["soup"] is not None for arm in body["arms"] for figure in arm["figures"])


def test_the_page_is_whole_and_runs_nothing(compared: Any) -> None:
    _, folder, body = compared
    page = (folder / "compare.html").read_text()
    assert body["pairs"][0]["sentence"].replace("+", "&#43;")[:20] in page or body["pairs"][0]["sentence"][:20] in page
    assert page.count("<img") == 2 and "data:image/svg+xml" in page
    assert "<script" not in page and "http://" not in page and "Content-Security-Policy" in page
    assert json.loads((folder / "compare.json").read_text()) == body


def test_what_is_done_is_not_done_again_and_another_trial_is_refused(compared: Any, governance: Governance) -> None:
    asked, folder, body = compared
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}
    again = governance(*asked, "--json")
    assert json.loads(again.out) == body
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")} == before
    refused(governance(*asked, "--seeds", "3"), 2, "holds a trial with another seeds", "--output")


def test_a_run_that_a_cluster_did_is_taken_as_done(compared: Any) -> None:
    """The recipe beside a run is the run: loaded from its file it has the same fingerprint."""
    from annealing import recipe

    _, folder, _ = compared
    found = recipe.load(str(folder / "control-1" / "recipe.toml"))
    assert recipes.as_toml(found) == (folder / "control-1" / "recipe.toml").read_text()
    state = json.loads(next((folder / "control-1" / "checkpoints").iterdir()).joinpath("state.json").read_text())
    assert json.loads(json.dumps(state["recipe"])) == json.loads(json.dumps(recipes.asdict(found)))


def test_evaluate_sets_two_models_side_by_side(
    compared: Any, questions: Path, corpus: Path, tmp_path: Path, governance: Governance
) -> None:
    _, folder, _ = compared
    models = [str(folder / f"{name}-0" / "model") for name in ("candidate", "control")]
    asked = ("evaluate", models[0], "--questions", str(questions), "--limit", "12")
    beside = ("--text", str(corpus / "L2"), "--max-bytes", "3000", "--against", models[1])
    said = governance(*asked, *beside, "--output", str(tmp_path / "f.json"), "--json")
    assert said.code == 0, said
    found = json.loads(said.out)
    assert json.loads((tmp_path / "f.json").read_text()) == found
    assert found["holdout"] == 0.1  # as the model says
    by_name = {(row["name"], row["metric"]): row for row in found["figures"]}
    colours = by_name["colours", "accuracy"]
    assert colours["items"] == 12 and colours["chance"] == pytest.approx(1 / 6)
    answers = by_name["colours, right answer", "bits_per_byte"]
    assert answers["difference"]["value"] == pytest.approx(answers["value"] - answers["against"]["value"])
    text_rows = [row for row in found["figures"] if row["metric"] == "bits_per_byte" and row["of"] == "text"]
    assert {row["language"] for row in text_rows} == {"en", "zh"}
    seen = governance("evaluate", models[0], "--questions", str(questions))
    assert "colours" in seen.out and "bits per byte" in seen.out


def test_held_out_pages_are_measured_on_and_not_trained_on(compared: Any, corpus: Path) -> None:
    from annealing.documents import open_dataset, read, rows

    _, _, body = compared
    dataset = open_dataset(str(corpus / "L2"))
    held = {one.text for block in dataset.blocks for one in rows(dataset, block, 0.1, held=True)}
    kept = {one for block in dataset.blocks for one in read(dataset, block, 0.1)}
    assert held and not held & kept
    figures = {figure["name"]: figure["items"] for figure in body["arms"][0]["figures"]}
    assert figures["candidate (en)"] + figures["candidate (zh)"] == len(held)


@pytest.fixture(scope="module")
def climbed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("ladder") / "out"
    asked = ("--tiers", "L1,L2", "--language", "en", "--tokens", "4000", "--seeds", "1", "--output", str(folder))
    said = call("ladder", str(corpus), *asked, "--json")
    assert said.code == 0, said
    return folder, json.loads(said.out)


def test_the_ladder_sets_tiers_alone_staged_and_mixed_against_each_other(climbed: Any) -> None:
    folder, body = climbed
    assert [arm["name"] for arm in body["arms"]] == ["L1", "L2", "staged", "mixed"]
    assert [(pair["one"], pair["other"]) for pair in body["pairs"]] == [("L2", "L1"), ("staged", "mixed")]
    sources = {arm["name"]: set(arm["runs"][0]["sources"]) for arm in body["arms"]}
    assert sources["staged"] == sources["mixed"] and len(sources["mixed"]) == 2 and len(sources["L1"]) == 1
    assert all(place.endswith("/en") for places in sources.values() for place in places)
    assert "(zh)" not in json.dumps(body)
    assert (folder / "ladder.html").is_file()


def test_one_seed_gives_no_verdict(climbed: Any) -> None:
    _, body = climbed
    assert {pair["word"] for pair in body["pairs"]} == {"no difference shown"}
    assert "One seed" in body["notes"][0] and "favours nobody" in " ".join(body["notes"])


@pytest.mark.parametrize(
    ("flags", "pieces"),
    [
        (("compare",), ("two sides", "--candidate output/L3")),
        (("compare", "--candidate", "L2", "--mix", "L1", "--share", "1"), ("no share", "between 0 and 1")),
        (("compare", "--candidate", "nowhere", "--mix", "L1"), ("nowhere is not there", "Parquet or JSONL")),
        (("compare", "--candidate", "L2", "--mix", "L1", "--tokens", "9000000"), ("more than 4 times", "at most")),
        (("compare", "--candidate", "L2", "--mix", "L1", "--questions", "none.jsonl"), ("holds no questions", "JSONL")),
        (("compare", "--candidate", "L2", "--mix", "L1", "--preset", "7b"), ("no preset '7b'", "5m, 60m")),
        (("compare", "--candidate", "L2", "--mix", "L1", "--questions", "q", "--questions", "q/colours.jsonl"),
         ("two question sets are named colours", "rename")),
        (("ladder", ".", "--tiers", "L1,L9"), ("no rows of L9", "--tiers")),
        (("ladder", ".", "--tiers", "L1", "--language", "fr"), ("no rows of L1 in fr", "--tiers")),
        (("evaluate", "L1"), ("nothing to measure", "--questions")),
        (("evaluate", "L1", "--text", "L1"), ("no config.json", "model folder")),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_with_a_remedy(
    corpus: Path, questions: Path, tmp_path: Path, governance: Governance, monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...], pieces: tuple[str, ...],
) -> None:  # fmt: skip
    for tier in ("L1", "L2"):
        (tmp_path / tier).symlink_to(corpus / tier)
    (tmp_path / "q").symlink_to(questions.parent)
    monkeypatch.chdir(tmp_path)
    refused(governance(*flags), 2, *pieces)
    assert not (tmp_path / "compare" / "trial.json").exists()
