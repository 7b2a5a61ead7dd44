"""The loop of rounds: what it learns from, when it stops, that it goes on after a kill, and what it refuses."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from governance import iterate_rounds
from governance.classifier_cli import app
from governance.classifier_iterate import Ask, prepared, run
from governance.errors import GovernanceError, UsageError
from governance.iterate_history import judge
from governance.progress import Progress
from governance.texts import read_texts
from tests.llm_server import Server, llm_server
from tests.weather_corpus import MENU, PROSE, TOPICS, ask, menu, prose, seed_list, weather_corpus

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weather_corpus(tmp_path_factory.mktemp("corpus"))


def history(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "history.json").read_text())


@pytest.fixture(scope="module")
def done(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop of two rounds."""
    folder = tmp_path_factory.mktemp("loop") / "out"
    run(ask(corpus, folder), as_json=True)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_round_is_measured_on_the_same_sets_and_recorded(done: Path) -> None:
    body = history(done)
    assert [record["round"] for record in body["rounds"]] == [0, 1, 2]
    for name in ("held_out", "other_sources"):
        assert len({record["metrics"][name]["documents"] for record in body["rounds"]}) == 1
    for record in body["rounds"][1:]:
        assert record["sample"]["drawn"] == sum(record["sample"]["left_out"].values()) + record["sample"]["screened"]
        assert record["added"]["a_side"] > 0
        assert 0 <= record["keep_share"]["after"] <= 1
        assert -1 <= record["agreement"]["spearman"] <= 1
    added = [record["added"]["a_side"] if record["added"] else 0 for record in body["rounds"]]
    sizes = [record["train"]["positives"] for record in body["rounds"]]
    assert [after - before for before, after in itertools.pairwise(sizes)] == added[1:]
    assert "all 2 rounds are done" in body["stopped"]


def test_the_best_round_lies_at_the_top_with_its_card(done: Path) -> None:
    from classifiers.score import load_model, score

    body = history(done)
    best = body["rounds"][body["best"]]
    assert max(r["metrics"]["held_out"]["auc"] for r in body["rounds"]) == best["metrics"]["held_out"]["auc"]
    assert (done / "model.bin").read_bytes() == (done / "rounds" / f"{body['best']:02d}" / "model.bin").read_bytes()
    high, low = score(load_model(done / "model.bin"), [prose(9_999), menu(9_999)])
    assert high > 0.5 > low
    card = json.loads((done / "model.json").read_text())
    assert (card["round"], card["sha256"]) == (body["best"], best["model"]["sha256"])
    assert "Stopped: all 2 rounds are done" in (done / "model.md").read_text()
    tested = pq.read_table(done / "model.test.parquet")
    assert len(tested) == sum(best["metrics"][name]["documents"] for name in ("held_out", "other_sources"))


def test_the_history_reads_as_a_table(done: Path) -> None:
    page = (done / "history.md").read_text()
    rows = [line for line in page.splitlines() if re.match(r"\| \d", line)]
    assert len(rows) == 3
    assert len({row.count("|") for row in rows}) == 1
    assert "`governance compare`" in page
    assert re.search(r"0\.\d{4} \(0\.\d{4} to [01]\.\d{4}\)|1\.0000", rows[0])


def test_no_site_or_near_duplicate_of_a_measured_document_is_learnt(done: Path, corpus: Path) -> None:
    loop = prepared(ask(corpus, done), Progress("silent"))
    measured = pa.concat_tables([loop.sets.held_out, loop.sets.other_sources])
    sites = set(measured["site"].to_pylist())
    texts = set(measured["content"].to_pylist()) | set(loop.sets.train["content"].to_pylist())
    seen: list[str] = []
    for number in (1, 2):
        added = pq.read_table(done / "rounds" / f"{number:02d}" / "added.parquet")
        assert not sites & set(added["site"].to_pylist())
        assert not texts & set(added["content"].to_pylist())
        seen += added["content"].to_pylist()
    assert len(seen) == len(set(seen)), "no document is learnt twice"
    left_out = [record["sample"]["left_out"] for record in history(done)["rounds"][1:]]
    assert sum(one["site_of_measured"] for one in left_out) == 10
    assert sum(one["near_known"] + one["near_measured"] for one in left_out) == 40, "all copies of seeds"


def test_what_a_round_adds_is_balanced_confident_and_spread_over_sites(done: Path) -> None:
    added = pq.read_table(done / "rounds" / "01" / "added.parquet").to_pylist()
    good = [row for row in added if row["positive"]]
    assert len(good) * 2 == len(added)
    assert all(row["score"] >= 0.6 if row["positive"] else row["score"] <= 0.4 for row in added)
    assert max(history(done)["rounds"][1]["added"]["largest_site"]) <= -(-len(good) // 10)
    assert {row["by"] for row in added} == {"model"}


def test_the_same_inputs_give_the_same_bytes(done: Path, corpus: Path, tmp_path: Path) -> None:
    run(ask(corpus, tmp_path / "again"), as_json=True)
    assert files(tmp_path / "again") == files(done)


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def killed(corpus: Path, folder: Path, patch: pytest.MonkeyPatch, what: str, when: int, **changes: Any) -> None:
    """Run a loop that dies at the ``when``-th call of a function of the loop."""
    original, calls = getattr(iterate_rounds, what), iter(range(100))

    def dies(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == when:
            raise Killed
        return original(*args, **kwargs)

    with patch.context() as inner:
        inner.setattr(iterate_rounds, what, dies)
        with pytest.raises(Killed):
            run(ask(corpus, folder, **changes), as_json=True)


@pytest.mark.parametrize(("what", "when"), [("train", 1), ("_finish", 1), ("_publish", 0)])
def test_after_a_kill_at_any_step_the_same_command_goes_on_and_ends_the_same(
    done: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, when: int
) -> None:
    killed(corpus, tmp_path / "out", monkeypatch, what, when)
    trained: list[Path] = []
    original = iterate_rounds.train
    monkeypatch.setattr(iterate_rounds, "train", lambda *args: (trained.append(args[2]), original(*args))[1])
    finished = {path.parent.name for path in (tmp_path / "out").glob("rounds/*/record.json")}
    run(ask(corpus, tmp_path / "out"), as_json=True)
    assert not finished & {path.parent.name for path in trained}, "a finished round is not done again"
    assert files(tmp_path / "out") == files(done)


def test_a_process_that_is_killed_leaves_nothing_that_stands_in_the_way(
    done: Path, corpus: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    code = (
        "import os, signal; from governance import iterate_rounds, classifier_iterate as c;"
        "iterate_rounds.screen = lambda *a: os.kill(os.getpid(), signal.SIGKILL);"
        f"c.run(c.{ask(corpus, folder)!r}, True)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True).returncode == -9
    assert (folder / "rounds" / "00" / "record.json").is_file()
    run(ask(corpus, folder), as_json=True)
    assert files(folder) == files(done)


def test_more_rounds_go_on_from_those_that_are_there(done: Path, corpus: Path, tmp_path: Path) -> None:
    run(ask(corpus, tmp_path / "out", rounds=1), as_json=True)
    run(ask(corpus, tmp_path / "out"), as_json=True)
    assert files(tmp_path / "out") == files(done)


def test_a_round_that_wins_too_little_is_the_last_and_the_best_one_is_kept(corpus: Path, tmp_path: Path) -> None:
    run(ask(corpus, tmp_path / "out", min_gain=0.9), as_json=True)
    body = history(tmp_path / "out")
    assert len(body["rounds"]) == 2
    assert "less than 0.9" in body["stopped"]


def test_the_first_of_equal_rounds_is_the_best() -> None:
    def record(number: int, auc: float) -> dict[str, Any]:
        return {"round": number, "model": {}, "metrics": {"held_out": {"auc": auc}}}

    rounds = [record(0, 0.9), record(1, 0.95), record(2, 0.95)]
    assert judge(rounds[:1], 3, 0.001).stopped is None
    assert judge(rounds[:2], 3, 0.001).stopped is None
    assert (judge(rounds[:2], 3, 0.1).stopped or "").startswith(
        "round 1 changed the held-out AUC by +0.0500, less than"
    )
    assert "hold out harder documents" in (judge([record(0, 0.9995), record(1, 1.0)], 3, 0.001).stopped or "")
    assert judge(rounds, 3, 0.001).best == 1
    assert judge(rounds, 3, -1).stopped is None
    assert judge(rounds, 2, -1).stopped == "all 2 rounds are done"
    failed = {"round": 3, "model": None, "why_not": "nothing found"}
    assert (judge([*rounds, failed], 9, -1).best, judge([*rounds, failed], 9, -1).stopped) == (1, "nothing found")


def test_a_pool_without_confident_documents_ends_the_loop_and_says_so(corpus: Path, tmp_path: Path) -> None:
    run(ask(corpus, tmp_path / "out", confident="1,0"), as_json=True)
    body = history(tmp_path / "out")
    assert "has 0 sure positives and 0 sure negatives" in body["stopped"]
    scores = list(body["rounds"][1]["scores"].values())
    assert scores == sorted(scores)
    assert body["best"] == 0
    assert "not trained" in (tmp_path / "out" / "history.md").read_text()


def test_a_pool_that_is_used_up_ends_the_loop_and_says_so(corpus: Path, tmp_path: Path) -> None:
    run(ask(corpus, tmp_path / "out", pool=(str(corpus / "exam.jsonl"),)), as_json=True)
    assert "nothing of the pool is left for round 1" in history(tmp_path / "out")["stopped"]


@pytest.fixture
def server() -> Iterator[Server]:
    """A language model that calls menus 0, the first topic 2, refuses the second, and the rest 5."""
    with llm_server() as server:
        server.write = judged
        yield server


def judged(shown: str) -> str:
    text = re.search(r"={10,}\n(.*)\n={10,}", shown, re.DOTALL)
    assert text
    if "tide" in text[1]:
        return "So so.\nScore: 2"
    if "reef" in text[1]:
        return "I'm sorry, I cannot help with that."
    return f"Clear.\nScore: {0 if '|' in text[1] else 5}"


def test_labels_of_a_language_model_go_before_the_models_own(corpus: Path, tmp_path: Path, server: Server) -> None:
    changes = {"llm_labels": 60, "endpoint": server.endpoint, "model": "echo", "rounds": 1, "confident": "0.99,0.01"}
    run(ask(corpus, tmp_path / "out", **changes), as_json=True)
    record = history(tmp_path / "out")["rounds"][1]
    assert record["llm"]["asked"] == 60 == sum(record["llm"]["outcomes"].values())
    assert record["llm"]["outcomes"]["refusal"] > 0
    assert set(record["llm"]["points"]) == {"0", "2", "5"}
    added = pq.read_table(tmp_path / "out" / "rounds" / "01" / "added.parquet").to_pylist()
    judged_ones = [row for row in added if row["by"] == "llm"]
    assert len(judged_ones) == record["added"]["by_llm"] > 0
    assert all(row["positive"] == ("|" not in row["content"]) for row in judged_ones)
    assert not any("tide" in row["content"] for row in judged_ones), "a middling score takes a document out"
    asked = sum(server.asked.values())
    (tmp_path / "out" / "rounds" / "01" / "record.json").unlink()
    run(ask(corpus, tmp_path / "out", **changes), as_json=True)
    assert sum(server.asked.values()) == asked, "nothing is asked twice"


def test_the_limits_of_the_score_can_be_set(corpus: Path, tmp_path: Path, server: Server) -> None:
    changes = {"llm_labels": 60, "endpoint": server.endpoint, "model": "echo", "rounds": 1, "confident": "1,0"}
    run(ask(corpus, tmp_path / "out", llm_limits="4.5,2", **changes), as_json=True)
    added = pq.read_table(tmp_path / "out" / "rounds" / "01" / "added.parquet").to_pylist()
    assert any("tide" in row["content"] and not row["positive"] for row in added), "2 points are negative now"


def test_static_embeddings_go_through_the_same_loop(corpus: Path, tmp_path: Path) -> None:
    import numpy as np
    from model2vec import StaticModel
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = ["[UNK]", *sorted({*PROSE, *MENU, *TOPICS, "|", "."})]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    vectors = np.random.default_rng(0).normal(size=(len(words), 8)).astype(np.float32)
    StaticModel(vectors, tokenizer).save_pretrained(tmp_path / "static")
    for name in ("good", "bad", "test_good", "test_bad"):
        (tmp_path / f"{name}.jsonl").write_bytes((corpus / f"{name}.jsonl").read_bytes())
    table = f'kind = "static"\n[model.static]\nembeddings = "{tmp_path / "static"}"\n'
    (tmp_path / "seeds.toml").write_text(re.sub(r"\[model\]\n(.*\n)+?(?=\[split\])", f"[model]\n{table}", seed_list()))
    run(ask(corpus, tmp_path / "out", rounds=1, seeds=str(tmp_path / "seeds.toml")), as_json=True)
    assert history(tmp_path / "out")["rounds"][1]["model"]["kind"] == "static"
    assert (tmp_path / "out" / "model" / "head.json").is_file()


def test_another_question_to_the_same_folder_is_refused(done: Path, corpus: Path) -> None:
    before = files(done)
    with pytest.raises(UsageError, match="another iterate"):
        run(ask(corpus, done, sample=176), as_json=True)
    with pytest.raises(UsageError, match="another pool"):
        run(ask(corpus, done, pool=(str(corpus / "pool.jsonl"),)), as_json=True)
    assert files(done) == before


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pool": ("nowhere.jsonl",)}, "nowhere.jsonl"),
        ({"confident": "0.1,0.9"}, "confident"),
        ({"confident": "high"}, "two numbers"),
        ({"llm_limits": "1,3"}, "overlap"),
        ({"site_share": 0.0}, "site_share"),
        ({"output": "s3://bucket/x"}, "cannot train"),
        ({"seeds": "none.toml"}, "none.toml"),
        ({"llm_labels": 5, "endpoint": "http://127.0.0.1:9/v1"}, "no server answers"),
        ({"llm_labels": 5, "model": "no-such-model"}, "no-such-model"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_trained(
    corpus: Path, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    values = vars(ask(corpus, tmp_path / "out")) | changes
    with pytest.raises(GovernanceError, match=problem):
        run(Ask(**values), as_json=True)
    assert not (tmp_path / "out" / "rounds").exists()


def test_a_folder_of_something_else_is_left_alone(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="something else"):
        run(ask(corpus, tmp_path), as_json=True)
    with pytest.raises(UsageError, match="is a file"):
        run(ask(corpus, tmp_path / "letter.txt"), as_json=True)


def test_the_command_prints_the_rounds_and_what_to_type_next(done: Path, corpus: Path) -> None:
    wanted = ask(corpus, done)
    words = ["iterate", wanted.seeds, "--output", wanted.output, "--rounds", "2", "--min-gain", "-1"]
    words += ["--sample", "175", "--confident", "0.6,0.4", *(word for path in wanted.pool for word in ("--pool", path))]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "round 2:" in shown.output
    assert f"governance classifier evaluate {done / 'model.bin'}" in shown.output
    assert "governance compare" in shown.output
    as_json = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(as_json.stdout)["best"] == history(done)["best"]


def test_a_pool_of_other_columns_is_read_by_their_names(corpus: Path, tmp_path: Path) -> None:
    table = next(iter(read_texts([str(corpus / "pool.jsonl")])))
    pq.write_table(table.rename_columns(["page", "host", "file"]), tmp_path / "pool.parquet")
    wanted = ask(corpus, tmp_path / "out", rounds=1, text="page", site="host", pool=(str(tmp_path / "pool.parquet"),))
    run(wanted, as_json=True)
    assert history(tmp_path / "out")["rounds"][1]["added"]["sites"] != [0, 0]
