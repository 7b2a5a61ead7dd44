"""Programs of edits: read without running anything, validated against their lines, executed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.edits import (
    MAX_OPERATIONS,
    MAX_SAME_ADDED_AT,
    MAX_SAME_ADDED_TEXT,
    MAX_SAME_REMOVED,
    MAX_SAME_REPLACED,
    Operation,
    ProgramError,
    execute,
    numbered,
    parse_program,
    validate,
)

LINES = [
    "Cron runs jobs.",
    "Share | Like | Print",
    "Jobs are listed in a table.",
    "cookie settings",
    "定时任务由守护进程启动。",
]


def edited(program: str, lines: list[str] | None = None) -> list[str]:
    lines = LINES if lines is None else lines
    return execute(validate(parse_program(program), lines), lines)


def names(program: str, lines: list[str] | None = None) -> list[str]:
    return [one.name for one in validate(parse_program(program), LINES if lines is None else lines)]


def test_keep_all_leaves_the_lines_as_they_are() -> None:
    assert edited("keep_all()") == LINES
    assert edited("keep_all()", []) == []


def test_remove_all_leaves_nothing_whatever_stands_beside_it() -> None:
    assert edited("remove_all()") == []
    assert names('remove_lines(1, 1)\nremove_all()\nadd_line(0, 0, "x")') == ["remove_all"]


def test_lines_are_removed_from_the_first_to_the_last_and_count_from_one() -> None:
    assert edited("remove_lines(2, 4)") == [LINES[0], LINES[4]]
    assert edited("remove_lines(1, 5)") == []
    assert edited("remove_lines(1, 1)\nremove_lines(5, 5)") == LINES[1:4]


def test_the_one_place_of_a_line_is_replaced_and_no_other_line_is_touched() -> None:
    assert edited('replace_str(3, "Jobs", "Tasks")') == [*LINES[:2], "Tasks are listed in a table.", *LINES[3:]]
    assert edited('replace_str(5, "守护进程", "服务器")')[4] == "定时任务由服务器启动。"
    assert edited('replace_str(2, " | Print", "")')[1] == "Share | Like"


def test_replacements_of_one_line_are_made_in_their_order_where_each_still_stands_once() -> None:
    assert edited('replace_str(1, "Cron", "Anacron")\nreplace_str(1, "Anacron", "At")')[0] == "Anacron runs jobs."
    assert edited('replace_str(1, "Cron", "At")\nreplace_str(1, "runs", "starts")')[0] == "At starts jobs."
    assert edited('replace_str(1, "jobs", "Cron")\nreplace_str(1, "Cron", "At")')[0] == "Cron runs Cron."


def test_added_lines_stand_after_their_line_in_the_order_of_the_middle_number() -> None:
    found = edited('add_line(1, 1, "second")\nadd_line(1, 0, "first")\nadd_line(0, 0, "标题")\nadd_line(5, 0, "end")')
    assert found == ["标题", LINES[0], "first", "second", *LINES[1:], "end"]


def test_a_line_is_added_after_one_that_is_removed() -> None:
    assert edited('remove_lines(2, 4)\nadd_line(3, 0, "new")') == [LINES[0], "new", LINES[4]]


def test_a_removed_line_stays_removed_when_it_is_replaced_too() -> None:
    assert edited('remove_lines(1, 1)\nreplace_str(1, "Cron", "At")') == LINES[1:]


def test_an_empty_text_can_only_be_kept_removed_or_added_to() -> None:
    assert edited('add_line(0, 0, "x")', []) == ["x"]
    assert edited("remove_all()", []) == []
    with pytest.raises(ProgramError):
        edited("remove_lines(1, 1)", [])


def test_a_code_fence_and_comments_and_semicolons_are_passed_over() -> None:
    told = "```python\n# 删除广告\nremove_lines(2, 2);\n\n  remove_lines(4, 4)\n```"
    assert [str(one) for one in parse_program(told)] == ["remove_lines(2, 2)", "remove_lines(4, 4)"]


def test_an_operation_is_written_as_it_is_read() -> None:
    one = Operation("replace_str", (5, "it's", '说"好"\\'))
    assert parse_program(str(one)) == (one,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n```\n```",
        "# only a comment",
        "The text is fine.",
        "这段文字没有问题。",
        "remove_lines",
        "remove_lines(1)",
        "remove_lines(1, 2, 3)",
        "remove_lines(1.0, 2)",
        "remove_lines(True, 2)",
        "remove_lines('1', '2')",
        "remove_lines(-1, 2)",
        "remove_lines(1, 1 + 1)",
        "remove_lines(first=1, last=2)",
        "remove_lines(*[1, 2])",
        "remove_lines(1, 2) or keep_all()",
        "keep_all(1)",
        'replace_str(1, "a", None)',
        'replace_str(1, b"a", "b")',
        'replace_str(1, f"{a}", "b")',
        'add_line(0, 0, "\\ud800")',
        "remove_lines(1, 2)\nand that is all",
        "os.remove_lines(1, 2)",
        "__import__('os').system('true')",
        "exec('1')",
        "x = keep_all()",
        "remove_lines(1, " + "9" * 10_000 + ")",
        "keep_all(" + "(" * 10_000,
        "-" * 50_000 + "1",
        "keep_all" + ".a" * 50_000 + "()",
        "keep_all()\x00",
    ],
)
def test_anything_but_calls_with_plain_arguments_is_no_program(text: str) -> None:
    with pytest.raises(ProgramError):
        parse_program(text)


def test_a_program_without_end_is_no_program() -> None:
    parse_program("\n".join(f"remove_lines({i}, {i})" for i in range(1, MAX_OPERATIONS + 1)))
    with pytest.raises(ProgramError, match=str(MAX_OPERATIONS + 1)):
        parse_program("\n".join(f"remove_lines({i}, {i})" for i in range(MAX_OPERATIONS + 1)))


@pytest.mark.parametrize(
    ("most", "operation"),
    [
        (MAX_SAME_ADDED_AT, 'add_line(1, {i}, "same")'),
        (MAX_SAME_ADDED_TEXT, 'add_line({i}, 0, "same")'),
        (MAX_SAME_REMOVED, "remove_lines(1, 1)"),
        (MAX_SAME_REPLACED, 'replace_str({i}, "old", "new")'),
    ],
)
def test_a_program_that_repeats_itself_more_often_than_its_limit_loops(most: int, operation: str) -> None:
    calls = [operation.format(i=i) for i in range(1, most + 2)]
    assert len(parse_program("\n".join(calls[:most]))) == most
    with pytest.raises(ProgramError, match="loops"):
        parse_program("\n".join(calls))


@pytest.mark.parametrize(
    "call",
    [
        "remove_lines(0, 1)",
        "remove_lines(3, 2)",
        "remove_lines(5, 6)",
        'replace_str(0, "Cron", "At")',
        'replace_str(6, "Cron", "At")',
        'replace_str(1, "", "At")',
        'replace_str(1, "Anacron", "At")',
        'replace_str(1, "r", "R")',
        'replace_str(1, "Cron", "A\\nB")',
        'add_line(6, 0, "x")',
    ],
)
def test_an_operation_that_fits_no_line_is_left_out_and_refused_alone(call: str) -> None:
    assert names(f"remove_lines(2, 2)\n{call}") == ["remove_lines"]
    with pytest.raises(ProgramError, match="no operation fits"):
        validate(parse_program(call), LINES)


def test_keep_all_beside_a_change_keeps_nothing_from_being_changed() -> None:
    assert names("keep_all()\nremove_lines(2, 2)") == ["remove_lines"]
    assert names("keep_all()\nkeep_all()") == ["keep_all"]


def test_an_operation_said_twice_is_done_once() -> None:
    assert names("remove_lines(2, 2)\nremove_lines(2, 2)") == ["remove_lines"]
    assert edited('add_line(1, 0, "x")\nadd_line(1, 0, "x")').count("x") == 1


def test_lines_are_shown_with_their_numbers() -> None:
    assert numbered(["a", "", "三"]) == "[1] a\n[2] \n[3] 三"
    assert numbered([]) == ""


LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # no line holds one
LINE = st.text(st.characters(exclude_categories=("Cs",), exclude_characters=BREAKS), max_size=12)
TEXT = st.lists(LINE, max_size=8)
NUMBER = st.integers(-2, 10)
OPERATION = st.one_of(
    st.just(Operation("keep_all")),
    st.just(Operation("remove_all")),
    st.builds(lambda a, b: Operation("remove_lines", (a, b)), NUMBER, NUMBER),
    st.builds(lambda n, a, b: Operation("replace_str", (n, a, b)), NUMBER, LINE, LINE),
    st.builds(lambda n, o, a: Operation("add_line", (n, o, a)), NUMBER, NUMBER, LINE),
)
REMOVALS = st.lists(st.builds(lambda a, b: Operation("remove_lines", (a, b)), NUMBER, NUMBER), max_size=5)


@given(st.one_of(st.text(max_size=80), st.text("keepalrmovins_tdu(),'\"\\#`01 \n", max_size=60)), TEXT)
def test_no_text_does_more_than_raise_a_program_error(text: str, lines: list[str]) -> None:
    with suppress(ProgramError):
        execute(validate(parse_program(text), lines), lines)


@given(st.lists(OPERATION, max_size=6), TEXT)
def test_what_validates_executes_and_changes_no_line_that_it_does_not_name(
    program: list[Operation], lines: list[str]
) -> None:
    try:
        fitting = validate(tuple(program), lines)
    except ProgramError:
        return
    before = list(lines)
    found = execute(fitting, lines)
    assert lines == before
    assert validate(fitting, lines) == fitting
    if not any(one.name == "remove_all" for one in fitting):
        named = {one.arguments[0] for one in fitting if one.name == "replace_str"}
        for one in fitting:
            if one.name == "remove_lines":
                named |= {*range(int(one.arguments[0]), int(one.arguments[1]) + 1)}
        rest = iter(found)
        assert all(line in rest for number, line in enumerate(lines, 1) if number not in named)


@given(REMOVALS, TEXT)
def test_removals_leave_some_of_the_lines_in_their_order_and_add_nothing(
    program: list[Operation], lines: list[str]
) -> None:
    try:
        found = execute(validate(tuple(program), lines), lines)
    except ProgramError:
        return
    rest = iter(lines)
    assert all(line in rest for line in found)


@given(st.lists(OPERATION, min_size=1, max_size=6))
def test_a_program_written_down_is_read_back(program: list[Operation]) -> None:
    text = "\n".join(map(str, program))
    try:
        assert parse_program(text) == tuple(program)
    except ProgramError:
        negative = any(isinstance(value, int) and value < 0 for one in program for value in one.arguments)
        assert negative or len(set(program)) < len(program) or sum(one.name == "add_line" for one in program) > 2


@given(TEXT.filter(bool))
def test_the_numbers_that_are_shown_are_those_that_operations_name(lines: list[str]) -> None:
    shown = numbered(lines).split("\n")
    assert len(shown) == len(lines)
    for number, line in enumerate(lines, 1):
        assert shown[number - 1] == f"[{number}] {line}"
        left = execute(validate((Operation("remove_lines", (number, number)),), lines), lines)
        assert left == lines[: number - 1] + lines[number:]
