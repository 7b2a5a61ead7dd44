"""One fault in a sound output: the kinds of edits that were not looked at while the checks were made."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from benchmarks.checks_edits import Case, Edit, Editor
from synth import units
from synth.passages import sentences

Rules = dict[str, tuple[tuple[str, str], ...]]  # language -> (pattern, what is put there)

QUANTIFIERS: Rules = {
    "en": (
        (r"\b(?:some|several|many|most|a few)(?: of (?:the|them))?\b(?! as\b)", "all"),
        (r"\b(?:usually|often|sometimes|mostly|generally|mainly)\b", "always"), (r"\brarely\b", "always"),
        (r"\bat least one\b", "exactly one"), (r"\b(?:a|any|each) (?=\w+ (?:who|that))", "no "),
        (r"\bonly\b", "mostly"),
    ),
    "zh": (
        (r"一些|某些|有些|许多|很多(?!的)|不少|大多数|多数", "所有"), (r"通常|一般|往往|有时|常常", "总是"),
        (r"很少", "经常"),
        (r"只有少数", "绝大多数"), (r"少数", "全部"), (r"仅|只(?=适|能|有|会|处)", "几乎全"),
    ),
}  # fmt: skip
COMPARISONS: Rules = {
    "en": (
        (r"\bmore\b", "less"), (r"\bless\b", "more"), (r"\blarger\b", "smaller"), (r"\bsmaller\b", "larger"),
        (r"\beasier\b", "harder"), (r"\bharder\b", "easier"), (r"\bhigher\b", "lower"), (r"\blower\b", "higher"),
        (r"\bnewer\b", "older"), (r"\bnew(?:est)?\b", "old"), (r"\bfaster\b", "slower"), (r"\bsmall\b", "large"),
        (r"\blatest|most recent\b", "oldest"), (r"\bmost common\b", "rarest"), (r"\bmuch as\b", "little as"),
    ),
    "zh": (
        (r"最多", "最少"), (r"最小", "最大"), (r"最少", "最多"), (r"最大", "最小"), (r"更好", "更差"),
        (r"较低", "较高"),
        (r"变慢", "变快"), (r"下限", "上限"), (r"更新的", "更旧的"), (r"最新", "最旧"), (r"降低", "提高"),
        (r"很快", "很慢"),
        (r"过旧", "过新"), (r"更详尽", "更简略"), (r"(?<!不)一样", "相反"), (r"更多", "更少"),
        (r"过于频繁", "不够频繁"),
    ),
}  # fmt: skip
MODALS: Rules = {
    "en": (
        (r"\b(?:may|might|could)\b(?! not\b)", "must"), (r"\b(?:must|has to|have to)\b(?! not\b)", "may"),
        (r"\bshould\b(?! not\b)", "might"), (r"(?<!no )\bneed to\b", "are free to"), (r"\brecommended\b", "mandatory"),
        (r"\bcan\b(?! not\b)", "must"), (r"\bare not needed\b", "are forbidden"),
    ),
    "zh": (
        (r"必须", "可以"), (r"(?<!不)可以", "必须"), (r"应当|应该(?!都)|最好", "不妨"), (r"建议", "强制要求"),
        (r"也许|可能(?!的)", "必定"),
        (r"(?<!不)需要", "禁止"), (r"请(?=参|看|查)", "不必"), (r"要(?=对|执|靠)", "可"),
    ),
}  # fmt: skip
ORDERS: Rules = {
    "en": (
        (r"\bbefore\b", "after"), (r"\bafter\b", "before"), (r"\bonce\b", "until"), (r"\buntil\b", "once"),
        (r"\bfirst\b", "last"), (r"\bfinally\b", "at the very beginning"), (r"\blater\b", "earlier"),
        (r"\bin advance\b", "afterwards"), (r"\bcurrently|at present\b", "formerly"), (r"\bduring\b", "before"),
        (r"\bwhile\b(?= (?:the|it|installing))", "before"), (r"\bfrom then on\b", "up to then"),
    ),
    "zh": (
        (r"之前", "之后"), (r"之后", "之前"), (r"先", "事后"), (r"接着|随后|然后", "在此之前"), (r"以后", "以前"),
        (r"期间", "结束后"), (r"(?<=完成)后", "前"), (r"一旦完成", "还没完成"), (r"目前|现在", "从前"),
        (r"后来", "起初"),
    ),
}  # fmt: skip
CAUSES: Rules = {
    "en": (
        (r"\bbecause\b", "although"), (r"\bBecause\b", "Although"), (r"\bso that\b", "unless"),
        (r"\bsince\b", "although"),
        (r"\bwhich means\b", "which rules out"), (r",? so\b(?! that)", ", even though"), (r"\bthus\b", "nevertheless"),
        (r"\bcan cause\b", "is caused by"), (r"\bTo (?=protect|share)", "Instead of trying to "),
    ),
    "zh": (
        (r"因为", "虽然"), (r"因此|所以|因而|于是", "尽管如此"), (r"为了", "为了避免"), (r"导致", "源于"),
        (r"由于", "尽管"),
        (r"引发", "防止"), (r"以便", "以免"), (r"从而", "却没有"),
    ),
}  # fmt: skip
RELATIONS: Rules = {
    "en": (
        (r"\binstall(s|ed|ing)?\b", r"delete\1"), (r"\breads?\b", "erases"), (r"\bsend(s|ing)?\b", r"hide\1"),
        (r"\bsupport(s|ed)?\b", r"block\1"), (r"\bincludes?\b", "excludes"), (r"\baccepts?\b", "refuses"),
        (r"\bopens\b", "closes"), (r"\badd(s|ed)?\b", r"remove\1"), (r"\bstored\b", "deleted"),
        (r"\bremov(es|ed|ing)\b", r"creat\1"),
        (r"\btrust(s|ed)?\b", r"reject\1"), (r"\bbuilt-in\b", "external"), (r"\bavailable\b", "withdrawn"),
        (r"\bwith\b(?! no\b)", "without"),
    ),
    "zh": (
        (r"安装", "卸载"), (r"卸载", "安装"), (r"发送", "拦截"), (r"允许", "禁止"), (r"打开", "关闭"),
        (r"接受|接收", "拒收"),
        (r"包括|包含", "排除"), (r"支持", "屏蔽"), (r"提供", "取消"), (r"加密", "公开"), (r"信任", "怀疑"),
        (r"添加", "删除"),
        (r"保留", "删去"), (r"推荐", "反对"), (r"阻止", "促成"), (r"列出", "隐去"),
    ),
}  # fmt: skip
CONDITIONS: Rules = {
    "en": (
        (r"\b(?:If|When|Where|Once|Unless) [^,.?!;:]{6,90}, ", "In every case "),
        (r",? (?:if|unless|when|provided that|as long as) [^,.?!;:]{6,90}(?=[.,])", " in every case"),
    ),
    "zh": (
        (r"(?:(?<=[。，；])|^)(?:如果|若|要是|假如|只要|当)[^，。；]{3,40}，", "无论何时，"),
        (r"(?<=[。，])[^，。；]{3,40}时，", "无论何时，"),
        (r"除非[^，。；]{2,30}，", ""),
    ),
}  # fmt: skip
MEMBERS = {
    "en": ("a voice recorder", "printed posters", "several satellites", "the payroll", "a spare battery"),
    "zh": ("录音机", "海报", "卫星", "工资表", "备用电池"),
}
META_OPENINGS = {
    "en": (
        "This passage explains the following. ", "Here is the rewritten version: ", "Summary: ",
        "As the author writes, ",
        "Of course! Let me put it differently. ",
    ),
    "zh": ("以下是改写后的内容：", "这段文字主要讲了：", "摘要：", "正如作者所写，", "当然可以，换一种说法："),
}  # fmt: skip
META_ANSWERS = {
    "en": ("According to the passage, ", "The text says: ", "As stated in the excerpt above, "),
    "zh": ("根据原文，", "文中提到，", "如上文所述，"),
}
META_ENDINGS = {
    "en": (" I hope this helps!", " Let me know if you need another version.", " (about 60 words)"),
    "zh": ("希望对你有帮助！", "如需其他版本请告诉我。", "（约六十字）"),
}


def _by(rules: Rules, about: str) -> Editor:
    """An editor that makes one of the replacements that fit in what is claimed: a rewrite, or the answer of a pair."""

    def edit(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
        start = _claim_start(case)
        text = case["output"]
        found = [
            (m, put)
            for pattern, put in rules[case["language"]]
            for m in re.finditer(pattern, text)
            if m.start() >= start
        ]
        if not found:
            return None
        match, put = rng.choice(found)
        new = match.expand(put)
        return Edit(text[: match.start()] + new + text[match.end() :], new or f"without {match.group()}")

    edit.__doc__ = about
    return edit


def _claim_start(case: Case) -> int:
    return case["output"].rfind(case["answer"]) if case["task"] == "qa" else 0


def member_added(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
    """A list gets a member that the passage does not name."""
    start, text = _claim_start(case), case["output"]
    pattern = (
        r"(?<=[\w)]), (?!much|which|so|but|while|be|because)(?=[\w' -]{2,25},? (?:and|or) )"
        if case["language"] == "en"
        else r"、"
    )
    found = [match for match in re.finditer(pattern, text) if match.start() >= start]
    if not found:
        return None
    match, put = rng.choice(found), rng.choice(MEMBERS[case["language"]])
    glue = match.group()
    return Edit(text[: match.end()] + put + glue + text[match.end() :], put)


def misfit_question(case: Case, rng: random.Random, all_cases: list[Case]) -> Edit | None:
    """The question of another pair of the same passage, whose answer is another."""
    if case["task"] != "qa":
        return None
    others = [one for one in all_cases if one["task"] == "qa" and one["doc"] == case["doc"] and one is not case]
    own = set(units.content_units(case["answer"], case["language"]))
    fitting = [
        one["question"]
        for one in others
        if len(own & set(units.content_units(one["answer"], case["language"]))) <= 0.2 * len(own)
    ]
    if not fitting:
        return None
    put = rng.choice(fitting)
    return Edit(case["output"].replace(case["question"], put), put)


def meta_talk(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
    """The output speaks of the text or to the reader."""
    language, text, start = case["language"], case["output"], _claim_start(case)
    if rng.random() < 0.3:
        put = rng.choice(META_ENDINGS[language])
        return Edit(text + put, put.strip())
    put = rng.choice((META_ANSWERS if case["task"] == "qa" else META_OPENINGS)[language])
    return Edit(text[:start] + put + text[start:], put.strip())


def repeated_half(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
    """A sentence of the output is said again, word for word."""
    start, text = _claim_start(case), case["output"]
    found = _sentences_from(text, start)
    if not found:
        return None
    put = rng.choice(found)
    return Edit(f"{text}{'' if case['language'] == 'zh' else ' '}{put}", put)


def cut_sentence(case: Case, rng: random.Random, _: list[Case]) -> Edit | None:
    """The last sentence stops in the middle, although the model ended by itself."""
    start, text = _claim_start(case), case["output"]
    found = _sentences_from(text, start)
    if not found or len(found[-1]) < 20:
        return None
    last = found[-1]
    at = int(len(last) * rng.uniform(0.45, 0.75))
    kept = last[:at] if case["language"] == "zh" else last[:at].rpartition(" ")[0]
    put = kept.rstrip(" ,;:，；：、")
    head = text[: len(text.rstrip()) - len(last)]
    return Edit(head + put, put) if put else None


def _sentences_from(text: str, start: int) -> Sequence[str]:
    return [text[start:][slice(*span)] for span in sentences(text[start:])]


UNSEEN: dict[str, Editor] = {
    "quantifier_changed": _by(QUANTIFIERS, "How many, or how often, is another."),
    "comparison_reversed": _by(COMPARISONS, "More becomes less, the newest the oldest."),
    "modal_changed": _by(MODALS, "What may be must be, or the other way round."),
    "order_of_events": _by(ORDERS, "Before becomes after."),
    "cause_and_effect": _by(CAUSES, "A reason becomes an obstacle."),
    "relation_reversed": _by(RELATIONS, "What is done becomes its opposite."),
    "condition_dropped": _by(CONDITIONS, "What holds under a condition holds always."),
    "member_added": member_added,
    "misfit_question": misfit_question,
    "meta_talk": meta_talk,
    "repeated_half": repeated_half,
    "cut_sentence": cut_sentence,
}
