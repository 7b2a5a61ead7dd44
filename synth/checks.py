"""Checks of one output against the passage it was written from.

Every check yields figures and a verdict, and all of them are computed for every output, kept or not. The first check
that says no, in the order of CHECKS, is the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from synth import units
from synth.checks_form import form_figures
from synth.closeness import closeness, held_share
from synth.denial import flipped
from synth.kinds import is_definition, is_polar
from synth.lists import strangers
from synth.parsed import Parsed
from synth.quantities import wrong_units
from synth.rarity import weight
from synth.sides import reversed_sides
from synth.source import Source, content
from synth.support import exchanged, overstated, place_of, sentence_support, stands_together, turned

Figures = dict[str, Any]
# Tasks that write what their passage does not say: an exercise invents its numbers.
FREE_TASKS = ("exercise",)
# A sentence that starts with a rarer word than this starts with a name.
_RARE_OPENER = 1.1
# A sentence of less weight in content words only leads over to the next.
_LEAST_WEIGHT = 2.0


class ChecksConfig(BaseModel):
    """Thresholds of all checks. Ratios are 0 to 1 unless said otherwise; lengths are in characters.

    Those of support are set on free paraphrases written by people and on outputs of two small models, in both
    languages, each with faults put in (``python -m benchmarks.checks``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    embeddings: bool = True  # count a word as held whose likeness stands in the passage, as "kept" for "stored"
    min_language_ratio: float = 0.7  # of an output's letters, those of the language's script
    min_function_word_ratio: float = 0.08  # English: of its words, those no English text does without
    min_rewrite_ratio: float = 0.3  # length of a rewrite over its passage's
    max_rewrite_ratio: float = 1.8
    min_abstract_ratio: float = 0.1
    max_abstract_ratio: float = 1.2
    min_abstract_units: int = 10
    min_rewrite_units: int = 15  # words, or Chinese characters
    min_question_units: int = 4
    max_question_units: int = 60
    min_answer_units: int = 1
    max_answer_units: int = 200
    max_repetition_ratio: float = 0.12  # of an output's 4-grams, those that came before
    max_question_ratio: float = 0.5  # of a rewrite's sentences, those that only ask
    max_copied_ratio: float = 0.85  # of a rewrite's units, those inside verbatim runs
    min_copied_ratio: float = 0.0  # a rewrite that shares less has left its passage; support says more about that
    copied_run: int = 6  # units that make a verbatim run; twice as many characters in Chinese
    min_question_content: int = 2  # content units of a question that is not "What is X?": fewer ask about anything
    min_answer_news: int = 1  # content units of an answer that its question does not hold
    min_answer_subject: float = 0.6  # of a question's content, what stands in the passage where the answer does
    min_pair_support: float = 0.65  # of a pair's content, what stands together in the passage
    # Support is counted sentence by sentence, in the weight of its content words, and the worst sentence decides.
    min_support: float = 0.4  # of a sentence's content, what the passage holds, by word or by likeness
    min_answer_support: float = 0.55  # the same of an answer alone
    min_mean_support: float = 0.6  # the mean over all sentences
    min_together: float = 0.6  # of what the passage holds of a sentence, what stands in two neighbouring sentences
    max_misplaced: int = 0  # pairs of names or numbers that have changed places
    max_novel_words: float = Field(default=2.0, ge=0)  # a sentence on average: rare words of no likeness in the passage
    # How closely an output has to keep to the sentences of its passage. None: what answers a prompt of small scale has
    # to, because what a small model says freely is seldom true, and what answers one of large scale need not.
    keep_close: bool | None = None
    min_close_ratio: float = 1.0  # of a sentence's content, what the nearest sentence of the passage holds
    min_close_order: float = 0.95  # of its neighbouring content, what follows each other closely there
    min_close_cover: float = 0.6  # of the content of that sentence, what it tells
    max_close_joins: int = 0  # words such as "but" and "by" that the nearest sentence lacks, and conditions left out
    min_close_question: float = 0.8  # of a question's content, what the passage holds
    max_unsupported_numbers: int = 0
    max_unsupported_names: int = 0
    max_unsupported_claims: int = 0  # words of degree, order and obligation, and words whose opposite the passage says
    max_negation_flips: int = 0  # clauses that deny what the passage affirms, or the other way round


def check(
    task: str,
    parsed: Parsed,
    source: Source,
    cfg: ChecksConfig,
    *,
    finish_reason: str | None = "stop",
    parse_error: str | None = None,
    free: bool = False,
) -> Figures:
    """Judge one output.

    Args: task, "qa" for a pair, else a style of rewriting; source, all that the output may draw on; finish_reason as
        the engine gave it; parse_error, why the output has not the form asked for: the first reason; free, whether its
        writer may leave the sentences of the passage, where the configuration leaves that open.
    Returns: "<check>.<figure>" -> number or text, "<check>.drop" -> null or its reason for each of CHECKS, and "drop":
        null, or the first of these.
    """
    figures: Figures = {"format.finish": finish_reason, "format.error": parse_error}
    figures |= form_figures(parsed, source, cfg.copied_run) | _unsupported(parsed, source) | _support(parsed, source)
    if cfg.keep_close is None:
        cfg = cfg.model_copy(update={"keep_close": not free})
    drops = {name: verdict(task, parsed, figures, cfg) for name, verdict in CHECKS.items()}
    first = next((drop for drop in drops.values() if drop is not None), None)
    return figures | {f"{name}.drop": drop for name, drop in drops.items()} | {"drop": first}


def _unsupported(parsed: Parsed, source: Source) -> Figures:
    """Numbers and names that the passage does not hold, and claims that it does not make."""
    text = _judged(parsed)
    numbers, names = unsupported_numbers(text, source), unsupported_names(text, source)
    claims = overstated(text, source)
    turns = turned(text, source)
    return {
        "numbers.unsupported": len(numbers),
        "names.unsupported": len(names),
        "claims.unsupported": len(claims),
        "claims.turned": len(turns),
        "claims.reversed": len(reversed_sides(parsed.answer or text, source)),
        "claims.strangers": len(strangers(parsed.answer or text, source)),
        "negation.flips": len(flipped(parsed.answer or text, source, parsed.question or "")),
        "unsupported.which": " | ".join(sorted(numbers | names | {*claims} | {*turns})) or None,
    }


def unsupported_numbers(text: str, source: Source) -> set[str]:
    """Numbers and quantities of a text that its source does not hold, be it in words or in digits."""
    # "No two clients", "the two": so many are listed. A word may stand for a digit.
    counted = re.sub(r"\b([Nn]o|[Tt]he|[Tt]hese|[Tt]hose) two\b", r"\1", text)
    return {
        number
        for number in units.numbers(counted, source.language) - source.numbers
        if units.NUMBER_WORDS.get(number) not in source.numbers
    } | {*wrong_units(text, source.text)}


def unsupported_names(text: str, source: Source) -> set[str]:
    """Names of a text that its source does not hold; a common word that only opens a sentence is none."""
    openers = set() if source.language == "zh" else units.sentence_openers(text)
    return {
        name
        for name in units.names(text, source.language)
        if not _holds_name(name, source) and not (name in openers and weight(name.lower()) < _RARE_OPENER)
    }


def _holds_name(name: str, source: Source) -> bool:
    """Whether the source holds a name, in any case, in its plural, or piece by piece."""
    bare = re.sub(r"(?:['’]s|\(\))$", "", name).strip("\"'“”‘’")
    if bare.isupper() and bare.lower() in units.STOPWORDS:  # AT, IT, US
        return re.search(rf"\b{bare}\b", source.text) is not None or len(bare) == 1
    if source.holds_name(bare) or source.holds_name(bare.removesuffix("s")) or source.holds_name(f"{bare}s"):
        return True
    pieces = [piece for piece in re.split(r"[^\w.]+", bare) if piece]
    # "P&T" is a name of its own, whatever holds a P and a T.
    if len(pieces) > 1 and max(map(len, pieces)) > 1 and all(source.holds_name(piece) for piece in pieces):
        return True
    return bare.lower() in units.STOPWORDS


def _support(parsed: Parsed, source: Source) -> Figures:
    """How well each sentence rests on the passage, and whether it stands together there."""
    scores = sentence_support(_judged(parsed), source)
    question = sentence_support(parsed.question, source) if parsed.question else []
    answer = sentence_support(parsed.answer, source) if parsed.answer else []
    content_units, news, subject, pair = _answering(parsed, source)
    close = closeness(parsed.answer or parsed.text, source)
    mean = sum(score.ratio for score in scores) / len(scores) if scores else 0.0
    return {
        "support.min": min((score.ratio for score in scores if score.weight >= _LEAST_WEIGHT), default=mean),
        "support.mean": mean,
        "support.answer": min((score.ratio for score in answer), default=1.0 if parsed.answer else 0.0),
        "support.question": min((score.ratio for score in question), default=1.0 if parsed.question else 0.0),
        "support.together": min((score.together for score in scores), default=0.0),
        "support.misplaced": len(exchanged(_judged(parsed), source)),
        "support.novel": sum(len(score.novel) for score in scores) / max(1, len(scores)),
        "support.question_content": content_units,
        "support.answer_news": news,
        "support.answer_subject": subject,
        "support.pair": pair,
        "closeness.ratio": close.ratio,
        "closeness.order": close.order,
        "closeness.cover": close.cover,
        "closeness.joins": len(close.joins),
        "closeness.question": held_share(parsed.question or "", source),
    }


def _answering(parsed: Parsed, source: Source) -> tuple[int, int, float, float]:
    """Of a pair: the content units of the question (of a definition at least three); how many the answer adds; the
    share of the question's that the answer takes up or that stands in the passage where the answer does; and the share
    of both that stands together in the passage."""
    if not (parsed.question and parsed.answer):
        return 0, 0, 0.0, 0.0
    language = source.language
    asked, answered = content(parsed.question, language), content(parsed.answer, language)
    known = [(word, unit) for word, (_, unit) in zip(asked, source.match(asked), strict=True) if unit is not None]
    near = {word.unit for word in answered} | place_of(answered, source)
    # A word that stands in many sentences does not tell which of them is meant.
    counts = {unit: max(1, sum(unit in one.units for one in source.sentences)) for _, unit in known}
    total = sum(word.weight / counts[unit] for word, unit in known)
    subject = sum(word.weight / counts[unit] for word, unit in known if word.unit in near or unit in near)
    subject = subject / total if total else 0.0
    count = 3 if is_definition(parsed.question, parsed.answer, language) else len(asked)
    news = len({word.unit for word in answered} - {word.unit for word in asked})
    return count, news, subject, stands_together([*asked, *answered], source)


def _judged(parsed: Parsed) -> str:
    """The text without labels."""
    return parsed.text if parsed.question is None else f"{parsed.question}\n{parsed.answer}"


def _first(*rules: tuple[str, bool]) -> str | None:
    return next((reason for reason, broken in rules if broken), None)


def _format(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    finish = figures["format.finish"]
    unfinished = {"length": "truncated", "repetition": "repetition"}.get(finish, "unfinished")
    asks = (parsed.question or "").rstrip("\"'”’」").endswith(("?", "？"))
    return figures["format.error"] or _first(
        (unfinished, finish != "stop"),
        ("cut_short", figures["format.cut_short"]),
        ("no_question_mark", parsed.question is not None and not asks),
        ("only_asks", parsed.question is None and figures["format.question_ratio"] > cfg.max_question_ratio),
    )


def _phrases(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    return _first(
        ("refusal", figures["phrases.refusal"] is not None),
        ("meta_talk", figures["phrases.meta"] is not None),
        ("question_dangling", figures["phrases.dangling"] is not None),
    )


def _language(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    few = figures["language.function_words"] is not None
    few = few and figures["language.function_words"] < cfg.min_function_word_ratio
    return _first(("language", figures["language.ratio"] < cfg.min_language_ratio or few))


def _repetition(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    return _first(
        ("repetition", figures["repetition.ratio"] > cfg.max_repetition_ratio),
        ("stutter", figures["repetition.stutter"] is not None),
    )


def _length(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    if parsed.question is not None:
        return _first(
            ("question_too_short", figures["length.question_units"] < cfg.min_question_units),
            ("question_too_long", figures["length.question_units"] > cfg.max_question_units),
            ("answer_too_short", figures["length.answer_units"] < cfg.min_answer_units),
            ("answer_too_long", figures["length.answer_units"] > cfg.max_answer_units),
        )
    if parsed.listed:
        bounds = (0.0, cfg.max_rewrite_ratio, 1)
    elif task == "abstract":
        bounds = (cfg.min_abstract_ratio, cfg.max_abstract_ratio, cfg.min_abstract_units)
    else:
        bounds = (cfg.min_rewrite_ratio, cfg.max_rewrite_ratio, cfg.min_rewrite_units)
    if task in ("dialogue", "exercise"):  # which are longer than what they talk about
        bounds = (cfg.min_rewrite_ratio, 10.0, cfg.min_rewrite_units)
    return _first(
        ("too_short", figures["length.ratio"] < bounds[0] or figures["length.units"] < bounds[2]),
        ("too_long", figures["length.ratio"] > bounds[1]),
    )


def _pair(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    if parsed.question is None:
        return None
    return _first(
        ("question_vague", figures["support.question_content"] < cfg.min_question_content),
        ("answer_of_other_kind", not figures["format.answers_kind"]),
        (
            "answer_says_nothing",
            figures["support.answer_news"] < cfg.min_answer_news and not is_polar(parsed.answer or ""),
        ),
        ("answer_off_subject", figures["support.answer_subject"] < cfg.min_answer_subject),
        ("pair_apart", figures["support.pair"] < cfg.min_pair_support),
    )


def _copied(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    if parsed.question is not None or parsed.listed:
        return None
    return _first(
        ("copied", figures["copied.ratio"] > cfg.max_copied_ratio),
        ("left_the_passage", figures["copied.ratio"] < cfg.min_copied_ratio),
    )


def _numbers(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    if task in FREE_TASKS:
        return None
    return _first(("unsupported_number", figures["numbers.unsupported"] > cfg.max_unsupported_numbers))


def _names(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    if task in FREE_TASKS:
        return None
    return _first(("unsupported_name", figures["names.unsupported"] > cfg.max_unsupported_names))


def _claims(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    if task in FREE_TASKS:
        return None
    return _first(
        ("turned_round", figures["claims.turned"] > cfg.max_unsupported_claims),
        ("turned_round", figures["claims.reversed"] > cfg.max_unsupported_claims),
        ("stranger_in_list", figures["claims.strangers"] > cfg.max_unsupported_claims),
        ("unsupported_claim", figures["claims.unsupported"] > cfg.max_unsupported_claims),
    )


def _negation(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    if task in FREE_TASKS:
        return None
    return _first(("negation_flipped", figures["negation.flips"] > cfg.max_negation_flips))


def _supported(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    if task in FREE_TASKS:
        return None
    return _first(
        ("unsupported_sentence", figures["support.min"] < cfg.min_support),
        ("unsupported_answer", parsed.answer is not None and figures["support.answer"] < cfg.min_answer_support),
        ("unsupported_text", figures["support.mean"] < cfg.min_mean_support),
        ("misplaced_name", figures["support.misplaced"] > cfg.max_misplaced),
        ("unsupported_words", figures["support.novel"] > cfg.max_novel_words),
        ("unsupported_relation", figures["support.together"] < cfg.min_together),
    )


def _close(task: str, parsed: Parsed, figures: Figures, cfg: ChecksConfig) -> str | None:
    if not cfg.keep_close or task in FREE_TASKS:
        return None
    return _first(
        ("question_apart", figures["closeness.question"] < cfg.min_close_question),
        ("left_its_sentence", figures["closeness.ratio"] < cfg.min_close_ratio),
        ("joined_apart", figures["closeness.order"] < cfg.min_close_order),
        ("joined_otherwise", figures["closeness.joins"] > cfg.max_close_joins),
        ("little_told", figures["closeness.cover"] < cfg.min_close_cover),
    )


# In this order: a broken form says more than what follows from it.
CHECKS: dict[str, Callable[[str, Parsed, Figures, ChecksConfig], str | None]] = {
    "format": _format,
    "phrases": _phrases,
    "language": _language,
    "repetition": _repetition,
    "length": _length,
    "pair": _pair,
    "copied": _copied,
    "numbers": _numbers,
    "names": _names,
    "claims": _claims,
    "negation": _negation,
    "support": _supported,
    "closeness": _close,
}
