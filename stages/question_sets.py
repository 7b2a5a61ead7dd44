"""Question sets of any layout as items: what is asked, what it is asked about, and the choices.

A set is a JSON Lines, JSON or Parquet file, or an installed lm-eval task. The fields that hold the parts of an item are
named in the settings or known by their usual names; a field that holds a whole prompt ("Passage: ... Question: ...") is
cut at its labels.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from stages.contract import Config
from stages.rows import read_json

LM_EVAL = "lm_eval:"
_SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".json.gz", ".json.zst", ".parquet")
_MAX_LINE_BYTES = 64 << 20


class Fields(Config):
    """The fields of a set that hold the parts of an item; "a.b" is b within a. Empty: found by their usual names."""

    question: tuple[str, ...] = ()  # joined, in this order
    context: tuple[str, ...] = ()  # the passage that the question is about
    choices: tuple[str, ...] = ()  # a list, or one field a choice
    answer: tuple[str, ...] = ()  # the text of the answer, or the number or letter of a choice


# First come, first taken: a field of the right kind (see _detect) that the row has.
_QUESTION = (
    "question", "query", "question_stem", "question_text", "problem", "goal", "ctx", "sentence", "hypothesis", "prompt",
    "instruction", "input", "inputs", "text", "premise", "claim", "statement", "stem", "content", "题目", "问题", "问",
)  # fmt: skip
_CONTEXT = (
    "passage", "context", "paragraph", "article", "story", "background", "support", "premise", "document", "facts",
    "材料", "文章", "阅读材料",
)  # fmt: skip
_CHOICES = (
    "choices", "options", "endings", "candidates", "context_options", "mc1_targets", "answer_choices", "选项",
)  # fmt: skip
_CHOICE_FIELDS = (
    ("A", "B", "C", "D", "E", "F"), ("sol1", "sol2"), ("option1", "option2"), ("choice1", "choice2"),
    ("answerA", "answerB", "answerC"), ("ending0", "ending1", "ending2", "ending3"),
    ("option_a", "option_b", "option_c", "option_d"), ("opa", "opb", "opc", "opd"),
    ("correct_answer", "distractor1", "distractor2", "distractor3"),
)  # fmt: skip
_ANSWER = (
    "answer", "gold", "label", "answerKey", "answer_key", "correct", "target", "targets", "answers", "correct_answer",
    "best_answer", "output", "solution", "cop", "continuation", "completion", "答案",
)  # fmt: skip
_LABELS = {
    "context": "passage context background article story paragraph premise text 文章 材料 阅读材料 背景 段落",
    "question": "question query problem goal hypothesis sentence q 问题 题目 问",
    "choices": "choices options answers 选项",
    "answer": "answer solution 答案 解答",
}
_ROLE = {label: role for role, labels in _LABELS.items() for label in labels.split()}
_SECTION = re.compile(rf"^[ \t]*({'|'.join(_ROLE)})[ \t]*[:：][ \t]*", re.IGNORECASE | re.MULTILINE)
_CHOICE_LABEL = re.compile(r"^\s*[(（\[]?([A-Ja-j]|\d{1,2}|[①-⑩])[)）\].:：、．]\s*")


@dataclass(frozen=True)
class Item:
    """One item of a question set."""

    number: str  # its row in the set, from 0
    questions: tuple[str, ...]  # usually one; where a blank is filled, one for each choice
    context: str = ""
    choices: tuple[str, ...] = ()
    answer: str = ""


def set_paths(sets: Sequence[str]) -> dict[str, str]:
    """Name -> path or lm-eval task of every configured set, sorted by name; globs and folders are opened out.

    Errors: FileNotFoundError naming what is not there; ValueError for two files of one name or a kind not known.
    """
    found: dict[str, str] = {}
    for entry in sets:
        for path in [entry] if entry.startswith(LM_EVAL) else _expand(entry):
            name = path if path.startswith(LM_EVAL) else _stem(path)
            if found.setdefault(name, path) != path:
                raise ValueError(f"two question sets are named {name!r}: {found[name]} and {path}; rename one")
    return dict(sorted(found.items()))


def _expand(entry: str) -> list[str]:
    path = Path(entry).expanduser()
    if path.is_dir():
        paths = [str(one) for one in sorted(path.iterdir()) if one.name.endswith(_SUFFIXES)]
    elif path.is_file():
        if not path.name.endswith(_SUFFIXES):
            raise ValueError(f"question set {entry!r} is no {', '.join(_SUFFIXES)} file")
        paths = [str(path)]
    else:
        root = Path(path.anchor)  # of an absolute pattern; a relative one starts here
        pattern = path.relative_to(root) if path.is_absolute() else path
        paths = sorted(str(one) for one in root.glob(str(pattern)) if one.name.endswith(_SUFFIXES))
    if not paths:
        raise FileNotFoundError(2, "no question set", entry)
    return paths


def _stem(path: str) -> str:
    name = Path(path).name
    return name.removesuffix(next(suffix for suffix in _SUFFIXES if name.endswith(suffix)))


def sets_identity(sets: Sequence[str]) -> dict[str, str]:
    """Name -> sha256 of every set: of the bytes of a file, of the items of a task. Errors: as ``set_paths``."""
    return {name: _sha256(path) for name, path in set_paths(sets).items()}


def _sha256(path: str) -> str:
    if path.startswith(LM_EVAL):
        rows = json.dumps(task_rows(path.removeprefix(LM_EVAL)), ensure_ascii=False, sort_keys=True, default=str)
        return hashlib.sha256(rows.encode()).hexdigest()
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_set(name: str, path: str, fields: Fields | None = None) -> list[Item]:
    """The items of one set. Errors: ValueError naming the set where a row or its question cannot be read."""
    if path.startswith(LM_EVAL):
        rows: Iterable[Mapping[str, Any]] = task_rows(path.removeprefix(LM_EVAL))
    elif path.endswith(".parquet"):
        rows = _parquet_rows(name, path)
    else:
        rows = _json_rows(name, path)
    items = [_item(number, row, fields or Fields(), name) for number, row in enumerate(rows)]
    if items and not any(item.questions for item in items):
        raise ValueError(f"question set {name!r}: no field holds a question; name it in l2.decontaminate.fields")
    return items


def _json_rows(name: str, path: str) -> Iterator[dict[str, Any]]:
    with Path(path).open("rb") as file:
        for number, line in enumerate(read_json(file, path, _MAX_LINE_BYTES)):
            if line.problem is not None:
                raise ValueError(f"question set {name!r}: row {number} of {path} cannot be read ({line.problem})")
            yield line.fields


def _parquet_rows(name: str, path: str) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(4096):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"question set {name!r}: {path} cannot be read: {error}") from error


@cache
def task_rows(task: str) -> tuple[dict[str, Any], ...]:
    """The documents that an installed lm-eval task is evaluated on, each with its prompt as ``_prompt``.

    Args: task, its name; with a folder of task files before it, "my_tasks/name", of a task defined there.
    Groups and tags stand for all their tasks. Errors: ValueError where lm-eval or the task is not there.
    """
    try:
        tasks = import_module("lm_eval.tasks")
    except ImportError as error:
        raise ValueError(
            f"question set {LM_EVAL}{task} needs lm-eval, which is not installed ({error}): pip install lm_eval"
        ) from error
    folder, _, name = task.rpartition("/")
    try:
        manager = tasks.TaskManager(include_path=folder) if folder else tasks.TaskManager()
        found = sorted(_leaves(tasks.get_task_dict([name], manager)), key=lambda leaf: leaf[0])
    except Exception as error:  # whatever the task's own code or the loader of its data raises
        raise ValueError(f"lm-eval task {task!r} cannot be loaded: {type(error).__name__}: {error}") from error
    return tuple(dict(doc) | {"_prompt": one.doc_to_text(doc)} for _, one in found for doc in (one.eval_docs or ()))


def _leaves(tasks: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """The tasks of a nest of groups."""
    for name, task in tasks.items():
        if isinstance(task, Mapping):
            yield from _leaves(task)
        else:
            yield str(name), task


def _item(number: int, row: Mapping[str, Any], fields: Fields, name: str) -> Item:
    parts = {role: _texts(row, getattr(fields, role), name) for role in ("question", "context", "choices", "answer")}
    known = {role: parts[role] if getattr(fields, role) else _detect(row, role) for role in parts}
    question, context = "\n".join(known["question"]), "\n".join(known["context"])
    choices = [_CHOICE_LABEL.sub("", choice).strip() for choice in known["choices"]]
    if not question and not context:
        question = _longest(row)
    sections = _sections(question)
    question = sections.get("question", question if not sections else "")
    context = context or sections.get("context", "")
    if "choices" in sections:
        choices = [_CHOICE_LABEL.sub("", line).strip() for line in sections["choices"].splitlines()]
    if not question.strip():
        question, context = context, ""
    answer = _answer(known["answer"], choices)
    follows = row.get("continuation") if not fields.question else None
    if isinstance(follows, str):
        question, answer = _join(question, follows), ""
    variants = _variants(row, question, choices, follows if isinstance(follows, str) else "")
    told = tuple(choice for choice in choices if choice)
    return Item(str(number), tuple(filter(None, map(str.strip, variants))), context.strip(), told, answer)


def _detect(row: Mapping[str, Any], role: str) -> list[str]:
    """The texts of a part, from the first field that has a usual name and a fitting value."""
    if role == "choices":
        for group in (*((one,) for one in _CHOICES), *_CHOICE_FIELDS):
            texts = [text for one in group if one in row for text in _flat(row[one])]
            if len(texts) > 1:
                return texts
        return []
    names = {"question": _QUESTION, "context": _CONTEXT, "answer": _ANSWER}[role]
    for one in names:
        value = row.get(one)
        if role == "context" and one == "premise" and "hypothesis" not in row:
            continue
        if role == "answer" and (texts := _flat(value)):
            return texts[:1]
        if isinstance(value, str) and value.strip():
            return [value]
    prompt = row.get("_prompt")
    return [prompt] if role == "question" and isinstance(prompt, str) and not _detect(row, "context") else []


def _texts(row: Mapping[str, Any], names: Sequence[str], where: str) -> list[str]:
    """The texts of named fields. Errors: ValueError for a field that the row does not have."""
    texts: list[str] = []
    for name in names:
        value: Any = row
        for key in name.split("."):
            if not isinstance(value, Mapping) or key not in value:
                known = ", ".join(map(str, row))
                raise ValueError(f"question set {where!r} has no field {name!r}; fields there: {known}")
            value = value[key]
        texts += _flat(value)
    return texts


def _flat(value: Any) -> list[str]:
    """A text, a number, a list of them, or {"text": [...], "label": [...]}, as texts."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return [str(value)]
    if isinstance(value, Mapping):
        inner = next((value[key] for key in ("text", "choices", "content", "answer") if key in value), None)
        return _flat(inner if inner is not None else [one for one in value.values() if isinstance(one, str)])
    return [text for one in value for text in _flat(one)] if isinstance(value, Iterable) else []


def _longest(row: Mapping[str, Any]) -> str:
    """The longest text of a row whose fields all have unusual names."""
    return max((value for value in row.values() if isinstance(value, str)), key=len, default="")


def _sections(text: str) -> dict[str, str]:
    """The parts of a prompt that begins with a label, by role; {} for any other text."""
    if not _SECTION.match(text):
        return {}
    labels = list(_SECTION.finditer(text))
    ends = [label.start() for label in labels[1:]] + [len(text)]
    parts: dict[str, str] = {}
    for label, end in zip(labels, ends, strict=True):
        role = _ROLE[label[1].lower()]
        parts[role] = _join(parts.get(role, ""), text[label.end() : end].strip())
    return parts


def _join(*texts: str) -> str:
    return "\n".join(filter(None, texts))


def _answer(found: Sequence[str], choices: Sequence[str]) -> str:
    """The text of the answer; a number or a letter names a choice."""
    if not found:
        return ""
    word = found[0].strip()
    if choices and re.fullmatch(r"[A-Ja-j]", word):
        place = ord(word.upper()) - ord("A")
    elif choices and re.fullmatch(r"\d{1,2}", word):
        place = int(word)
    else:
        return word
    return choices[place] if place < len(choices) else ""


def _variants(row: Mapping[str, Any], question: str, choices: list[str], follows: str) -> list[str]:
    """The question, or, where each choice makes a sentence of its own, all these sentences."""
    openings = row.get("context_options")
    if isinstance(openings, Sequence) and not isinstance(openings, str) and follows:
        return [_join(str(opening), follows) for opening in openings]
    if re.search(r"(?<![_\w])_(?![_\w])", question) and choices:
        return [re.sub(r"(?<![_\w])_(?![_\w])", lambda _, one=choice: one, question) for choice in choices]
    return [question]
