"""A sentence in other words, by rules: clauses change places, the passive becomes active, words become synonyms."""

from __future__ import annotations

import random
import re

_LEAST_CHANGES, _MOST_CHANGES = 2, 5

_CLAUSES = {
    "en": (
        (r"^(If|When|Because|Although|After|Before|While) ([^,]{10,90}), ([^,;]{15,})\.$",
         lambda m: f"{_capital(m[3])} {m[1].lower()} {m[2]}."),
        (r"^([^,;]{15,}?),? (if|when|because|although|while) ([^,;]{10,90})\.$",
         lambda m: f"{m[2].capitalize()} {m[3]}, {_lower(m[1])}."),
        (r"^(In|For|On|By|With) ([^,]{5,60}), ([^,;]{15,})\.$", lambda m: f"{_capital(m[3])} {m[1].lower()} {m[2]}."),
        (r"^(The [\w -]{3,40}) (?:was|were) (\w+ed) by (the [\w -]{3,40})\.$",
         lambda m: f"{_capital(m[3])} {m[2]} {_lower(m[1])}."),
    ),
    "zh": (
        (r"^(如果|若|当)([^，。]{4,40})，([^，。]{6,})。$", lambda m: f"{m[3]}，{m[1]}{m[2]}。"),
        (r"^([^，。]{6,})，(因为|由于)([^，。]{4,40})。$", lambda m: f"{m[2]}{m[3]}，{m[1]}。"),
        (r"^(在[^，。]{3,20}中)，([^。]{8,})。$", lambda m: f"{m[2]}，{m[1]}皆然。"),
    ),
}  # fmt: skip
_SYNONYMS = {
    "en": (
        ("must be", "has to be"), ("allows", "lets"), ("allow", "let"), ("in order to", "to"),
        ("such as", "for example"),
        ("because", "since"), ("contains", "holds"), ("contain", "hold"), ("shows", "displays"),
        ("specifies", "sets"),
        ("specify", "set"), ("creates", "makes"), ("create", "make"), ("returns", "gives back"),
        ("currently", "at present"),
        ("also ", ""), ("several", "a number of"), ("requires", "needs"), ("require", "need"), ("obtain", "get"),
        ("begins", "starts"), ("begin", "start"), ("enables", "switches on"), ("however, ", ""), ("uses", "employs"),
        ("used for", "employed for"), ("is able to", "can"), ("provides", "offers"), ("provide", "offer"),
        ("modify", "change"), ("modifies", "changes"), ("entire", "whole"), ("large", "big"), ("usually", "normally"),
        ("purchase", "buy"), ("says", "states"), ("said", "stated"), ("about", "concerning"), ("whether", "if"),
        ("deleted", "removed"), ("delete", "remove"), ("executes", "runs"), ("executed", "run"),
        ("identical", "equal"),
        ("is used to", "serves to"), ("are used to", "serve to"), ("displays", "shows"), ("selected", "chosen"),
        ("permits", "allows"), ("supplies", "provides"), ("determines", "decides"), ("will be", "is going to be"),
    ),
    "zh": (
        ("使用", "采用"), ("必须", "务必"), ("如果", "若"), ("返回", "给出"), ("显示", "展示"),
        ("创建", "建立"), ("用于", "用来"),
        ("选择", "选取"), ("目前", "现在"), ("您", "你"), ("命令", "指令"), ("建议", "推荐"),
        ("检查", "核对"), ("添加", "加入"),
        ("支持", "支援"), ("部分", "局部"), ("完成", "做完"), ("输入", "键入"),
        ("相关", "有关"), ("其他", "别的"), ("名称", "名字"), ("进行", "施行"), ("通过", "经由"),
        ("自动", "自行"), ("问题", "难题"),
        ("希望", "期望"), ("单击", "点按"), ("设置", "设定"), ("以及", "和"), ("或者", "或"), ("将", "会"),
        ("已经", "已"),
    ),
}  # fmt: skip


def paraphrase(text: str, rng: random.Random, language: str) -> str | None:
    """The sentence in other words; None where fewer than two changes, or one of its clauses, are possible."""
    said, changes = text, 0
    for pattern, put in _CLAUSES[language]:
        if match := re.match(pattern, said):
            said, changes = put(match), changes + _LEAST_CHANGES
            break
    for word, other in rng.sample(_SYNONYMS[language], len(_SYNONYMS[language])):
        pattern = (
            re.escape(word)
            if language == "zh"
            else rf"\b{re.escape(word)}(?<! )\b"
            if word.strip() == word
            else rf"\b{re.escape(word)}"
        )
        if changes < _MOST_CHANGES and (not other or other not in said):
            said, count = re.subn(pattern, other, said)
            changes += bool(count)
    return said if changes >= _LEAST_CHANGES and said != text else None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    return text if re.match(r"[A-Z]\w*[A-Z0-9_]|I\b", text) else text[:1].lower() + text[1:]
