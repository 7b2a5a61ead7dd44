"""The turns of a conversation: several items, second readings, judgements, exercises; every request has one fate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.conversation import Finished, ask, read
from stages.notes import to_table
from stages.refined_rows import make_rows
from stages.round_trip import RoundTripConfig
from stages.synthesize import Conversation, SynthesizeConfig, open_conversation, plan_row
from synth.checks import ChecksConfig
from synth.engines import Answer, Request, failed
from synth.prompt_files import parse_prompt

FIRST = (
    "The cron program of Unix was written in 1975 and runs commands at fixed times. The crontab command edits the "
    "table of a user, which has five fields."
)
SECOND = (
    "Coral reefs cover less than 1% of the sea floor. Colonies of small animals called polyps build them over many "
    "centuries, and divers visit them."
)
PAIR = "Answer: The cron program of Unix was written in 1975.\nQuestion: When was the cron program of Unix written?"
SEVERAL = (
    "Q1: When was the cron program of Unix written?\nA1: The cron program of Unix was written in 1975.\n\n"
    "Q2: When was the cron program of Unix sold?\nA2: The cron program of Unix was sold in 1999.\n\n"
    "Q3: What do coral reefs cover?\nA3: Coral reefs cover less than 1% of the sea floor."
)


def l2_row(number: int = 0) -> dict[str, Any]:
    return {
        "uid": f"0123abcd{number:024x}", "content": f"{FIRST}\n{SECOND}", "lang": "en", "score": 0.9, "source": "docs",
        "url": "u", "title": None,
    }  # fmt: skip


def header(task: str, parser: str, target: str = "passage") -> bytes:
    told = (
        f'id = "en.{task}.test"\nversion = 1\nlanguage = "en"\ntask = "{task}"\nstyle = "{task}"\nparser = "{parser}"\n'
        f'target = "{target}"\n'
    )
    return f"+++\n{told}[sampling]\ntemperature = 0.0\n+++\n### user\n".encode()


def conversation(prompts: dict[str, bytes] | None = None, **options: Any) -> Conversation:
    cfg = SynthesizeConfig(**({"tasks": ("qa",), "max_questions": 1} | options))
    talk = open_conversation(cfg, "model", "r1", ("en",), ("en",))
    pair = header("qa", "question_answer", "paragraph") + b"{{ passage }}\n"
    own = {("en", task): parse_prompt(data, task) for task, data in ({"qa": pair} | (prompts or {})).items()}
    return Conversation(cfg, {**talk.prompts, **own}, "model", "r1", ("en",))


def several(**options: Any) -> Conversation:
    own = {"qa": header("qa", "question_answers") + b"{{ passage }}\nWrite {{ pairs }} pairs.\n"}
    return conversation(own, **options)


def drive(talk: Conversation, reply: Callable[[Request], Answer], row: dict[str, Any] | None = None) -> list[Finished]:
    tasks, finished = plan_row(row or l2_row(), talk), []
    while tasks:
        task, answers = tasks.pop(0), {}
        result: Finished | list[Request] = ask(task, talk)
        while not isinstance(result, Finished):
            answers |= {one.key: reply(one) for one in result if one.key not in answers}
            result = read(task, answers, talk)
        finished.append(result)
        tasks += result.follow
    return finished


def says(asked: Request, text: str) -> Answer:
    return Answer(asked.key, text, "stop", 100, 20)


def notes_of(done: list[Finished], role: str = "write") -> list[dict[str, Any]]:
    return [note for one in done for note in one.annotations if note["role"] == role]


def by_role(**texts: str) -> Callable[[Request], Answer]:
    return lambda asked: says(asked, texts[asked.meta["role"]])


def test_each_pair_of_an_output_has_its_own_verdict_and_the_row_holds_those_that_passed() -> None:
    done = drive(several(round_trip=RoundTripConfig(enabled=False)), by_role(write=SEVERAL))
    notes = notes_of(done)
    assert [note["outcome"] for note in notes] == ["kept", "rejected", "kept"]
    assert len({note["request_uid"] for note in notes}) == 1 and [note["item"] for note in notes] == [0, 1, 2]
    assert sum(note["output_tokens"] for note in notes) == 20, "the request's tokens are counted once"
    (row,) = make_rows(to_table(notes), {l2_row()["uid"]: l2_row()}).to_pylist()
    assert row["content"].startswith(f"{FIRST}\n{SECOND}\n\nQuestion: When was the cron program of Unix written?")
    assert row["num_outputs"] == 2 and "1999" not in row["content"]


def test_the_settings_of_questions_reach_the_prompt() -> None:
    from stages.synthesize import QuestionsConfig

    (task,) = plan_row(l2_row(), several(questions=QuestionsConfig(pairs=7)))
    assert "Write 7 pairs." in ask(task, several())[0].messages[-1]["content"]


@pytest.mark.parametrize(
    ("again", "closed", "fate"),
    [
        ("Answer: In 1975.", "I do not know.", None),
        ("In 1980.", "I do not know.", "answers_differ"),
        ("The text does not say.", "In 1980.", "answers_differ"),
        ("In 1975.", "In 1975.", "passage_not_needed"),
        ("", "In 1980.", "answers_differ"),
    ],
)
def test_a_question_is_answered_again_with_and_without_its_passage(again: str, closed: str, fate: str | None) -> None:
    done = drive(conversation(), by_role(write=PAIR, answer_with=again, answer_without=closed))
    (note,) = notes_of(done)
    assert (note["fate"], note["round_trip.drop"]) == (fate, fate)
    assert len(notes_of(done, "answer_with")) == len(notes_of(done, "answer_without")) == 1
    assert notes_of(done, "answer_with")[0]["outcome"] == "kept"


def test_only_the_reading_with_the_passage_sees_it() -> None:
    shown: dict[str, str] = {}

    def reply(asked: Request) -> Answer:
        shown[asked.meta["role"]] = asked.messages[-1]["content"]
        return says(asked, PAIR if asked.meta["role"] == "write" else "In 1975.")

    drive(conversation(), reply)
    assert "five fields" in shown["answer_with"] and "five fields" not in shown["answer_without"]
    assert (
        "When was the cron program" in shown["answer_without"] and "was written in 1975" not in shown["answer_without"]
    )


def test_what_is_rejected_is_not_read_again_and_a_round_trip_can_be_left_out() -> None:
    rejected = drive(conversation(), lambda asked: says(asked, "No pair."))
    assert {note["role"] for one in rejected for note in one.annotations} == {"write"}
    off = drive(conversation(round_trip=RoundTripConfig(enabled=False)), by_role(write=PAIR))
    assert [note["outcome"] for one in off for note in one.annotations] == ["kept"]
    half = RoundTripConfig(needs_passage=False)
    done = drive(conversation(round_trip=half), by_role(write=PAIR, answer_with="In 1975."))
    assert notes_of(done)[0]["outcome"] == "kept" and notes_of(done)[0]["round_trip.without"] is None


def test_a_pair_whose_second_reading_failed_is_neither_kept_nor_rejected() -> None:
    def reply(asked: Request) -> Answer:
        return says(asked, PAIR) if asked.meta["role"] == "write" else failed(asked.key, "timeout")

    (note,) = notes_of(drive(conversation(), reply))
    assert (note["outcome"], note["fate"]) == ("failed", "timeout (second reading)")
    assert note["text"] is not None


@pytest.mark.parametrize(
    ("verdict", "fate"),
    [("It is there.\nVerdict: supported", None), ("Verdict: unsupported", "judged_unsupported"), ("Hm.", "no_verdict")],
)
def test_a_judge_has_the_last_word_where_one_is_configured(verdict: str, fate: str | None) -> None:
    own = {"judge": header("judge", "verdict") + b"{{ passage }} {{ question }} {{ answer }}\n"}
    talk = conversation(own, round_trip=RoundTripConfig(enabled=False), judge=False)
    talk = Conversation(talk.cfg.model_copy(update={"judge": True}), talk.prompts, "model", "r1", ("en",))
    (note,) = notes_of(drive(talk, by_role(write=PAIR, judge=verdict)))
    assert note["fate"] == fate and note["judge.supported"] == {None: True, "no_verdict": None}.get(fate, False)


def test_a_rejected_round_trip_is_asked_again_within_the_budget() -> None:
    seen: Counter[str] = Counter()

    def reply(asked: Request) -> Answer:
        seen[asked.meta["role"]] += 1
        if asked.meta["role"] == "write":
            return says(asked, PAIR)
        return says(asked, "In 1975." if asked.meta["attempt"] and asked.meta["role"] == "answer_with" else "Hm, no.")

    done = drive(conversation(retries=1), reply)
    assert [note["outcome"] for note in notes_of(done)] == ["rejected", "kept"]
    assert seen == {"write": 2, "answer_with": 2, "answer_without": 2}


def test_a_knowledge_point_listed_twice_makes_one_exercise() -> None:
    own = {"knowledge": header("knowledge", "points"), "exercise": header("exercise", "exercise")}
    own = {task: data + b"{{ passage }}\n" for task, data in own.items()}
    lenient = ChecksConfig(min_rewrite_ratio=0.0)
    options = {"math_tasks": ("knowledge", "exercise"), "difficulties": ("hard",), "checks": lenient}
    talk = conversation(own, round_trip=RoundTripConfig(enabled=False), **options)
    page = {**l2_row(), "content": f"{FIRST}\n{SECOND} \u03b1 \u03b2 \u2211 \u222b theorem of the integral."}
    point = "The cron program of Unix was written in 1975 and runs commands at set fixed times of the day.\n"
    done = drive(talk, lambda asked: says(asked, f"1. {FIRST}\n2. {FIRST}\n3. {point}"), page)
    exercises = [note for note in notes_of(done) if note["task"] == "exercise"]
    points = {note["text"] for note in notes_of(done) if note["task"] == "knowledge" and note["outcome"] == "kept"}
    assert points and len(exercises) == len(points) == len({note["key"] for note in exercises})


def test_tasks_of_mathematics_without_a_prompt_are_left_out() -> None:
    page = {**l2_row(), "content": f"{FIRST}\n{SECOND} \u03b1 \u03b2 \u2211 \u222b theorem of the integral."}
    assert {task.prompt.task for task in plan_row(page, conversation())} == {"qa"}
    own = {"knowledge": header("knowledge", "points") + b"{{ passage }}\n"}
    assert {task.prompt.task for task in plan_row(page, conversation(own))} == {"qa", "knowledge"}


FATES = st.sampled_from(("pair", "several", "garbage", "fail", "agree", "differ", "think", "empty"))


@settings(max_examples=60)
@given(st.lists(FATES, min_size=1, max_size=12), st.integers(0, 2), st.booleans())
def test_every_request_ends_with_exactly_one_outcome_whatever_is_answered(
    fates: list[str], retries: int, closed: bool
) -> None:
    talk = several(retries=retries, round_trip=RoundTripConfig(needs_passage=closed))
    texts = {
        "pair": PAIR, "several": SEVERAL, "garbage": "Hm.", "agree": "In 1975.", "differ": "In 2001.",
        "think": "<think>", "empty": "",
    }  # fmt: skip
    asked_keys: list[str] = []

    def reply(asked: Request) -> Answer:
        fate = fates[len(asked_keys) % len(fates)]
        asked_keys.append(asked.key)
        return failed(asked.key, "died") if fate == "fail" else says(asked, texts[fate])

    done = drive(talk, reply)
    notes = [note for one in done for note in one.annotations]
    assert len(asked_keys) == len(set(asked_keys)), "a request was asked twice"
    assert {note["key"] for note in notes} == set(asked_keys), "a request has no annotation, or one too many"
    assert len({note["uid"] for note in notes}) == len(notes)
    assert len({note["request_uid"] for note in notes}) == len(asked_keys)
    assert {note["outcome"] for note in notes} <= {"kept", "rejected", "failed"}
    assert all((note["fate"] is None) == (note["outcome"] == "kept") for note in notes)
    assert all(
        (note["row_uid"] is not None) == (note["outcome"] == "kept" and note["role"] == "write") for note in notes
    )


def test_an_output_is_judged_once_however_often_its_task_is_read_and_not_remembered_after() -> None:
    talk, judged = conversation(), []
    verify = talk.checker.verify

    def counted(*told: Any, **more: Any) -> Any:
        judged.append(told)
        return verify(*told, **more)

    talk.checker.verify = counted  # ty: ignore[invalid-assignment]
    drive(talk, by_role(write=PAIR, answer_with="In 1975.", answer_without="I do not know."))
    assert len(judged) == 1 and not talk.judged
