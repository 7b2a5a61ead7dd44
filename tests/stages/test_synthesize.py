"""Synthesis: a conversation of pure functions, driven here by an engine that plays faults."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stages.conversation import Finished, ask, read, request
from stages.notes import ANNOTATION_SCHEMA, row_uid, to_table
from stages.refined_rows import ROW_SCHEMA, make_rows
from stages.round_trip import RoundTripConfig
from stages.synthesize import Conversation, SynthesizeConfig, Task, open_conversation, plan_row
from synth.checks import ChecksConfig
from synth.engines import Answer, Request, failed

FREE = ChecksConfig(keep_close=False)
FIRST = (
    "The cron program of Unix was written in 1975 and runs commands at fixed times. The crontab command edits the "
    "table of a user, which has five fields."
)
SECOND = (
    "Coral reefs cover less than 1% of the sea floor. Colonies of small animals called polyps build them over many "
    "centuries, and divers visit them."
)
ZH = (
    "珊瑚礁只覆盖不到百分之一的海底，但是许多海洋物种会在其中度过生命的一部分。珊瑚礁由名为珊瑚虫的小动物的群体建造而成，"
    "它们分泌碳酸钙形成骨骼，经过很多年才能长成巨大的礁体。潜水者常常前往这些地方观察鱼类和其他的动物。"
)
GOOD = {
    "qa": "When was the cron program of Unix written?",
    "rewrite": "The cron program of Unix, written in 1975, runs commands at fixed times. The crontab command edits the "
    "table of a user with its five fields.",
}


def l2_row(content: str | None = f"{FIRST}\n{SECOND}", lang: str = "en", number: int = 0) -> dict[str, Any]:
    uid = f"0123abcd{number:024x}"
    return {"uid": uid, "content": content, "lang": lang, "score": 0.9, "source": "docs", "url": "u", "title": None}


def conversation(languages: tuple[str, ...] = ("en",), **options: Any) -> Conversation:
    cfg = SynthesizeConfig(
        **({"max_rewrites": 2, "round_trip": RoundTripConfig(enabled=False), "checks": FREE} | options)
    )
    return open_conversation(cfg, "model", "r1", languages, ("en", "zh"))


def answer(asked: Request, text: str, finish: str = "stop") -> Answer:
    return Answer(asked.key, text, finish, prompt_tokens=100, output_tokens=20)


def drive(tasks: list[Task], talk: Conversation, reply: Any, log: dict[str, Answer] | None = None) -> list[Finished]:
    """Ask until every task is finished; no request is asked twice, and stored answers are not asked for at all."""
    answers, finished = dict(log or {}), []
    for task in tasks:
        result: Finished | list[Request] = ask(task, talk)
        while not isinstance(result, Finished):
            for one in result:
                if one.key not in answers:
                    answers[one.key] = reply(one)
            result = read(task, answers, talk)
        finished.append(result)
        finished += drive(list(result.follow), talk, reply, log)
    return finished


def row_of(done: Finished, row: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """The row of a finished task, None when nothing was kept."""
    parent = row or l2_row()
    rows = make_rows(to_table(done.annotations), {parent["uid"]: parent}).to_pylist()
    return rows[0] if rows else None


def outcomes(finished: list[Finished]) -> Counter[str]:
    return Counter(annotation["outcome"] for one in finished for annotation in one.annotations)


def good_reply(asked: Request) -> Answer:
    return answer(asked, GOOD["qa" if asked.meta["task"] == "qa" else "rewrite"])


def test_a_document_is_cut_into_tasks_with_offsets_that_hold() -> None:
    row, talk = l2_row(), conversation()
    tasks = plan_row(row, talk)
    assert Counter(task.prompt.task for task in tasks) == {
        "qa": 1, "encyclopedia": 2, "textbook": 2, "blog": 2, "abstract": 2,
    }  # fmt: skip
    questions = tasks[0]
    assert questions.passage_text == row["content"]
    assert [row["content"][start:end] for start, end in questions.targets] == [
        "The cron program of Unix was written in 1975 and runs commands at fixed times.",
        "The crontab command edits the table of a user, which has five fields.",
        "Colonies of small animals called polyps build them over many centuries, and divers visit them.",
    ]
    assert [task.passage_text for task in tasks[1:3]] == [FIRST, SECOND]


@pytest.mark.parametrize("content", [None, "", "Too short.", "| a | table |\n" * 40])
def test_a_document_without_running_text_gives_no_task(content: str | None) -> None:
    assert plan_row(l2_row(content), conversation()) == []


@pytest.mark.parametrize(
    ("options", "num_tasks"),
    [
        ({}, 9),
        ({"tasks": ("qa",)}, 1),
        ({"max_passages": 0}, 0),
        ({"max_rewrites": 1}, 5),
        ({"min_passage_chars": 500}, 0),
        ({"max_passage_chars": 220, "min_passage_chars": 100}, 10),
        ({"min_target_chars": 300}, 1),
        ({"max_target_chars": 120, "min_target_chars": 125}, 1),
        ({"min_sentence_chars": 200}, 8),
        ({"max_sentence_chars": 65}, 8),
        ({"min_prose_chars": 300}, 0),
        ({"min_prose_chars": 300, "min_prose_ratio": 0.0}, 9),
    ],
)
def test_every_option_of_cutting_changes_the_plan(options: dict[str, Any], num_tasks: int) -> None:
    assert len(plan_row(l2_row(), conversation(**options))) == num_tasks


def test_the_number_of_questions_of_a_passage_is_bounded() -> None:
    (task,) = plan_row(l2_row(), conversation(tasks=("qa",), max_questions=1))
    assert len(task.targets) == 1


def test_sentences_that_open_with_their_subject_are_asked_about_first() -> None:
    content = f"In Unix the cron program runs commands at times that a table holds.\n{FIRST}\n{SECOND}"
    (task,) = plan_row(l2_row(content), conversation(tasks=("qa",), max_questions=1))
    assert content[slice(*task.targets[0])].startswith("The cron program of Unix")


def test_each_style_starts_with_another_piece_of_the_passage() -> None:
    tasks = plan_row(l2_row(), conversation(max_rewrites=1))
    pieces = {task.prompt.task: task.passage_text for task in tasks[1:]}
    assert pieces == {"encyclopedia": FIRST, "textbook": SECOND, "blog": FIRST, "abstract": SECOND}


def test_a_prompt_that_needs_what_stands_before_a_passage_is_shown_it_and_its_offsets_say_so(tmp_path: Path) -> None:
    told = 'version = 1\nlanguage = "en"\ntask = "notes"\nstyle = "notes"\nparser = "rewrite"\noverlap_chars = 200\n'
    (tmp_path / "notes.md").write_text(f'+++\nid = "n"\n{told}[sampling]\n+++\n### user\n{{{{ passage }}}}\n')
    cfg = SynthesizeConfig(tasks=("notes",), prompt_folder=str(tmp_path), min_passage_chars=100, max_passage_chars=160)
    talk = open_conversation(cfg, "model", "r1", ("en",), ("en",))
    first, second = plan_row(l2_row(), talk)
    assert first.passage_text == FIRST and second.passage_text == f"{FIRST}\n{SECOND}"
    (asked,) = ask(second, talk)
    assert asked.messages[-1]["content"] == second.passage_text


def test_kept_answers_become_one_row_per_task() -> None:
    talk = conversation(tasks=("qa", "blog"), max_questions=2, max_rewrites=1)
    pairs, rewrite = [row_of(done) for done in drive(plan_row(l2_row(), talk), talk, good_reply)]
    assert pairs is not None and rewrite is not None
    assert pairs["content"] == (
        f"{FIRST}\n{SECOND}\n\nQuestion: When was the cron program of Unix written?\n"
        "Answer: The cron program of Unix was written in 1975 and runs commands at fixed times."
    )
    assert rewrite["content"] == GOOD["rewrite"]
    assert (pairs["style"], rewrite["style"]) == ("qa", "blog")
    assert (rewrite["passage_start"], rewrite["passage_end"]) == (0, len(FIRST))
    assert (rewrite["score"], rewrite["url"], rewrite["lang"]) == (0.9, "u", "en")
    assert rewrite["model"] == "model@r1"


def test_a_rejected_answer_is_asked_for_again_within_the_budget() -> None:
    talk = conversation(tasks=("blog",), max_rewrites=1, retries=2)
    (task,) = plan_row(l2_row(), talk)
    replies = iter(["Cron was written in 1999.", "Sorry", GOOD["rewrite"]])
    (done,) = drive([task], talk, lambda asked: answer(asked, next(replies)))
    assert [one["attempt"] for one in done.annotations] == [0, 1, 2]
    assert [one["outcome"] for one in done.annotations] == ["rejected", "rejected", "kept"]
    assert [json.loads(one["sampling"])["temperature"] for one in done.annotations] == [0.0, 0.2, 0.4]
    row = row_of(done)
    assert row is not None and done.annotations[2]["row_uid"] == row["uid"]


def test_a_task_whose_budget_is_spent_has_annotations_and_no_row() -> None:
    talk = conversation(tasks=("blog",), max_rewrites=1, retries=1)
    (done,) = drive(plan_row(l2_row(), talk), talk, lambda asked: answer(asked, "No.", "length"))
    assert row_of(done) is None
    assert [one["fate"] for one in done.annotations] == ["truncated", "truncated"]
    assert [one["output"] for one in done.annotations] == ["No.", "No."]
    assert done.annotations[0]["row_uid"] is None


def test_a_failed_request_is_no_answer_and_its_reason_is_kept() -> None:
    talk = conversation(tasks=("qa",))
    done = drive(plan_row(l2_row(), talk), talk, lambda asked: failed(asked.key, "timeout"))
    assert outcomes(done) == {"failed": 3}
    assert {one["fate"] for one in done[0].annotations} == {"timeout"}
    assert done[0].annotations[0]["output"] is None
    assert to_table(done[0].annotations)["support.min"].null_count == 3


def test_a_language_the_model_lacks_is_skipped_and_said_so() -> None:
    talk = conversation(languages=("en",))
    tasks = plan_row(l2_row(ZH, "zh"), conversation(languages=("zh",)))
    assert tasks and all(ask(task, talk) == [] for task in tasks)
    done = drive(tasks, talk, lambda asked: pytest.fail("a request was made"))
    assert set(outcomes(done)) == {"skipped"}
    assert {one["fate"] for finished in done for one in finished.annotations} == {"language_not_written_by_model"}
    assert all(row_of(finished) is None for finished in done)


def test_chinese_pairs_carry_chinese_labels() -> None:
    talk = conversation(languages=("zh",), tasks=("qa",), max_questions=2)
    text = "珊瑚礁由哪种小动物的群体建造而成？"
    (done,) = drive(plan_row(l2_row(ZH, "zh"), talk), talk, lambda asked: answer(asked, text))
    row = row_of(done, l2_row(ZH, "zh"))
    assert row is not None, done.annotations[0]["fate"]
    question = "问题\uff1a珊瑚礁由哪种小动物的群体建造而成？\n答案\uff1a"
    assert row["content"].startswith(f"{ZH}\n\n{question}")


def test_the_ledger_of_requests_balances_under_faults() -> None:
    talk = conversation(languages=("en",))
    rows = [l2_row(number=0), l2_row(ZH * 2, "zh", number=1), l2_row(None, number=2), l2_row(number=3)]
    tasks = [task for row in rows for task in plan_row(row, talk)]
    asked: list[str] = []

    def reply(one: Request) -> Answer:
        asked.append(one.key)
        turn = len(asked) % 4
        return failed(one.key, "server died") if turn == 0 else good_reply(one) if turn == 1 else answer(one, "Hm.")

    done = drive(tasks, talk, reply)
    counts = outcomes(done)
    assert set(counts) == {"kept", "rejected", "failed", "skipped"}
    assert counts["kept"] + counts["rejected"] + counts["failed"] == len(asked) == len(set(asked))
    uids = [one["uid"] for finished in done for one in finished.annotations]
    assert len(uids) == len(set(uids)) == sum(counts.values())


def test_stored_answers_are_found_again_and_give_the_same_result() -> None:
    talk = conversation()
    tasks, log = plan_row(l2_row(), talk), {}

    def remember(one: Request) -> Answer:
        log[one.key] = good_reply(one)
        return log[one.key]

    first = drive(tasks, talk, remember)
    again = drive(plan_row(l2_row(), talk), talk, lambda asked: pytest.fail("asked twice"), log)
    assert again == first


def test_a_key_depends_on_everything_the_answer_depends_on() -> None:
    talk = conversation(tasks=("qa",))
    (task,) = plan_row(l2_row(), talk)
    (other,) = plan_row(l2_row(number=1), talk)
    (changed,) = plan_row(l2_row(f"{FIRST}\n{SECOND} Fish too."), talk)
    warmer = conversation(tasks=("qa",), retry_temperature_step=0.5)
    newer = Conversation(talk.cfg, talk.prompts, "model", "r2", ("en",))
    prompt = task.prompt.model_copy(update={"sha256": "0" * 64})
    keys = [
        request(task, task.targets[0], 0, talk).key,
        request(task, task.targets[1], 0, talk).key,
        request(task, task.targets[0], 1, talk).key,
        request(task, task.targets[0], 1, warmer).key,
        request(task, task.targets[0], 0, newer).key,
        request(other, other.targets[0], 0, talk).key,
        request(changed, changed.targets[0], 0, talk).key,
        request(Task(task.row, prompt, task.passage, task.targets), task.targets[0], 0, talk).key,
    ]
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 32 for key in keys)
    assert keys[0] == request(plan_row(l2_row(), talk)[0], task.targets[0], 0, talk).key


def test_a_child_lives_in_the_shard_of_its_parent() -> None:
    tasks = plan_row(l2_row(), conversation())
    uids = [row_uid(task) for task in tasks]
    assert len(set(uids)) == len(uids)
    assert all(uid.startswith("0123abcd") and len(uid) == 32 and int(uid, 16) >= 0 for uid in uids)


def test_tables_hold_every_request_and_every_row() -> None:
    talk, parent = conversation(), l2_row()
    done = drive(plan_row(parent, talk), talk, good_reply)
    annotations = to_table([note for one in done for note in one.annotations])
    rows = make_rows(annotations, {parent["uid"]: parent})
    assert annotations.schema == ANNOTATION_SCHEMA and rows.schema == ROW_SCHEMA
    assert set(rows["uid"].to_pylist()) == set(annotations["row_uid"].drop_null().to_pylist())
    assert "support.min" in annotations.column_names
    empty = to_table([])
    assert empty.schema == ANNOTATION_SCHEMA and len(empty) == 0
    assert make_rows(empty, {}).schema == ROW_SCHEMA and len(make_rows(empty, {})) == 0
