"""Statements are sentences that stand by themselves, each with the exact span that says it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.organize import CANDIDATES, OrganizeConfig, candidates_of, folded, sentence_table, why_no_statement

CFG = OrganizeConfig()
UID = "0123456789abcdef0123456789abcdef"
TEXT = (
    "The createuser program adds a new user account to a PostgreSQL cluster. It is a wrapper around CREATE ROLE.\n"
    "createuser is a wrapper around the SQL command CREATE ROLE. Why would anybody use this program at all?"
)


def document(content: str, lang: str = "en", **more: Any) -> dict[str, Any]:
    row = {"uid": UID, "content": content, "lang": lang, "url": "https://www.example.org/a", "title": "createuser"}
    row |= {"date": "2026-01-02T03:04:05Z", "published": None, "licence": None, "source": "web", "cluster_id": None}
    return row | more


def written(**more: Any) -> dict[str, Any]:
    row = {"row_uid": "01234567" + "f" * 24, "parent_uid": UID, "task": "qa", "text": "", "question": None}
    row |= {"answer": None, "passage_start": 0, "passage_end": len(TEXT), "edited": False, "prompt_id": "en.qa"}
    return row | {"prompt_sha256": "0" * 64, "model": "m@1", "read_again": True} | more


def found(*documents: dict[str, Any], outputs: tuple[dict[str, Any], ...] = ()) -> list[dict[str, Any]]:
    names = list(written())
    kinds = {"passage_start": pa.int64(), "passage_end": pa.int64(), "edited": pa.bool_(), "read_again": pa.bool_()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in names])
    pages = pa.Table.from_pylist(list(documents), schema=pa.schema([(n, pa.string()) for n in document("")]))
    return candidates_of(pages, pa.Table.from_pylist(list(outputs), schema=schema), CFG).to_pylist()


def test_sentences_that_stand_alone_are_statements_and_the_others_say_why_not() -> None:
    fates = {row["statement"][:9]: row["fate"] for row in found(document(TEXT))}
    assert fates == {"The creat": None, "It is a w": "leans", "createuse": None, "Why would": "asks"}


def test_chinese_sentences_are_statements_too() -> None:
    text = "PostgreSQL 使用 createuser 命令来添加新的数据库用户。它是 CREATE ROLE 的包装程序，也可以在命令行里使用。"
    assert [row["fate"] for row in found(document(text, "zh"))] == [None, "leans"]


def test_an_english_sentence_of_a_chinese_page_is_an_english_statement() -> None:
    text = (
        "安装程序会在磁盘上创建一个新的分区表，并且格式化。\nThe installer creates a new partition table on the disk."
    )
    assert {row["lang"] for row in found(document(text, "zh"))} == {"zh", "en"}


def test_a_pair_becomes_a_statement_with_the_sentence_that_says_it() -> None:
    pair = written(question="What is createuser?", answer="It is a wrapper around the SQL command CREATE ROLE.")
    row = next(row for row in found(document(TEXT), outputs=(pair,)) if row["method"] == "qa")
    assert row["statement"] == "createuser is a wrapper around the SQL command CREATE ROLE."
    assert row["fate"] is None and row["second_reading"] == "agrees" and row["question"] == "What is createuser?"
    assert (
        TEXT[row["start"] : row["end"]] == row["text"] == "createuser is a wrapper around the SQL command CREATE ROLE."
    )


def test_points_of_knowledge_are_statements_of_the_model() -> None:
    points = written(task="knowledge", text="1. The createuser program adds a user account to a PostgreSQL cluster.")
    row = next(row for row in found(document(TEXT), outputs=(points,)) if row["method"] == "claim")
    assert row["fate"] is None and row["model"] == "m@1" and row["text"].startswith("The createuser program")


def test_what_no_sentence_of_the_document_says_has_no_evidence() -> None:
    points = written(task="knowledge", text="Elephants sleep four hours nightly beneath African acacia trees.")
    row = next(row for row in found(document(TEXT), outputs=(points,)) if row["method"] == "claim")
    assert row["fate"] == "no_evidence"


@pytest.mark.parametrize(
    "text",
    [
        "This option sets the number of worker processes.",
        "See below for a description of all the other parameters.",
        "You should install them with the package manager first.",
        "If they encounter bugs, developers report them to somebody.",
        "We recommend using the newest version of the package.",
        "Again, the server of the second office needs no change.",
        "请参见第二章了解关于安装程序的更多信息。",
        "如上所述，该选项用来设置工作进程的数量。",
    ],
)
def test_a_sentence_that_leans_on_its_page_is_no_statement(text: str) -> None:
    assert why_no_statement(text, "zh" if text.endswith("。") else "en", CFG) == "leans"


@pytest.mark.parametrize(
    ("text", "fate"),
    [
        ("Small mistakes made it necessary to run another special command.", "names_nothing"),
        ("A problem makes the user see an error on the screen.", "names_nothing"),
        ("Quality of service parameters are set through the tc command of iproute2.", None),
        ("The groupmod command modifies the identifier of a group.", None),
        ("管理员要做的第一件事就是添加用户帐号。", "names_nothing"),
        ("GRUB 会被安装在主硬盘的引导扇区里。", None),
    ],
)
def test_a_statement_names_what_it_is_about(text: str, fate: str | None) -> None:
    assert why_no_statement(text, "zh" if text.endswith("。") else "en", CFG) == fate


def test_a_language_without_words_of_its_own_is_not_judged_by_those_of_english() -> None:
    assert why_no_statement("Der Dienst verteilt Pakete an PostgreSQL und Debian.", "de", CFG) is None


def test_what_is_cut_at_an_initial_is_no_statement() -> None:
    text = (
        "Debian was praised by the founder of the movement, Richard M. Stallman founded the GNU project at MIT in 1983."
    )
    assert [row["fate"] for row in found(document(text))] == ["fragment", "no_sentence"]


def test_the_mark_of_a_list_is_no_part_of_a_statement() -> None:
    row = found(document("- The createuser program adds a new user account to a PostgreSQL cluster."))[0]
    assert row["fate"] is None and row["statement"].startswith("The createuser") and row["start"] == 2


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("“DNP is not a miracle slimming pill of Debian.", "en"),
        ('The compound was attacked," Debian said on 3 May 2020.', "en"),
        ("丹尼尔·霍特(Daniel Huot)表示：“国际空间站上的宇航员不允许喝酒。", "zh"),
        ("Debian 的《社群契约规定了用户的权利。", "zh"),
        ("王勃的 Debian 把星期与月夕相提并******，点出了一年四季。", "zh"),
    ],
)
def test_half_a_quotation_and_words_that_a_site_hid_are_no_sentence(text: str, lang: str) -> None:
    assert why_no_statement(text, lang, OrganizeConfig()) == "no_sentence"


@pytest.mark.parametrize(
    "text",
    [
        "2、Debian 的维生素有调节脂类代谢的功能。",
        "三、Debian 支持多种体系结构的计算机。",
    ],
)
def test_the_point_of_a_list_goes_on_from_others(text: str) -> None:
    assert why_no_statement(text, "zh", OrganizeConfig()) == "leans"


@pytest.mark.parametrize(
    "text",
    [
        "UEFI („Unified Extensible Firmware Interface“) je nový typ systémového firmwaru.",
        "Het pakket xserver-xorg-core bevat een generieke X-server van X.org.",
        "C'est pourquoi Debian offre un moyen de s'assurer du paquet.",
        "Der Kernel ist ein Teil von Debian GNU/Linux und frei.",
        "Linux es un núcleo libre para los ordenadores de Debian.",
    ],
)
def test_a_sentence_of_another_language_on_an_english_page_is_none(text: str) -> None:
    assert why_no_statement(text, "en", OrganizeConfig()) == "no_sentence"


@pytest.mark.parametrize(
    "text",
    [
        "Debian GNU/Linux is the de facto standard of Los Angeles.",
        "Antonín Dvořák and François Couperin were composers.",
        "The „BIOS/UEFI“ firmware is the core software of the hardware.",
        "The V4L2 device node naming is specified by V4L2.",
    ],
)
def test_names_from_elsewhere_leave_a_sentence_english(text: str) -> None:
    assert why_no_statement(text, "en", OrganizeConfig()) is None


def test_an_english_sentence_in_another_script_is_none() -> None:
    assert why_no_statement("Τμήμα 11.1.3 reviewed the restrictions of Postfix for mail.", "en", CFG) == "no_sentence"
    assert {row["lang"] for row in found(document("安装程序会在磁盘上创建 GRUB 的分区表，并且格式化。"))} == {"zh"}


def test_equal_words_are_one_statement_and_other_numbers_another() -> None:
    assert folded("The port is 5432.", "en") == folded("the  port, is 5432", "en")
    assert folded("The port is 5432.", "en") != folded("The port is 5433.", "en")
    assert folded("It loses -5 degrees.", "en") != folded("It loses 5 degrees.", "en")
    assert folded("The size is 1.5 GB.", "en") != folded("The size is 15 GB.", "en")


@settings(max_examples=60)
@given(st.text(max_size=300), st.sampled_from(["en", "zh"]))
def test_every_span_holds_exactly_its_text_whatever_the_page_says(content: str, lang: str) -> None:
    for row in found(document(content, lang)):
        assert content[row["start"] : row["end"]] == row["text"] == row["statement"]
        assert row["uid"][:8] == UID[:8] and len(row["uid"]) == 32
    pages = pa.Table.from_pylist([{"uid": UID, "content": content, "lang": lang}])
    for row in sentence_table(pages).to_pylist():
        assert content[row["start"] : row["end"]] == row["text"]


def test_no_documents_give_an_empty_table_of_the_same_columns() -> None:
    pages = pa.table({name: pa.array([], pa.string()) for name in document("")})
    nothing = pa.table({name: pa.array([], pa.string()) for name in written()})
    assert candidates_of(pages, nothing, CFG).schema == CANDIDATES
