"""L3: what is written from a document of L2, and how its passages are cut.

    talk = open_conversation(cfg, model, revision, languages, corpus_languages)
    tasks = plan_row(row, talk)              what to write from one document

The talk itself, what is asked and how answers are read, is in ``stages.conversation``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from stages.contract import Config
from stages.decontaminate import DecontaminateConfig, load_questions
from stages.entailment import EntailmentConfig
from stages.question_index import Questions
from stages.round_trip import RoundTripConfig
from stages.verify import Checker, Verdict, open_checker
from synth.checks import ChecksConfig
from synth.entailment import Entailment, load_entailment
from synth.mathematics import MathematicsConfig, is_mathematical
from synth.passages import Span, cut_passages, cut_sentences, cut_targets, opens_with_subject, overlapped
from synth.prompt_files import Prompt, PromptError, load_prompts

TASKS = ("qa", "encyclopedia", "textbook", "blog", "abstract")
MATH_TASKS = ("dialogue", "knowledge", "exercise")
DIALOGUE_SETTINGS = (
    "two_professors", "teacher_student", "two_students", "interview", "problem_solving", "layman_expert", "debate",
)  # fmt: skip
SKIPPED = "language_not_written_by_model"
# A Chinese character says about as much as three Latin letters, so Chinese texts are cut a third as long.
CHARS_PER_HAN = 3


class QuestionsConfig(Config):
    """What a prompt that asks for several pairs at once is told to write."""

    pairs: int = Field(default=5, ge=1)  # at most, of one passage
    kinds: tuple[Literal["concept", "fact", "logic"], ...] = ("concept", "fact", "logic")
    level: Literal["any", "primary", "secondary", "college", "expert"] = "any"  # of the reader


class EditConfig(Config):
    """Editing before writing: a model predicts a program over the lines of a document, which is then executed."""

    enabled: bool = False
    window_chars: int = Field(default=12_000, ge=1000)  # of a document shown at once, whole lines


class SynthesizeConfig(Config):
    """What is written from a document, and how its passages are cut. Lengths in characters; a third in Chinese."""

    tasks: tuple[str, ...] = TASKS
    # Of documents marked as mathematical, beside the others. Asked of models that follow instructions only: of the
    # small bundled one's exercises none is sound.
    math_tasks: tuple[str, ...] = MATH_TASKS
    mathematics: MathematicsConfig = MathematicsConfig()
    dialogue_settings: tuple[str, ...] = DIALOGUE_SETTINGS  # each passage gets one of them
    difficulties: tuple[str, ...] = ("easy", "medium", "hard")  # each knowledge point gets one of them
    questions: QuestionsConfig = QuestionsConfig()
    prompt_folder: str | None = None  # a user's own prompt files, looked at before the bundled ones
    # Which prompts: "small" ones show worked examples and ask one thing about one paragraph, "large" ones instruct.
    # None: small for a model known to be small, such as the bundled one, else large.
    scale: Literal["small", "large"] | None = None
    min_passage_chars: int = 200
    max_passage_chars: int = 1200
    max_passages: int = Field(default=30, ge=0)  # of a document, from its start
    min_prose_chars: int = 60  # a shorter paragraph is a heading or a list item
    min_prose_ratio: float = 0.9  # of a passage's characters, those in running text
    # Where the prompt works on spans of a passage, one by one: how many are asked about, and how many are rewritten.
    max_questions: int = Field(default=3, ge=1)
    max_rewrites: int = Field(default=6, ge=1)
    min_target_chars: int = 120
    # A sentence or two: of more the small model takes words of one into another.
    max_target_chars: int = 220
    # Where a prompt is shown one sentence, which is the answer, and writes its question.
    min_sentence_chars: int = 60
    max_sentence_chars: int = 260
    # Further requests after a rejected answer. A second try passes about half as often as the first (4 of 100 against
    # 7, bundled model and crawl), so the same time is better spent on another passage.
    retries: int = Field(default=0, ge=0)
    retry_temperature_step: float = 0.2  # added for each retry, or a cool model writes the same again
    # Of the data set, in the published layout: a folder name and a configuration name.
    name: str = Field(default="ultrafineweb", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    edit: EditConfig = EditConfig()
    round_trip: RoundTripConfig = RoundTripConfig()
    entailment: EntailmentConfig = EntailmentConfig()
    judge: bool = False  # ask a model about each output that passed everything else
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

    @cached_property
    def checker(self) -> Checker:
        """What judges outputs; loaded with the first of them."""
        return open_checker(self.cfg.checks)

    @cached_property
    def judged(self) -> dict[tuple[str, str], list[Verdict]]:
        """Verdicts on outputs whose second readings are waited for, by request key and output."""
        return {}

    @cached_property
    def entailment(self) -> Entailment | None:
        """The model of inference, where one is configured; loaded with the first output that passed the checks."""
        cfg = self.cfg.entailment
        return load_entailment(cfg.model, cfg.revision) if cfg.model else None


@dataclass(frozen=True)
class Task:
    """One thing to write: from one passage of one document, by one prompt."""

    row: Mapping[str, Any]  # the L2 row: uid, content, lang, score, source, url, title; edited, if it was
    prompt: Prompt
    passage: Span
    targets: tuple[Span, ...]  # what is shown to the model, one request each: the passage, or spans of it
    values: Mapping[str, Any] = field(default_factory=dict)  # what else the prompt's templates are told

    @property
    def passage_text(self) -> str:
        return self.row["content"][slice(*self.passage)]


def open_conversation(
    cfg: SynthesizeConfig,
    model: str,
    revision: str,
    languages: tuple[str, ...],
    corpus_languages: Sequence[str],
    scale: Literal["small", "large"] = "small",
) -> Conversation:
    """Load the prompts of every language of the corpus.

    Args: scale of the prompts where the configuration names none.
    Errors: PromptError for a task without a prompt.
    """
    from pathlib import Path

    folder = Path(cfg.prompt_folder) if cfg.prompt_folder else None
    wanted = cfg.scale or scale
    tasks = (*cfg.tasks, *(cfg.math_tasks if wanted == "large" else ()), *_helpers(cfg))
    prompts = {
        (language, task): prompt
        for language in corpus_languages
        for task, prompt in load_prompts(language, tasks, folder, wanted).items()
    }
    unknown = set(cfg.dialogue_settings) - set(DIALOGUE_SETTINGS)
    if unknown:
        raise PromptError(f"no dialogue setting {sorted(unknown)[0]!r}; known: {', '.join(DIALOGUE_SETTINGS)}")
    return Conversation(cfg, prompts, model, revision, languages)


def _helpers(cfg: SynthesizeConfig) -> tuple[str, ...]:
    """Tasks whose answers become no row: edits, second readings and judgements."""
    return (
        *(("edit",) if cfg.edit.enabled else ()),
        *(("answer_with",) if cfg.round_trip.enabled else ()),
        *(("answer_without",) if cfg.round_trip.enabled and cfg.round_trip.needs_passage else ()),
        *(("judge",) if cfg.judge else ()),
    )


def with_questions(talk: Conversation, cfg: DecontaminateConfig) -> Conversation:
    """The same conversation with the question sets loaded. Errors: as ``load_questions``."""
    return replace(talk, decontaminate=cfg, questions=load_questions(cfg))


def plan_row(row: Mapping[str, Any], talk: Conversation) -> list[Task]:
    """What to do first with one L2 row: edit it, where that is configured, else write from it."""
    from stages.editing import plan_edit

    return plan_edit(row, talk) if talk.cfg.edit.enabled else plan_writing(row, talk)


def plan_writing(row: Mapping[str, Any], talk: Conversation) -> list[Task]:
    """What to write from one row; the tasks of a passage follow each other, so that its prefix is shared.

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
    names = [name for name in cfg.tasks if name != "exercise"]
    of_mathematics = [name for name in cfg.math_tasks if name not in (*names, "exercise")]
    of_mathematics = [name for name in of_mathematics if (row["lang"], name) in talk.prompts]
    if of_mathematics and is_mathematical(text, row["lang"], cfg.mathematics):
        names += of_mathematics
    return [
        task
        for passage in passages[: cfg.max_passages]
        for name in names
        for task in _plan_passage(row, talk.prompts[row["lang"], name], passage, cfg)
    ]


def _plan_passage(row: Mapping[str, Any], prompt: Prompt, passage: Span, cfg: SynthesizeConfig) -> list[Task]:
    """The tasks of one passage: one for all its questions, or one for each piece of it that is rewritten."""
    values = _values(row, prompt, passage, cfg)
    per = CHARS_PER_HAN if row["lang"] == "zh" else 1
    if prompt.target == "passage":
        shown = overlapped(row["content"], passage, prompt.overlap_chars // per)
        return [Task(row, prompt, shown, (shown,), values)]
    sentence = prompt.target == "sentence"
    fewest, most = (
        (cfg.min_sentence_chars, cfg.max_sentence_chars) if sentence else (cfg.min_target_chars, cfg.max_target_chars)
    )
    targets = (cut_sentences if sentence else cut_targets)(row["content"], passage, fewest // per, most // per)
    if prompt.task == "qa":
        # What opens with its subject makes the better questions; then as they stand.
        best = sorted(targets, key=lambda target: not opens_with_subject(row["content"], target))
        asked = tuple(sorted(best[: cfg.max_questions]))
        return [Task(row, prompt, passage, asked, values)] if asked else []
    # Each style starts with another piece: of one piece the small model writes much the same in all of them.
    styles = [task for task in cfg.tasks if task != "qa"]
    start = styles.index(prompt.task) if prompt.task in styles else 0
    turned = [targets[(start + i) % len(targets)] for i in range(min(cfg.max_rewrites, len(targets)))]
    return [Task(row, prompt, target, (target,), values) for target in sorted(turned)]


def _values(row: Mapping[str, Any], prompt: Prompt, passage: Span, cfg: SynthesizeConfig) -> dict[str, Any]:
    """What a task's templates are told of the settings."""
    if prompt.task == "qa" and prompt.target == "passage":
        asked = cfg.questions
        return {"pairs": asked.pairs, "kinds": list(asked.kinds), "level": asked.level}
    if prompt.task == "dialogue":
        return {"setting": choice(cfg.dialogue_settings, row["uid"], passage)}
    return {}


def plan_exercise(task: Task, point: str, number: int, talk: Conversation) -> Task | None:
    """The exercise on one knowledge point of a passage; None where none is wanted."""
    prompt = talk.prompts.get((task.prompt.language, "exercise"))
    if prompt is None or not talk.cfg.difficulties:
        return None
    difficulty = choice(talk.cfg.difficulties, task.row["uid"], (*task.passage, number))
    return Task(task.row, prompt, task.passage, task.targets, {"point": point, "difficulty": difficulty})


def choice(options: Sequence[str], *parts: Any) -> str:
    """One of the options, the same for the same parts on every run."""
    return options[int(digest(*parts)[:8], 16) % len(options)]


def digest(*parts: Any) -> str:
    """sha256 of anything JSON can hold."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
