"""The forms that names have in text, as patterns: capitals, code, Chinese suffixes, titles."""

from __future__ import annotations

import re

from synth.units import word_set

HAN = "[㐀-䶿一-鿿]"  # as a pattern, also of RE2
# Of one word: a capital, then inner capitals, digits and joints: Debian, PostgreSQL, GNU/Linux, UTF-8, Node.js, C++.
_UPPER, _W = "A-ZÀ-ÖØ-Þ", "[A-Za-z0-9_À-ÖØ-öø-ÿ]"  # in Chinese text a Han character follows without a space
CAPITAL = (
    rf"(?:[a-z]{{1,3}}(?=[A-Z]{_W}*[a-zA-Z]))?[{_UPPER}]{_W}*"
    rf"(?:['’][{_UPPER}]{_W}+|[-/.&+][A-Za-z0-9]{_W}*)*(?:\+\+|#)?"
)
JOINT = r" (?:(?:of|of the|de|von|van|&) )?"
CODE = rf"[A-Za-z_]{_W}*(?:(?:::|\.)~?[A-Za-z_]{_W}+)+(?:\(\))?|[A-Za-z_]{_W}*\(\)|[A-Za-z]{_W}*_{_W}*"
# No part of a path, an address or an option, and nothing that goes on as one.
ALONE, ENDS = r"(?<![A-Za-z0-9_À-ÖØ-öø-ÿ/\\.~$@%=-])(?<!:/)", rf"(?!{_W}|[/\\@]|:/)"
NAMED = re.compile(rf"{ALONE}(?:(?P<code>{CODE})|(?P<run>{CAPITAL}(?:{JOINT}{CAPITAL})*)){ENDS}")
# What follows a word that the sentence takes for a name: "the createuser command".
KINDS = (
    "command|utility|program|function|method|module|package|library|tool|option|parameter|class|directive|daemon|server"
    "|extension|keyword|statement|attribute|variable|database|protocol|language|filesystem|file|operator|macro|driver"
)
_LOWER = r"[a-z][a-z0-9]*(?:[-+.][a-z0-9]+)*(?:\+\+)?"
LOWER_NAMES = re.compile(
    rf"(?:^|(?<=[Tt]he ))(?P<lower>{_LOWER})(?= (?:{KINDS})\b)|^(?P<first>{_LOWER})(?= )", re.MULTILINE
)
LOWER_IN_HAN = re.compile(rf"{ALONE}{_LOWER}{ENDS}")
TITLE = re.compile(r"《(?P<title>[^《》\n]{1,40})》|「(?P<quoted>[^「」\n]{2,20})」")
# What Chinese names of bodies end in, then those of places and made things, which are short; and what cannot stand
# inside them.
BODIES = (
    "有限公司|公司|大学|学院|研究所|研究院|实验室|基金会|委员会|协会|联盟|银行|集团|出版社|自治区"
    "|大學|學院|實驗室|基金會|委員會|協會|聯盟|銀行|集團"
)
_THINGS = "省|市|操作系统|系统|协议|语言|许可证|数据库|系統|協議|協定|語言|授權條款|資料庫"
SUFFIXES = f"{BODIES}|{_THINGS}"
_BREAKS = (
    "的了是在和与及或也都就而并且于之其这那此该它他她们你您我吗呢吧啊着过得地因被把将从到对为会能可要个些每各某一不有如若等以"
    "並與這該們為會對從個"
)
_AFTER = "支提使用采包运需定规允中上内下里发推宣"  # what else a sentence goes on with after a name
HAN_NAME = re.compile(
    rf"(?P<stem>(?:(?![{_BREAKS}])[一-鿿]){{1,8}}?)(?P<suffix>{SUFFIXES})(?=[^一-鿿]|[{_BREAKS}{_AFTER}]|$)",
    re.MULTILINE,
)
MAX_STEM = 6  # characters before the suffix of a thing; more are seldom a name
# A name follows these, it does not begin with them.
VERBS = re.compile(
    r"[本种類类套款]|.*(?:使用|支持|提供|采用|通过|基于|运行|安装|遵循|属于|包括|包含|需要|作为|成为|称为|实现|开发|访问|利用|加入|位于|根据|选择|配置|管理|启动|关闭|关于|所有"
    r"|其他|不同|相关|整个|当前|任何|许多|多种|现代|新型|默认|主要|其它|大多数|一些|部分|自己|常见|现有|目标|使得|制定|编写|称|用|让|使|叫|(?<!自)由)"
)
NO_NAMES = word_set(
    """
    January February March April May June July August September October November December Monday Tuesday Wednesday
    Thursday Friday Saturday Sunday Note Notes Warning Tip Caution Important Figure Table Section Chapter Appendix
    Example Step Part Version Release True False None Null Yes OK Okay Mr Mrs Ms Dr TODO FIXME NOTE WARNING
    """
)


def start_of_name(run: str) -> int:
    """Where in a run of Han characters that ends as a name does the name begins: after what takes it as its object."""
    match = VERBS.match(run)
    return match.end() if match else 0
