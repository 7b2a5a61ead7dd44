"""What each rule means, the figure it looks at and the setting that is its limit, for people who read a report.

A rule that is not listed, such as one of a user's own stage, is shown with every figure that its stage noted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.report_output_rules import OUTPUT_RULES


@dataclass(frozen=True)
class Rule:
    """One rule: its meaning in words, and the column and setting it compares, where there are such."""

    words: str
    column: str = ""  # of the annotations, without the name of the stage where that is its own
    sign: str = ""  # how the figure stands to the limit where the rule is broken
    setting: str = ""  # name in the stage's settings, which may lie below the language


_RULES: dict[str, Rule] = {
    "ingest.not_html": Rule("a page of another kind than HTML", "mime"),
    "ingest.too_large": Rule("a body above the largest that is read"),
    "ingest.empty_body": Rule("a response without a body"),
    "ingest.truncated": Rule("a record that the crawler cut off"),
    "ingest.corrupt": Rule("bytes that cannot be read as a record"),
    "ingest.no_text": Rule("a row without text"),
    "ingest.bad_json": Rule("a line that is no JSON object"),
    "ingest.taken_down": Rule("a row of another corpus, where it was taken down"),
    "extract.too_large": Rule("a page with too many bytes", "html_bytes", ">", "max_html_bytes"),
    "extract.too_many_tags": Rule("a page with too many tags", "", ">", "max_tags"),
    "extract.too_deep": Rule("elements nested too deeply", "", ">", "max_depth"),
    "extract.too_slow": Rule("a page that hit the limit of CPU time", "", ">", "max_cpu_s"),
    "extract.undecodable": Rule("bytes that are text in no known charset", "charset"),
    "extract.empty": Rule("a page without main text", "text_chars"),
    "policy.noai": Rule("the publisher opts out of AI training (noai)"),
    "policy.noimageai": Rule("the publisher opts out of AI training on images (noimageai)"),
    "policy.noindex": Rule("the publisher asks not to be indexed (noindex)"),
    "policy.tdm": Rule("the publisher reserves text and data mining"),
    "policy.licence": Rule("a licence that is not among those allowed", "licence"),
    "paragraphs.repeated": Rule("nothing is left once paragraphs that another row keeps are gone", "dropped"),
    "clean.empty": Rule("nothing is left after cleaning", "chars_removed"),
    "clean.too_short": Rule("too few characters after cleaning", "", "<", "min_chars"),
    "language.uncertain": Rule("no language is certain", ".lang_score", "<", "min_score"),
    "language.unwanted_language": Rule("a language that is not wanted", ".lang", "not in", "languages"),
    "language.mixed_language": Rule("too much of a second language", ".lang_second_share", ">", "max_second_share"),
    "language.unwanted_script": Rule("a Chinese script that is not wanted", ".lang_script", "not in", "scripts"),
    "gopher_repetition.empty": Rule("no text", "chars"),
    "gopher_repetition.dup_para_frac": Rule(
        "repeated paragraphs / paragraphs", "dup_para_frac", ">", "max_dup_para_frac"
    ),
    "gopher_repetition.dup_para_char_frac": Rule(
        "characters in repeated paragraphs", "dup_para_char_frac", ">", "max_dup_para_char_frac"
    ),
    "gopher_repetition.dup_line_frac": Rule("repeated lines / lines", "dup_line_frac", ">", "max_dup_line_frac"),
    "gopher_repetition.dup_line_char_frac": Rule(
        "characters in repeated lines", "dup_line_char_frac", ">", "max_dup_line_char_frac"
    ),
    "gopher_quality.gopher_short_doc": Rule("too few words", "words", "<", "min_words"),
    "gopher_quality.gopher_long_doc": Rule("too many words", "words", ">", "max_words"),
    "gopher_quality.gopher_below_avg_threshold": Rule(
        "words too short on average", "mean_word_length", "<", "min_mean_word_length"
    ),
    "gopher_quality.gopher_above_avg_threshold": Rule(
        "words too long on average", "mean_word_length", ">", "max_mean_word_length"
    ),
    "gopher_quality.gopher_too_many_hashes": Rule("# signs / words", "hash_ratio", ">", "max_symbol_ratio"),
    "gopher_quality.gopher_too_many_ellipsis": Rule("ellipses / words", "ellipsis_ratio", ">", "max_symbol_ratio"),
    "gopher_quality.gopher_too_many_bullets": Rule(
        "lines that begin with a bullet", "bullet_lines_ratio", ">", "max_bullet_lines_ratio"
    ),
    "gopher_quality.gopher_too_many_end_ellipsis": Rule(
        "lines that end in an ellipsis", "ellipsis_lines_ratio", ">", "max_ellipsis_lines_ratio"
    ),
    "gopher_quality.gopher_below_alpha_threshold": Rule(
        "words with a letter / words", "alpha_words_ratio", "<", "min_alpha_words_ratio"
    ),
    "gopher_quality.gopher_enough_stop_words": Rule(
        "too few different stop words", "stop_words", "<", "min_stop_words"
    ),
    "gopher_quality.gopher_low_stop_ratio": Rule("stop words / words", "stop_ratio", "<", "min_stop_ratio"),
    "c4.lorem_ipsum": Rule("placeholder text", "lorem_ipsum_lines", ">", "0"),
    "c4.curly_bracket": Rule("lines with a curly bracket", "curly_bracket_lines", ">", "0"),
    "c4.too_few_sentences": Rule("too few sentences in proper lines", "sentences", "<", "min_sentences"),
    "c4.too_many_boilerplate_lines": Rule(
        "mostly menus and advertisements", "navigation_lines", ">", "max_boilerplate_lines_ratio"
    ),
    "fineweb.empty": Rule("no line with text", "lines"),
    "fineweb.line_punct_ratio": Rule("lines that end as sentences do", "line_punct_ratio", "<", "min_line_punct_ratio"),
    "fineweb.short_line_ratio": Rule("short lines / lines", "short_line_ratio", ">", "max_short_line_ratio"),
    "fineweb.char_dup_ratio": Rule("characters in lines seen before", "char_dup_ratio", ">", "max_char_dup_ratio"),
    "fineweb.list_ratio": Rule("lines / words", "list_ratio", ">", "max_list_ratio"),
    "dedup.exact": Rule("the same text as a row that stays"),
    "dedup.near": Rule("nearly the text of a row that stays", "similarity", "≥", "threshold"),
    "dedup.url": Rule(
        "the canonical address of a row that stays, and enough of its text", "similarity", "≥", "url_similarity"
    ),
    "quality.low_score": Rule("a score below the threshold", ".score", "<", "threshold"),
    "quality.no_model": Rule("a language without a classifier"),
    "quality.empty": Rule("nothing is left to score"),
    "decontaminate.contaminated": Rule("holds an item of a question set", "share", "≥", "min_share"),
    "dedup.near_duplicate": Rule("nearly the text of another output"),
    "dedup.same_question": Rule("a question that was asked before"),
    "dedup.in_l2": Rule("nearly the text of a page of L2"),
    "quarantined": Rule("a stage failed on the row; its error is noted"),
}
_GRAMS = re.compile(r"gopher_repetition\.(top|duplicated)_(\d+)_(?:gram|n_grams)")
_RECORD, _STATUS = re.compile(r"ingest\.record_(\w+)"), re.compile(r"ingest\.status_(\w+)")


def rule_of(fate: str) -> Rule:
    """What is known of a rule by its name in the annotations."""
    if found := _RULES.get(fate):
        return found
    stage, _, reason = fate.partition(".")
    if stage == "outputs" and reason in OUTPUT_RULES:
        words, column, sign, setting = OUTPUT_RULES[reason]
        return Rule(words, f".{column}" if column else "", sign, setting)
    if match := _GRAMS.fullmatch(fate):
        kind = "repeated runs" if match[1] == "duplicated" else "the most frequent run"
        names = "dup_n_grams" if match[1] == "duplicated" else "top_n_grams"
        return Rule(f"characters in {kind} of {match[2]} words", fate.partition(".")[2], ">", names)
    if match := _RECORD.fullmatch(fate):
        return Rule(f"an archive record of the kind {match[1]}, which is no page", "record_type")
    if match := _STATUS.fullmatch(fate):
        return Rule(f"a response of status {match[1]}", "status")
    return Rule("")


def limit_of(fate: str, config: Mapping[str, Any], lang: str | None) -> Any:
    """The limit of a rule in the settings of its stage, for a language where it has one; None where there is none."""
    rule = rule_of(fate)
    if not rule.setting:
        return None
    if rule.setting == "0":
        return 0
    own = config.get(lang) if lang else None
    value = (own if isinstance(own, Mapping) else config).get(rule.setting)
    if match := _GRAMS.fullmatch(fate):
        return dict(value or ()).get(int(match[2]))
    return value.get(lang) if isinstance(value, Mapping) else value


def limits_in_words(fate: str, config: Mapping[str, Any]) -> str:
    """The limit as the settings have it, of each language where they differ; empty where there is none."""
    rule = rule_of(fate)
    if not rule.setting:
        return ""
    if not any(isinstance(config.get(lang), Mapping) for lang in ("en", "zh")):
        return _limit(rule, limit_of(fate, config, None) if not _by_language(config, rule) else config[rule.setting])
    found = {lang: limit_of(fate, config, lang) for lang in ("en", "zh")}
    told = {lang: value for lang, value in found.items() if value is not None}
    if len(set(map(str, told.values()))) == 1 and len(told) == 2:
        return _limit(rule, next(iter(told.values())))
    return ", ".join(f"{lang} {_limit(rule, value)}" for lang, value in told.items())


def _by_language(config: Mapping[str, Any], rule: Rule) -> bool:
    return isinstance(config.get(rule.setting), Mapping)


def _limit(rule: Rule, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{lang} {rule.sign} {number(one)}" for lang, one in value.items())
    return f"{rule.sign} {number(value)}"


def figures_of(fate: str, note: Mapping[str, Any], config: Mapping[str, Any]) -> list[dict[str, str]]:
    """What a row's annotations hold of the rule that rejected it: name, value, and sign and limit where it has one."""
    rule, stage = rule_of(fate), fate.partition(".")[0]
    lang = note.get("lang")
    if rule.column:
        name = rule.column[1:] if rule.column.startswith(".") else f"{stage}.{rule.column}"
        name = name if name in note else rule.column
        if note.get(name) is not None:
            limit = limit_of(fate, config, lang)
            told = "" if limit is None else f"{rule.sign} {number(limit)}"
            return [{"name": name, "value": number(note[name]), "limit": told}]
    if rule.words:
        limit = limit_of(fate, config, lang)
        return [] if limit is None else [{"name": rule.setting, "value": "", "limit": f"{rule.sign} {number(limit)}"}]
    own = {name: value for name, value in note.items() if name.startswith(f"{stage}.") and not name.endswith(".drop")}
    return [{"name": name, "value": number(value), "limit": ""} for name, value in own.items() if value is not None]


def number(value: Any) -> str:
    """A figure for people: counts with commas, shares with four digits, lists joined."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int | float):
        return f"{int(value):,}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
