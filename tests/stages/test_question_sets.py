"""Question sets of every layout become the same items; what cannot be read is named."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.question_sets import Fields, Item, read_set, set_paths, sets_identity, task_rows


def _write(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return str(path)


def _item(tmp_path: Path, row: dict[str, Any], fields: Fields | None = None) -> Item:
    (item,) = read_set("s", _write(tmp_path / "s.jsonl", row), fields)
    return item


@pytest.mark.parametrize(
    "row",
    [
        {"query": "Question: Where is it?", "choices": ["here", "there"], "gold": 1},
        {"question": "Where is it?", "choices": {"text": ["here", "there"], "label": ["A", "B"]}, "answer": "B"},
        {"question": {"stem": "x"}, "question_stem": "Where is it?", "options": ["(A)here", "(B) there"], "label": "B"},
        {"question": "Where is it?", "A": "here", "B": "there", "answer": "there"},
        {"goal": "Where is it?", "sol1": "here", "sol2": "there", "label": 1},
        {"query": "Question: Where is it?\nChoices:\nA. here\nB. there\nAnswer:", "choices": ["A", "B"], "gold": 1},
        {"问题": "Where is it?", "选项": ["here", "there"], "答案": "there"},
    ],
)
def test_every_layout_gives_question_choices_and_answer(tmp_path: Path, row: dict[str, Any]) -> None:
    assert _item(tmp_path, row) == Item("0", ("Where is it?",), "", ("here", "there"), "there")


@pytest.mark.parametrize(
    "row",
    [
        {"query": "Passage: A tale.\nQuestion: Who tells it?\n", "choices": ["no", "yes"], "gold": 0},
        {"passage": "A tale.", "question": "Who tells it?", "options": ["no", "yes"], "label": "A"},
        {"context": "A tale.", "question": "Who tells it?", "answers": {"text": ["no"], "answer_start": [1]}},
        {"premise": "A tale.", "hypothesis": "Who tells it?", "answer": "no"},
    ],
)
def test_a_passage_is_context_and_what_is_asked_about_it_the_question(tmp_path: Path, row: dict[str, Any]) -> None:
    item = _item(tmp_path, row)
    assert (item.questions, item.context, item.answer) == (("Who tells it?",), "A tale.", "no")


def test_a_text_to_be_continued_is_one_question(tmp_path: Path) -> None:
    assert _item(tmp_path, {"context": "I like", "continuation": "tea"}).questions == ("I like\ntea",)


def test_openings_and_blanks_make_a_sentence_for_each_choice(tmp_path: Path) -> None:
    openings = {"context_options": ["Ann so Ann", "Ann so Eve"], "continuation": "won.", "gold": 0}
    assert _item(tmp_path, openings).questions == ("Ann so Ann\nwon.", "Ann so Eve\nwon.")
    blank = {"sentence": "The _ is red.", "option1": "box", "option2": "hat", "answer": "1"}
    assert _item(tmp_path, blank).questions == ("The box is red.", "The hat is red.")


def test_named_fields_win_over_usual_names(tmp_path: Path) -> None:
    row = {"question": "no", "a": {"b": "Yes?"}, "note": ["one", "two"], "why": "because", "story": "told"}
    fields = Fields(question=("a.b",), choices=("note",), answer=("why",), context=("story",))
    assert _item(tmp_path, row, fields) == Item("0", ("Yes?",), "told", ("one", "two"), "because")


def test_a_named_field_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'s' has no field 'stem'; fields there: a, b"):
        _item(tmp_path, {"a": "x", "b": "y"}, Fields(question=("stem",)))


def test_where_no_name_is_usual_the_longest_text_is_the_question(tmp_path: Path) -> None:
    assert _item(tmp_path, {"x1": "short", "x2": "the longer of both", "n": 3}).questions == ("the longer of both",)


def test_a_set_without_any_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no field holds a question; name it in l2.decontaminate.fields"):
        _item(tmp_path, {"n": 3, "m": None})


@pytest.mark.parametrize("answer", [7, "H", "", None, True, [], {}])
def test_an_answer_that_names_no_choice_is_none(tmp_path: Path, answer: Any) -> None:
    assert _item(tmp_path, {"question": "Where?", "choices": ["a", "b"], "answer": answer}).answer == ""


def test_parquet_and_compressed_json_hold_the_same_items(tmp_path: Path) -> None:
    import gzip

    row = {"question": "Where is it?", "choices": ["here", "there"], "answer": "there"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "p.parquet")
    (tmp_path / "z.jsonl.gz").write_bytes(gzip.compress(json.dumps(row).encode()))
    (tmp_path / "a.json").write_text(json.dumps([row]))
    paths = set_paths([str(tmp_path)])
    assert list(paths) == ["a", "p", "z"]
    assert {str(read_set(name, path)) for name, path in paths.items()} == {str([_item(tmp_path, row)])}


@pytest.mark.parametrize("content", ["{not json", '["a"]', '{"a": 1}\n{"b'])
def test_a_damaged_row_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "bad.jsonl").write_text(content)
    with pytest.raises(ValueError, match=r"'bad': row \d+ of .*bad.jsonl cannot be read \(bad_json\)"):
        read_set("bad", str(tmp_path / "bad.jsonl"))


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match=r"'bad'.*cannot be read"):
        read_set("bad", str(tmp_path / "bad.parquet"))


def test_an_empty_set_has_no_items(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text("")
    assert read_set("e", str(tmp_path / "e.jsonl")) == []


def test_sets_are_found_by_folder_and_pattern_whatever_the_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        _write(tmp_path / f"{name}.jsonl", {"question": "x"})
    (tmp_path / "LICENSE").write_text("no set")
    one, other = str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")
    assert set_paths([other, one]) == set_paths([str(tmp_path)]) == set_paths([str(tmp_path / "*.jsonl")])
    assert sets_identity([other, one]) == sets_identity([one, other])


def test_what_is_not_there_or_no_set_or_named_twice_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        set_paths([str(tmp_path / "none.jsonl")])
    assert error.value.filename == str(tmp_path / "none.jsonl")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match=r"a.txt' is no \.jsonl"):
        set_paths([str(tmp_path / "a.txt")])
    (tmp_path / "sub").mkdir()
    with pytest.raises(ValueError, match="two question sets are named 'a'"):
        set_paths(
            [_write(tmp_path / "a.jsonl", {"question": "x"}), _write(tmp_path / "sub" / "a.jsonl", {"question": "y"})]
        )


def test_a_changed_byte_changes_the_identity(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", {"question": "x"})
    before = sets_identity([path])
    _write(tmp_path / "a.jsonl", {"question": "y"})
    assert sets_identity([path]) != before


@pytest.mark.parametrize("name", ["arc_challenge", "boolq", "gsm8k", "piqa", "siqa", "logiqa-zh", "gaokao-chinese"])
def test_the_shared_sets_are_read_whole(shared_data: Path, name: str) -> None:
    path = shared_data / "evalsets" / f"{name}.jsonl"
    items = read_set(name, str(path))
    assert len(items) == len(path.read_text(encoding="utf-8").splitlines())
    assert all(item.questions or item.context for item in items)


class _Task:
    """What is used of an lm-eval task: ``eval_docs`` and ``doc_to_text``."""

    def __init__(self, *docs: dict[str, Any]) -> None:
        self.eval_docs = docs

    def doc_to_text(self, doc: dict[str, Any]) -> str:
        return f"Question: {doc['odd']}\nAnswer:"


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> None:
    """lm-eval's task manager, played: a group of two tasks, one of which has fields of no usual name."""
    tasks: Any = ModuleType("lm_eval.tasks")
    tasks.TaskManager = SimpleNamespace
    group = {"b": _Task({"odd": "How far is it?"}), "a": _Task({"question": "How old is it?", "odd": ""})}

    def get_task_dict(names: list[str], manager: Any) -> dict[Any, Any]:
        if names != ["grouped"]:
            raise KeyError(names[0])
        return {"grouped": group}

    tasks.get_task_dict = get_task_dict
    monkeypatch.setitem(sys.modules, "lm_eval", ModuleType("lm_eval"))
    monkeypatch.setitem(sys.modules, "lm_eval.tasks", tasks)
    task_rows.cache_clear()


@pytest.mark.usefixtures("harness")
def test_the_tasks_of_a_group_are_read_by_their_fields_or_else_by_their_prompt() -> None:
    items = read_set("lm_eval:grouped", "lm_eval:grouped")
    assert [item.questions for item in items] == [("How old is it?",), ("How far is it?",)]
    assert set(sets_identity(["lm_eval:grouped"])) == {"lm_eval:grouped"}
    with pytest.raises(ValueError, match="lm-eval task 'nothing' cannot be loaded: KeyError"):
        sets_identity(["lm_eval:nothing"])


def test_without_lm_eval_a_task_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    task_rows.cache_clear()
    with pytest.raises(ValueError, match=r"needs lm-eval, which is not installed.*pip install lm_eval"):
        sets_identity(["lm_eval:arc_easy"])


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed")
def test_a_real_task_of_a_folder_is_read(tmp_path: Path) -> None:
    data = _write(tmp_path / "d.jsonl", {"query": "Question: Where is it?", "choices": ["here", "there"], "gold": 1})
    (tmp_path / "t.yaml").write_text(
        f"task: t\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
        'output_type: multiple_choice\ndoc_to_text: "{{query}}"\ndoc_to_choice: "{{choices}}"\ndoc_to_target: gold\n'
    )
    task_rows.cache_clear()
    (item,) = read_set("t", f"lm_eval:{tmp_path}/t")
    assert item == Item("0", ("Where is it?",), "", ("here", "there"), "there")
