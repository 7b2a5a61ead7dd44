"""What models are measured on, and that kept figures are read only for the questions and texts they are of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annealing.errors import NothingHeldOut, TrainerError
from governance import measure
from governance.measure import Held, Yardstick
from tests.tiny_models import one_thread, save_tiny_model

TEXTS = [
    f"Page {number}. The river carries cold water to valley {number % 7}. 第{number}篇河流" for number in range(90)
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with one_thread():
        yield save_tiny_model(tmp_path_factory.mktemp("measured"), TEXTS)


@pytest.fixture
def test(tmp_path: Path) -> Yardstick:
    """Three questions, and texts of which a half is held out."""
    rows = [
        {"query": f"Page {number}. The river", "choices": ["carries", "is"], "gold": number % 2} for number in range(3)
    ]
    for name, lines in (("q", rows), ("t", [{"uid": str(number), "text": text} for number, text in enumerate(TEXTS)])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    held = Held("texts", (str(tmp_path / "t.jsonl"),), 0.5)
    return Yardstick((str(tmp_path / "q.jsonl"),), (held,), device="cpu")


def test_kept_figures_are_the_same_items_when_they_are_read_again(model: Path, test: Yardstick, tmp_path: Path) -> None:
    told: list[str] = []
    groups = measure.measure(model, test, told.append)
    assert [group.metric for group in groups] == ["accuracy", "bits_per_byte", "bits_per_byte"]
    assert told == ["q", "texts"] and len(told) == test.parts
    measure.save(groups, tmp_path / "new" / "figures.json", test.fingerprint)
    again = measure.load(tmp_path / "new" / "figures.json", test.fingerprint)
    assert again is not None
    for before, after in zip(groups, again, strict=True):
        assert np.array_equal(before.found, after.found) and np.array_equal(before.size, after.size)
        plain = {"found": None, "size": None}
        assert replace(before, **plain) == replace(after, **plain) and before.value == after.value
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["figures.json"]


def test_figures_of_other_questions_or_texts_are_not_read(test: Yardstick, tmp_path: Path) -> None:
    assert measure.load(tmp_path / "figures.json", test.fingerprint) is None
    measure.save([], tmp_path / "figures.json", test.fingerprint)
    assert measure.load(tmp_path / "figures.json", test.fingerprint) == []
    assert measure.load(tmp_path / "figures.json", replace(test, limit=2).fingerprint) is None


def test_a_fingerprint_is_of_what_is_asked_and_of_nothing_else(test: Yardstick) -> None:
    same = replace(test, device="auto")
    others = [
        replace(test, limit=2), replace(test, max_bytes=500), replace(test, seq_len=64), replace(test, texts=()),
        replace(test, texts=(replace(test.texts[0], holdout=0.4),)),
    ]  # fmt: skip
    assert same.fingerprint == test.fingerprint
    assert len({one.fingerprint for one in others} | {test.fingerprint}) == len(others) + 1
    place = Path(test.questions[0])
    place.write_text(place.read_text().replace("carries", "bears"))
    assert replace(test).fingerprint != test.fingerprint


def test_several_places_are_one_set_and_one_that_holds_nothing_out_is_passed_over(
    test: Yardstick, tmp_path: Path
) -> None:
    (tmp_path / "few.jsonl").write_text(json.dumps({"uid": "0", "text": "nothing of this"}))
    both = Held("both", (test.texts[0].places[0], str(tmp_path / "few.jsonl")), 0.3)
    [one] = replace(test, texts=(both,)).documents
    [alone] = replace(test, texts=(replace(both, places=both.places[:1]),), max_bytes=test.max_bytes // 2).documents
    assert (one.name, one.documents) == ("both", alone.documents)
    with pytest.raises(NothingHeldOut):
        _ = replace(test, texts=(replace(both, places=both.places[1:]),)).documents


def test_a_place_that_is_not_there_is_refused_though_another_holds_texts_out(test: Yardstick, tmp_path: Path) -> None:
    both = Held("both", (test.texts[0].places[0], str(tmp_path / "mistyped")), 0.5)
    with pytest.raises(TrainerError, match="is not there"):
        _ = replace(test, texts=(both,)).documents


def test_a_row_of_a_report_holds_the_value_in_its_interval(model: Path, test: Yardstick) -> None:
    row = measure.figure(measure.measure(model, replace(test, texts=()))[0])
    assert row["low"] <= row["value"] <= row["high"] and row["items"] == 3 and row["chance"] == 0.5
    assert json.loads(json.dumps(row)) == row
