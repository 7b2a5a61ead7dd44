"""Items of question sets are found in documents in whatever form, with set, item and place; nothing else is."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.commonplaces import COMMONPLACES
from stages.contract import check_plan
from stages.decontaminate import (
    COLUMNS,
    DecontaminateConfig,
    check_sets,
    decontaminate,
    decontaminate_stage,
    find_items,
    limits_of,
    load_questions,
    screen,
)
from stages.folded_texts import fold_texts
from stages.question_index import Questions, build_index
from stages.question_sets import Item

QUESTION = (
    "A farmer keeps seventeen geese behind the old mill and sells four of them on market day to a baker's wife; "
    "how many geese does the farmer still keep behind the old mill?"
)
SHORT = "Which bird keeps watch over the frozen lighthouse garden?"
CHINESE = "某农户在旧磨坊后面养了十七只鹅，赶集那天把其中四只卖给了面包师的妻子，请问磨坊后面还剩下多少只鹅？"
PASSAGE = " ".join(
    f"The {name} house of Velmara was built by masons who carried {thing} over the ridge in carts of cedar."
    for name, thing in (("red", "slate"), ("blue", "lime"), ("green", "glass"), ("white", "iron"), ("black", "marble"))
)
ABOUT = "did the masons of Velmara ever carry marble over the ridge?"
WORDS = (Path(__file__).read_text(encoding="utf-8") * 3).split()


def _set(folder: Path, name: str, *rows: dict[str, Any]) -> str:
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def cfg(tmp_path: Path) -> DecontaminateConfig:
    geese = _set(tmp_path, "geese", {"question": "What?"}, {"question": QUESTION}, {"question": CHINESE})
    birds = _set(tmp_path, "birds", {"query": f"Question: {SHORT}", "choices": ["the owl", "the tern"], "gold": 0})
    return DecontaminateConfig(sets=(geese, birds))


def _judge(cfg: DecontaminateConfig, *texts: str | None) -> list[dict[str, Any]]:
    batch = pa.table({"content": pa.array(texts, pa.string())})
    return decontaminate(batch, cfg, load_questions(cfg)).to_pylist()


def _found(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["decontaminate.set"], row["decontaminate.item"], row["decontaminate.drop"]


def _filler(count: int, seed: int = 0) -> str:
    """Ordinary words that share no n-gram with any item."""
    rng = random.Random(seed)
    letters = "abdefgilmnoprstu"
    return " ".join("".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(count))


def _full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


EDITS: dict[str, Callable[[str], str]] = {
    "verbatim": lambda text: text,
    "upper case": str.upper,
    "capitals": str.title,
    "no punctuation": lambda text: re.sub(r"[^\w\s]", "", text),
    "punctuation as spaces": lambda text: re.sub(r"[^\w\s]", " ", text),
    "other punctuation": lambda text: re.sub(r"[,;?，？]", " -- ", text).replace(" of ", " (of) "),
    "line breaks": lambda text: text.replace(" ", "\n").replace("，", "，\r\n  "),
    "full width": _full_width,
    "Markdown": lambda text: text.replace("geese", "**geese**").replace("mill", "_mill_").replace("十七", "**十七**"),
    "curly apostrophe": lambda text: text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"),
    "broken word": lambda text: text.replace("farmer", "far-\nmer"),
    "soft hyphens": lambda text: text.replace("market", "mar\N{SOFT HYPHEN}ket"),
    "accents": lambda text: text.replace("e", "e\N{COMBINING ACUTE ACCENT}"),
    "footnote mark": lambda text: text.replace("mill", "mill[3]"),
    "one word changed": lambda text: text.replace("baker", "tailor"),
    "traditional": lambda text: (
        text.replace("农", "農").replace("请问", "請問").replace("还", "還").replace("个", "個")
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_item_is_found_in_every_form_in_both_languages(cfg: DecontaminateConfig, edit: str) -> None:
    form = EDITS[edit]
    english, chinese = _judge(
        cfg, f"{_filler(200)}\n\n{form(QUESTION)}\n\n{_filler(200)}", f"前言。{form(CHINESE)}后记。"
    )
    assert _found(english) == ("geese", 1, "contaminated")
    assert _found(chinese) == ("geese", 2, "contaminated")
    assert min(english["decontaminate.share"], chinese["decontaminate.share"]) > 0.9


def test_the_span_is_that_of_the_item(cfg: DecontaminateConfig) -> None:
    before, after = "\N{GRINNING FACE} é 前言。" + _filler(2500), _filler(2500, 1)
    (row,) = _judge(cfg, f"{before}. {QUESTION} {after}")
    assert f"{before}. {QUESTION} {after}"[row["decontaminate.start"] : row["decontaminate.end"]] == QUESTION[:-1]
    assert (row["decontaminate.share"], row["decontaminate.run"]) == (1.0, 33)


def test_partial_overlaps_are_scored_and_the_threshold_decides(cfg: DecontaminateConfig) -> None:
    half = " ".join(QUESTION.split()[:15])
    (row,) = _judge(cfg, f"{_filler(50)} {half} {_filler(50)}")
    assert _found(row) == ("geese", 1, None)
    assert 0.45 < row["decontaminate.share"] < 0.52
    (row,) = _judge(cfg.model_copy(update={"min_share": 0.4}), f"{_filler(50)} {half} {_filler(50)}")
    assert _found(row) == ("geese", 1, "contaminated")


def test_fewer_words_than_a_run_needs_are_nothing(cfg: DecontaminateConfig) -> None:
    part = " ".join(QUESTION.split()[:11])
    assert _found(_judge(cfg, part)[0]) == (None, None, None)
    assert _judge(cfg, part)[0]["decontaminate.share"] == 0.0
    assert _found(_judge(cfg.model_copy(update={"word_ngram": 10}), part)[0]) == ("geese", 1, None)
    characters = CHINESE[:12]
    assert _found(_judge(cfg, characters)[0]) == (None, None, None)
    assert _found(_judge(cfg.model_copy(update={"character_ngram": 11}), characters)[0]) == ("geese", 2, None)


def test_a_short_question_is_found_only_whole(cfg: DecontaminateConfig) -> None:
    whole, part = _judge(cfg, f"He asked: {SHORT} Nobody knew.", f"He asked: {SHORT.replace('garden', 'tower')}")
    assert _found(whole) == ("birds", 0, "contaminated")
    assert part["decontaminate.drop"] is None


def test_a_question_of_few_words_is_looked_for_with_its_choices_or_its_answer(tmp_path: Path) -> None:
    row = {"question": "Tadpoles later become", "choices": ["grown frogs", "fine newts", "small toads"], "answer": "A"}
    cfg = DecontaminateConfig(sets=(_set(tmp_path, "s", row),))
    texts = (
        "Tadpoles later become\nA. grown frogs\nB. fine newts\nC. small toads",
        "Tadpoles later become (a) grown frogs (b) fine newts (c) small toads",
        "Tadpoles later become: grown frogs, fine newts, small toads.",
        "Tadpoles later become grown frogs!",
        "Tadpoles later become fine newts",
        "Tadpoles later become",
    )
    drops = [judged["decontaminate.drop"] for judged in _judge(cfg, *texts)]
    assert drops == ["contaminated"] * 4 + [None] * 2
    longer = cfg.model_copy(update={"min_joined_words": 6})
    assert _judge(longer, texts[3])[0]["decontaminate.drop"] is None
    alone = cfg.model_copy(update={"min_question_words": 5, "word_ngram": 8, "min_joined_words": 4})
    assert _judge(alone, texts[3])[0]["decontaminate.drop"] == "contaminated"


def test_the_least_of_a_chinese_question_counts_characters(tmp_path: Path) -> None:
    row = {"question": "湖边灯塔由什么鸟看守？", "choices": ["雪山猫头鹰", "蓝尾海燕鸥"], "answer": 0}
    cfg = DecontaminateConfig(sets=(_set(tmp_path, "s", row),))
    texts = "他问湖边灯塔由什么鸟看守没人知道", "他问湖边灯塔由什么鸟看守？雪山猫头鹰"
    assert [one["decontaminate.drop"] for one in _judge(cfg, *texts)] == [None, "contaminated"]
    alone = cfg.model_copy(update={"min_question_characters": 10})
    assert [one["decontaminate.drop"] for one in _judge(alone, *texts)] == ["contaminated", "contaminated"]
    longer = cfg.model_copy(update={"min_joined_characters": 30})
    assert [one["decontaminate.drop"] for one in _judge(longer, *texts)] == [None, None]


def test_a_passage_alone_is_no_sign_of_its_item(tmp_path: Path) -> None:
    rows = [{"passage": PASSAGE, "question": ABOUT}, {"passage": PASSAGE, "question": "and who built it?"}]
    cfg = DecontaminateConfig(sets=(_set(tmp_path, "s", *rows),))
    alone, asked, short, elsewhere = _judge(
        cfg,
        PASSAGE,
        f"{PASSAGE}\n{ABOUT}",
        f"{PASSAGE}\nQuestion: And who built it?",
        f"And who built it? {_filler(90)}",
    )
    assert alone["decontaminate.drop"] is None
    assert alone["decontaminate.share"] > 0.9
    assert _found(asked) == ("s", 0, "contaminated")
    assert _found(short) == ("s", 1, "contaminated")
    assert elsewhere["decontaminate.set"] is None


def test_a_short_context_belongs_to_its_question(tmp_path: Path) -> None:
    story = "Jordan packed the tent for the camping trip and left all of the food standing in the kitchen at home."
    row = {"context": story, "question": "How would Jordan feel?"}
    cfg = DecontaminateConfig(sets=(_set(tmp_path, "s", row),))
    assert [one["decontaminate.drop"] for one in _judge(cfg, story, "How would Jordan feel?")] == ["contaminated", None]


def test_a_question_that_many_items_ask_does_not_count(tmp_path: Path) -> None:
    phrase = "Which of these statements about the story is best supported by"
    rows = [{"question": f"{phrase} {_filler(12, seed)}?"} for seed in range(6)]
    path = _set(tmp_path, "s", *rows)
    text = f"{phrase} nothing at all."
    assert _judge(DecontaminateConfig(sets=(path,), word_ngram=8), text)[0]["decontaminate.share"] == 0.0
    counted = _judge(DecontaminateConfig(sets=(path,), word_ngram=8, max_repeats=6), text)[0]
    assert counted["decontaminate.share"] > 0.3
    assert _judge(DecontaminateConfig(sets=(path,)), rows[3]["question"])[0]["decontaminate.item"] == 3


def test_a_story_that_many_questions_share_still_counts(tmp_path: Path) -> None:
    rows = [{"question": f"{QUESTION} {PASSAGE} {_filler(9, seed)}?"} for seed in range(6)]
    (row,) = _judge(DecontaminateConfig(sets=(_set(tmp_path, "s", *rows),)), rows[4]["question"])
    assert _found(row) == ("s", 4, "contaminated")
    assert row["decontaminate.share"] == 1.0


def test_items_made_of_commonplaces_are_not_looked_for(tmp_path: Path) -> None:
    cfg = DecontaminateConfig(sets=(_set(tmp_path, "s", *({"question": text} for text in COMMONPLACES)),))
    questions = load_questions(cfg)
    assert questions is not None
    assert questions.too_short == {"s": len(COMMONPLACES)}
    assert {judged["decontaminate.set"] for judged in _judge(cfg, *COMMONPLACES)} == {None}


def test_an_ignored_item_and_those_that_ask_the_same_reject_nothing(tmp_path: Path) -> None:
    path = _set(tmp_path, "s", {"question": QUESTION}, {"question": SHORT}, {"question": QUESTION.upper()})
    cfg = DecontaminateConfig(sets=(path,), ignore=("s:2",))
    assert [_found(one)[0] for one in _judge(cfg, QUESTION, SHORT)] == [None, "s"]
    for wrong, message in (
        ("s:9", "s has items 0 to 2"),
        ("s:x", "s has items"),
        ("t:0", "question set 't'; there are: s"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            check_sets(DecontaminateConfig(sets=(path,), ignore=(wrong,)))


def test_fields_of_a_set_can_be_named_and_a_wrong_set_is_told(tmp_path: Path) -> None:
    path = _set(tmp_path, "s", {"question": "nothing", "odd": QUESTION})
    fields: Any = {"s": {"question": ["odd"]}}
    assert _found(_judge(DecontaminateConfig(sets=(path,), fields=fields), QUESTION)[0])[0] == "s"
    assert _found(_judge(DecontaminateConfig(sets=(path,)), QUESTION)[0])[0] is None
    with pytest.raises(ValueError, match="fields names the question set 't'"):
        check_sets(DecontaminateConfig(sets=(path,), fields={"t": fields["s"]}))


def test_the_item_with_the_largest_share_is_told_and_a_hit_before_any_other(cfg: DecontaminateConfig) -> None:
    half = " ".join(QUESTION.split()[:16])
    (row,) = _judge(cfg, f"{half} {_filler(30)} {SHORT} {_filler(30)}")
    assert _found(row) == ("birds", 0, "contaminated")


def test_nothing_is_checked_without_a_set_and_the_columns_say_so() -> None:
    cfg = DecontaminateConfig()
    assert load_questions(cfg) is None
    (row,) = _judge(cfg, QUESTION)
    assert {row[name] for name in COLUMNS} == {None}
    assert screen(QUESTION, cfg, None) == dict.fromkeys(COLUMNS)


def test_null_and_empty_texts_and_batches(cfg: DecontaminateConfig) -> None:
    null, empty, plain = _judge(cfg, None, "", "?!")
    assert null["decontaminate.share"] is None
    assert empty["decontaminate.share"] == plain["decontaminate.share"] == 0.0
    none = decontaminate(pa.table({"content": pa.array([], pa.string())}), cfg, load_questions(cfg))
    assert none.num_rows == 0
    assert {name: none.schema.field(name).type for name in COLUMNS} == COLUMNS


def test_a_set_without_items_finds_nothing(tmp_path: Path) -> None:
    cfg = DecontaminateConfig(sets=(_set(tmp_path, "none"),))
    assert _found(_judge(cfg, QUESTION)[0]) == (None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000,
        "geese " * 50_000,
        "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 9_000,
        "\u0301" * 99_999,
        "鹅" * 99_999,
    ],
    ids=["one letter", "one word", "long ligature", "marks", "one character"],
)
def test_hostile_texts_hold_nothing(cfg: DecontaminateConfig, text: str) -> None:
    assert _found(_judge(cfg, text)[0]) == (None, None, None)


def test_a_text_that_repeats_an_item_is_measured_once(cfg: DecontaminateConfig) -> None:
    (row,) = _judge(cfg, f"{QUESTION}\n" * 200)
    assert row["decontaminate.share"] == 1.0


def test_the_order_of_sets_changes_nothing(cfg: DecontaminateConfig) -> None:
    other = DecontaminateConfig(sets=cfg.sets[::-1])
    assert other == cfg
    one, two = load_questions(cfg), load_questions(other)
    assert one is not None
    assert two is not None
    assert all(np.array_equal(a, b) for a, b in zip(one.index, two.index, strict=True))


def test_the_index_is_kept_until_a_byte_of_a_set_changes(cfg: DecontaminateConfig) -> None:
    first = load_questions(cfg)
    assert load_questions(cfg) is first
    Path(cfg.sets[1]).write_text(json.dumps({"question": SHORT}), encoding="utf-8")
    assert _found(_judge(cfg, QUESTION)[0])[0] is None


def test_items_are_counted_with_the_texts_that_hold_them(cfg: DecontaminateConfig) -> None:
    questions = load_questions(cfg)
    assert questions is not None
    assert find_items(pa.array([QUESTION, CHINESE, None, QUESTION]), cfg, questions) == {"geese:1": 2, "geese:2": 1}
    assert questions.num_items == {"birds": 1, "geese": 3}
    assert questions.too_short == {"birds": 0, "geese": 1}


def test_words_are_parted_by_what_is_no_letter_but_not_by_apostrophes_and_marks() -> None:
    folded = fold_texts(["Don’t stop-me 3.5", "é te\N{SOFT HYPHEN}st", "中文ab字", "", "?!"])
    assert folded.num_words.tolist() == [5, 2, 4, 0, 0]
    assert folded.characters.tolist() == [False, False, True, False, False]


def test_the_stage_fits_into_a_plan(cfg: DecontaminateConfig) -> None:
    stage = decontaminate_stage(cfg)
    check_plan([stage], ["content"])
    assert stage.identity is not None
    assert set(stage.identity(cfg)) == {"birds", "geese"}


@given(st.text(max_size=400), st.text(max_size=400), st.integers(0, 2))
def test_an_item_is_found_whatever_stands_around_it(before: str, after: str, which: int) -> None:
    item = (QUESTION, CHINESE, SHORT)[which]
    text = f"{before}\n{item}\n{after}".encode("utf-8", "ignore").decode()
    cfg, questions = _shared()
    row = screen(text, cfg, questions)
    assert row["decontaminate.drop"] == "contaminated"
    assert 0 <= row["decontaminate.start"] < row["decontaminate.end"] <= len(text)


@given(st.text())
def test_spaces_change_no_letter_and_a_byte_makes_two_at_most(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    plain, spaced = (fold_texts([form]).letters.tolist() for form in (text, " ".join(text)))
    assert plain == spaced
    assert len(plain) <= 2 * len(text.encode())


@cache
def _shared() -> tuple[DecontaminateConfig, Questions]:
    """One index for all examples."""
    cfg = DecontaminateConfig()
    items = [Item(str(number), (text,)) for number, text in enumerate((QUESTION, CHINESE, SHORT))]
    return cfg, build_index({"s": items}, limits_of(cfg))
