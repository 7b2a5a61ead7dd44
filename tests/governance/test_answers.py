"""The log of answers: what was put in comes out, whatever the text holds, and damage is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from governance.answers import AnswerLog
from governance.errors import CorpusError
from manifests.store import Store
from synth.engines import Answer

KEYS = some.text("0123456789abcdef", min_size=4, max_size=4)
TEXTS = some.text(some.characters(exclude_categories=["Cs"])) | some.sampled_from(
    ["a\u2028b", "\x85", "\r\n", "中\x00文"]
)


def answer(key: str, text: str = "text") -> Answer:
    return Answer(key, text, "stop", 3, 5, seconds=0.5)


@given(some.lists(some.dictionaries(KEYS, TEXTS), max_size=4), some.lists(some.lists(KEYS, min_size=1), max_size=3))
def test_what_was_flushed_comes_back(
    tmp_path_factory: pytest.TempPathFactory, flushes: list[dict[str, str]], deaths: list[list[str]]
) -> None:
    store = Store(str(tmp_path_factory.mktemp("log")))
    log = AnswerLog(store, "answers")
    for texts in flushes:
        for key, text in texts.items():
            log.append(answer(key, text))
        log.flush()
    for keys in deaths:
        log.strike(keys)
    answers, strikes = AnswerLog(store, "answers").load_all()
    assert set(answers) == {key for texts in flushes for key in texts}
    assert all(found.text in [texts.get(key) for texts in flushes] for key, found in answers.items())
    assert strikes.total() == sum(map(len, deaths))


def test_two_deaths_under_the_same_requests_are_two(tmp_path: Path) -> None:
    log = AnswerLog(Store(str(tmp_path)), "answers")
    log.strike(["a"])
    log.strike(["a"])
    assert log.load_all()[1]["a"] == 2


def test_an_answer_is_stored_by_the_next_flush_and_no_sooner(tmp_path: Path) -> None:
    log = AnswerLog(Store(str(tmp_path)), "answers")
    log.append(answer("a"))
    assert log.load() == {}
    log.flush()
    log.flush()
    assert log.load() == {"a": answer("a")}
    log.drop()
    assert log.load() == {}


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: b"", lambda data: data.replace(b"text", b"test")]
)
def test_a_damaged_segment_is_named_with_the_remedy(tmp_path: Path, damage: object) -> None:
    store = Store(str(tmp_path))
    log = AnswerLog(store, "answers")
    log.append(answer("a"))
    log.flush()
    path = next(store.list("answers")).path
    store.put(path, damage(store.get(path)))  # ty: ignore[call-non-callable]
    with pytest.raises(CorpusError, match=path) as caught:
        log.load()
    assert "remove it" in caught.value.remedy
