"""What is asked for a task, and how answers are read: a conversation of pure functions.

    requests = ask(task, talk)               the first questions of a task
    read(task, answers, talk)                the finished task, or the questions that are still to be answered

Nothing here runs an engine, and verdicts are remembered for speed alone: ``answers`` holds every answer to the task so
far, by request key, so the same functions serve a first run and one that continues from stored answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stages import editing
from stages.decontaminate import screen
from stages.entailment import judge_entailment
from stages.notes import EDIT, JUDGE, WRITE, note
from stages.round_trip import WITH, WITHOUT, judge_round_trip
from stages.synthesize import CHARS_PER_HAN, Conversation, Task, digest, plan_exercise, plan_writing
from stages.verify import Verdict
from synth.engines import Answer, Request
from synth.parsed import Parsed, ParseError
from synth.parsers import parse
from synth.passages import Span, surroundings
from synth.prompt_files import Prompt

VERSION = 1  # bump if what is asked, or judged of the same answers, changes for the same settings


@dataclass(frozen=True)
class Finished:
    """The outcome of a task: an annotation for each item of each request, and the tasks that it makes possible."""

    annotations: list[dict[str, Any]]
    follow: tuple[Task, ...] = ()


@dataclass
class _Reading:
    """One task being read: what was judged, and what is still to be asked."""

    task: Task
    answers: Mapping[str, Answer]
    talk: Conversation
    missing: list[Request] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    judged: list[tuple[str, str]] = field(default_factory=list)  # keys of talk.judged

    def answer(self, asked: Request) -> Answer | None:
        """The answer to a request; one that is not there is noted as missing."""
        if asked.key not in self.answers:
            self.missing.append(asked)
        return self.answers.get(asked.key)

    def note(self, asked: Request, answer: Answer | None, verdict: Verdict | None, item: int = 0) -> None:
        self.notes.append(note(self.task, asked, answer, verdict, item, self.talk))


def ask(task: Task, talk: Conversation) -> list[Request]:
    """The first request for every target; none when the model does not write the language."""
    return [] if is_skipped(task, talk) else [request(task, target, 0, talk) for target in task.targets]


def is_skipped(task: Task, talk: Conversation) -> bool:
    """Whether the model is not trusted with the task's language: then nothing is asked, and nothing is filled in."""
    return task.prompt.language not in talk.languages


def request(task: Task, target: Span, attempt: int, talk: Conversation) -> Request:
    """One request to write; its key depends on everything that its answer depends on, and on nothing else."""
    sampling = dict(task.prompt.sampling)
    if attempt:
        warmer = sampling.get("temperature", 1.0) + attempt * talk.cfg.retry_temperature_step
        sampling["temperature"] = round(warmer, 3)
    text = task.row["content"]
    values: dict[str, Any] = {"passage": text[slice(*target)], "context": task.passage_text, **task.values}
    role = WRITE
    if task.prompt.task == EDIT:
        values, role = {"lines": editing.shown_lines(text, target)}, EDIT
    return _request(task, task.prompt, target, attempt, values, sampling, role, talk)


def _request(
    task: Task, prompt: Prompt, target: Span, attempt: int, values: Mapping[str, Any], sampling: dict[str, Any],
    role: str, talk: Conversation, of: str = "",
) -> Request:  # fmt: skip
    """A request with its key. Args: of, which output a second reading is about."""
    messages = prompt.render(title=task.row.get("title") or "", **values)
    if prompt.answer_schema is not None:
        sampling["schema"] = prompt.answer_schema
    # The document and its offsets too: equal passages of two documents must not share a key while in flight.
    key = digest(
        task.row["uid"], talk.revision, prompt.sha256, digest(task.passage_text), list(target), dict(task.values),
        json.dumps(sampling, sort_keys=True), attempt, role, digest(list(messages)), of,
    )  # fmt: skip
    meta = {"uid": task.row["uid"], "task": task.prompt.task, "target": target, "attempt": attempt, "role": role}
    meta |= {"prompt_id": prompt.id, "prompt_sha256": prompt.sha256, "of": of}
    affinity = f"{task.row['uid']}.{task.passage[0]}"
    return Request(key[:32], messages, sampling, meta, affinity)


def read(task: Task, answers: Mapping[str, Answer], talk: Conversation) -> Finished | list[Request]:
    """Judge what came back.

    Args: answers so far, by request key; those of other tasks are ignored.
    Returns: the finished task; or the requests without an answer yet, among them second readings of what passed the
        checks, and a further attempt for each rejected output while the retry budget lasts. Some of these may already
        be in flight: their keys tell.
    """
    reading = _Reading(task, answers, talk)
    if is_skipped(task, talk):
        for target in task.targets:
            reading.note(request(task, target, 0, talk), None, None)
        return Finished(reading.notes)
    for target in task.targets:
        for attempt in range(talk.cfg.retries + 1):
            if _read_attempt(reading, request(task, target, attempt, talk)):
                break
    if reading.missing:
        return reading.missing
    for key in reading.judged:
        talk.judged.pop(key, None)
    return Finished(reading.notes, tuple(_follow(reading)))


def _read_attempt(reading: _Reading, asked: Request) -> bool:
    """Read one request with its second readings. Returns: whether its target is done, or has to wait."""
    answer = reading.answer(asked)
    if answer is None:
        return True
    if answer.error is not None:
        reading.note(asked, answer, None)
        return True  # it has been tried again by its engine already
    kept = False
    for item, verdict in enumerate(_judge(reading, asked, answer)):
        second = _second_readings(reading, asked, verdict, item)
        failed = next((one for one in second.values() if one is not None and one.error is not None), None)
        if failed is not None:  # what could not be read again is neither kept nor rejected
            reading.note(asked, replace(answer, error=f"{failed.error} (second reading)"), verdict, item)
            continue
        if None not in second.values():
            read_again = {role: one for role, one in second.items() if one is not None}
            verdict = _judge_again(reading.task, verdict, read_again, reading.talk)
            kept |= verdict.drop is None
            reading.note(asked, answer, verdict, item)
    return kept or bool(reading.missing)


def _judge(reading: _Reading, asked: Request, answer: Answer) -> list[Verdict]:
    """A verdict on every item of an output; remembered while second readings of the task are waited for."""
    known, key = reading.talk.judged, (asked.key, answer.text)
    if key not in known:
        judge = _judge_edit if asked.meta["role"] == EDIT else _judge_writing
        known[key] = judge(reading.task, asked, answer, reading.talk)
    reading.judged.append(key)
    return known[key]


def _judge_writing(task: Task, asked: Request, answer: Answer, talk: Conversation) -> list[Verdict]:
    # Against what the model was shown, not the whole passage: less text can lend its words to a wrong sentence.
    shown = task.row["content"][slice(*asked.meta["target"])]
    verdicts = talk.checker.verify(
        task.prompt.task, task.prompt.language, task.prompt.parser, shown, answer.text,
        title=task.row.get("title") or "", finish_reason=answer.finish_reason, free=task.prompt.scale == "large",
    )  # fmt: skip
    screened = [_screened(verdict, talk) for verdict in verdicts]
    return [
        judge_entailment(task.prompt.task, verdict, shown, talk.entailment, talk.cfg.entailment) for verdict in screened
    ]


def _screened(verdict: Verdict, talk: Conversation) -> Verdict:
    """The verdict on what was written after it was compared with the question sets."""
    parsed = verdict.parsed
    written = parsed.text if parsed.question is None else f"{parsed.question}\n{parsed.answer}"
    found = screen(written, talk.decontaminate, talk.questions)
    return replace(verdict, figures=verdict.figures | found, drop=verdict.drop or found["decontaminate.drop"])


def _judge_edit(task: Task, asked: Request, answer: Answer, talk: Conversation) -> list[Verdict]:
    """Whether a program can be executed; one that cannot changes nothing."""
    drop = editing.check_program(answer.text, task.row["content"], asked.meta["target"])
    return [Verdict(Parsed(answer.text), {"format.error": drop, "format.finish": answer.finish_reason}, drop)]


def second_readings(task: Task, talk: Conversation) -> dict[str, Prompt]:
    """The prompts of what is asked about an item of a task that passed the checks, by role."""
    roles = []
    if task.prompt.task == "qa" and talk.cfg.round_trip.enabled:
        roles += [WITH, *([WITHOUT] if talk.cfg.round_trip.needs_passage else ())]
    if talk.cfg.judge and task.prompt.task != EDIT:
        roles.append(JUDGE)
    return {role: talk.prompts[task.prompt.language, role] for role in roles}


def _second_readings(reading: _Reading, asked: Request, verdict: Verdict, item: int) -> dict[str, Answer | None]:
    """The answers of the second readings of an item, None for one that is still to be asked; none of a rejected one."""
    if verdict.drop is not None:
        return {}
    task, found = reading.task, {}
    shown = task.row["content"][slice(*asked.meta["target"])]
    parsed = verdict.parsed
    most = reading.talk.cfg.round_trip.context_chars // (CHARS_PER_HAN if task.prompt.language == "zh" else 1)
    context = surroundings(task.row["content"], task.passage, asked.meta["target"], most)
    values = {"passage": shown, "context": task.row["content"][slice(*context)], "question": parsed.question or ""}
    values["answer"] = parsed.answer or parsed.text
    for role, prompt in second_readings(task, reading.talk).items():
        of = f"{asked.key}.{item}"
        once_more = _request(
            task, prompt, asked.meta["target"], asked.meta["attempt"], values, dict(prompt.sampling), role,
            reading.talk, of,
        )  # fmt: skip
        found[role] = reading.answer(once_more)
        if found[role] is not None:
            reading.note(once_more, found[role], None)
    return found


def _judge_again(task: Task, verdict: Verdict, second: Mapping[str, Answer], talk: Conversation) -> Verdict:
    """The verdict after the round trip and the judge."""
    figures, parsed = dict(verdict.figures), verdict.parsed
    if WITH in second:
        texts = [_answer_text(task, role, second, talk) for role in (WITH, WITHOUT)]
        told = (parsed.answer or "", texts[0] or "", texts[1], parsed.question or "")
        figures |= judge_round_trip(*told, task.prompt.language, talk.cfg.round_trip)
    if JUDGE in second:
        supported = _supported(talk.prompts[task.prompt.language, JUDGE], second[JUDGE].text)
        drop = {True: None, False: "judged_unsupported", None: "no_verdict"}[supported]
        figures |= {"judge.supported": supported, "judge.drop": drop}
    drop = verdict.drop or figures.get("round_trip.drop") or figures.get("judge.drop")
    return replace(verdict, figures=figures, drop=drop)


def _answer_text(task: Task, role: str, second: Mapping[str, Answer], talk: Conversation) -> str | None:
    """What a second reading answers: nothing where it has not the form asked for; None where it was not asked."""
    if role not in second:
        return None
    try:
        (parsed, *_) = parse(talk.prompts[task.prompt.language, role].parser, second[role].text)
    except ParseError:
        return ""
    return parsed.answer or parsed.text


def _supported(prompt: Prompt, text: str) -> bool | None:
    """The judge's verdict; None where it gave none, which keeps nothing."""
    try:
        (parsed, *_) = parse(prompt.parser, text)
    except ParseError:
        return None
    return parsed.supported


def _follow(reading: _Reading) -> list[Task]:
    """What a finished task makes possible: writing from an edited document, exercises on knowledge points."""
    task, talk = reading.task, reading.talk
    kept = [one for one in reading.notes if one["outcome"] == "kept" and one["role"] in (WRITE, EDIT)]
    if task.prompt.task == EDIT:
        programs = [((one["target_start"], one["target_end"]), one["output"]) for one in kept]
        content = editing.edited_content(task.row["content"], programs)
        return plan_writing({**task.row, "content": content, "edited": content != task.row["content"]}, talk)
    if task.prompt.task == "knowledge":
        # A point that a model lists twice is one: two equal tasks would share their keys.
        points = dict.fromkeys(one["text"] for one in kept)
        planned = [plan_exercise(task, point, number, talk) for number, point in enumerate(points)]
        return [one for one in planned if one is not None]
    return []
