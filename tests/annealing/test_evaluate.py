"""Figures of questions and of texts: where a continuation begins, how a text is cut, and what is held out."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annealing import evaluate
from annealing.documents import Document
from annealing.errors import NothingHeldOut, TrainerError
from annealing.evaluate import Texts, held_out, on_questions, on_texts, row_length, trained_with
from annealing.questions import Question, QuestionSet
from annealing.scoring import Scored, Scorer
from tests.annealing.conftest import sentence
from tests.tiny_models import one_thread, save_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("evaluated"), map(sentence, range(200)))


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Iterator[Scorer]:
    with one_thread():
        yield Scorer(folder, "cpu")


def texts(*numbers: int) -> Texts:
    return Texts("some", "en", tuple(Document(f"{number}", sentence(number), None) for number in numbers))


def scored_part(scorer: Scorer, context: str, choice: str, length: int = 512) -> tuple[list[int], int]:
    """Ids of an item and the first of them that is scored."""
    found = evaluate._item(scorer, context, choice, length)
    return found.ids.tolist(), found.first


# Texts


def test_bits_per_byte_are_those_of_the_same_tokens_in_one_long_row(scorer: Scorer) -> None:
    some = texts(1, 3, 4)
    group = on_texts(scorer, some, 512)
    for document, bits, size in zip(some.documents, group.found, group.size, strict=True):
        ids = np.array([scorer.first, *scorer.tokenizer.plain([document.text])[0]])
        assert bits == pytest.approx(scorer.score([evaluate.Item(ids, 1)]).nats[0] / math.log(2), rel=1e-5)
        assert size == len(document.text.encode())
    assert group.value == pytest.approx(group.found.sum() / group.size.sum())
    assert (group.keys, group.metric, group.name) == (("1", "3", "4"), "bits_per_byte", "some (en)")


@given(count=st.integers(0, 60), length=st.integers(1, 25))
def test_every_token_of_a_text_is_scored_once_whatever_the_length_of_rows(count: int, length: int) -> None:
    tokens = list(range(100, 100 + count))
    rows = evaluate._rows(tokens, 1, length)
    assert [one for row in rows for one in row.ids[row.first :].tolist()] == tokens
    assert all(len(row.ids) <= length + 1 for row in rows)
    seen = [1, *tokens]
    assert [row.ids[0] for row in rows] == [seen[number * length] for number in range(len(rows))]


def test_less_context_makes_a_text_other_bits_of_the_same_bytes(scorer: Scorer) -> None:
    whole, cut = (on_texts(scorer, texts(1, 3), length) for length in (512, 8))
    assert not np.allclose(whole.found, cut.found) and np.array_equal(whole.size, cut.size)


def test_documents_without_an_id_are_told_apart_by_their_place(scorer: Scorer) -> None:
    nameless = Texts("some", "en", (Document(None, "a river", None), Document(None, "a valley", None)))
    assert on_texts(scorer, nameless, 64).keys == ("0", "1")


# Where a continuation begins


@pytest.mark.parametrize(
    ("context", "choice"), [("the cold river", " carries water"), ("第三篇。河流", "把冷水带到山谷")]
)
def test_the_tokens_of_the_continuation_are_scored_and_no_others(scorer: Scorer, context: str, choice: str) -> None:
    ids, first = scored_part(scorer, context, choice)
    assert ids == [scorer.first, *scorer.tokenizer.core.encode(context + choice).ids]
    decode = scorer.tokenizer.core.decode
    assert (decode(ids[1:first]), decode(ids[first:])) == (context, choice)


@settings(max_examples=60)
@given(context=st.text("的河谷龘𠀀 aé？", max_size=8), choice=st.text("的河谷龘𠀀 aé？", min_size=1, max_size=8))
def test_a_sign_spelt_in_several_tokens_belongs_whole_to_its_side(scorer: Scorer, context: str, choice: str) -> None:
    ids, first = scored_part(scorer, context, choice)
    core = scorer.tokenizer.core
    sizes = np.cumsum([len(core.id_to_token(one)) for one in ids[1:]])  # a byte-level piece has one letter for a byte
    assert int((sizes <= len(context.encode())).sum()) == first - 1


def test_a_token_that_reaches_into_the_continuation_is_scored(scorer: Scorer) -> None:
    core = scorer.tokenizer.core
    [whole] = core.encode("valley").ids[-1:]
    piece = core.decode([whole])
    assert len(piece) > 1
    context, choice = "valley"[: -len(piece) + 1], "valley"[-len(piece) + 1 :]
    ids, first = scored_part(scorer, context, choice)
    assert ids[first] == whole and first == len(ids) - 1


def test_signs_spelt_in_bytes_by_a_sentencepiece_tokenizer_belong_to_their_side() -> None:
    from tokenizers import Tokenizer, decoders, models

    letters = {f"<0x{number:02X}>": number for number in range(256)}
    vocabulary = {**letters, "a": 256, "b": 257, "<unk>": 258}
    core = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    core.decoder = decoders.ByteFallback()
    scorer: Any = SimpleNamespace(first=1, tokenizer=SimpleNamespace(core=core, folder="t"))
    assert scored_part(scorer, "a河", "谷b")[1] == 1 + 1 + 3
    assert scored_part(scorer, "a河", "bb")[1] == 1 + 1 + 3
    assert scored_part(scorer, "ab", "谷")[1] == 1 + 2
    assert scored_part(scorer, "", "谷")[1] == 1


def test_a_tokenizer_without_a_token_for_a_choice_is_refused() -> None:
    from tokenizers import Tokenizer, models

    core = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    scorer: Any = SimpleNamespace(first=1, tokenizer=SimpleNamespace(core=core, folder="t"))
    assert scored_part(scorer, "a", "b") == ([1, 0, 1], 2)
    with pytest.raises(TrainerError, match="no token for '谷'"):
        scored_part(scorer, "a", "谷")


def test_a_long_context_is_cut_at_the_left_and_the_continuation_is_kept(scorer: Scorer) -> None:
    context, choice = sentence(1) * 4, " cold water"
    whole, start = scored_part(scorer, context, choice)
    ids, first = scored_part(scorer, context, choice, 20)
    assert len(ids) == 21 and ids == whole[-21:] and ids[first:] == whole[start:]
    short, at = scored_part(scorer, context, choice, 1)  # not even the continuation has room
    assert short == whole[start - 1 :] and at == 1


def test_an_empty_context_is_what_begins_a_text(scorer: Scorer) -> None:
    ids, first = scored_part(scorer, "", "water")
    assert ids[0] == scorer.first and first == 1


# Questions


def judged(kind: Any, choices: tuple[str, ...], gold: int, nats: list[float], greedy: bool = False) -> list[Any]:
    one = QuestionSet("set", kind, "en", (Question(("q",) * len(choices), choices, gold),))
    return evaluate._judged(one, Scored(np.array(nats), np.array([greedy] * len(nats))))


def test_the_likeliest_choice_is_the_answer_and_a_tie_is_shared() -> None:
    assert judged("choice", ("yes", "no!"), 0, [1.0, 2.0])[0].value == 1
    assert judged("choice", ("yes", "no!"), 1, [1.0, 2.0])[0].value == 0
    assert judged("choice", ("yes", "no!"), 1, [2.0, 2.0])[0].value == 0.5
    assert judged("choice", ("a", "b", "c", "d"), 1, [2.0, 2.0, 2.0, 3.0])[0].value == pytest.approx(1 / 3)


def test_sentences_are_compared_by_the_byte_and_words_as_they_are() -> None:
    long, short = " a sentence of many words", " a sentence"
    assert judged("choice", (long, short), 0, [20.0, 15.0])[0].value == 1  # less for each byte
    assert judged("choice", (" unlikely", " no"), 0, [3.0, 2.0])[0].value == 0
    chinese = ("河流把冷水带到山谷", "河流")  # 27 and 6 bytes
    assert judged("choice", chinese, 0, [27.0, 12.0])[0].value == 1


def test_a_word_is_right_when_it_is_the_likeliest_and_an_answer_has_its_likelihood_alone() -> None:
    assert judged("word", (" river",), 0, [1.0], greedy=True)[0].value == 1
    assert judged("word", (" river",), 0, [1.0])[0].value == 0
    [only] = judged("answer", (" river",), 0, [6 * math.log(2)])
    assert (only.metric, only.value, only.chance) == ("bits_per_byte", 1.0, None)


def test_a_set_gives_accuracy_with_its_chance_and_the_bits_of_the_right_answers(scorer: Scorer) -> None:
    questions = tuple(
        Question((sentence(number),) * 2, (" cold water", " warm tea and rice"), number % 2) for number in range(6)
    )
    one = QuestionSet("set", "choice", "en", questions)
    accuracy, bits = on_questions(scorer, one, 256)
    assert accuracy.chance == 0.5 and accuracy.keys == bits.keys == tuple("012345")
    assert bits.size.tolist() == [len(question.choices[question.gold]) for question in questions]
    turned = tuple(Question(each.contexts, each.choices[::-1], 1 - each.gold) for each in questions)
    again = on_questions(scorer, dataclasses.replace(one, questions=turned), 256)
    assert np.array_equal(again[0].found, accuracy.found) and np.allclose(again[1].found, bits.found)


# What is held out


def corpus(path: Path, rows: int, **columns: list[Any]) -> str:
    names = [f"{number:032x}" for number in range(rows)]
    table = pa.table({"uid": names, "content": [sentence(number) for number in range(rows)], **columns})
    pq.write_table(table, path, row_group_size=50)
    return str(path)


def test_the_same_texts_are_held_out_each_time_and_never_more_than_asked(tmp_path: Path) -> None:
    place = corpus(tmp_path / "a.parquet", 400)
    found = held_out(place, 0.2, 2000)
    assert found == held_out(place, 0.2, 2000) and [one.language for one in found] == ["other", "zh"]
    for one in found:
        assert 1990 < sum(len(document.text.encode()) for document in one.documents) <= 2000
        whole = {sentence(number) for number in range(400)}
        assert all(document.text in whole for document in one.documents[:-1])
        assert any(text.startswith(one.documents[-1].text) for text in whole)


def test_what_is_held_out_is_what_training_leaves_out(tmp_path: Path) -> None:
    from annealing.documents import open_dataset, read

    place = corpus(tmp_path / "a.parquet", 200)
    dataset = open_dataset(place)
    trained = {text for block in dataset.blocks for text in read(dataset, block, 0.3)}
    held = {document.text for one in held_out(place, 0.3, 1 << 20) for document in one.documents}
    assert not trained & held and len(trained) + len(held) == 200


def test_a_language_is_what_the_column_says_and_else_what_the_script_is(tmp_path: Path) -> None:
    said = corpus(tmp_path / "said.parquet", 60, lang=["fr" if number % 2 else None for number in range(60)])
    found = {one.language: one.documents for one in held_out(said, 1.0, 1 << 20)}
    assert set(found) == {"fr", "zh", "other"} and len(found["fr"]) == 30
    assert all("第" in document.text for document in found["zh"])


def test_a_source_that_holds_nothing_out_is_refused(tmp_path: Path) -> None:
    place = corpus(tmp_path / "a.parquet", 20)
    with pytest.raises(NothingHeldOut, match="none of its documents is held out at a share of 0"):
        held_out(place, 0.0, 1000)
    with pytest.raises(TrainerError, match="is not there"):
        held_out(str(tmp_path / "nothing"), 0.5, 1000)


def test_rows_are_as_long_as_in_training_where_that_is_known(folder: Path, tmp_path: Path) -> None:
    assert (trained_with(folder), row_length(folder, 512), row_length(folder, 131_072)) == ({}, 512, 1024)
    (tmp_path / "training.json").write_text(json.dumps({"seq_len": 2048, "holdout": 0.01}))
    assert row_length(tmp_path, 131_072) == 2048 and trained_with(tmp_path)["holdout"] == 0.01
