"""What keeps a passage of another host from corroborating a statement, rule by rule, in both languages."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stages import chinese_synonyms, english_synonyms
from stages.statement_checks import relate, status_of
from stages.statement_witness import leaves_open
from synth import polarity


def related(statement: str, passage: str, lang: str, title: str = "") -> str:
    row = {"statement": statement, "lang": lang, "passage": passage, "title": title}
    return relate(pa.Table.from_pylist([row])).to_pylist()[0]["relation"]


def bears_out(statement: str, passage: str, lang: str, title: str = "") -> bool:
    return related(statement, passage, lang, title) in ("same", "supports")


@pytest.mark.parametrize(
    ("lang", "statement", "passage"),
    [
        # Another thing by a word more or less.
        ("en", "To draw a square in LibreOffice, hold down Shift.",
         "To draw a rounded square in LibreOffice, hold down Shift."),
        ("zh", "要绘制正方形，请在拖动时按住 Shift 键。", "要绘制圆角正方形，请在拖动时按住 Shift 键。"),
        ("en", "The contour of the object is aligned to the border of the nearest object in Draw.",
         "The contour of the object is aligned to the points of the nearest object in Draw."),
        # Another product or version.
        ("en", "PostgreSQL stores temporary files in the data directory.",
         "PostgreSQL 12 stores temporary files in the data directory."),
        ("zh", "LibreOffice 在数据目录中保存临时文件。", "LibreOffice Calc 在数据目录中保存临时文件。"),
        # A reservation, a choice, a mode, a denied degree.
        ("en", "The daemon of Apache removes stale lock files.",
         "The daemon of Apache sometimes removes stale lock files."),
        ("zh", "Apache 守护进程会删除过期的锁文件。", "Apache 守护进程有时会删除过期的锁文件。"),
        ("en", "The SQLite library returns an error code.",
         "The SQLite library returns an error code or a null pointer."),
        ("zh", "SQLite 库返回错误代码。", "SQLite 库返回错误代码或空指针。"),
        ("en", "Administrators must renew the Kerberos ticket.", "Administrators can renew the Kerberos ticket."),
        ("en", "The bytecode tables are only available if SQLite was compiled with that option.",
         "The bytecode tables are not only available if SQLite was compiled with that option."),
        ("zh", "只有管理员可以修改 Apache 的配置文件。", "不只有管理员可以修改 Apache 的配置文件。"),
        # A time that the passage speaks of.
        ("en", "The Apache server writes its log files to disk.",
         "The Apache server writes its log files to disk when it stops."),
        # Names that have changed places.
        ("en", "The FormControl service replaces the FormDocument service.",
         "The FormDocument service replaces the FormControl service."),
        # No sentence.
        ("en", "Debian is a GNU/Linux distribution with many packages.",
         "Debian, a GNU/Linux distribution with many packages"),
    ],
)  # fmt: skip
def test_right_words_of_another_matter_bear_nothing_out(lang: str, statement: str, passage: str) -> None:
    assert not bears_out(statement, passage, lang)


@pytest.mark.parametrize(
    ("lang", "statement", "passage"),
    [
        ("en", "UTF stands for Unicode Transformation Format.",
         "UTF stands for “Unicode Transformation Format”, and 8 is its width."),
        ("en", "Apache uses several worker processes.", "Apache employs a number of worker processes."),
        ("en", "The Linux kernel requires the precise SPDX identifier.",
         "The Linux kernel needs the precise SPDX identifier."),
        ("zh", "PostgreSQL 支持用户设置自动备份的命令。", "PostgreSQL 支援用户设定自行备份的指令。"),
        ("zh", "LibreOffice 彩色打印只运用 RGB 颜色模型。", "LibreOffice 彩色打印只使用 RGB 颜色模型。"),
        ("zh", "tmpfs 是一个临时文件系统，文件保存在内存中。", "tmpfs 是一个临时文件系统，文件存储在内存中。"),
    ],
)  # fmt: skip
def test_other_words_for_the_same_bear_a_statement_out(lang: str, statement: str, passage: str) -> None:
    assert bears_out(statement, passage, lang)


@pytest.mark.parametrize(
    ("lang", "statement"),
    [
        ("en", "Choose Tools - AutoCorrect - AutoCorrect Options."),
        ("en", "Returns True if all characters in the string are printable."),
        ("en", "Aligns the contents of the cell to the left."),
        ("en", "0 if successful, otherwise a negative errno."),
        ("en", "controlname: A valid control name as a string."),
        ("en", "You should instantiate the device explicitly."),
        ("en", "The format is little endian."),
        ("zh", "点击「确定」以关闭对话框。"),
        ("zh", "返回字符串 str 的长度。"),
    ],
)
def test_what_leaves_its_subject_to_its_page_is_never_corroborated(lang: str, statement: str) -> None:
    assert leaves_open(statement, lang)
    row = {"entailed": True, "computed": None, "second_reading": None, "num_hosts": 3, "num_contradicting": 0}
    (found,) = status_of(pa.Table.from_pylist([row | {"statement": statement, "lang": lang}])).to_pylist()
    assert found["status"] == "supported" and "leave open" in found["reason"]


@pytest.mark.parametrize(
    ("lang", "statement"),
    [
        ("en", "The default port of PostgreSQL is 5432."),
        ("en", "In the beginning of 1995 the first release of Apache appeared."),
        ("en", "Currently the Debian project supports ten architectures."),
        ("zh", "要绘制正方形，请在拖动时按住 Shift 键。"),
        ("zh", "PostgreSQL 的默认端口是5432。"),
    ],
)
def test_what_names_its_subject_may_be_corroborated(lang: str, statement: str) -> None:
    assert not leaves_open(statement, lang)


def test_no_word_that_stands_for_another_one_says_what_a_third_denies() -> None:
    assert english_synonyms.one_wording("It employs a number of tools.") == "It use several tools."
    assert chinese_synonyms.one_wording("该指令支援设定") == "该命令支持设置"
    for word, put in english_synonyms._STANDS_FOR.items():
        assert put not in polarity.opposites("en").get(word, ())
