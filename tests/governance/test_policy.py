"""A tier that does not pass its gates is neither built upon nor published, and the figures say why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.compute as pc
import pytest

from governance import commands, policy, publish, tiers
from governance.cluster import Cluster
from governance.compared import comparison
from governance.config import load
from governance.errors import CorpusError, RunError, UsageError
from governance.gates import Gates, RefinedGates, SelectedGates, TextGates
from governance.inputs import find_shards
from governance.pipeline import Request, read_manifest
from governance.pipeline import run as run_pipeline
from governance.progress import Progress
from manifests.store import Store
from stages.contract import Stage
from tests.corpora import small_crawl
from tests.published_corpus import rows_of, write_l3

Built = tuple[Path, tuple[str, ...]]


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_crawl(tmp_path_factory.mktemp("crawl"), english=10, chinese=4)


@pytest.fixture(scope="module")
def built(crawl_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """L0 to L2, an archive of which broke a stage and one of which holds a question; and the settings of it."""
    folder = tmp_path_factory.mktemp("built")
    output, questions = folder / "out", folder / "questions.jsonl"
    real = tiers.clean_stage
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiers, "clean_stage", lambda cfg: breaking(real(cfg)))
        run(crawl_folder, output, "L1")
        text = pl.read_parquet(output / "L1/web/data/en/*.parquet").sort("uid")["content"][0]
        words = " ".join(text.split()[20:50])
        questions.write_text(json.dumps({"query": words, "choices": ["a", "b"], "gold": 0}) + "\n")
        overrides = (f'l2.decontaminate.sets=["{questions}"]',)
        run(crawl_folder, output, "L2", *overrides)
        yield output, overrides


def breaking(stage: Stage) -> Stage:
    """The stage, which fails on the five pages of one archive: few enough for a run to go on."""

    def fail(batch: Any, cfg: Any) -> Any:
        if pc.any(pc.equal(batch["archive"], "b.warc.gz")).as_py():
            raise ValueError("a page that breaks it")
        return stage.fn(batch, cfg)

    return replace(stage, fn=fail)


def run(crawl: Path, output: Path, level: str, *overrides: str) -> None:
    commands.run(commands.Ask(level, (str(crawl),), str(output), None, "L0", "web", None, 0, overrides, False), True)


def next_tier(crawl: Path, output: Path, level: str, *overrides: str) -> None:
    """Build only the tier above what is there, without asking any engine whether it is there."""
    settings = load(None, overrides)
    request = Request(level, find_shards([str(crawl)], "web"), Store(str(output)), "web", settings)
    with Cluster(None, 0) as cluster:
        run_pipeline(request, cluster, Progress("silent"))


def rehearse(output: Path, tier: str, config: Path | None = None) -> None:
    ask = publish.Ask(str(output), "org/name", (tier,), dry_run=True, config=str(config) if config else None)
    publish.publish(ask, as_json=True)


def verdict(word: str, low: float, high: float, candidate: Path) -> dict[str, Any]:
    """What a comparison writes, as far as a policy reads it."""
    row = {
        "name": "accuracy",
        "lower_is_better": False,
        "word": word,
        "value": (low + high) / 2,
        "low": low,
        "high": high,
    }
    other = row | {"name": "right answers", "lower_is_better": True, "value": -0.2, "low": -0.3, "high": -0.1}
    pair = {"one": "candidate", "other": "control", "word": word, "sentence": "It is so.", "headlines": [row, other]}
    return {"kind": "compare", "pairs": [pair], "settings": {"candidate": [str(candidate)]}}


GATES = {  # tier, settings that hold, settings that fail, what is said
    "error rate": ("L1", ["max_error_rate=0.5"], ["max_error_rate=0.0"], "rows broke a stage"),
    "personal data": (
        "L1", ["max_pii_per_million_words=1e6"], ["max_pii_per_million_words=0"], "values masked in",
    ),
    "licences": ("L1", ['licences=["cc-by-sa","cc-by","none"]'], ['licences=["cc0"]'], "licence than cc0: none found"),
    "contamination": ("L2", ["max_contamination_share=0.9"], ["max_contamination_share=0"], "hold an item of a"),
}  # fmt: skip


@pytest.mark.parametrize("name", GATES)
def test_each_gate_holds_and_fails_before_the_next_tier_and_before_the_hub(
    built: Built, crawl_folder: Path, tmp_path: Path, name: str
) -> None:
    tier, holds, fails, told = GATES[name]
    output, above = copy(built, tmp_path), {"L1": "L2", "L2": "L3"}[tier]
    if tier == "L1":
        shutil.rmtree(output / "L2")
    wrong = [f"{tier.lower()}.gates.{one}" for one in fails]
    with pytest.raises(RunError, match=rf"{tier}/web does not pass its gates, so {above} is not built.*{told}"):
        next_tier(crawl_folder, output, above, *built[1], *wrong, *endpoint(above))
    assert not (output / above).exists()
    with pytest.raises(RunError, match=rf"{tier}/web does not pass its gates, so it is not published.*{told}"):
        rehearse(output, tier)  # by the gates that the run recorded
    right = [f"{tier.lower()}.gates.{one}" for one in holds]
    if tier == "L1":
        next_tier(crawl_folder, output, above, *built[1], *right)
        assert (output / above / "web" / "manifest.json").is_file()
    else:
        policy.record(Store(str(output)), load(None, right))
    rehearse(output, tier)


def copy(built: Built, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built[0], tmp_path / "out"))


def endpoint(level: str) -> list[str]:
    """L3 by a server that is never asked."""
    server = ['l3.engine.endpoints=["http://127.0.0.1:9/v1"]', 'l3.engine.model="echo"', 'l3.synthesize.scale="small"']
    return server if level == "L3" else []


def test_the_gates_of_l3_hold_and_fail_before_the_hub(tmp_path: Path) -> None:
    output = tmp_path / "corpus"
    store = Store(str(output))
    write_l3(store, {"a": rows_of("web", "a", 8)})  # 8 of 10 outputs passed; licences: by-sa, by-nd, none
    for right, wrong, told in (
        (
            "min_verified_share=0.8",
            "min_verified_share=0.81",
            "8 of 10 outputs passed every check, 0.8; the limit is 0.81",
        ),
        ('licences=["cc-by-sa","cc-by-nd","none"]', 'licences=["cc-by-sa","none"]', r"2 of 8 rows .*: cc-by-nd \(2\)"),
        ("max_error_rate=0", "max_contamination_share=1", "max_contamination_share: not measured, for rows"),
    ):
        policy.record(store, load(None, [f"l3.gates.{wrong}"]))
        with pytest.raises(RunError, match=told):
            rehearse(output, "L3")
        policy.record(store, load(None, [f"l3.gates.{right}"]))
        rehearse(output, "L3")


def test_a_comparison_must_say_better_of_this_very_tier_in_run_and_publish(
    built: Built, crawl_folder: Path, tmp_path: Path
) -> None:
    output, file = copy(built, tmp_path), tmp_path / "compare.json"
    shutil.rmtree(output / "L2")
    gate = f"l1.gates.compare={json.dumps(str(file))}"
    for body, told in (
        (verdict("no difference shown", -0.1, 0.2, output / "L1"), "it must be better"),
        (verdict("better", 0.1, 0.2, tmp_path / "other"), "compares .*other, not L1/web"),
        ({"pairs": []}, "is not what `governance compare` writes"),
        (None, "there is no"),
    ):
        file.unlink(missing_ok=True)
        if body is not None:
            file.write_text(json.dumps(body))
        with pytest.raises(RunError, match=told):
            next_tier(crawl_folder, output, "L2", *built[1], gate)
        with pytest.raises(RunError, match=told):
            rehearse(output, "L1")
    file.write_text(json.dumps(verdict("better", 0.1, 0.2, output / "L1" / "web")))
    rehearse(output, "L1")
    next_tier(crawl_folder, output, "L2", *built[1], gate)


def test_a_gain_is_the_whole_interval_of_a_headline_beyond_a_number(tmp_path: Path) -> None:
    file, store = tmp_path / "compare.json", Store(str(tmp_path / "out"))
    file.write_text(json.dumps(verdict("better", 0.1, 0.2, tmp_path / "out" / "L2")))
    for limit, headline, holds in (
        (0.05, None, True), (0.1, None, False), (0.05, "right answers", True), (0.15, "right answers", False),
        (0.0, "speed", False),
    ):  # fmt: skip
        found = comparison(store, "L2/web", str(file), limit, headline)
        assert found.holds is holds, found
        assert (headline or "accuracy") in found.told


def test_verify_shows_every_gate_with_value_and_limit_and_takes_none_for_a_fault(
    built: Built, tmp_path: Path, governance: Any
) -> None:
    output = copy(built, tmp_path)
    config = tmp_path / "strict.toml"
    config.write_text('[l1.gates]\nmax_error_rate = 0.01\nlicences = ["cc0"]\n')
    said = governance("verify", str(output), "--config", str(config), "--json")
    assert said.code == 0, said.err
    gates = {(gate["tier"], gate["name"]): gate for gate in json.loads(said.out)["gates"]}
    assert {name for _, name in gates} == {"balance", "max_error_rate", "licences"}
    assert gates["L1/web", "max_error_rate"]["value"] > 0.01
    assert [gates["L1/web", name]["holds"] for name in ("max_error_rate", "licences")] == [False, False]
    assert gates["L1/web", "licences"]["limit"] == ["cc0"]
    assert "FAILS  L1/web max_error_rate: 5 of " in governance("verify", str(output), "--config", str(config)).out
    assert {gate["name"] for gate in json.loads(governance("verify", str(output), "--json").out)["gates"]} == {
        "balance"
    }
    with pytest.raises(RunError, match="licences"):
        rehearse(output, "L1", config)
    assert not (output / "policy.json").exists()


def test_no_gate_is_on_but_the_balance_and_that_cannot_be_switched_off(built: Built, tmp_path: Path) -> None:
    output = copy(built, tmp_path)
    manifest = json.loads((output / "L1/web/manifest.json").read_text())
    assert [gate.name for gate in policy.check(Store(str(output)), manifest)] == ["balance"]
    manifest["ledger"][0]["kept"][0] -= 1
    for gates in (None, Gates(enforce=False)):
        (gate,) = policy.check(Store(str(output)), manifest, gates)
        assert not gate.holds
        with pytest.raises(RunError, match="balance"):
            policy.demand(Store(str(output)), manifest, gates, "no")


def test_a_tier_that_lost_a_row_on_the_books_is_not_built_upon(
    built: Built, crawl_folder: Path, tmp_path: Path
) -> None:
    output = copy(built, tmp_path)
    shutil.rmtree(output / "L2")
    path = output / "L1/web/manifest.json"
    body = json.loads(path.read_text())
    body["ledger"][0]["kept"][0] -= 1
    path.write_text(json.dumps(body))
    with pytest.raises(RunError, match="L2 is not built from it: balance"):
        next_tier(crawl_folder, output, "L2", *built[1])


def test_gates_stay_until_a_run_states_others_or_drops_them(store_url: str) -> None:
    store = Store(store_url)
    policy.record(store, load(None, ["l1.gates.max_error_rate=0.1", "l2.gates.max_contamination_share=0.2"]))
    assert set(policy.record(store, load(None))) == {"L1", "L2"}
    policy.record(store, load(None, ["l1.gates.max_error_rate=0.3"]))
    assert policy.recorded(store) == {
        "L1": TextGates(max_error_rate=0.3), "L2": SelectedGates(max_contamination_share=0.2)
    }  # fmt: skip
    policy.record(store, load(None, ["l2.gates.enforce=false"]))
    assert set(policy.recorded(store)) == {"L1"}
    store.put(policy.FILE, b'{"L1": {"max_errors": 1}}')
    with pytest.raises(CorpusError, match="is not what a run writes"):
        policy.recorded(store)


def test_what_was_not_measured_does_not_pass(tmp_path: Path, built: Built) -> None:
    """Rows from outside were never looked at for personal data; a tier without rows has no share of anything."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"text": "The harbour office recorded the depth of the channel. " * 9}) + "\n")
    output = tmp_path / "out"
    commands.run(commands.Ask("L1", (str(rows),), str(output), None, "L1", "web", None, 0, (), False), True)
    manifest = read_manifest(Store(str(output)), "L1", "web")
    assert manifest is not None
    gates = TextGates(max_pii_per_million_words=1e9, licences=("none",))
    _, personal, licences = policy.check(Store(str(output)), manifest, gates)
    assert (personal.value, personal.holds) == (None, False)
    assert "entered from outside" in personal.told
    assert licences.holds
    nothing = manifest | {"tier": "L3", "figures": {}, "ledger": [], "plan": {"tier": "L3", "stages": {}}}
    found = policy.check(Store(str(output)), nothing, RefinedGates(min_verified_share=0, max_error_rate=1))
    assert [gate.holds for gate in found] == [True, False, False]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ('l1.gates.licences=["gpl"]', "'gpl' is no licence"),
        ("l1.gates.max_error_rate=2", "less than or equal to 1"),
        ("l1.gates.min_gain=0.1", "need compare"),
        ("l1.gates.min_verified_share=0.1", "unknown setting l1.gates.min_verified_share"),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused(override: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load(None, [override])
