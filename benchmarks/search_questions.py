# ruff: noqa: E501  (lists of words)
"""Questions with known answers, made of real pages by rule: no model, and no sentence asked for in its own words.

A question is made of a heading that asks for something to be done, or of a sentence of a form that answers: what a
thing is, what it is for, how to do something, what happens when. Common verbs and nouns are put in other words. Its
answer is any statement of the section that it was made from; sections of one question answer it together.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.search_pages import Sentence

# Written otherwise in a question: what a user says who has not read the page.
_REWORDED = {
    "en": {
        "create": "make", "creates": "makes", "creating": "making", "delete": "remove", "deletes": "removes",
        "deleting": "removing", "remove": "delete", "removes": "deletes", "removing": "deleting", "display": "show",
        "displays": "shows", "displaying": "showing", "show": "display", "shows": "displays", "insert": "put in",
        "inserts": "puts in", "inserting": "putting in", "specify": "set", "specifies": "sets", "specifying": "setting",
        "modify": "change", "modifies": "changes", "modifying": "changing", "change": "alter", "changes": "alters",
        "changing": "altering", "obtain": "get", "obtains": "gets", "obtaining": "getting", "returns": "gives back",
        "return": "give back", "allows": "lets", "allow": "let", "enable": "turn on", "enabling": "turning on",
        "disable": "turn off", "disabling": "turning off", "determine": "find out", "determines": "finds out",
        "select": "choose", "selecting": "choosing", "selects": "chooses", "begin": "start", "start": "begin",
        "starts": "begins", "use": "work with", "using": "working with", "several": "multiple", "multiple": "several",
        "entire": "whole", "additional": "further", "required": "needed", "requires": "needs", "error": "failure",
        "convert": "turn", "converts": "turns", "install": "set up", "installing": "setting up", "allocates": "reserves",
        "contains": "holds", "contain": "hold", "provides": "offers", "provide": "offer", "calculates": "computes",
    },
    "zh": {
        "创建": "新建", "删除": "去掉", "显示": "展示", "插入": "加入", "指定": "设定", "修改": "更改", "更改": "修改", "获取": "取得",
        "启用": "打开", "禁用": "关掉", "选择": "挑选", "使用": "用", "多个": "若干", "计算": "算出", "返回": "给出", "添加": "加上",
        "定义": "规定", "编辑": "改动", "安装": "装上", "打开": "开启", "关闭": "关掉", "允许": "准许", "转换": "变换", "查看": "看",
    },
}  # fmt: skip
_IMPERATIVE = {
    "en": re.compile(r"(?:(?:How )?[Tt]o |How do I )?(?P<verb>[A-Z]?[a-z]+) (?P<rest>\S.{6,60}?)[:?]?"),
    "zh": re.compile(
        r"(?:要|如何|怎样)?(?P<task>(?:创建|删除|显示|插入|指定|修改|更改|获取|启用|禁用|选择|使用|计算|添加|定义|编辑|安装|打开|关闭"
        r"|转换|查看|应用|保护|设置|配置|导出|导入|保存|复制|移动|粘贴|打印|链接|调整|排序|隐藏|合并|拆分|格式化|更新|升级|构建|调用"
        r"|注册|检查|避免|控制|管理|替换|搜索|查找|记录|输入|绘制|旋转|对齐|分配|释放|挂载|编译)[^。：:，,]{3,24})[:：?？]?"
    ),
}  # fmt: skip
_VERBS = frozenset(
    [
        "add",
        "adjust",
        "align",
        "allow",
        "apply",
        "assign",
        "attach",
        "avoid",
        "build",
        "calculate",
        "call",
        "change",
        "check",
        "choose",
        "clear",
        "close",
        "combine",
        "compare",
        "configure",
        "connect",
        "convert",
        "copy",
        "create",
        "define",
        "delete",
        "determine",
        "disable",
        "display",
        "download",
        "draw",
        "edit",
        "embed",
        "enable",
        "ensure",
        "enter",
        "execute",
        "export",
        "extend",
        "extract",
        "filter",
        "find",
        "fix",
        "format",
        "generate",
        "get",
        "group",
        "handle",
        "hide",
        "implement",
        "import",
        "include",
        "initialize",
        "insert",
        "install",
        "join",
        "limit",
        "link",
        "list",
        "load",
        "lock",
        "make",
        "manage",
        "map",
        "measure",
        "merge",
        "migrate",
        "modify",
        "mount",
        "move",
        "name",
        "obtain",
        "open",
        "optimize",
        "organize",
        "override",
        "paste",
        "perform",
        "play",
        "prevent",
        "print",
        "protect",
        "publish",
        "query",
        "read",
        "record",
        "redirect",
        "register",
        "remove",
        "rename",
        "repair",
        "repeat",
        "replace",
        "request",
        "reset",
        "resize",
        "resolve",
        "restore",
        "restrict",
        "retrieve",
        "return",
        "rotate",
        "run",
        "save",
        "schedule",
        "search",
        "secure",
        "select",
        "send",
        "serve",
        "set",
        "share",
        "show",
        "sort",
        "specify",
        "split",
        "start",
        "stop",
        "store",
        "submit",
        "switch",
        "test",
        "transfer",
        "translate",
        "turn",
        "uninstall",
        "update",
        "upgrade",
        "upload",
        "use",
        "validate",
        "verify",
        "view",
        "work",
        "wrap",
        "write",
    ]
)
_FORMS = {
    "en": (
        ("definition", re.compile(r"(?:An? |The )?(?P<x>[A-Z\w][\w+./:' -]{2,40}?) (?P<be>is|are) (?:an? |the )(?!following|same)(?P<y>.{20,})\."), "What {be} {x}?"),
        ("purpose", re.compile(r"(?:An? |The )?[\w+./:' -]{2,50}? (?P<be>is|are|can be) used (?:to|for) (?P<x>[a-z].{15,110})\."), "What {be} there to {x}?"),
        ("how", re.compile(r"(?:In order t|T)o (?P<x>[a-z][^,]{12,90}), (?P<y>.{12,})\."), "How can I {x}?"),
        ("condition", re.compile(r"(?:If|When) (?P<x>[^,]{18,110}), (?P<y>.{12,})\."), "What happens if {x}?"),
        ("what", re.compile(r"(?P<verb>[A-Z][a-z]+s) (?P<x>(?:the|an?|all|any|whether|one|two)\b.{15,110})\."), "What {verb} {x}?"),
    ),
    "zh": (
        ("definition", re.compile(r"(?P<x>[\w「」\-+. ]{2,20}?)(?:是|指的是)(?:一个|一种|一款|一组|一套)(?P<y>.{8,})。"), "什么是{x}？"),
        ("purpose", re.compile(r"[^，。]{2,30}?(?:可以|可)?用于(?P<x>[^，。]{6,50})。"), "什么可以用来{x}？"),
        ("how", re.compile(r"(?:如果您?想?要|若要|要想|要|为了)(?P<x>[^，。]{5,40})，(?P<y>.{6,})。"), "怎样{x}？"),
        ("condition", re.compile(r"(?:如果|当)(?P<x>[^，。]{8,50}?)时?，(?P<y>.{6,})。"), "{x}会怎么样？"),
    ),
}  # fmt: skip
_POINTING = re.compile(
    r"\b(?:this|that|these|those|it|its|they|their|above|below|following|here|you|your|he|she|one of)\b|[这那此该它其]|以上"
    r"|以下|上述|下列|本"
)
_MIN = {"en": 3, "zh": 5}  # words that carry meaning, characters of a question


@dataclass(frozen=True)
class Question:
    """What is asked, of which kind it is, and the sections that answer it. Half of them are held out."""

    text: str
    lang: str
    kind: str
    sections: frozenset[int]
    held_out: bool


def make_questions(found: Sequence[Sentence], lang: str) -> list[Question]:
    """The questions of some statements, each once."""
    headings = Counter(one.heading for one in {(x.page, x.heading): x for x in found}.values())
    sections: defaultdict[str, set[int]] = defaultdict(set)
    kinds: dict[str, str] = {}
    for one in found:
        for kind, text in (*_of_heading(one, headings), *_of_sentence(one)):
            sections[text].add(one.section)
            kinds.setdefault(text, kind)
    return [
        Question(text, lang, kinds[text], frozenset(answers), hashlib.sha256(text.encode()).digest()[0] % 2 == 0)
        for text, answers in sections.items()
        if len(answers) <= 3  # what more sections answer is no question with a known answer
    ]


def _of_heading(one: Sentence, headings: Counter[str]) -> Iterator[tuple[str, str]]:
    """A question of a heading, which no other page has."""
    match = _IMPERATIVE[one.lang].fullmatch(one.heading)
    if match is None or headings[one.heading] > 1:
        return
    if one.lang == "zh":
        task = match["task"]
    else:
        verb = _infinitive(match["verb"].lower())
        if verb is None:
            return
        task = f"{verb} {match['rest']}"
    if _is_told(task, one.lang):
        yield "heading", f"如何{_reworded(task, 'zh')}？" if one.lang == "zh" else f"How do I {_reworded(task, 'en')}?"


def _infinitive(verb: str) -> str | None:
    """A verb that headings begin with, from its form in -ing too."""
    if not verb.endswith("ing"):
        return verb if verb in _VERBS else None
    stem = verb[:-3]
    return next((form for form in (stem, f"{stem}e", stem[:-1]) if form in _VERBS), None)


def _of_sentence(one: Sentence) -> Iterator[tuple[str, str]]:
    for kind, form, words in _FORMS[one.lang]:
        match = form.fullmatch(one.text)
        if match is None or not _is_told(match["x"], one.lang, kind):
            continue
        parts = {name: value for name, value in match.groupdict().items() if name != "y"}
        parts["x"] = _reworded(parts["x"], one.lang)
        if "verb" in parts:
            parts["verb"] = _reworded(parts["verb"].lower(), one.lang)
        yield kind, words.format(**parts)
        return


def _is_told(text: str, lang: str, kind: str = "") -> bool:
    """Whether a text says what it is about by itself."""
    if _POINTING.search(text.lower()):
        return False
    if kind == "definition":
        return True
    size = len(re.findall(r"[\u4e00-\u9fff]", text)) if lang == "zh" else len(re.findall(r"\b[A-Za-z]{4,}", text))
    return size >= _MIN[lang]


def _reworded(text: str, lang: str) -> str:
    if lang == "zh":
        return re.sub("|".join(_REWORDED["zh"]), lambda match: _REWORDED["zh"][match[0]], text)
    return re.sub(r"[A-Za-z]+", lambda match: _REWORDED["en"].get(match[0], match[0]), text)
