"""``governance evaluate --rag``: is a model better with the index, and does it say what it does not find?

Every question is asked twice, with the statements that a search finds and without any. Nobody reads the answers but
rules: one is right if it says what the statement says that the question was made from (``stages.round_trip.agreement``,
the measure of L3's second readings), and supported if the evidence of the statements that it cites says it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from governance import config as settings_file
from governance.answers import AnswerLog
from governance.asking import ask_all
from governance.commands import overrides_of, readable
from governance.errors import UsageError
from governance.index import bring_up_to_date
from governance.preflight import check_engine
from governance.progress import Progress, progress_mode
from governance.rag_questions import Question, questions_of
from governance.search import Query, Searcher
from governance.synthesis import written_by
from manifests.store import Store
from stages.round_trip import agreement
from stages.statement_checks import judge_evidence
from synth.checks_form import REFUSAL
from synth.engines import Answer, EngineConfig, Request, engine_languages
from synth.models import model_scale
from synth.parsed import ParseError
from synth.parsers import parse
from synth.prompt_files import Prompt, load_prompts

WITH, WITHOUT = "cite", "answer_without"
_CITED = re.compile(r"[\[【]\s*(\d{1,2})\s*[\]】]")
_NOT_HELD = re.compile(r"not in the index|索引中没有|does not say|do not say|没有提到|没有说明", re.IGNORECASE)
_MAX_FAILURES = 0.1
_HITS = 5
_RIGHT = 0.5  # agreement from which on two answers say the same, as in L3


@dataclass(frozen=True)
class Asked:
    """A question with what the search found for it: statements, best first, as ``search --json`` tells them."""

    question: Question
    found: Sequence[dict[str, Any]]

    @property
    def context(self) -> str:
        """What the model is shown."""
        return "\n".join(f"[{number}] {one['statement']}" for number, one in enumerate(self.found, 1))


def measure(store: Store, engine: EngineConfig, limit: int, hits: int, progress: Progress) -> dict[str, Any]:
    """Ask the questions, judge the answers. Returns JSON values, with the questions and answers themselves.

    Args: limit, questions of each kind; hits, statements shown. Answers are kept nowhere else, so that a takedown need
        not look for them.
    Errors: UsageError where the store has no index, or the model writes no language of the questions.
    """
    searcher = Searcher(store)
    asked = _asked(searcher, questions_of(store, limit), engine, hits)
    prompts = {lang: load_prompts(lang, (WITH, WITHOUT), None, model_scale(engine.model)) for lang in _languages(asked)}
    requests = {
        (kind, number): _request(prompts[one.question.lang][kind], one, engine)
        for number, one in enumerate(asked)
        for kind in (WITH, WITHOUT)
    }
    with progress.stage("evaluate --rag", len(requests), unit="answers") as line:
        seen = 0

        def tell(done: int, _total: int) -> None:
            nonlocal seen
            line.advance(done - seen, 0)
            seen = done

        with TemporaryDirectory() as folder:
            log = AnswerLog(Store(folder), "answers")
            answers = ask_all(list(requests.values()), engine, _MAX_FAILURES, log, tell)
    rows = [
        _judged(one, *(_text(answers[requests[kind, number].key], prompts[one.question.lang][kind])
                       for kind in (WITH, WITHOUT)))
        for number, one in enumerate(asked)
    ]  # fmt: skip
    return {"model": written_by(engine), "hits": hits, "figures": figures(rows), "questions": rows}


def _languages(asked: Sequence[Asked]) -> list[str]:
    return sorted({one.question.lang for one in asked})


def _asked(searcher: Searcher, questions: Sequence[Question], engine: EngineConfig, hits: int) -> list[Asked]:
    languages = engine_languages(engine)
    mine = [one for one in questions if one.lang in languages]
    if not mine:
        raise UsageError(
            f"no question in a language that the model writes ({', '.join(languages)})",
            "build L4 from more documents, or name another model",
        )
    return [Asked(one, searcher.search(Query(one.text, hits))) for one in mine]


def _request(prompt: Prompt, asked: Asked, engine: EngineConfig) -> Request:
    messages = prompt.render(question=asked.question.text, context=asked.context, title="")
    told = json.dumps([written_by(engine), prompt.sha256, messages], sort_keys=True)
    return Request(hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:32], messages, prompt.sampling)


def _text(answer: Answer, prompt: Prompt) -> str:
    """What an answer says, "" where it says nothing."""
    if answer.error is not None:
        return ""
    try:
        return parse(prompt.parser, answer.text)[0].answer or ""
    except ParseError:
        return ""


def _judged(asked: Asked, with_index: str, without: str) -> dict[str, Any]:
    """One question with its two answers and what is to be said of them."""
    question = asked.question
    cited = [int(number) for number in _CITED.findall(with_index) if 1 <= int(number) <= len(asked.found)]
    said = _CITED.sub("", with_index).strip()
    declined = _declines(said, question.lang)
    documents = [evidence["evidence_uid"] for one in asked.found for evidence in one["evidence"]]
    return {
        "question": question.text, "lang": question.lang, "held": question.held, "expected": question.answer,
        "found": question.document in documents if question.held else None,
        "answer": said, "cited": [asked.found[number - 1]["uid"] for number in cited], "declined": declined,
        "right": question.held and not declined and _same(said, question),
        "supported": None if declined else bool(cited) and _supported(said, asked, cited),
        "without": without, "right_without": question.held and _same(without, question),
    }  # fmt: skip


def _declines(answer: str, language: str) -> bool:
    return not answer or _NOT_HELD.search(answer) is not None or REFUSAL[language].search(answer) is not None


def _same(answer: str, question: Question) -> bool:
    return bool(answer) and agreement(question.answer, answer, question.text, question.lang) >= _RIGHT


def _supported(answer: str, asked: Asked, cited: Sequence[int]) -> bool:
    """Whether the evidence of the cited statements says the answer."""
    texts = [evidence["text"] for number in cited for evidence in asked.found[number - 1]["evidence"]]
    titles = [evidence.get("title") or "" for number in cited for evidence in asked.found[number - 1]["evidence"]]
    row = {"statement": answer, "lang": asked.question.lang, "evidence": "\n".join(texts)}
    row |= {"context": "\n".join(texts), "title": " ".join(titles)}
    return bool(judge_evidence(pa.Table.from_pylist([row]))["entailed"][0].as_py())


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares with their intervals; None where nothing was there to count."""
    held = [row for row in rows if row["held"]]
    answered = [row for row in rows if not row["declined"]]
    return {
        "questions": len(held),
        "questions not in the index": len(rows) - len(held),
        "accuracy with the index": _share(held, lambda row: row["right"]),
        "accuracy without": _share(held, lambda row: row["right_without"]),
        "document among the hits": _share(held, lambda row: row["found"]),
        "answers that their cited evidence supports": _share(answered, lambda row: row["supported"]),
        "said to be not in the index, and is not": _share(
            [row for row in rows if not row["held"]], lambda row: row["declined"]
        ),
        "said to be not in the index, and is": _share(held, lambda row: row["declined"]),
    }


def _share(rows: Sequence[dict[str, Any]], of: Callable[[dict[str, Any]], Any]) -> dict[str, float] | None:
    if not rows:
        return None
    values = np.array([bool(of(row)) for row in rows], float)
    return {"value": round(float(values.mean()), 4), "of": len(rows)} | _interval(values)


def _interval(values: np.ndarray) -> dict[str, float]:
    """Wilson's interval of 95 %."""
    from scipy.stats import binomtest

    interval = binomtest(int(values.sum()), len(values)).proportion_ci(method="wilson")
    return {"low": round(float(interval.low), 4), "high": round(float(interval.high), 4)}


def show(body: dict[str, Any]) -> None:
    """Print the figures for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{body['model']['name']}, {body['hits']} statements shown", title_justify="left")
    for name in ("", "share", "95 % interval", "of"):
        table.add_column(name)
    for name, figure in body["figures"].items():
        if isinstance(figure, dict):
            interval = f"{figure['low']:.1%} to {figure['high']:.1%}"
            table.add_row(name, f"{figure['value']:.1%}", interval, f"{figure['of']:,}")
        else:
            table.add_row(name, "nothing to count" if figure is None else f"{figure:,}", "", "")
    Console().print(table)


def run(output: str, model: str | None, endpoints: tuple[str, ...], limit: int | None, file: str | None,
        as_json: bool) -> None:  # fmt: skip
    """The command: measure, print, and write the figures with questions and answers where asked."""
    overrides = overrides_of(model, endpoints)
    engine = settings_file.load(None, overrides).l3.engine
    check_engine(engine)
    store, progress = readable(output), Progress(progress_mode(as_json))
    bring_up_to_date(store, progress)
    body = measure(store, engine, limit or 100, _HITS, progress)
    text = json.dumps(body, ensure_ascii=False, indent=1)
    if file is not None:
        Path(file).write_text(text + "\n", encoding="utf-8")
    if as_json:
        print(text)
    else:
        show(body)
