"""One fault in a sound output: the kinds of edits that were looked at while the checks were made."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from synth.units import word_set

Case = dict[str, Any]  # id, language, task, title, passage, output, question and answer of a pair


@dataclass(frozen=True)
class Edit:
    """What an edit made of an output: the new text, and what was put there."""

    output: str
    put: str


Editor = Callable[[Case, random.Random, list[Case]], Edit | None]

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)*(?![\w])")
LATIN_NAME = re.compile(r"(?<![\w/.-])(?:[A-Z][A-Za-z]*[A-Z0-9][A-Za-z0-9]*|[A-Z][a-z]{2,}(?: [A-Z][a-z]+)*)(?![\w])")
NAMES = {
    "en": ("Fedora", "MySQL", "Perl", "Nginx", "OpenSUSE", "Solaris", "Kubernetes", "Oracle", "Ruby", "KDE", "Postfix"),
    "zh": ("Fedora", "MySQL", "Perl", "Nginx", "OpenSUSE", "Solaris", "Oracle", "Ruby", "KDE", "Postfix", "Gentoo"),
}
INVENTED = {
    "en": (
        "The first version was written by a student in Helsinki during a summer holiday.",
        "Most universities in northern Europe have since switched to it.",
        "It is also available as a mobile application for tablets.",
        "A paid subscription removes this limit and adds technical support by telephone.",
        "Its design was inspired by an older program for accounting.",
        "Users who work at night should turn down the brightness of their screen.",
        "Experts recommend a training course of three weeks beforehand.",
        "This also reduces the consumption of electricity considerably.",
        "Several banks were attacked because they ignored this advice.",
        "The results are then printed on paper and sent to the manager.",
    ),
    "zh": (
        "最初的版本由一位赫尔辛基的大学生在暑假里写成。",
        "北欧的多数大学后来都改用了它。",
        "平板电脑上也有对应的手机应用可供下载。",
        "付费订阅之后，这一限制就会取消，并附带电话技术支援。",
        "它的构思来自一款旧式的会计程序。",
        "夜间工作的用户应当调低屏幕的亮度。",
        "专家建议事先参加为期三周的培训课程。",
        "这还能大幅减少电力的消耗。",
        "几家银行因为忽视这一忠告而遭到攻击。",
        "随后，结果会打印在纸上并寄送给经理。",
    ),
}
DROPPED = {
    "en": (
        (r"\bcannot\b", "can"), (r"\b(is|are|was|were|do|does|did|can|need|may|should|has|have) not\b", r"\1"),
        (r"\bno longer\b", "still"), (r"\bnever\b", "always"), (r"\bno need\b", "a need"), (r"\bwithout\b", "with"),
    ),
    "zh": (
        (r"不能", "能"), (r"不会", "会"), (r"不可以", "可以"), (r"没有", "有"), (r"不需要", "需要"), (r"不是", "是"),
        (r"无法", "可以"), (r"并非", "就是"), (r"不再", "仍然"), (r"永远不", "永远"), (r"无需", "需要"),
        (r"不必", "必须"),
        (r"不符合", "符合"), (r"未经", "经"), (r"绝不", "常常"), (r"显示不了", "能够显示"),
    ),
}  # fmt: skip
ADDED = {
    "en": (
        (r"\b(is|are|was|were|can|will|may|should|must|could)\b(?! not| no\b)", r"\1 not"),
        (r"\b(uses|supports|contains|provides|includes"
         r"|reads|writes|explains|allows|keeps|holds|offers)\b", r"never \1"),
    ),
    "zh": (
        (r"(?<![不])可以", "不可以"), (r"(?<![不没])会", "不会"), (r"(?<![不])需要", "不需要"),
        (r"(?<![不])应当", "不应当"),
        (r"(?<![不])支持", "不支持"), (r"(?<![不])使用", "不使用"), (r"(?<![不只就还要也凡但总可])是(?!否)", "不是"),
        (r"(?<![不])位于", "不位于"), (r"(?<![不])依赖", "不依赖"), (r"(?<![不])适用", "不适用"),
    ),
}  # fmt: skip
OUTSIDE = {
    "en": (
        "It was introduced by the British government after the war.", "Water boils at a lower temperature there.",
        "The capital of France is Paris.", "Because the moon reflects the light of the sun.",
        "It is made of steel and weighs about two tons.", "Photosynthesis turns light into sugar.",
    ),
    "zh": (
        "它是战后由英国政府引进的。", "因为那里水的沸点较低。", "法国的首都是巴黎。", "因为月亮反射太阳的光。",
        "它由钢制成，重约两吨。", "光合作用把光变成糖。",
    ),
}  # fmt: skip


def changed_number(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
    """A number of the passage becomes another."""
    found = [match for match in NUMBER.finditer(case["output"]) if match.group() in case["passage"]]
    if not found:
        return None
    match = rng.choice(found)
    digits = match.group()
    for _try in range(50):
        place = rng.choice([i for i, char in enumerate(digits) if char.isdigit()])
        put = digits[:place] + rng.choice("123456789") + digits[place + 1 :]
        if put not in case["passage"] and put != digits:
            return _replaced(case, match, put)
    return None


def outside_name(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
    """A name becomes one that the passage does not hold."""
    found = [match for match in _names(case) if len(match.group()) > 2]
    free = [name for name in NAMES[case["language"]] if name.lower() not in (case["passage"] + case["title"]).lower()]
    return _replaced(case, rng.choice(found), rng.choice(free)) if found and free else None


def exchanged_names(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
    """Two names or numbers of the output change places, in one sentence or across two."""
    text = case["output"]
    found = [*_names(case), *(match for match in NUMBER.finditer(text) if match.group() in case["passage"])]
    once = [match for match in found if text.count(match.group()) == 1 and case["passage"].count(match.group()) == 1]
    once.sort(key=lambda match: match.start())
    # Members of a list may change places.
    gaps = [(a, b, text[a.end() : b.start()]) for a, b in pairwise(once)]
    pairs = [(a, b) for a, b, gap in gaps if len(gap) > 12 and "," not in gap[:2] and "、" not in gap]
    pairs = [(a, b) for a, b in pairs if (a.group()[0].isdigit()) == (b.group()[0].isdigit()) and a.end() < b.start()]
    if not pairs:
        return None
    first, second = rng.choice(pairs)
    middle = text[first.end() : second.start()]
    output = text[: first.start()] + second.group() + middle + first.group() + text[second.end() :]
    return Edit(output, f"{second.group()} <-> {first.group()}")


def invented_sentence(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
    """A sentence of no source at the end of a rewrite or an answer, or between two sentences."""
    put = rng.choice(INVENTED[case["language"]])
    gap = "" if case["language"] == "zh" else " "
    return Edit(case["output"] + gap + put, put)


def dropped_negation(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
    """What is denied becomes affirmed."""
    return _first_of(case, DROPPED[case["language"]], rng)


def added_negation(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
    """What is affirmed becomes denied."""
    return _first_of(case, ADDED[case["language"]], rng)


def wrong_language(case: Case, rng: random.Random, all_cases: list[Case]) -> Edit | None:
    """The whole output, or the answer, in the other language."""
    others = [one for one in all_cases if one["language"] != case["language"] and one["task"] == case["task"]]
    put = rng.choice(others)["output"]
    return Edit(put, put[:60])


def outside_answer(case: Case, rng: random.Random, all_cases: list[Case]) -> Edit | None:
    """A pair with the answer of another passage, or of no passage."""
    if case["task"] != "qa":
        return None
    others = [one for one in all_cases if one["task"] == "qa" and one["language"] == case["language"]]
    others = [one["answer"] for one in others if one["passage"] != case["passage"]]
    put = rng.choice(others) if rng.random() < 0.6 else rng.choice(OUTSIDE[case["language"]])
    return Edit(case["output"].replace(case["answer"], put), put)


_NO_NAMES = word_set("The This That These Those Which What When Where Why How Does Some Many For With From After")
LOOKED_AT: dict[str, Editor] = {
    "changed_number": changed_number,
    "outside_name": outside_name,
    "exchanged_names": exchanged_names,
    "invented_sentence": invented_sentence,
    "dropped_negation": dropped_negation,
    "added_negation": added_negation,
    "wrong_language": wrong_language,
    "outside_answer": outside_answer,
}


def _names(case: Case) -> list[re.Match[str]]:
    """Names of the output that the passage holds."""
    found = [match for match in LATIN_NAME.finditer(case["output"]) if match.group() in case["passage"]]
    return [match for match in found if match.group() not in _NO_NAMES]


def _replaced(case: Case, match: re.Match[str], put: str) -> Edit:
    return Edit(case["output"][: match.start()] + put + case["output"][match.end() :], put)


def _first_of(case: Case, rules: tuple[tuple[str, str], ...], rng: random.Random) -> Edit | None:
    """One of the replacements that fit somewhere. Questions of a pair are left as they are."""
    text = case["output"]
    start = text.find(case["answer"]) if case["task"] == "qa" else 0
    found = [(match, put) for pattern, put in rules for match in re.finditer(pattern, text) if match.start() >= start]
    if not found:
        return None
    match, put = rng.choice(found)
    return Edit(text[: match.start()] + match.expand(put) + text[match.end() :], match.expand(put))
