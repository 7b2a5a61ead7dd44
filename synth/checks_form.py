"""The form of an output: its language, length, repetition, phrases, and how much of it is copied."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from synth import units
from synth.kinds import answers_kind
from synth.parsed import Parsed
from synth.passages import STOPS, sentences
from synth.source import Source

Figures = dict[str, Any]

META = {
    "en": re.compile(
        r"\b(?:the|this|given|above|following|provided)\s+(?:given\s+|above\s+|provided\s+|original\s+)?"
        r"(?:text|passage|paragraph|excerpt|article|author|snippet)\b"
        r"|\b(?:sub)?sections? below\b|\b(?:following|next|previous) (?:few )?(?:sub)?(?:sections?|chapters?)\b"
        r"|\bthis (?:section|chapter|document|page|manual|guide|list|table|figure|example)\b"
        r"|\b(?:here is|here's|in summary|sure|certainly|of course|rewritten|rewrite (?:this|the)|abstract of)\b"
        r"|\bencyclopedia entry\b|\bblog post\b|\b(?:which|what) of (?:these|the following)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"(?:本文|该文|这段|上述|以上|给定|原文|下面)(?:文本|文字|内容|段落|材料)?(?=是|中|的|提到|指出|说|介绍)|改写如下|好的[,，]"
    ),
}
STUTTER = {
    # One word alone may come twice ("more and more", "had had"), and "an index is an index that ..." defines.
    "en": re.compile(
        r"\b(?:(?!and\b|or\b)([\w'-]{1,30}(?:\s{1,3}[\w'-]{1,30}){1,5})[\s,]{1,3}"
        r"(?:and\s|or\s|(?:is|are)\s(?:the\s)?)?\1"
        r"|([\w'-]{1,30})\s(?:or|(?:is|are)\sthe)\s\2|(\w{1,30}-[\w-]{1,30})\sand\s\3)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"([\u4e00-\u9fff]{2,12})[,，、]?(?:和|或|或者|与|是)\1"),
}
REFUSAL = {
    "en": re.compile(
        r"\bI(?:'m| am) (?:sorry|unable|not able)|\bI (?:can(?:no|')t|apologi[sz]e|do not have)"
        r"|\bas an? (?:AI|language model|text)|\bI can help\b|\bI(?:'d| would) be happy\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"抱歉|对不起|我无法|我不能|作为一个?(?:AI|人工智能|语言模型|助手)|很高兴为您"),
}
FUNCTION_WORDS = units.word_set(
    "the of to and a in is that for it as with are be was were has this by on or an at if can from you not when what"
)
# A text that ends so was cut off, whatever sign it ends with.
CUT = {
    "en": re.compile(r"\b(?:the|an|and|or|than|because|its|their|your|into|whose|may|might|must|if|unless)[\s.…]*$"),
    "zh": re.compile(r"(?:和|或|与|以及|把|被|因为|由于|并且|而|、|，|如果)[。…]*$"),
}
FORMULA_ENDS = ("$", "\\]", "\\)")
# A question that opens so, or speaks of the text, is not understood without it.
DANGLING = {
    "en": re.compile(
        r"\b(?:this|these|those)\b|^(?:\W*\w+\W+){0,3}(?:its|they|their|he|she|his|her"
        # "Is it necessary to ...?" points at nothing before it.
        r"|it(?! (?:be|is|was|mainly|possible|necessary|recommended|take|make|depend)))\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(r"^(?:这|那|它|他|她|其|此|该)|(?:这|那)(?:个|些|种|一)"),
}


def form_figures(parsed: Parsed, source: Source, copied_run: int) -> Figures:
    """Every figure that needs no reading of what is said."""
    language = source.language
    # An answer that takes up its question is no repetition, so the two are counted apart.
    parts = [parsed.text] if parsed.question is None else [parsed.question, parsed.answer or ""]
    stutters = (_stutter(part, source.passage, language) for part in parts)
    return {
        **_form(parsed, language),
        **_language(parsed.text if parsed.question is None else f"{parsed.question}\n{parsed.answer}", source),
        **_length(parsed, source.passage, language),
        "repetition.ratio": max(_repetition(part, language) for part in parts),
        "repetition.stutter": next(filter(None, stutters), None),
        **_phrases(parsed, source.passage, language),
        **_copying(parsed.text, source, copied_run),
    }


def _form(parsed: Parsed, language: str) -> Figures:
    """Share of sentences that ask; and whether an answer is of the kind that its question asks for."""
    spans = sentences(parsed.text)
    asking = sum(parsed.text[slice(*span)].rstrip("\"'”’」)").endswith(("?", "？")) for span in spans)
    kind = None
    if parsed.question is not None and parsed.answer is not None:
        kind = answers_kind(parsed.question, parsed.answer, language)
    ends = parsed.text.rstrip("*_`\"'”’」』）)] \n")
    unended = not (parsed.listed or ends.endswith(STOPS) or parsed.text.rstrip().endswith(FORMULA_ENDS))
    return {
        "format.question_ratio": asking / len(spans) if spans else 0.0,
        "format.answers_kind": kind,
        "format.cut_short": (parsed.question is None and unended)
        or CUT[language].search(parsed.answer or parsed.text) is not None,
    }


def _language(text: str, source: Source) -> Figures:
    """Share of the letters that are of the language's script, Latin names that the source itself holds left out; for
    English also the share of function words, which code and other tongues lack."""
    han = 3 * sum(map(len, units.HAN_RUN.findall(text)))  # a Chinese character carries about as much as three letters
    latin, words = len(re.findall(r"[^\W\d_]", text)) - han // 3, units.words(text)
    if source.language == "zh":
        names = [token for token in units.LATIN_TOKEN.findall(text) if source.holds_name(token)]
        latin -= len(re.findall(r"[^\W\d_]", "".join(names)))
    in_script = han if source.language == "zh" else latin
    function_words = sum(word in FUNCTION_WORDS for word in words) / len(words) if words else 0.0
    if source.language == "zh" or len(words) < 12:  # a short text may do without
        function_words = None
    return {
        "language.ratio": in_script / (han + latin) if han + latin else 0.0,
        "language.function_words": function_words,
    }


def _length(parsed: Parsed, passage: str, language: str) -> Figures:
    return {
        "length.ratio": len(parsed.text) / max(1, len(passage)),
        "length.units": len(units.units(parsed.text, language)),
        "length.question_units": len(units.units(parsed.question or "", language)),
        "length.answer_units": len(units.units(parsed.answer or "", language)),
    }


def _stutter(text: str, passage: str, language: str) -> str | None:
    """A phrase said twice in a row with hardly a word between, where the passage does not say so: "built-in and
    built-in", "the file is the file". None when there is none."""
    found = (match.group() for match in STUTTER[language].finditer(text))
    return next((phrase for phrase in found if phrase.lower() not in passage.lower()), None)


def _repetition(text: str, language: str) -> float:
    """Share of the 4-grams (6 characters in Chinese) that came before."""
    size = 6 if language == "zh" else 4
    found = units.units(text, language)
    grams = Counter(zip(*(found[i:] for i in range(size)), strict=False))
    total = sum(grams.values())
    return (total - len(grams)) / total if total else 0.0


def _phrases(parsed: Parsed, passage: str, language: str) -> Figures:
    # What its passage says too is no talk about it: "the text widget".
    found = (match.group() for match in META[language].finditer(parsed.text))
    meta = next((phrase for phrase in found if phrase.lower() not in passage.lower()), None)
    refusal = REFUSAL[language].search(parsed.text)
    dangling = DANGLING[language].search(parsed.question or "")
    return {
        "phrases.meta": meta,
        "phrases.refusal": refusal.group() if refusal else None,
        "phrases.dangling": dangling.group() if dangling else None,
    }


def _copying(text: str, source: Source, run: int) -> Figures:
    """Share of an output's units inside runs that stand word for word in the passage, and the longest such run."""
    size = run * 2 if source.language == "zh" else run
    found = units.units(text, source.language)
    theirs = source.grams(size)
    copied = [False] * len(found)
    for i in range(len(found) - size + 1):
        if tuple(found[i : i + size]) in theirs:
            copied[i : i + size] = [True] * size
    return {"copied.ratio": sum(copied) / len(found) if found else 0.0}
