"""L2 scores first and selects after: what is scored again and what is not, shares and ranks exact, after any kill."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from classifiers.score import model_path
from governance import commands
from governance.errors import UsageError
from governance.progress import Progress
from governance.verify import audit
from manifests.ledger import faults, load
from manifests.store import Store
from stages import quality
from tests.children import child, copy, tree
from tests.corpora import small_crawl
from tests.governance.test_verify import edit_json

STRICT = "l2.quality.threshold=0.99"
RANKED = ("l2.quality.keep_share={en = 0.4, zh = 0.5}", "l2.quality.bucket_by=rank", "l2.quality.buckets=4")


@pytest.fixture(scope="module")
def crawl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_crawl(tmp_path_factory.mktemp("crawl"), english=24, chinese=8)


@pytest.fixture(scope="module")
def built(crawl_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """L2 as the defaults select it."""
    return run(crawl_folder, str(tmp_path_factory.mktemp("built")))


@pytest.fixture
def corpus(built: str, store_url: str) -> Store:
    """A copy to build again."""
    copy(built, store_url)
    return Store(store_url)


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts were scored, call by call."""
    found: list[int] = []
    really = quality.score

    def score(classifier: Any, texts: Any, **options: Any) -> np.ndarray:
        found.append(len(texts))
        return really(classifier, texts, **options)

    monkeypatch.setattr(quality, "score", score)
    return found


def run(crawl: Path, output: str, *overrides: str, rebuild: bool = False) -> str:
    """A run inside this process, verified."""
    ask = commands.Ask("L2", (str(crawl),), output, None, "L0", "web", None, 0, overrides, rebuild)
    commands.run(ask, as_json=True)
    assert audit(Store(output), Progress("silent"))["faults"] == []
    return output


def anew(built: str, crawl: Path, output: Path, *overrides: str) -> dict[str, str]:
    """The objects of a corpus whose L2 was built so from the start."""
    copy(built, str(output))
    store = Store(str(output))
    store.delete([found.path for found in list(store.list("L2"))])
    return tree(run(crawl, str(output), *overrides))


def scores_of(store: Store) -> dict[str, str | None]:
    """Every object that holds scores, and the store's change mark of it."""
    return {found.path: found.e_tag for found in store.list("L2") if "scores/" in found.path}


def rows(store: str) -> pl.DataFrame:
    """The verdicts of L2 with the language of each row."""
    scores = pl.read_parquet(f"{store}/L2/web/scores/*.parquet").select("uid", "lang")
    return pl.read_parquet(f"{store}/L2/web/annotations/*.parquet").join(scores, on="uid", validate="1:1")


def manifest(store: Store) -> dict[str, Any]:
    return json.loads(store.get("L2/web/manifest.json"))


@pytest.mark.parametrize("changed", [(STRICT,), RANKED], ids=["threshold", "share and ranks"])
def test_another_selection_scores_nothing_again_and_gives_the_bytes_of_a_fresh_build(
    built: str, crawl_folder: Path, corpus: Store, scored: list[int], tmp_path: Path, changed: tuple[str, ...]
) -> None:
    before = scores_of(corpus)
    assert len(before) == 5  # a record of each of three shards; one has no rows, so no part
    run(crawl_folder, corpus.url, *changed, rebuild=True)
    assert scored == []
    assert scores_of(corpus) == before
    assert tree(corpus.url) == anew(built, crawl_folder, tmp_path / "fresh", *changed)
    assert sum(scored) == rows(built).height  # the fresh one did score


def test_another_selection_is_refused_first_and_the_refusal_says_that_scores_are_kept(
    crawl_folder: Path, built: str
) -> None:
    with pytest.raises(UsageError, match=r"stages.quality.config.threshold was 0.5, is 0.99") as error:
        run(crawl_folder, built, STRICT)
    assert error.value.remedy.endswith("the scores are kept")


def test_another_model_is_named_and_scores_everything_again(
    built: str, crawl_folder: Path, tmp_path: Path, scored: list[int]
) -> None:
    output = tmp_path / "out"
    copy(built, str(output))
    before, other = scores_of(Store(str(output))), tmp_path / "other.ftz"
    body = bytearray(model_path("en").read_bytes())
    body[-1] ^= 1  # of a weight
    other.write_bytes(body)
    setting = f"l2.quality.models.en={other}"
    with pytest.raises(UsageError, match=r"stages.scores.model.en was") as error:
        run(crawl_folder, str(output), setting)
    assert "scores are kept" not in error.value.remedy
    run(crawl_folder, str(output), setting, rebuild=True)
    assert sum(scored) == rows(str(output)).height
    after = scores_of(Store(str(output)))
    assert all(after[path] != mark for path, mark in before.items() if path in after)
    assert tree(str(output)) == anew(built, crawl_folder, tmp_path / "fresh", setting)


def test_the_same_model_under_another_path_changes_nothing(
    built: str, crawl_folder: Path, tmp_path: Path, scored: list[int]
) -> None:
    other = tmp_path / "moved.ftz"
    other.write_bytes(model_path("en").read_bytes())
    before = tree(built)
    run(crawl_folder, built, f"l2.quality.models.en={other}")
    assert tree(built) == before and scored == []


def test_another_window_scores_everything_again(
    built: str, crawl_folder: Path, tmp_path: Path, scored: list[int]
) -> None:
    copy(built, str(tmp_path))
    run(crawl_folder, str(tmp_path), "l2.quality.window=300", rebuild=True)
    assert sum(scored) == rows(built).height
    assert rows(str(tmp_path))["score"].to_list() != rows(built)["score"].to_list()


@pytest.mark.parametrize("share", [0.01, 0.3, 1])
def test_a_share_keeps_the_best_of_each_language_and_the_manifest_tells_the_threshold(
    built: str, crawl_folder: Path, tmp_path: Path, share: float
) -> None:
    copy(built, str(tmp_path))
    run(crawl_folder, str(tmp_path), f"l2.quality.keep_share={share}", rebuild=True)
    told, found = manifest(Store(str(tmp_path))), rows(str(tmp_path))
    for language in ("en", "zh"):
        scores = np.sort(found.filter(lang=language)["score"].to_numpy())[::-1]
        threshold = scores[int(np.ceil(share * len(scores))) - 1]
        cut = told["selection"][language]
        assert cut == {"threshold": float(threshold), "keep_share": share}
        kept = found.filter(pl.col("quality.drop").is_null(), lang=language)["score"].to_numpy()
        assert np.array_equal(np.sort(kept)[::-1], scores[scores >= threshold])
        assert told["figures"][f"scored_{language}"] == len(scores)
        assert told["figures"][f"selected_{language}"] == len(kept)


def test_buckets_by_rank_hold_equally_many_pages_of_each_language(
    built: str, crawl_folder: Path, tmp_path: Path
) -> None:
    copy(built, str(tmp_path))
    run(crawl_folder, str(tmp_path), *RANKED, rebuild=True)
    found = rows(str(tmp_path))
    for language in ("en", "zh"):
        ordered = found.filter(lang=language).sort("score")
        expected = [4 * rank // len(ordered) for rank in range(len(ordered))]
        assert abs(np.bincount(ordered["score_bucket"], minlength=4) - np.bincount(expected, minlength=4)).max() <= 1
        assert ordered["score_bucket"].is_sorted()


def test_a_share_of_a_language_without_pages_is_no_error(crawl_folder: Path, built: str, tmp_path: Path) -> None:
    copy(built, str(tmp_path))
    only = ("l2.quality.models={fr = 'bundled'}", "l2.quality.keep_share=0.5", "l2.quality.bucket_by=rank")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quality, "model_path", lambda language, path: model_path("en"))
        patch.setattr("governance.preflight.model_path", lambda language, path: model_path("en"))
        run(crawl_folder, str(tmp_path), *only, rebuild=True)
    assert set(rows(str(tmp_path))["quality.drop"]) == {"no_model"}
    assert manifest(Store(str(tmp_path)))["figures"] == {"scored_fr": 0, "selected_fr": 0}


def test_status_and_funnel_tell_what_was_selected(
    crawl_folder: Path, built: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy(built, str(tmp_path))
    ask = commands.Ask("L2", (str(crawl_folder),), str(tmp_path), None, "L0", "web", None, 0, RANKED, True)
    commands.run(ask, as_json=True)
    told = json.loads(capsys.readouterr().out)["selection"]
    assert told["en"]["keep_share"] == 0.4 and told["en"]["selected"] <= told["en"]["scored"]
    commands.status(str(tmp_path), as_json=False)
    assert "for a share of 0.4" in capsys.readouterr().out


def test_a_row_that_breaks_the_classifier_is_quarantined_and_the_ledger_balances(
    crawl_folder: Path, built: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(built, str(tmp_path))
    really, marker = quality.score, pl.read_parquet(f"{built}/L2/web/data/en/*.parquet")["content"][0]

    def score(classifier: Any, texts: Any, **options: Any) -> np.ndarray:
        if marker in texts:
            raise RuntimeError("it broke")
        return really(classifier, texts, **options)

    monkeypatch.setattr(quality, "score", score)
    run(crawl_folder, str(tmp_path), "l2.quality.window=10000000", rebuild=True)
    (broken,) = rows(str(tmp_path)).filter(fate="quarantined").to_dicts()
    assert broken["error"] == "scores: NotScoredError: RuntimeError: it broke"
    assert broken["score"] is None
    ledger = load(manifest(Store(str(tmp_path)))["ledger"])
    assert faults(ledger) == []
    assert [account.quarantined.rows for account in ledger] == [0, 1, 0, 0]


def test_scores_that_are_damaged_or_lost_are_made_again(
    crawl_folder: Path, built: str, corpus: Store, scored: list[int], tmp_path: Path
) -> None:
    damaged, lost, record = (
        sorted(path for path in scores_of(corpus) if kind in path)[which]
        for kind, which in (("/scores/part-00000-", 0), ("/scores/part-00002-", 0), ("_shards/scores/", 1))
    )
    body = corpus.get(damaged)
    corpus.put(damaged, body[:-1] + bytes([body[-1] ^ 1]))
    corpus.delete([lost])
    corpus.put(record, b"{}")
    told = "\n".join(audit(corpus, Progress("silent"))["faults"])
    assert f"{damaged} is damaged" in told and f"{lost} is missing" in told and f"{record} is not what" in told
    run(crawl_folder, corpus.url, STRICT, rebuild=True)
    assert sum(scored) == rows(built).height
    assert tree(corpus.url) == anew(built, crawl_folder, tmp_path / "fresh", STRICT)


def test_verify_names_scores_of_another_model_and_a_selection_that_the_scores_do_not_tell(corpus: Store) -> None:
    record = "L2/web/_shards/scores/part-00000.json"
    edit_json(corpus, record, lambda body: body.update(fingerprint="0" * 64))
    edit_json(corpus, "L2/web/manifest.json", lambda body: body["selection"]["en"].update(threshold=0.9999))
    told = "\n".join(audit(corpus, Progress("silent"))["faults"])
    assert f"{record} was written under another plan" in told
    assert "manifest.json says selected_en" in told


def test_a_killed_selection_goes_on_without_scoring_and_ends_in_the_bytes_of_a_fresh_build(
    crawl_folder: Path, built: str, store_url: str, tmp_path: Path
) -> None:
    changed = (*RANKED, "rebuild")
    expected = anew(built, crawl_folder, tmp_path / "fresh", *RANKED)
    copy(built, f"{store_url}/undisturbed")
    code, writes = child(crawl_folder, f"{store_url}/undisturbed", "L2", changed)
    assert code == 0 and tree(f"{store_url}/undisturbed") == expected
    assert writes > 15
    for number in sorted({writes, *range(1, writes + 1, 6 if store_url.startswith("s3://") else 3)}):
        store = Store(f"{store_url}/killed-{number}")
        copy(built, store.url)
        before = scores_of(store)
        assert child(crawl_folder, store.url, "L2", changed, kill_before=number)[0] == -signal.SIGKILL
        assert child(crawl_folder, store.url, "L2", changed)[0] == 0
        assert tree(store.url) == expected, f"killed before write {number}"
        assert scores_of(store) == before


def test_a_killed_selection_can_go_back_to_the_old_settings(crawl_folder: Path, built: str, tmp_path: Path) -> None:
    for number in (2, 3, 5, 6, 8):
        output = str(tmp_path / f"killed-{number}")
        copy(built, output)
        assert child(crawl_folder, output, "L2", (*RANKED, "rebuild"), kill_before=number)[0] == -signal.SIGKILL
        assert child(crawl_folder, output, "L2", ("rebuild",))[0] == 0
        assert tree(output) == tree(built), f"killed before write {number}"
