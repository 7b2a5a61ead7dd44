"""Editing before writing: windows are the text, programs change it as they say, and it can be made again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.conversation import Finished, ask, read
from stages.editing import cut_windows, edited_content
from stages.notes import to_table
from stages.refined_rows import make_rows
from stages.round_trip import RoundTripConfig
from stages.synthesize import Conversation, EditConfig, SynthesizeConfig, open_conversation, plan_row
from synth.checks import ChecksConfig
from synth.engines import Answer, Request
from synth.prompt_files import parse_prompt

FREE = ChecksConfig(keep_close=False)
PAGE = (
    "Home | Login | Search\n"
    "The cron program of Unix was written in 1975 and runs commands at fixed times. The crontab command edits the "
    "table of a user, which has five fields.\n"
    "Subscribe to our newsletter!\n"
    "If the machine is switched off at the set time, the job is not run later, so that other programs were written to "
    "run it when the machine is on again.\n"
)
PROGRAM = "remove_lines(1, 1)\nremove_lines(3, 3)"
REWRITE = (
    "The cron program of Unix, written in 1975, runs commands at fixed times. The crontab command edits the table of a "
    "user with its five fields."
)
EDIT_PROMPT = parse_prompt(
    b'+++\nid = "en.edit.test"\nversion = 1\nlanguage = "en"\ntask = "edit"\nstyle = "edit"\nparser = "edits"\n'
    b"[sampling]\ntemperature = 0.0\n+++\n### user\n{{ lines }}\n",
    "en.edit.test.md",
)


def row(content: str = PAGE) -> dict[str, Any]:
    return {"uid": "0123abcd" + "0" * 24, "content": content, "lang": "en", "score": 0.9, "source": "s", "url": "u"}


def conversation() -> Conversation:
    quiet = RoundTripConfig(enabled=False)
    talk = open_conversation(
        SynthesizeConfig(tasks=("blog",), round_trip=quiet, checks=FREE), "model", "r1", ("en",), ("en",)
    )
    cfg = talk.cfg.model_copy(update={"edit": EditConfig(enabled=True)})
    return Conversation(cfg, {**talk.prompts, ("en", "edit"): EDIT_PROMPT}, "model", "r1", ("en",))


def drive(talk: Conversation, program: str, rewrite: str = REWRITE) -> list[Finished]:
    finished, tasks = [], plan_row(row(), talk)
    while tasks:
        task = tasks.pop(0)
        told = {one.key: reply(one, program, rewrite) for one in ask(task, talk)}
        done = read(task, told, talk)
        assert isinstance(done, Finished)
        finished.append(done)
        tasks += done.follow
    return finished


def reply(asked: Request, program: str, rewrite: str) -> Answer:
    return Answer(asked.key, program if asked.meta["role"] == "edit" else rewrite, "stop", 10, 10)


@given(st.text(alphabet="ab\n\r", max_size=200), st.integers(1, 40))
def test_windows_are_whole_lines_and_together_the_text(text: str, max_chars: int) -> None:
    windows = cut_windows(text, max_chars)
    assert "".join(text[start:end] for start, end in windows) == text
    for start, end in windows:
        assert end - start <= max_chars or len(text[start:end].splitlines()) == 1


def test_what_follows_is_written_from_the_edited_text() -> None:
    done = drive(conversation(), PROGRAM)
    edit, *written = done
    assert [one["outcome"] for one in edit.annotations] == ["kept"]
    assert written and all(one["edited"] for each in written for one in each.annotations)
    (first, *_) = written
    edited = edited_content(PAGE, [((0, len(PAGE)), PROGRAM)])
    assert "newsletter" not in edited and "Login" not in edited
    note = first.annotations[0]
    assert edited[note["passage_start"] : note["passage_end"]].startswith("The cron program")


def test_rows_of_an_edited_document_are_made_again_from_parent_and_programs() -> None:
    done = drive(conversation(), PROGRAM)
    notes = to_table([one for each in done for one in each.annotations])
    (made,) = make_rows(notes, {row()["uid"]: row()}).to_pylist()
    assert made["edited"] and made["content"] == REWRITE and made["parent_uid"] == row()["uid"]


@pytest.mark.parametrize("program", ["keep_all()", "I would remove the first line.", "remove_lines(90, 95)", ""])
def test_a_program_that_changes_nothing_or_does_not_fit_leaves_the_text(program: str) -> None:
    edit, *written = drive(conversation(), program)
    assert edit.annotations[0]["outcome"] == ("kept" if program == "keep_all()" else "rejected")
    assert all(not one["edited"] for each in written for one in each.annotations)


def test_a_document_that_is_removed_gets_no_task() -> None:
    (edit,) = drive(conversation(), "remove_all()")
    assert edit.follow == () and edit.annotations[0]["outcome"] == "kept"
    assert edit.annotations[0]["output"] == "remove_all()"
