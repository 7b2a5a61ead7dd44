"""Checks of one output against the passage it was written from.

Every check yields figures, and all of them are computed for every output, kept or not. The first broken rule, in the
order below, is the reason. The checks are lexical and strict: better to lose a sound output than to keep a wrong one.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from pydantic import BaseModel, ConfigDict

from synth import units
from synth.kinds import answers_kind, is_definition
from synth.parsed import Parsed
from synth.passages import sentences
from synth.support import Source, sentence_support

Figures = dict[str, Any]


class ChecksConfig(BaseModel):
    """Thresholds of all checks. Ratios are 0 to 1 unless said otherwise; lengths are in characters.

    The four of support are set for the small bundled model, whose sound outputs stay close to their passage and whose
    free ones are seldom sound. A large model paraphrases more freely: 0.65, 0.75, 0.3 and 0.3 let its outputs through.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_language_ratio: float = 0.85  # of an output's letters, those of the language's script
    min_function_word_ratio: float = 0.12  # English: of its words, those no English text does without
    min_rewrite_ratio: float = 0.3  # length of a rewrite over its passage's
    max_rewrite_ratio: float = 1.6
    min_abstract_ratio: float = 0.1
    max_abstract_ratio: float = 0.9
    min_abstract_units: int = 10
    min_rewrite_units: int = 15  # words, or Chinese characters
    min_question_units: int = 4
    max_question_units: int = 60
    min_answer_units: int = 4
    max_answer_units: int = 200
    max_repetition_ratio: float = 0.12  # of an output's 4-grams, those that came before
    max_question_ratio: float = 0.4  # of a rewrite's sentences, those that only ask
    max_copied_ratio: float = 0.85  # of a rewrite's units, those inside verbatim runs
    min_copied_ratio: float = 0.0  # a rewrite that shares less has left its passage; support says more about that
    copied_run: int = 6  # units that make a verbatim run; twice as many characters in Chinese
    min_question_content: int = 2  # content units of a question that is not "What is X?": fewer ask about anything
    min_answer_news: int = 1  # content units of an answer that its question does not hold
    min_answer_subject: float = 0.6  # of a question's content units, those that the start of the answer takes up
    # Support is counted sentence by sentence against the nearest one of the passage, and the worst sentence decides.
    min_support: float = 0.9  # of a sentence's content units, those that stand there
    min_answer_support: float = 0.9  # the same of an answer alone
    min_mean_support: float = 0.9  # the mean over all sentences
    min_pair_support: float = 0.8  # of neighbouring content units, those that stand close together there
    min_order_support: float = 0.8  # of neighbouring content units, those that follow each other closely there
    max_unsupported_numbers: int = 0
    max_unsupported_names: int = 0
    max_unsupported_claims: int = 0  # words of degree, order and obligation
    max_negation_flips: int = 0  # sentences that deny what the passage affirms, or the other way round


META = {
    "en": re.compile(
        r"\b(?:the|this|given|above|following|provided)\s+(?:given\s+|above\s+|provided\s+|original\s+)?"
        r"(?:text|passage|paragraph|excerpt|article|author|snippet)\b"
        r"|\bthis (?:section|chapter|document|page|manual|guide|list|table|figure|example)\b"
        r"|\b(?:here is|here's|in summary|sure|certainly|of course|rewritten|rewrite (?:this|the)|abstract of)\b"
        r"|\bencyclopedia entry\b|\bblog post\b",
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
# A question that opens so, or speaks of the text, is not understood without it.
DANGLING = {
    "en": re.compile(
        r"\b(?:this|these|those)\b|^(?:\W*\w+\W+){0,3}(?:it|its|they|their|he|she|his|her)\b", re.IGNORECASE
    ),
    "zh": re.compile(r"^(?:这|那|它|他|她|其|此|该)|(?:这|那)(?:个|些|种|一)"),
}


def check(
    task: str,
    language: str,
    passage: str,
    parsed: Parsed,
    cfg: ChecksConfig,
    *,
    title: str = "",
    finish_reason: str | None = "stop",
    parse_error: str | None = None,
) -> Figures:
    """Judge one output.

    Args: task, "qa" for a pair, else a style of rewriting; passage, all that the output may draw on besides the title;
        finish_reason as the engine gave it; parse_error, why the output has not the form asked for: the first reason.
    Returns: "<check>.<figure>" -> number or text, and "drop": null, or the first broken rule.
    """
    source = Source(passage, title, language)
    figures: Figures = {"format.finish": finish_reason, "format.error": parse_error}
    figures |= _form(parsed, language)
    figures |= _language(_judged(parsed), source) | _length(parsed, passage, language)
    # An answer that takes up its question is no repetition, so the two are counted apart.
    parts = [parsed.text] if parsed.question is None else [parsed.question, parsed.answer or ""]
    figures |= {"repetition.ratio": max(_repetition(part, language) for part in parts)} | _phrases(parsed, language)
    figures["repetition.stutter"] = next(filter(None, (_stutter(part, passage, language) for part in parts)), None)
    figures |= _copying(parsed.text, source, cfg.copied_run) | _unsupported(parsed, source) | _support(parsed, source)
    return figures | {"drop": _first_broken(task, language, parsed, figures, cfg)}


def _form(parsed: Parsed, language: str) -> Figures:
    """Share of sentences that ask; and whether an answer is of the kind that its question asks for."""
    spans = sentences(parsed.text)
    asking = sum(parsed.text[slice(*span)].rstrip("\"'”’」)").endswith(("?", "？")) for span in spans)
    kind = None
    if parsed.question is not None and parsed.answer is not None:
        kind = answers_kind(parsed.question, parsed.answer, language)
    return {"format.question_ratio": asking / len(spans) if spans else 0.0, "format.answers_kind": kind}


def _language(text: str, source: Source) -> Figures:
    """Share of the letters that are of the language's script, Latin names that the source itself holds left out; for
    English also the share of function words, which code and other tongues lack."""
    han = 3 * sum(map(len, units.HAN_RUN.findall(text)))  # a Chinese character carries about as much as three letters
    latin, words = len(re.findall(r"[^\W\d_]", text)) - han // 3, units.words(text)
    if source.language == "zh":
        names = [token for token in units.LATIN_TOKEN.findall(text) if source.holds_name(token)]
        latin -= len(re.findall(r"[^\W\d_]", "".join(names)))
    in_script = han if source.language == "zh" else latin
    return {
        "language.ratio": in_script / (han + latin) if han + latin else 0.0,
        "language.function_words": sum(word in FUNCTION_WORDS for word in words) / len(words) if words else 0.0,
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


def _phrases(parsed: Parsed, language: str) -> Figures:
    meta, refusal = META[language].search(parsed.text), REFUSAL[language].search(parsed.text)
    dangling = DANGLING[language].search(parsed.question or "")
    return {
        "phrases.meta": meta.group() if meta else None,
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


def _unsupported(parsed: Parsed, source: Source) -> Figures:
    """Numbers, names and claim words that the passage does not hold."""
    text, language = _judged(parsed), source.language
    numbers = units.numbers(text, language) - source.numbers
    names = {name for name in units.names(text, language) if not source.holds_name(name)}
    # A question may ask for the most or the first; whether the passage says so is seen in the answer.
    claims = units.claim_words(text, language) - source.claim_words
    return {
        "numbers.unsupported": len(numbers),
        "names.unsupported": len(names),
        "claims.unsupported": len(claims),
        "unsupported.which": " | ".join(sorted(numbers | names | claims)) or None,
    }


def _support(parsed: Parsed, source: Source) -> Figures:
    """How well each sentence rests on the part of the passage nearest to it."""
    scores = sentence_support(_judged(parsed), source)
    question = sentence_support(parsed.question, source) if parsed.question else []
    answer = sentence_support(parsed.answer, source) if parsed.answer else []
    # A question takes the words of a statement in another order.
    declared = answer if parsed.question else scores
    content, news, subject = _answering(parsed, source.language)
    return {
        "support.min": min((score.ratio for score in scores), default=0.0),
        "support.mean": sum(score.ratio for score in scores) / len(scores) if scores else 0.0,
        "support.answer": min((score.ratio for score in answer), default=0.0),
        "support.order": min((score.order for score in declared), default=0.0),
        "support.pairs": min((score.pairs for score in scores), default=0.0),
        "support.question": min((score.ratio for score in question), default=0.0),
        "support.question_content": content,
        "support.answer_news": news,
        "support.answer_subject": subject,
        "negation.flips": sum(score.negation_flipped for score in scores),
    }


def _answering(parsed: Parsed, language: str) -> tuple[int, int, float]:
    """Of a pair: the content units of the question (of a definition at least three), how many the answer adds, and the
    share of the question's that its start takes up.

    "What is X?" is not answered by a sentence that comes to X at its end.
    """
    if not (parsed.question and parsed.answer):
        return 0, 0, 0.0
    asked = units.content_units(parsed.question, language)
    answered = units.content_units(parsed.answer, language)
    start = set(answered[: len(asked) + 3])
    content = 3 if is_definition(parsed.question, parsed.answer, language) else len(asked)
    return content, len(set(answered) - set(asked)), sum(unit in start for unit in asked) / max(1, len(asked))


def _judged(parsed: Parsed) -> str:
    """The text without labels."""
    return parsed.text if parsed.question is None else f"{parsed.question}\n{parsed.answer}"


def _first_broken(task: str, language: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    """The first broken rule as a snake_case word, None when all hold."""
    if figures["format.error"]:
        return figures["format.error"]
    finish = figures["format.finish"]
    if finish != "stop":
        return {"length": "truncated", "repetition": "repetition"}.get(finish, "unfinished")
    for rule in (_broken_form, _broken_task, _broken_support):
        reason = rule(task, language, parsed, figures, cfg)
        if reason is not None:
            return reason
    return None


def _broken_form(task: str, language: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    rules = (
        ("refusal", figures["phrases.refusal"] is not None),
        ("meta_talk", figures["phrases.meta"] is not None),
        ("language", figures["language.ratio"] < cfg.min_language_ratio),
        ("language", language == "en" and figures["language.function_words"] < cfg.min_function_word_ratio),
        ("repetition", figures["repetition.ratio"] > cfg.max_repetition_ratio),
        ("stutter", figures["repetition.stutter"] is not None),
    )
    return next((reason for reason, broken in rules if broken), None)


def _broken_task(task: str, language: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    return (_broken_pair if task == "qa" else _broken_rewrite)(task, parsed, figures, cfg)


def _broken_pair(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    rules = (
        ("no_question_mark", not (parsed.question or "").rstrip("\"'”").endswith(("?", "？"))),
        ("question_dangling", figures["phrases.dangling"] is not None),
        ("question_vague", figures["support.question_content"] < cfg.min_question_content),
        ("question_too_short", figures["length.question_units"] < cfg.min_question_units),
        ("question_too_long", figures["length.question_units"] > cfg.max_question_units),
        ("answer_too_short", figures["length.answer_units"] < cfg.min_answer_units),
        ("answer_too_long", figures["length.answer_units"] > cfg.max_answer_units),
        ("answer_of_other_kind", not figures["format.answers_kind"]),
        ("answer_off_subject", figures["support.answer_subject"] < cfg.min_answer_subject),
        ("answer_says_nothing", figures["support.answer_news"] < cfg.min_answer_news),
    )
    return next((reason for reason, broken in rules if broken), None)


def _broken_rewrite(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    short, long, fewest = (
        (cfg.min_abstract_ratio, cfg.max_abstract_ratio, cfg.min_abstract_units)
        if task == "abstract"
        else (cfg.min_rewrite_ratio, cfg.max_rewrite_ratio, cfg.min_rewrite_units)
    )
    rules = (
        ("too_short", figures["length.ratio"] < short or figures["length.units"] < fewest),
        ("too_long", figures["length.ratio"] > long),
        ("only_asks", figures["format.question_ratio"] > cfg.max_question_ratio),
        ("copied", figures["copied.ratio"] > cfg.max_copied_ratio),
        ("left_the_passage", figures["copied.ratio"] < cfg.min_copied_ratio),
    )
    return next((reason for reason, broken in rules if broken), None)


def _broken_support(task: str, language: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    rules = (
        ("unsupported_number", figures["numbers.unsupported"] > cfg.max_unsupported_numbers),
        ("unsupported_name", figures["names.unsupported"] > cfg.max_unsupported_names),
        ("unsupported_claim", figures["claims.unsupported"] > cfg.max_unsupported_claims),
        ("negation_flipped", figures["negation.flips"] > cfg.max_negation_flips),
        ("unsupported_sentence", figures["support.min"] < cfg.min_support),
        ("unsupported_text", figures["support.mean"] < cfg.min_mean_support),
        ("unsupported_answer", task == "qa" and figures["support.answer"] < cfg.min_answer_support),
        ("unsupported_order", figures["support.order"] < cfg.min_order_support),
        ("unsupported_relation", figures["support.pairs"] < cfg.min_pair_support),
    )
    return next((reason for reason, broken in rules if broken), None)
