"""Files of questions: every layout, every set that lies beside the repository, and files that are broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annealing.errors import TrainerError
from annealing.questions import QuestionSet, language_of, open_questions

SETS = {  # name: questions, kind, language, chance, whether likelihoods are divided by bytes
    "arc_challenge": (1172, "choice", "other", 1 / 4, True),
    "arc_easy": (2376, "choice", "other", 1 / 4, True),
    "boolq": (3270, "choice", "other", 1 / 2, False),
    "commonsense_qa": (1221, "choice", "other", 1 / 4, False),
    "gaokao-biology": (210, "choice", "zh", 1 / 4, True),
    "gaokao-chinese": (246, "choice", "zh", 1 / 4, True),
    "gaokao-geography": (199, "choice", "zh", 1 / 4, True),
    "gaokao-history": (235, "choice", "zh", 1 / 4, True),
    "gsm8k": (1319, "answer", "other", None, True),
    "lambada_openai": (5153, "word", "other", None, False),
    "logiqa-zh": (651, "choice", "zh", 1 / 4, True),
    "openbook_qa": (500, "choice", "other", 1 / 4, True),
    "piqa": (1838, "choice", "other", 1 / 2, True),
    "siqa": (1954, "choice", "other", 1 / 2, False),
    "winogrande": (1267, "choice", "other", 1 / 2, True),
}
OPTIONS = {"passage": None, "question": "天空是什么颜色？", "options": ["(A)红", "(B)蓝", "(C)绿"], "label": "B"}


def write(path: Path, *rows: Any) -> Path:
    """A JSONL file of objects, or of lines as they are."""
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def only(tmp_path: Path, *rows: Any, limit: int | None = None) -> QuestionSet:
    """The set of a file of some rows."""
    [one] = open_questions(write(tmp_path / "some.jsonl", *rows), limit)
    return one


@pytest.fixture(scope="module")
def sets(shared_data: Path) -> list[QuestionSet]:
    return open_questions(shared_data / "evalsets")


def test_every_set_opens_with_its_count_kind_language_and_chance(sets: list[QuestionSet]) -> None:
    found = {one.name: (len(one.questions), one.kind, one.language, one.chance, one.by_byte) for one in sets}
    assert found == SETS


def test_right_answers_of_the_sets_are_those_of_their_rows(sets: list[QuestionSet], shared_data: Path) -> None:
    for one in sets:
        lines = (shared_data / "evalsets" / f"{one.name}.jsonl").read_text(encoding="utf-8").splitlines()
        for question, row in zip(one.questions, map(json.loads, lines), strict=True):
            right = question.choices[question.gold]
            if "label" in row:
                marked = [option for option in row["options"] if option.strip().startswith(f"({row['label']})")]
                assert len(marked) != 1 or marked[0].strip().removeprefix(f"({row['label']})").strip() == right
            elif "choices" in row:
                assert right == " " + row["choices"][row["gold"]].strip()
            elif "context_options" in row:
                assert question.contexts[question.gold] == row["context_options"][row["gold"]].rstrip()
            else:
                assert right.startswith(" ") and row.get("answer", row.get("continuation", "")).strip() in right


def test_a_question_asks_for_an_answer_on_a_line_of_its_own(tmp_path: Path) -> None:
    one = only(tmp_path, {"query": "Question: Why?\n", "choices": ["so", " thus "], "gold": 1})
    assert one.questions[0].contexts == ("Question: Why?\nAnswer:",) * 2
    assert one.questions[0].choices == (" so", " thus")
    asked = only(tmp_path, {"query": "Question: Why?\nAnswer:", "choices": ["A", "B"], "gold": 0})
    assert asked.questions[0].contexts[0] == "Question: Why?\nAnswer:"
    goes_on = only(tmp_path, {"query": "He went to", "choices": ["town", "bed"], "gold": 0})
    assert goes_on.questions[0].contexts[0] == "He went to"


def test_the_same_words_follow_several_beginnings(tmp_path: Path) -> None:
    row = {"context_options": ["Ann thanked Bo as Ann", "Ann thanked Bo as Bo"], "continuation": "helped.", "gold": 1}
    [question] = only(tmp_path, row).questions
    assert question.contexts == tuple(row["context_options"]) and question.choices == (" helped.",) * 2


def test_a_word_and_a_solution_have_no_chance(tmp_path: Path) -> None:
    word = only(tmp_path, {"context": "to be or not to ", "continuation": "be"})
    assert (word.kind, word.chance, word.questions[0].contexts, word.questions[0].choices) == (
        "word", None, ("to be or not to",), (" be",),
    )  # fmt: skip
    solved = only(tmp_path, {"context": "1 + 1?", "chain_of_thought": "1 + 1 = <<1+1=2>>2.", "answer": "2"})
    assert solved.kind == "answer" and solved.questions[0].choices == (" 1 + 1 = 2.\nThe answer is 2.",)


def test_an_option_is_its_text_without_its_letter_in_both_languages(tmp_path: Path) -> None:
    [chinese] = only(tmp_path, {**OPTIONS, "passage": "看图。"}).questions
    assert chinese.contexts[0] == "看图。\n问题：天空是什么颜色？\n答案：" and chinese.choices == ("红", "蓝", "绿")
    row = {"passage": "", "question": "What is blue?", "options": ["A. sky", "B. grass"], "label": "A"}
    [english] = only(tmp_path, row).questions
    assert english.contexts[0] == "Question: What is blue?\nAnswer:" and english.choices == (" sky", " grass")


@pytest.mark.parametrize(
    ("options", "label", "right"),
    [
        (["(A)a", "(C)c", "(B)b", "(D)d"], "B", "b"),  # in another order than their letters
        (["(A)a", "(B)b", "(C)c", "(C)d"], "D", "d"),  # a letter that stands twice: by place
        (["(A)a", "(C)b", "(C)c", "(D)d"], "B", "b"),
        (["A cat", "Every dog"], "B", "Every dog"),  # "A" is a word of the first option
        (["（A）一", "（B）二"], "B", "二"),
        (["A．一", "B．二"], "A", "一"),
        (["(A)", "(B)b"], "A", "(A)"),  # nothing behind the letter: the letter is the option
    ],
)
def test_the_right_option_is_found(tmp_path: Path, options: list[str], label: str, right: str) -> None:
    [question] = only(tmp_path, {**OPTIONS, "options": options, "label": label}).questions
    assert question.choices[question.gold] == right


def test_a_limit_is_spread_over_the_file(tmp_path: Path) -> None:
    rows = [{"context": f"{number}", "continuation": "x"} for number in range(100)]
    assert [one.contexts[0] for one in only(tmp_path, *rows, limit=4).questions] == ["0", "25", "50", "75"]
    assert len(only(tmp_path, *rows, limit=1000).questions) == 100


def test_short_choices_are_compared_as_they_are_and_sentences_by_the_byte(tmp_path: Path) -> None:
    def by_byte(*choices: str) -> bool:
        return only(tmp_path, {"query": "q", "choices": choices, "gold": 0}).by_byte

    assert not by_byte("yes", "no") and by_byte("a longer sentence", "another sentence")


def test_a_folder_gives_its_sets_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / f"{name}.jsonl", OPTIONS)
    (tmp_path / "README.md").write_text("not a set")
    assert [one.name for one in open_questions(tmp_path)] == ["a", "b"]


CHOICE = {"query": "q", "choices": ["a", "b"], "gold": 0}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([""], "is empty"),
        (["{"], "line 1 is no JSON"),
        (["[1]"], "line 1 is no JSON object"),
        ([{"a": 1}], "fields a are no layout known here"),
        ([{"query": "q", "choices": ["a"]}], "no layout known here"),  # no gold in the first row
        ([CHOICE, {"query": "q", "choices": ["a"]}], "line 2 is not like the first: KeyError('gold')"),
        ([CHOICE, {**CHOICE, "gold": 2}], "line 2 is not like the first"),
        ([{**CHOICE, "gold": -1}], "line 1 is not like the first"),
        ([{**CHOICE, "gold": "0"}], "gold is no whole number"),
        ([{**CHOICE, "gold": 1.0}], "gold is no whole number"),
        ([{**CHOICE, "query": None}], "line 1 is not like the first"),
        ([{**CHOICE, "choices": []}], "there is no choice 0"),
        ([{"context": "a", "continuation": 3}], "line 1 is not like the first"),
        ([{**OPTIONS, "label": None}], "line 1 is not like the first"),
        ([{**OPTIONS, "label": "E"}], "line 1 is not like the first"),
        (['{"query": "\\ud800", "choices": ["a", "b"], "gold": 0}'], "line 1 is not like the first"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, lines: list[Any], said: str) -> None:
    with pytest.raises(TrainerError) as caught:
        only(tmp_path, *lines)
    assert said in str(caught.value) and "some.jsonl" in str(caught.value) and caught.value.remedy


def test_a_place_without_questions_and_a_file_of_another_encoding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="holds no questions"):
        open_questions(tmp_path / "nothing.jsonl")
    with pytest.raises(TrainerError, match="holds no questions"):
        open_questions(tmp_path)
    (tmp_path / "gbk.jsonl").write_bytes('{"context": "天空"}'.encode("gbk"))
    with pytest.raises(TrainerError, match="is no UTF-8"):
        open_questions(tmp_path)


def test_a_tenth_of_han_makes_a_text_chinese() -> None:
    assert language_of("天空是蓝的 sky") == "zh" and language_of("a sky that is 蓝") == "other"
    assert language_of("") == "other" == language_of("  \n")
