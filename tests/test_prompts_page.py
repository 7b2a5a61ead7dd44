"""docs/prompts.md: its list is complete, and its example of an own task works as it stands there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from stages.conversation import Finished, ask, read
from stages.notes import to_table
from stages.refined_rows import make_rows
from stages.round_trip import RoundTripConfig
from stages.synthesize import SynthesizeConfig, open_conversation, plan_row
from synth.engines import Answer
from synth.prompt_files import VALUES, Prompt, all_prompts

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "prompts.md").read_text(encoding="utf-8")
TEXT = (
    "The cron program of Unix was written in 1975 and runs commands at fixed times. The crontab command edits the "
    "table of a user, which has five fields. A daemon is a program that runs in the background, without a terminal."
)
WRITTEN = "cron: a program of Unix that runs commands at fixed times\ndaemon: a program that runs in the background"


def block(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return found[0]


def test_every_task_parser_field_and_value_is_named() -> None:
    for prompt in all_prompts().values():
        assert f"`{prompt.task}`" in PAGE and f"`{prompt.parser}`" in PAGE, prompt.id
    fields = {field.alias or name for name, field in Prompt.model_fields.items()} - {"turns", "sha256"}
    for name in (*fields, *VALUES):
        assert re.search(rf"`\[?{name}\]?`", PAGE), name


@pytest.mark.parametrize(("said", "kept", "reason"), [(WRITTEN, 2, None), ("No terms here.", 0, "no_glossary")])
def test_the_example_of_an_own_task_writes_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, kept: int, reason: str | None
) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "glossary.md").write_text(block("markdown"), encoding="utf-8")
    (tmp_path / "glossary_parser.py").write_text(block("python"), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    cfg = SynthesizeConfig(
        prompt_folder=str(tmp_path / "prompts"), tasks=("glossary",), round_trip=RoundTripConfig(enabled=False)
    )
    talk = open_conversation(cfg, "model", "r1", ("en",), ("en",), "large")
    row = {"uid": "0" * 32, "content": TEXT, "lang": "en", "score": 0.9, "source": "docs", "url": "u", "title": None}
    (task,) = plan_row(row, talk)
    (asked,) = ask(task, talk)
    assert TEXT in asked.messages[-1]["content"]
    done = read(task, {asked.key: Answer(asked.key, said, "stop", 100, 20)}, talk)
    assert isinstance(done, Finished)
    assert [note["fate"] for note in done.annotations] == ([None] * kept or [reason])
    assert {one["style"] for one in make_rows(to_table(done.annotations), {row["uid"]: row}).to_pylist()} == (
        {"glossary"} if kept else set()
    )
