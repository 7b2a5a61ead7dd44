"""datatrove's own filters as stages."""

from __future__ import annotations

import pyarrow as pa
import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import C4ParagraphFilter, LambdaFilter
from datatrove.pipeline.filters.base_filter import BaseFilter

from stages.contract import Config, check_plan
from stages.wrap import datatrove_stage, reason_of


class Minimum(Config):
    letters: int = 5


class Shortening(BaseFilter):
    """Keeps texts of enough letters, in lower case, two at a time."""

    name = "shortening"

    def __init__(self, letters: int):
        super().__init__(batch_size=2)
        self.letters = letters

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        doc.text = doc.text.lower()
        return True if len(doc.text) >= self.letters else (False, f"Less than < {self.letters}")

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        assert len(batch) <= 2
        return [self.filter(document) for document in batch]


def make_shortening(cfg: Minimum) -> BaseFilter:
    return Shortening(cfg.letters)


def make_paragraphs(_: Config) -> BaseFilter:
    return C4ParagraphFilter()


def make_english(_: Config) -> BaseFilter:
    return LambdaFilter(lambda doc: doc.metadata["language"] == "en" and doc.id != "2")


def batch(*texts: str | None) -> pa.Table:
    n = len(texts)
    return pa.table(
        {
            "uid": pa.array([str(i) for i in range(n)], pa.string()),
            "content": pa.array(texts, pa.string()),
            "lang": pa.array(["en", "zh", "en", "en"][:n], pa.string()),
        }
    )


def run(stage, table: pa.Table) -> pa.Table:
    return stage.fn(table, stage.config, stage.load(stage.config))


def test_c4_paragraph_filter_runs_as_a_stage() -> None:
    stage = datatrove_stage("c4_paragraphs", make_paragraphs, Config())
    long = "\n".join(["word " * 50] * 3)
    assert run(stage, batch(long, "one line", None))["c4_paragraphs.drop"].to_pylist() == [
        None,
        "below_3_paragraphs",
        "no_text",
    ]


def test_metadata_reaches_the_filter_under_its_own_names() -> None:
    stage = datatrove_stage("english", make_english, Config(), metadata={"lang": "language"})
    assert stage.needs == ("uid", "content", "lang")
    out = run(stage, batch("a", "b", "c", "d"))
    assert out["english.drop"].to_pylist() == [None, "dropped", "dropped", None]


def test_config_and_batches_reach_the_filter() -> None:
    table = batch("LONG ENOUGH", "no", "ALSO LONG", "x")
    out = run(datatrove_stage("short", make_shortening, Minimum()), table)
    assert out["short.drop"].to_pylist() == [None, "less_than_below_5", None, "less_than_below_5"]
    assert run(datatrove_stage("short", make_shortening, Minimum(letters=1)), table)["short.drop"].null_count == 4


def test_rewrites_decides_whether_the_text_is_replaced() -> None:
    plain = datatrove_stage("short", make_shortening, Minimum())
    rewriting = datatrove_stage("short", make_shortening, Minimum(), rewrites=True)
    assert run(plain, batch("LONG ENOUGH", None))["content"].to_pylist() == ["LONG ENOUGH", None]
    assert run(rewriting, batch("LONG ENOUGH", None))["content"].to_pylist() == ["long enough", None]
    assert (plain.replaces, rewriting.replaces) == ((), ("content",))


def test_stage_is_checked_named_and_travels_to_workers() -> None:
    import pickle

    stage = datatrove_stage("short", make_shortening, Minimum())
    check_plan([stage], ["uid", "content"])
    assert stage.identity is not None
    assert stage.identity(stage.config)["filter"].endswith("make_shortening")
    assert run(pickle.loads(pickle.dumps(stage)), batch("no"))["short.drop"].to_pylist() == ["less_than_below_5"]


def test_empty_table_has_the_same_columns() -> None:
    stage = datatrove_stage("english", make_english, Config(), metadata={"lang": "language"})
    assert run(stage, batch()).schema == run(stage, batch("a")).schema


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (True, None),
        (False, "dropped"),
        ((True, "x"), None),
        ((False, ""), "dropped"),
        ((False, "Gopher > 1!"), "gopher_above_1"),
    ],
)
def test_answers_become_verdicts(answer: bool | tuple[bool, str], reason: str | None) -> None:
    assert reason_of(answer) == reason
