"""Passages and the spans of questions: offsets that hold, whole paragraphs, running text only."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from synth.passages import (
    cut_passages,
    cut_sentences,
    cut_targets,
    is_prose,
    opens_with_subject,
    overlapped,
    paragraphs,
    sentences,
    surroundings,
)

PROSE = "Coral reefs cover less than one percent of the sea floor. They are built by small animals called polyps."
ZH = "珊瑚礁只覆盖不到百分之一的海底。珊瑚礁由名为珊瑚虫的小动物建造而成。约四分之一的海洋物种生活在那里。"
CODE = "$ git --no-replace-objects cat-file commit foo --pretty=raw | sed -n 's/^x/y/p'"


def texts(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[slice(*span)] for span in spans]


def test_paragraphs_are_the_lines_that_hold_anything() -> None:
    assert texts("a\n\n  b c \n \nd", paragraphs("a\n\n  b c \n \nd")) == ["a", "b c", "d"]
    assert paragraphs("") == []
    assert paragraphs(" \n\n ") == []


def test_sentences_end_at_stops_in_both_languages_and_at_lines() -> None:
    assert texts(PROSE, sentences(PROSE)) == [part.strip() + "." for part in PROSE.split(".")[:-1]]
    assert len(sentences(ZH)) == 3
    assert texts("One line\nNext line", sentences("One line\nNext line")) == ["One line", "Next line"]


def test_a_sentence_does_not_end_inside_an_abbreviation_or_a_number() -> None:
    text = "Use a shell, e.g. bash or version 3.11 of it. Then log in."
    assert len(sentences(text)) == 2


def test_prose_is_long_ends_in_a_stop_and_is_made_of_letters() -> None:
    assert is_prose(PROSE, (0, len(PROSE)), 60)
    assert not is_prose(PROSE, (0, len(PROSE)), 500)
    assert not is_prose(PROSE[:-1], (0, len(PROSE) - 1), 60)
    assert not is_prose(CODE + ".", (0, len(CODE) + 1), 20)
    assert is_prose(ZH, (0, len(ZH)), 20)


def test_prose_may_hold_formulas_of_tex_but_not_be_one() -> None:
    told = r"若 $n$ 整除 $2^n-2$，则 \(n = 341 = 11 * 31\) 是伪质数，对于质数 p 和整数 x，$$x^p - x$$ 能被 p 整除。"
    assert is_prose(told, (0, len(told)), 20)
    assert not is_prose("$1+2$ = $3$ " + "{" * 20 + ".", (0, 33), 20)
    price = "It costs $5 and {1: 2, 3: 4} or $7 {5: 6}, [7, 8, 9], {10: 11, 12: 13}."
    assert not is_prose(price, (0, len(price)), 20)


def test_passages_are_whole_paragraphs_within_the_budget() -> None:
    text = "\n".join([PROSE] * 6)
    found = cut_passages(text, 100, 250, 60, 0.9)
    assert [text[start:end] for start, end in found] == [f"{PROSE}\n{PROSE}"] * 3


def test_a_paragraph_over_the_budget_is_cut_at_sentence_ends() -> None:
    text = " ".join([PROSE] * 5)
    for start, end in cut_passages(text, 50, 150, 40, 0.5):
        assert end - start <= 150
        assert text[start:end].endswith(".")


def test_passages_of_headings_and_code_are_left_out() -> None:
    assert cut_passages("\n".join([CODE] * 5), 100, 500, 60, 0.9) == []
    mixed = "\n".join([CODE, PROSE])
    assert cut_passages(mixed, 50, 500, 60, 0.9) == []
    assert cut_passages(mixed, 50, 500, 60, 0.3) == [(0, len(mixed))]


def test_empty_and_short_texts_give_no_passage() -> None:
    assert cut_passages("", 100, 500, 60, 0.9) == []
    assert cut_passages(PROSE, 200, 500, 60, 0.9) == []


def test_targets_do_not_lean_on_the_sentence_before() -> None:
    text = f"{PROSE}\nThis is why they are protected by law in many countries of the world.\n{PROSE}"
    found = cut_targets(text, (0, len(text)), 50, 120)
    assert texts(text, found) == [PROSE, PROSE]
    chinese = "因此它们在许多国家受到法律的严格保护并且禁止采集。\n" + ZH
    assert texts(chinese, cut_targets(chinese, (0, len(chinese)), 20, 120)) == [ZH]


@given(st.text(alphabet="ab C.!?。 \n这", max_size=300), st.integers(1, 80), st.integers(80, 200))
def test_passages_are_ordered_disjoint_and_within_bounds(text: str, shortest: int, longest: int) -> None:
    found = cut_passages(text, shortest, longest, 5, 0.0)
    assert all(shortest <= end - start <= longest for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    for passage in found:
        for start, end in cut_targets(text, passage, 1, longest):
            assert passage[0] <= start < end <= passage[1]


def test_sentences_to_ask_about_are_statements_of_their_own_within_bounds() -> None:
    text = (
        "Cron runs commands at times set in a table called crontab. It is a daemon that starts with the system. "
        "What does the daemon do when a file of the table is broken? Short one here.\n"
        "The fields of a table are the minute, the hour and these three:\n"
        "珊瑚礁由名为珊瑚虫的小动物的群体建造而成。它们分泌碳酸钙形成骨骼。"
    )
    found = [text[slice(*span)] for span in cut_sentences(text, (0, len(text)), 40, 200)]
    assert found == ["Cron runs commands at times set in a table called crontab."]
    chinese = text.rindex("\n") + 1, len(text)
    assert [text[slice(*span)] for span in cut_sentences(text, chinese, 10, 60)] == [
        "珊瑚礁由名为珊瑚虫的小动物的群体建造而成。"
    ]


def test_a_sentence_opens_with_its_subject_or_with_something_else() -> None:
    def opens(text: str) -> bool:
        return opens_with_subject(text, (0, len(text)))

    assert opens("The daemon runs.") and opens("Inodes hold metadata.") and opens("珊瑚礁由珊瑚虫建造。")
    assert not opens("In Unix the daemon runs.") and not opens("“If it runs, it writes.") and not opens("如果它运行。")


@given(st.text(alphabet="ab. 。\nA?"), st.integers(0, 5), st.integers(5, 30))
def test_sentences_to_ask_about_are_ordered_disjoint_and_within_bounds(text: str, shortest: int, longest: int) -> None:
    found = cut_sentences(text, (0, len(text)), shortest, longest)
    assert all(shortest <= end - start <= longest for start, end in found)
    assert all(first[1] <= second[0] for first, second in pairwise(found))


def test_surroundings_are_whole_sentences_of_the_passage_within_the_budget() -> None:
    text = "Other. First one. Second one. Third one. Fourth one.\nLast."
    passage, target = (7, len(text) - 6), (18, 29)
    assert text[slice(*target)] == "Second one."
    assert text[slice(*surroundings(text, passage, target, 5))] == "Second one."
    assert text[slice(*surroundings(text, passage, target, 24))] == "Second one. Third one."
    assert text[slice(*surroundings(text, passage, target, 34))] == "First one. Second one. Third one."
    assert text[slice(*surroundings(text, passage, target, 500))] == text[slice(*passage)]


@given(st.text(alphabet="aB. 。\n", max_size=60), st.integers(0, 80))
def test_surroundings_hold_the_target_and_keep_to_passage_and_budget(text: str, most: int) -> None:
    whole = (0, len(text))
    for start, end in sentences(text):
        first, last = surroundings(text, whole, (start, end), most)
        assert 0 <= first <= start < end <= last <= len(text)
        assert last - first <= max(most, end - start)


def test_an_overlap_begins_at_a_paragraph_or_else_at_a_sentence_and_keeps_to_its_length() -> None:
    text = "First of all. It ends here.\nSecond line.\nThe passage."
    passage = (text.index("The"), len(text))
    assert overlapped(text, passage, 0) == overlapped(text, passage, 5) == passage
    assert text[slice(*overlapped(text, passage, 15))].startswith("Second line.")
    assert text[slice(*overlapped(text, passage, 100))] == text
    one_line = "Cron runs. " * 5 + "\nThe passage."
    start, end = overlapped(one_line, (one_line.index("The"), len(one_line)), 25)
    assert one_line[start:end] == "Cron runs. Cron runs. \nThe passage."


@given(st.text(alphabet="Ab. \n。", max_size=80), st.integers(0, 60), st.integers(0, 100))
def test_an_overlap_is_within_its_length_and_ends_where_the_passage_does(text: str, at: int, most: int) -> None:
    passage = (min(at, len(text)), len(text))
    start, end = overlapped(text, passage, most)
    assert passage[0] - most <= start <= passage[0] and end == passage[1]
