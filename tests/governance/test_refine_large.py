"""L3 with the prompts for large models: several pairs at once, styles, mathematics, editing before, second readings and
a judge, in both languages. A server stands in for the model: it answers every prompt in the form that it asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from governance.explain import explain
from governance.progress import Progress
from governance.verify import audit
from manifests.store import Store
from tests.children import child
from tests.llm_server import Server, llm_server

JUNK = {"en": "Share this page | Log in | Cookie settings", "zh": "分享本页 | 登录 | Cookie 设置"}
TEXT = {
    "en": "A prime is a number that has exactly two divisors, 1 and itself. The number 2 is the only even "
    "prime, because every other even number has the divisor 2. For a prime p, $x^p - x$ is divisible by p "
    "for every integer x. By this theorem of Fermat, $2^5 - 2 = 30$ is divisible by 5. The proof uses "
    "induction on x and the binomial formula $(x+1)^p$. If $n$ divides $2^n - 2$, the integer n is a "
    "prime or a pseudoprime, such as $341 = 11 * 31$.",
    "zh": "质数是恰好有两个因数的整数，即 1 和它自身。数字 2 是唯一的偶质数，因为其他偶数都有因数 2。"
    "对于质数 p 和任意整数 x，$x^p - x$ 都能被 p 整除。根据费马的这个定理，$2^5 - 2 = 30$ 能被 5 整除。"
    "证明对 x 用数学归纳法，并用到二项式公式 $(x+1)^p$。"
    "如果 $n$ 整除 $2^n - 2$，那么整数 n 是质数或伪质数，例如 $341 = 11 * 31$。",
}
PAIRS = {
    "en": {
        "Which number is the only even prime?": "The number 2 is the only even prime.",
        "What is a prime?": "A prime is a number that has exactly two divisors, 1 and itself.",
    },
    "zh": {
        "哪个数字是唯一的偶质数？": "数字 2 是唯一的偶质数。",
        "质数是什么？": "质数是恰好有两个因数的整数，即 1 和它自身。",
    },
}
STYLES = {"encyclopedia", "textbook", "blog", "abstract"}


class Writer:
    """Answers by what the last words of a prompt ask for. ``said`` counts the forms that were asked for."""

    def __init__(self) -> None:
        self.said: dict[str, int] = {}
        self.verdict = True

    def __call__(self, text: str) -> str:
        language = "en" if re.search(r"Passage:|Question:|The lines of", text) else "zh"
        end = text.rpartition("====================")[2]
        for form, opening in FORMS.items():
            if re.search(opening, end):
                self.said[form] = self.said.get(form, 0) + 1
                return getattr(self, form)(language, text)
        raise AssertionError(end)

    def edit(self, language: str, text: str) -> str:
        assert f"[1] {JUNK[language]}" in text
        return "```\nremove_lines(1, 1)\n```"

    def judge(self, language: str, text: str) -> str:
        supported = self.verdict or "2" not in text.partition("====================")[2]
        told = {"en": ("unsupported", "supported"), "zh": ("不支持", "支持")}[language][supported]
        return f"1. ...\n{'Verdict: ' if language == 'en' else '判定：'}{told}"

    def answer_without(self, language: str, text: str) -> str:
        return {"en": "I do not know.", "zh": "不知道。"}[language]

    def answer_with(self, language: str, text: str) -> str:
        return PAIRS[language][re.findall(r"(?:Question: |问题：)(.*)", text)[-1]]

    def pairs(self, language: str, text: str) -> str:
        labels = {"en": ("Question: ", "Answer: "), "zh": ("问题：", "答案：")}[language]
        pairs = (f"{labels[0]}{question}\n{labels[1]}{answer}" for question, answer in PAIRS[language].items())
        return "<think>Two will do.</think>" + "\n\n".join(pairs)

    def dialogue(self, language: str, text: str) -> str:
        sentences = re.split(r"(?<=[。])|(?<=\.) ", TEXT[language])
        names, colon = (("Ann", "Bob"), ": ") if language == "en" else (("老师", "学生"), "：")
        return "\n".join(f"{names[i % 2]}{colon}{one}" for i, one in enumerate(sentences) if one)

    def points(self, language: str, text: str) -> str:
        first, second = PAIRS[language].values()
        return f"1. {first}\n2. {second}\n3. {first}"

    def exercise(self, language: str, text: str) -> str:
        first, second = PAIRS[language].values()
        more = {
            "en": "Exercise: Is 17 a prime?\nSolution: Only 1 and 17 divide it, so the answer is yes.",
            "zh": "练习：17 是质数吗？\n解答：只有 1 和 17 能整除它，所以答案为是。",
        }
        return f"{first} {second}\n{more[language]}"

    def rewrite(self, language: str, text: str) -> str:
        return TEXT[language]


FORMS = {
    "edit": "Write a program|写出一个程序", "judge": "Verdict:|判定：",
    "answer_with": "from the passage alone|只根据段落",
    "answer_without": "from what you know|凭你已有", "pairs": "question-answer pairs|写出问答对",
    "dialogue": "conversation between|一段对话", "points": "knowledge points of|列出段落中的知识点",
    "exercise": "Exercise: the|练习：完整", "rewrite": "Rewrite the passage|把段落改写",
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    with llm_server() as running:
        running.write = Writer()
        yield running


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {"content": f"{JUNK[lang]}\n{TEXT[lang]}", "url": f"https://example.org/{lang}", "score": 0.9} for lang in TEXT
    ]
    path = tmp_path_factory.mktemp("documents") / "documents.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def settings(server: Server, *more: str) -> tuple[str, ...]:
    return (
        f'l3.engine.endpoints=["{server.endpoint}"]', 'l3.engine.model="org/large"', "l3.synthesize.edit.enabled=true",
        "l3.synthesize.judge=true", "l3.synthesize.checks.max_copied_ratio=1.0", "l3.dedup.enabled=false",
        *more,
    )  # fmt: skip


def rows(output: str) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path) for path in Path(output, "L3/data").rglob("*.parquet")])


def test_every_task_in_both_languages_from_edited_documents_to_rows(
    documents: Path, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    assert child(documents, output, "L3", settings(server))[0] == 0
    made = rows(output)
    for language in ("en", "zh"):
        of = {row["style"]: row for row in made.filter(pl.col("lang") == language).to_dicts()}
        assert set(of) >= {"qa", "dialogue", "knowledge", "exercise"} and STYLES & set(of), set(of)
        assert all(row["edited"] and JUNK[language] not in row["content"] for row in of.values())
        assert all(pair in of["qa"]["content"] for pair in (*PAIRS[language], *PAIRS[language].values()))
        assert "think" not in of["qa"]["content"]
    assert set(server.write.said) == set(FORMS)  # ty: ignore[unresolved-attribute]
    assert audit(Store(output), Progress("silent"))["faults"] == []


def test_the_original_of_an_edited_document_is_reached_from_its_rows(
    documents: Path, server: Server, tmp_path: Path
) -> None:
    output = str(tmp_path / "out")
    assert child(documents, output, "L3", settings(server, 'l3.synthesize.tasks=["qa"]'))[0] == 0
    row = rows(output).filter((pl.col("lang") == "en") & (pl.col("style") == "qa")).to_dicts()[0]
    told: dict[str, Any] = explain(Store(output), row["uid"])
    assert JUNK["en"] in json.dumps(told["path"])
    assert "remove_lines(1, 1)" in json.dumps(explain(Store(output), row["parent_uid"]))


def test_what_the_judge_does_not_support_is_no_row(documents: Path, server: Server, tmp_path: Path) -> None:
    output = str(tmp_path / "out")
    server.write.verdict = False  # ty: ignore[unresolved-attribute]
    assert child(documents, output, "L3", settings(server, 'l3.synthesize.tasks=["qa"]'))[0] == 0
    notes = pl.read_parquet(f"{output}/L3/web/annotations/*.parquet").filter(pl.col("task") == "qa")
    assert set(notes.filter(pl.col("role") == "write")["reason"]) == {"judged_unsupported"}
