"""Question-answer pairs in the habits of models, and the promise of all parsers: items, or a ParseError."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from synth.parsed import ParseError
from synth.parsers import PARSERS, parse

EN = ("What is cron?", "Cron is a daemon.")
ZH = ("cron 是什么？", "它是守护进程。")


def pairs(text: str) -> list[tuple[str | None, str | None]]:
    return [(parsed.question, parsed.answer) for parsed in parse("question_answers", text)]


@pytest.mark.parametrize(
    "text",
    [
        "Question: {0}\nAnswer: {1}\nQuestion: {2}\nAnswer: {3}",
        "Q: {0}\nA: {1}\n\nQ: {2}\nA: {3}",
        "1. Question: {0}\nAnswer: {1}\n2. Question: {2}\nAnswer: {3}",
        "**Question 1:** {0}\n**Answer 1:** {1}\n\n---\n\n**Question 2:** {2}\n**Answer 2:** {3}",
        "### Question: {0}\n### Answer: {1}\n\n### Question: {2}\n### Answer: {3}",
        "问题：{0}\n答案：{1}\n问题：{2}\n答案：{3}",
        "问：{0}\n答：{1}\n\n问：{2}\n答：{3}",
        "- 问题1：{0}\n- 回答1：{1}\n- 问题2：{2}\n- 回答2：{3}",
        "<think>Two of them.</think>Q1: {0}\nA1: {1}\nQ2: {2}\nA2: {3}",
        "Here they are.\nQuestion: {0}\nAnswer: {1}\nQuestion: {2}\nAnswer: {3}",
    ],
)
def test_labelled_pairs_are_read_in_the_habits_of_models(text: str) -> None:
    assert pairs(text.format(*EN, *ZH)) == [EN, ZH]


ITEMS = [{"question": EN[0], "answer": EN[1]}, {"question": ZH[0], "answer": ZH[1]}]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("form", ["array", "object", "lines", "fence", "indented"])
def test_pairs_in_json_are_read_in_each_of_its_forms(form: str, ascii_only: bool) -> None:
    told = {
        "array": json.dumps(ITEMS, ensure_ascii=ascii_only),
        "object": json.dumps({"count": 2, "pairs": ITEMS}, ensure_ascii=ascii_only),
        "lines": "\n".join(json.dumps(item, ensure_ascii=ascii_only) for item in ITEMS),
        "fence": f"```json\n{json.dumps(ITEMS, ensure_ascii=ascii_only)}\n```",
        "indented": json.dumps(ITEMS, ensure_ascii=ascii_only, indent=2),
    }
    assert pairs(told[form]) == [EN, ZH]


@pytest.mark.parametrize(
    "keys", [("question", "answer"), ("Question", "Answer"), ("q", "a"), ("问题", "答案"), ("问", "答")]
)
def test_the_keys_of_a_pair_have_several_names(keys: tuple[str, str]) -> None:
    assert pairs(json.dumps([dict(zip(keys, EN, strict=True))])) == [EN]
    assert pairs(json.dumps(dict(zip(keys, ZH, strict=True)), ensure_ascii=False)) == [ZH]


def test_a_line_separator_inside_a_string_ends_no_line_of_json() -> None:
    told = "\n".join(json.dumps({"question": "a\u2028b?", "answer": "c\x85d"}, ensure_ascii=False) for _ in range(2))
    assert pairs(told) == [("a\u2028b?", "c\x85d")] * 2


@pytest.mark.parametrize(
    "broken", [{"question": EN[0]}, {"answer": "x"}, {"question": " ", "answer": "x"}, {"question": 1, "answer": "x"},
               {"question": "a?", "answer": None}, {"question": ["a?"], "answer": "x"}, {}, [], 7, None, "a",
               {"question": "half \ud83d?", "answer": "x"}, {"question": "a?", "answer": "\udc00"}],
)  # fmt: skip
def test_a_pair_without_one_of_its_parts_as_text_is_left_out(broken: object) -> None:
    assert pairs(json.dumps([broken, ITEMS[0]])) == [EN]
    with pytest.raises(ParseError, match="no_pairs"):
        parse("question_answers", json.dumps([broken]))


def test_labels_without_their_other_half_are_left_out() -> None:
    assert pairs(f"Q: lost?\nQ: {EN[0]}\nA: {EN[1]}\nA: once more\nQ: open?") == [EN]
    assert pairs(f"问题：\n答案：空\n问题：{ZH[0]}\n答案：{ZH[1]}") == [ZH]


def test_an_item_holds_its_two_parts_as_text() -> None:
    (parsed,) = parse("question_answers", f"Q: {EN[0]}\nA: {EN[1]}")
    assert parsed.text == "\n".join(EN)
    assert parsed.score is None and parsed.supported is None


def test_an_answer_may_have_several_lines() -> None:
    assert pairs("Q: a?\nA: b\n\nc\nQ: d?\nA: e") == [("a?", "b\n\nc"), ("d?", "e")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_pairs"),
        ("Cron is a daemon.", "no_pairs"),
        ("这里没有问答。", "no_pairs"),
        ("[]", "no_pairs"),
        ("{}", "no_pairs"),
        ('[{"question": "a?", "answer": "b"', "broken_json"),
        ("{question: a}", "broken_json"),
        ("[" * 100_000, "broken_json"),
        ('[{"question": "a?", "answer": ' + "9" * 5_000 + "}]", "broken_json"),
        ('{"a":' * 100_000, "broken_json"),
        ("<think>Question: a?\nAnswer: b", "think_residue"),
    ],
)
def test_anything_without_a_whole_pair_has_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse("question_answers", text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "label", ["Question: {}", "Q. {}", "**Q1:** {}", "1) Question: {}", "> 问题：{}", "# 问 2: {}"]
)
def test_the_label_of_a_question_is_taken_off_in_all_its_forms(label: str) -> None:
    assert parse("question", label.format(EN[0]))[0].question == EN[0]
    assert parse("question_answer", f"{label.format(ZH[0])}\n答案：{ZH[1]}")[0].question == ZH[0]


@pytest.mark.parametrize("parser", sorted(PARSERS))
@pytest.mark.parametrize(
    "text",
    [
        "Q\n" * 5_000,
        "Question" + "\n" * 3_000 + "x",  # took the cube of the line breaks once
        "Answer 1" + " *" * 3_000 + "x",
        "\n" * 3_000 + "1",
        "*" * 10_000,
        "1. " * 3_000,
        "Teacher: " * 2_000,
        "A" * 200_000,
        "中" * 200_000,
        "<think>" * 1_000,
        "\x00\x01\x1b[31m\ufffe\u202e",
        "[" * 50_000 + "]" * 50_000,
    ],
    ids=lambda text: repr(text[:9]),
)
def test_a_loop_or_a_hostile_output_is_read_or_refused_by_every_parser(parser: str, text: str) -> None:
    with suppress(ParseError):
        assert parse(parser, text)


WORDS = [
    *(
        "Question",
        "Answer",
        "Q",
        "A",
        "问题",
        "答案",
        ":",
        "：",
        ".",
        "**",
        "#",
        "-",
        "\n",
        " ",
        "1",
        "Score",
        "Verdict",
    ),
    *(
        "supported",
        "支持",
        "知识点",
        "Exercise",
        "解答",
        "<think>",
        "</think>",
        "```json",
        "```",
        "{",
        "}",
        "[",
        "]",
        '"',
    ),
    *(",", '"question"', '"a"', "\\ud800", "9" * 5_000, "无", "remove_lines(1, 2)", "keep_all()", "٣", "\x00"),
]
NOISE = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=30).map("".join))


@given(NOISE, st.sampled_from(sorted(PARSERS)))
@example("Score: ٣", "score")
def test_every_parser_gives_items_with_text_or_a_parse_error_with_a_word(text: str, parser: str) -> None:
    try:
        items = parse(parser, text)
    except ParseError as error:
        assert error.reason.replace("_", "").isalpha() and error.reason.islower()
        return
    assert items
    for item in items:
        assert item.text and "<think>" not in item.text
        assert item.question is None or item.question == item.question.strip() != ""
        assert item.answer is None or item.answer == item.answer.strip() != ""
        assert item.score is None or 0 <= item.score <= 5


PART = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40).filter(
    lambda text: bool(text.strip())
)


@given(st.lists(st.tuples(PART, PART), min_size=1, max_size=5), st.booleans())
def test_pairs_written_as_json_are_read_back(told: list[tuple[str, str]], ascii_only: bool) -> None:
    text = json.dumps([{"question": q, "answer": a} for q, a in told], ensure_ascii=ascii_only)
    if "think>" not in text.lower():
        assert pairs(text) == [(q.strip(), a.strip()) for q, a in told]
