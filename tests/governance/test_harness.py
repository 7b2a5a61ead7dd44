"""lm-evaluation-harness on our models, and our own scoring against it, question by question set.

The comparison runs where lm-eval is installed (``pip install lm-eval accelerate``); it brings some twenty packages, so
the tests do without. Nothing is fetched: its tasks are files written here, over rows of the question sets.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annealing.documents import Document
from annealing.errors import TrainerError
from annealing.evaluate import Texts, on_questions, on_texts
from annealing.questions import Question, QuestionSet, open_questions
from annealing.scoring import Item, Scorer
from annealing.tokens import open_tokenizer
from governance import harness
from governance.errors import UsageError
from tests.tiny_models import one_thread, save_tiny_model

NAMES = ("arc_easy", "boolq", "gaokao-geography", "lambada_openai", "logiqa-zh", "piqa", "winogrande")
LENGTH = 200  # tokens of a row, so that some contexts are cut
installed = pytest.mark.skipif(find_spec("lm_eval") is None, reason="lm-eval is not installed")


def test_where_it_is_not_installed_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(UsageError, match="--tasks needs lm-evaluation-harness") as caught:
        harness.run("model", ["piqa"], None)
    assert "pip install lm-eval" in caught.value.remedy and "--questions" in caught.value.remedy


def test_its_figures_become_rows_with_an_interval_where_it_gives_an_error() -> None:
    figures = {
        "alias": "piqa", "name": "piqa", "sample_len": 40, "sample_count": {"acc": 40}, "acc,none": 0.5,
        "acc_stderr,none": 0.1, "bits_per_byte,none": 2.0, "bits_per_byte_stderr,none": "N/A",
    }  # fmt: skip
    accuracy, bits = harness._rows("piqa", figures)
    assert accuracy == {"name": "piqa", "metric": "acc", "value": 0.5, "low": 0.5 - 0.196, "high": 0.5 + 0.196}
    assert bits == {"name": "piqa", "metric": "bits_per_byte", "value": 2.0, "low": None, "high": None}


@pytest.fixture(scope="module")
def asked(shared_data: Path) -> list[QuestionSet]:
    return [one for name in NAMES for one in open_questions(shared_data / "evalsets" / f"{name}.jsonl", 24)]


@pytest.fixture(scope="module")
def model(asked: list[QuestionSet], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    texts = [question.contexts[0] + question.choices[0] for one in asked for question in one.questions]
    with one_thread():
        yield save_tiny_model(tmp_path_factory.mktemp("judged"), texts, 1500)


@pytest.fixture(scope="module")
def sets(asked: list[QuestionSet], model: Path) -> list[QuestionSet]:
    """The questions whose tokens end where the context does.

    Of the others lm-eval does not score the token that reaches over, and fails where nothing else is left.
    """
    core = open_tokenizer(model).core

    def clean(question: Question) -> bool:
        pairs = zip(question.contexts, question.choices, strict=True)
        ids = [(core.encode(context).ids, core.encode(context + choice).ids) for context, choice in pairs]
        return all(whole[: len(part)] == part for part, whole in ids)

    found = [replace(one, questions=tuple(filter(clean, one.questions))) for one in asked]
    assert all(len(one.questions) >= 12 for one in found)
    return found


def test_a_model_is_shown_to_it_as_it_was_trained(model: Path) -> None:
    how = harness._model(model, "cpu", None)
    assert how == {"pretrained": str(model), "dtype": "float32", "max_length": 512, "add_bos_token": True}
    assert harness._model(model, "cuda", 64) == {**how, "dtype": "bfloat16", "max_length": 64}


TASK = """
task: own_{name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{rows}"}}}}
test_split: test
target_delimiter: ""
output_type: {kind}
doc_to_text: {text}
doc_to_target: "{target}"
{choice}
metric_list: [{metrics}]
"""
MEAN = "{{metric: {0}, aggregation: mean, higher_is_better: true}}"
LIKELIHOOD = "{metric: perplexity, aggregation: perplexity, higher_is_better: false}"


def write_task(folder: Path, name: str, rows: list[dict[str, Any]], **fields: str) -> None:
    """A task file of lm-eval over rows of its own."""
    place = folder / f"{name}.jsonl"
    place.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    fields = {"text": '""', "choice": "", **fields}
    (folder / f"{name}.yaml").write_text(TASK.format(name=name, rows=place, **fields), encoding="utf-8")


def write_questions(folder: Path, one: QuestionSet) -> None:
    """A question set as a task of the very same contexts and continuations."""
    rows = [
        {"ctx": question.contexts[0], "contexts": question.contexts, "choices": question.choices, "gold": question.gold,
         "right": question.choices[question.gold]}
        for question in one.questions
    ]  # fmt: skip
    by_choice = ", ".join(MEAN.format(metric) for metric in ("acc", "acc_bytes"))
    if one.kind == "word":
        kind = {
            "kind": "loglikelihood",
            "text": "ctx",
            "target": "right",
            "metrics": f"{MEAN.format('acc')}, {LIKELIHOOD}",
        }
    elif len(set(one.questions[0].contexts)) > 1:
        kind = {"kind": "multiple_choice", "text": "gold", "target": "right", "choice": "doc_to_choice: contexts",
                "metrics": MEAN.format("acc")}  # fmt: skip
    else:
        kind = {"kind": "multiple_choice", "text": "ctx", "target": "gold", "choice": "doc_to_choice: choices",
                "metrics": by_choice}  # fmt: skip
    write_task(folder, one.name, rows, **kind)


@pytest.fixture(scope="module")
def texts(sets: list[QuestionSet], model: Path) -> Texts:
    """Contexts of both languages that fit into a row."""
    tokenizer = Scorer(model, "cpu").tokenizer
    found = [question.contexts[0] for one in sets for question in one.questions]
    short = [text for text in found if len(tokenizer.plain([text])[0]) < LENGTH]
    return Texts("own", "other", tuple(Document(None, text, None) for text in short[::4]))


@pytest.fixture(scope="module")
def figures(
    model: Path, sets: list[QuestionSet], texts: Texts, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], dict[str, Any]]:
    """What lm-eval finds, by task and metric."""
    import datasets

    folder = tmp_path_factory.mktemp("tasks")
    for one in sets:
        write_questions(folder, one)
    metrics = "{metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false}"
    rows = [{"text": document.text} for document in texts.documents]
    write_task(folder, "texts", rows, kind="loglikelihood_rolling", target="{{text}}", metrics=metrics)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
        names = [f"own_{name}" for name in (*NAMES, "texts")]
        return {(row["name"], row["metric"]): row for row in harness.run(str(model), names, None, str(folder), LENGTH)}


@installed
def test_our_accuracy_is_that_of_lm_eval_on_the_same_questions(
    model: Path, sets: list[QuestionSet], figures: dict[tuple[str, str], dict[str, Any]]
) -> None:
    scorer = Scorer(model, "cpu")
    for one in sets:
        several = len(set(one.questions[0].contexts)) > 1  # one continuation: its bytes decide nothing
        metric = "acc_bytes" if one.by_byte and not several else "acc"
        ours, theirs = on_questions(scorer, one, LENGTH)[0], figures[f"own_{one.name}", metric]
        assert (ours.value, len(ours.keys)) == (pytest.approx(theirs["value"]), theirs["items"]), one.name
    assert all(0 < row["value"] < 1 for (_, metric), row in figures.items() if metric == "acc_bytes")


@installed
def test_our_likelihoods_are_those_of_lm_eval(
    model: Path, sets: list[QuestionSet], texts: Texts, figures: dict[tuple[str, str], dict[str, Any]]
) -> None:
    scorer = Scorer(model, "cpu")
    [words] = [one for one in sets if one.kind == "word"]
    nats = on_questions(scorer, words, LENGTH)[1].found * math.log(2)
    assert np.mean(nats) == pytest.approx(math.log(figures["own_lambada_openai", "perplexity"]["value"]), abs=1e-4)


@installed
def test_our_bits_per_byte_are_those_of_lm_eval_but_for_the_token_that_begins_a_text(
    model: Path, texts: Texts, figures: dict[tuple[str, str], dict[str, Any]]
) -> None:
    scorer = Scorer(model, "cpu")
    group = on_texts(scorer, texts, LENGTH)
    ids = scorer.tokenizer.plain([document.text for document in texts.documents])
    # Of a whole text lm-eval puts the beginning before the beginning, and scores the second of them too.
    nats = scorer.score([Item(np.array([scorer.first, scorer.first, *one]), 1) for one in ids]).nats
    theirs = figures["own_texts", "bits_per_byte"]["value"]
    assert nats.sum() / math.log(2) / group.size.sum() == pytest.approx(theirs, abs=1e-4)
    assert 0 < theirs - group.value < 0.02 * theirs


@installed
def test_a_task_it_does_not_know_and_data_that_is_not_there_are_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="knows no task 'no_such_task'"):
        harness.run(str(model), ["no_such_task"], None)
    write_task(tmp_path, "lost", [{"text": "a"}], kind="loglikelihood_rolling", target="{{text}}",
               metrics="{metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false}")  # fmt: skip
    (tmp_path / "lost.jsonl").unlink()
    with pytest.raises(UsageError, match="cannot load own_lost"):
        harness.run(str(model), ["own_lost"], None, str(tmp_path))


@installed
def test_its_own_words_do_not_reach_the_standard_output(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = f"{MEAN.format('acc')}, {LIKELIHOOD}"
    rows = [{"ctx": "the river", "right": f" is {number}"} for number in range(5)]
    write_task(tmp_path, "few", rows, kind="loglikelihood", text="ctx", target="right", metrics=metrics)
    found = harness.run(str(model), ["own_few"], 3, str(tmp_path))
    assert {row["items"] for row in found} == {3} and capsys.readouterr().out == ""


@installed
def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainerError):
        harness.run(str(tmp_path), ["piqa"], None)
