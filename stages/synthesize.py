"""L3: text that a model writes from passages of L2. A conversation of pure functions.

    talk = Conversation(cfg, prompts, model, revision, languages)
    tasks = plan_row(row, talk)              what to write from one document
    requests = ask(task, talk)               the first questions of a task
    read(task, answers, talk)                the finished task, or the questions that are still to be answered

Nothing here runs a model or keeps a state: ``answers`` holds every answer to the task so far, by request key, so the
same functions serve a first run and one that continues from stored answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from pydantic import Field

from stages.contract import Config
from stages.decontaminate import COLUMNS, DecontaminateConfig, load_questions, screen
from stages.question_index import Questions
from stages.verify import FIGURES, Verdict, verify
from synth.checks import ChecksConfig
from synth.engines import Answer, Request
from synth.passages import Span, cut_passages, cut_targets
from synth.prompt_files import Prompt, load_prompts

TASKS = ("qa", "encyclopedia", "textbook", "blog", "abstract")
PAIR_LABELS = {"en": ("Question: ", "Answer: "), "zh": ("问题：", "答案：")}

_PROVENANCE = {
    "parent_uid": pa.string(),
    "passage_start": pa.int64(),  # characters of the parent's content
    "passage_end": pa.int64(),
    "prompt_id": pa.string(),
    "prompt_sha256": pa.string(),
    "model": pa.string(),  # name@revision
    "sampling": pa.string(),  # JSON: of the request; of a row the list of those of its outputs
}
ROW_SCHEMA = pa.schema(
    {"uid": pa.string(), "content": pa.string(), "style": pa.string(), "lang": pa.string()}
    | {"score": pa.float64(), "source": pa.string(), "url": pa.string()}
    | _PROVENANCE
    | {"num_outputs": pa.int64()}
)
ANNOTATION_SCHEMA = pa.schema(
    {name: pa.string() for name in ("uid", "row_uid", "key", "task", "style", "lang")}
    | _PROVENANCE
    | {name: pa.int64() for name in ("target_start", "target_end", "attempt", "prompt_tokens", "output_tokens")}
    | {"output": pa.string()}
    | {field.name: field.type for field in FIGURES}
    | {name: kind for name, kind in COLUMNS.items() if name != "decontaminate.drop"}
    | {"outcome": pa.string(), "fate": pa.string()}
)


# A Chinese character says about as much as three Latin letters, so Chinese texts are cut a third as long.
CHARS_PER_HAN = 3


class SynthesizeConfig(Config):
    """What is written from a document, and how its passages are cut. Lengths in characters; a third in Chinese."""

    tasks: tuple[str, ...] = TASKS
    prompt_folder: str | None = None  # a user's own prompt files, looked at before the bundled ones
    min_passage_chars: int = 200
    max_passage_chars: int = 1200
    max_passages: int = Field(default=3, ge=0)  # of a document, from its start
    min_prose_chars: int = 60  # a shorter paragraph is a heading or a list item
    min_prose_ratio: float = 0.9  # of a passage's characters, those in running text
    # Where the prompt works on spans of a passage, one by one: how many are asked about, and how many are rewritten.
    max_questions: int = Field(default=2, ge=1)
    max_rewrites: int = Field(default=1, ge=1)
    min_target_chars: int = 120
    max_target_chars: int = 350
    # Further requests after a rejected answer. A second try passes about half as often as the first (4 of 100 against
    # 7, bundled model and crawl), so the same time is better spent on another passage.
    retries: int = Field(default=0, ge=0)
    retry_temperature_step: float = 0.2  # added for each retry, or a cool model writes the same again
    name: str = "ultrafineweb"  # of the data set, in the published layout
    checks: ChecksConfig = ChecksConfig()


@dataclass(frozen=True)
class Conversation:
    """What all tasks of a run share."""

    cfg: SynthesizeConfig
    prompts: Mapping[tuple[str, str], Prompt]  # (language, task) -> prompt
    model: str
    revision: str
    languages: tuple[str, ...]  # what the model is trusted to write
    decontaminate: DecontaminateConfig = field(default_factory=DecontaminateConfig)
    questions: Questions | None = None  # of question sets that no output may hold; None: none is configured


@dataclass(frozen=True)
class Task:
    """One thing to write: from one passage of one document, by one prompt."""

    row: Mapping[str, Any]  # the L2 row: uid, content, lang, score, source, url, title
    prompt: Prompt
    passage: Span
    targets: tuple[Span, ...]  # what is shown to the model, one request each: the passage, or spans of it

    @property
    def passage_text(self) -> str:
        return self.row["content"][slice(*self.passage)]


@dataclass(frozen=True)
class Finished:
    """The outcome of a task: one annotation for each request, and the row it makes, if anything passed."""

    annotations: list[dict[str, Any]]
    row: dict[str, Any] | None


def open_conversation(
    cfg: SynthesizeConfig, model: str, revision: str, languages: tuple[str, ...], corpus_languages: Sequence[str]
) -> Conversation:
    """Load the prompts of every language of the corpus. Errors: PromptError for a task without a prompt."""
    from pathlib import Path

    folder = Path(cfg.prompt_folder) if cfg.prompt_folder else None
    prompts = {
        (language, task): prompt
        for language in corpus_languages
        for task, prompt in load_prompts(language, cfg.tasks, folder).items()
    }
    return Conversation(cfg, prompts, model, revision, languages)


def with_questions(talk: Conversation, cfg: DecontaminateConfig) -> Conversation:
    """The same conversation with the question sets loaded. Errors: as ``load_questions``."""
    return replace(talk, decontaminate=cfg, questions=load_questions(cfg))


def plan_row(row: Mapping[str, Any], talk: Conversation) -> list[Task]:
    """What to write from one L2 row; the tasks of a passage follow each other, so that its prefix is shared.

    Args: row with uid, content, lang; score, source, url and title where there are any.
    Returns: no task for a row without a passage of running text.
    """
    cfg, text = talk.cfg, row["content"] or ""
    per = CHARS_PER_HAN if row["lang"] == "zh" else 1
    passages = cut_passages(
        text,
        cfg.min_passage_chars // per,
        cfg.max_passage_chars // per,
        cfg.min_prose_chars // per,
        cfg.min_prose_ratio,
    )
    return [
        task
        for passage in passages[: cfg.max_passages]
        for name in cfg.tasks
        for task in _plan_passage(row, talk.prompts[row["lang"], name], passage, cfg)
    ]


def _plan_passage(row: Mapping[str, Any], prompt: Prompt, passage: Span, cfg: SynthesizeConfig) -> list[Task]:
    """The tasks of one passage: one for all its questions, or one for each piece of it that is rewritten."""
    if prompt.target == "passage":
        return [Task(row, prompt, passage, (passage,))]
    per = CHARS_PER_HAN if row["lang"] == "zh" else 1
    targets = cut_targets(row["content"], passage, cfg.min_target_chars // per, cfg.max_target_chars // per)
    if prompt.task == "qa":
        return [Task(row, prompt, passage, tuple(targets[: cfg.max_questions]))] if targets else []
    return [Task(row, prompt, target, (target,)) for target in targets[: cfg.max_rewrites]]


def ask(task: Task, talk: Conversation) -> list[Request]:
    """The first request for every target; none when the model does not write the language."""
    return [] if is_skipped(task, talk) else [request(task, target, 0, talk) for target in task.targets]


def is_skipped(task: Task, talk: Conversation) -> bool:
    """Whether the model is not trusted with the task's language: then nothing is asked, and nothing is filled in."""
    return task.prompt.language not in talk.languages


def request(task: Task, target: Span, attempt: int, talk: Conversation) -> Request:
    """One request; its key depends on everything that its answer depends on, and on nothing else."""
    sampling = dict(task.prompt.sampling)
    if attempt:
        warmer = sampling.get("temperature", 1.0) + attempt * talk.cfg.retry_temperature_step
        sampling["temperature"] = round(warmer, 3)
    messages = task.prompt.render(
        passage=task.row["content"][slice(*target)], title=task.row.get("title") or "", context=task.passage_text
    )
    key = _digest(
        # The document and its offsets too: equal passages of two documents must not share a key while in flight.
        task.row["uid"], talk.revision, task.prompt.sha256, _digest(task.passage_text), list(target),
        json.dumps(sampling, sort_keys=True), attempt,
    )  # fmt: skip
    meta = {"uid": task.row["uid"], "task": task.prompt.task, "target": target, "attempt": attempt}
    return Request(key[:32], messages, sampling, meta)


def read(task: Task, answers: Mapping[str, Answer], talk: Conversation) -> Finished | list[Request]:
    """Judge what came back.

    Args: answers so far, by request key; those of other tasks are ignored.
    Returns: the finished task; or the requests without an answer yet, among them a further attempt for each rejected
        output while the retry budget lasts. Some of these may already be in flight: their keys tell.
    """
    if is_skipped(task, talk):
        asked = [request(task, target, 0, talk) for target in task.targets]
        return Finished([_annotation(task, one, None, None, talk) for one in asked], None)
    missing: list[Request] = []
    judged: list[tuple[Request, Answer, Verdict | None]] = []
    for target in task.targets:
        for attempt in range(talk.cfg.retries + 1):
            asked_for = request(task, target, attempt, talk)
            if asked_for.key not in answers:
                missing.append(asked_for)
                break
            answer = answers[asked_for.key]
            verdict = None if answer.error is not None else _judge(task, asked_for, answer, talk)
            judged.append((asked_for, answer, verdict))
            # A failed request has been tried again by its engine already.
            if verdict is None or verdict.drop is None:
                break
    return missing or _finish(task, judged, talk)


def _judge(task: Task, asked: Request, answer: Answer, talk: Conversation) -> Verdict:
    # Against what the model was shown, not the whole passage: less text can lend its words to a wrong sentence.
    shown = task.row["content"][slice(*asked.meta["target"])]
    verdict = verify(
        task.prompt.task, task.prompt.language, task.prompt.parser, shown, answer.text, talk.cfg.checks,
        title=task.row.get("title") or "", finish_reason=answer.finish_reason,
    )  # fmt: skip
    return _screened(verdict, talk)


def _screened(verdict: Verdict, talk: Conversation) -> Verdict:
    """The verdict on what was written after it was compared with the question sets: the last check."""
    parsed = verdict.parsed
    written = parsed.text if parsed.question is None else f"{parsed.question}\n{parsed.answer}"
    found = screen(written, talk.decontaminate, talk.questions)
    drop = found.pop("decontaminate.drop")
    return replace(verdict, figures=verdict.figures | found, drop=verdict.drop or drop)


def _finish(task: Task, judged: list[tuple[Request, Answer, Verdict | None]], talk: Conversation) -> Finished:
    annotations = [_annotation(task, *one, talk) for one in judged]
    kept = [(one, verdict) for one, _, verdict in judged if verdict is not None and verdict.drop is None]
    return Finished(annotations, _row(task, kept, talk) if kept else None)


def _row(task: Task, kept: list[tuple[Request, Verdict]], talk: Conversation) -> dict[str, Any]:
    """The L3 row: of a rewrite the rewrite, of question-answering the passage and then its pairs."""
    content = kept[0][1].parsed.text
    if task.prompt.task == "qa":
        question, answer = PAIR_LABELS[task.prompt.language]
        pairs = [f"{question}{one.parsed.question}\n{answer}{one.parsed.answer}" for _, one in kept]
        content = "\n\n".join([task.passage_text, *pairs])
    return {
        "uid": row_uid(task),
        "content": content,
        "style": task.prompt.style,
        "lang": task.prompt.language,
        **{name: task.row.get(name) for name in ("score", "source", "url")},
        **_provenance(task, talk),
        "sampling": json.dumps([one.sampling for one, _ in kept], sort_keys=True),
        "num_outputs": len(kept),
    }


def _annotation(
    task: Task, asked: Request, answer: Answer | None, verdict: Verdict | None, talk: Conversation
) -> dict[str, Any]:
    """Everything about one request. ``outcome`` is kept, rejected, failed or skipped; ``fate``: why, null if kept."""
    if answer is None:
        outcome, fate = "skipped", "language_not_written_by_model"
    elif verdict is None:
        outcome, fate = "failed", answer.error
    else:
        outcome, fate = ("rejected", verdict.drop) if verdict.drop else ("kept", None)
    target = asked.meta["target"]
    return {
        "uid": child_uid(task, f"{target[0]}.{asked.meta['attempt']}"),
        "row_uid": row_uid(task) if outcome == "kept" else None,
        "key": asked.key,
        "task": task.prompt.task,
        "style": task.prompt.style,
        "lang": task.prompt.language,
        **_provenance(task, talk),
        "target_start": target[0],
        "target_end": target[1],
        "sampling": json.dumps(asked.sampling, sort_keys=True),
        "attempt": asked.meta["attempt"],
        "prompt_tokens": answer.prompt_tokens if answer else 0,
        "output_tokens": answer.output_tokens if answer else 0,
        "output": answer.text if answer and answer.error is None else None,
        **(verdict.figures if verdict else {}),
        "outcome": outcome,
        "fate": fate,
    }


def _provenance(task: Task, talk: Conversation) -> dict[str, Any]:
    return {
        "parent_uid": task.row["uid"],
        "passage_start": task.passage[0],
        "passage_end": task.passage[1],
        "prompt_id": task.prompt.id,
        "prompt_sha256": task.prompt.sha256,
        "model": f"{talk.model}@{talk.revision}",
    }


def row_uid(task: Task) -> str:
    """The uid of the row that a task makes."""
    return child_uid(task, "row")


def child_uid(task: Task, sample: str) -> str:
    """A uid below the document's: its first 8 hex digits, then 24 of a hash over what tells its children apart.

    The first 8 name the shard, so a child is found where its parent is.
    """
    parent = task.row["uid"]
    return parent[:8] + _digest(parent, task.prompt.task, task.passage[0], task.prompt.sha256, sample)[:24]


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def to_tables(finished: Sequence[Finished]) -> tuple[pa.Table, pa.Table]:
    """The annotations (one per request) and the rows of finished tasks, in the order given."""
    annotations = [annotation for one in finished for annotation in one.annotations]
    rows = [one.row for one in finished if one.row is not None]
    return (
        pa.Table.from_pylist(annotations, schema=ANNOTATION_SCHEMA),
        pa.Table.from_pylist(rows, schema=ROW_SCHEMA),
    )
