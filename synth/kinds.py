"""Whether an answer is of the kind its question asks for: a reason for why, a number for how many, and so on.

A weak model likes to ask "How does X do Y?" of a sentence that only says that X does Y.
"""

from __future__ import annotations

import re
from itertools import pairwise

from synth import units

_AMOUNT = (
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million|half"
    r"|once|twice|no|none|all"
    r"|most|many|few|several|until|as long|every)\b"
)
# How a question opens, and what an answer to it must hold. The first that fits counts.
KINDS: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        (r"how (?:many|much|often|long|large|big|old|far)\b", _AMOUNT),
        (
            r"why\b|what (?:is|was) the reason",
            r"\b(?:because|since|so|as|due|to|in order|therefore|for|otherwise|if"
            r"|prevent\w*|avoid\w*|make\w*|allow\w*|lets?|ensur\w+|help\w*|means?|thus|hence|thereby|cause\w*)\b",
        ),
        (r"how\b", r"\b(?:by|using|via|through|with|from|use|if|when|based|like|as|automatically|after|first)\b"),
        (
            r"when\b",
            r"\d|\b(?:when|whenever|after|before|during|until|once|if|while|as|at|on|in|upon|every"
            r"|each|always|never|immediately|then)\b",
        ),
        (r"where\b", r"\b(?:in|on|at|under|from|to|into|inside|within|near|below|above|offline|online|with)\b|/"),
        (
            r"(?:can|could|does|do|did|is|are|was|were|should|must|may|will|has|have)\b",
            r"^\W*(?:yes|no|not|only|never|always|usually|sometimes|generally|both|neither|either)\b"
            r"|\b(?:can|could|does|do|did|is|are|was|were|should|must|may|will|has|have)(?: not|n['’]t)?\b",
        ),
    ),
    "zh": (
        (
            r".*(?:多少|几[个种条项名位次年月日章节倍])",
            r"\d|[零一二三四五六七八九十百千万亿两几半]|全部|所有|多数|少数",
        ),
        (
            r".*(?:为什么|为何|原因)",
            r"因为|由于|为了|是为|以便|所以|因此|从而|否则|如果|原因|这样|避免|防止|以免|免得|便于|方便|保证|确保|使|让|才能|旨在|用来",
        ),
        (
            r".*(?:怎样|怎么|如何)",
            r"通过|使用|用|以|按|根据|由|从|先|可以|依|借助|把|将|只要|应|需|执行|运行|调用|激活|选择|输入|编辑|设置|就",
        ),
        (r".*(?:什么时候|何时|哪一?年)", r"\d|时|前|后|期间|直到|为止|年|月|日"),
        (r".*(?:哪里|何处|什么地方)", r"在|于|从|到|位|/"),
        (r".*吗\W*$", r"^\W*(?:是|不|可以|能|会|有|没有|对|需要|必须|只|仅|应|通常|一般|目前|尚|并|无|否)|不|没"),
    ),
}
# "What is packed with it?" asks for no definition.
DEFINITION = re.compile(
    r"what (?:is|are|was|were) (?!the (?:name|number|reason)\b)(?!(?:\w+ly )?(?:\w+(?:ed|ing)|done"
    r"|kept|held|sent|made|built|written|given"
    r"|shown|known|meant|left|lost|put|set|run|chosen|taken|drawn|found|read)\b)",
    re.IGNORECASE,
)

_ARTICLES = frozenset(("the", "a", "an"))
_PREPOSITIONS = units.word_set("in on at to for from with by of when if as after before into")
# "What are donations used for?", "What is harder than X?", "What does it keep track of?" ask for another thing.
_ENDS_OPEN = re.compile(
    r"\b(?:for|of|with|to|from|by|in|on|about|like|into|than .+)\W*$|^what (?:is|are|was|were) \w+er\b", re.IGNORECASE
)
DONE_TO = re.compile(r"\w(?<!us)ed\?$")  # "What was the port discontinued?": a weak model's "why"


def answers_kind(question: str, answer: str, language: str) -> bool:
    """Whether the answer has what its question word asks for; True where the question word asks for nothing we see."""
    question = question.strip()
    if language == "en" and _asks_for_nothing(question, answer):
        return False
    for opening, needed in KINDS[language]:
        if re.match(opening, question, re.IGNORECASE):
            return re.search(needed, answer, re.IGNORECASE) is not None
    if DEFINITION.match(question) and not _ENDS_OPEN.search(question):
        return is_definition(question, answer, language) or _opens_with_subject(question, answer, language)
    return True


def _asks_for_nothing(question: str, answer: str) -> bool:
    """Whether "What does the logger rotate the files?" only turns "The logger rotates the files." into a question: the
    answer holds the question's verb, inflected, before the same word."""
    if _ENDS_OPEN.search(question) or not re.match(r"what (?:do|does|did|can|will|is|are)\b", question, re.IGNORECASE):
        return False
    asked, answered = [[word for word in units.words(text) if word not in _ARTICLES] for text in (question, answer)]
    for verb, then in pairwise(asked[2:]):
        if len(verb) < 3 or then in _PREPOSITIONS:
            continue
        said = [i for i, word in enumerate(answered[:-1]) if word != verb and units.stem(word) == units.stem(verb)]
        if any(answered[i + 1] == then for i in said):
            return True
    return False


def is_polar(answer: str) -> bool:
    """Whether an answer is a yes or a no, which says something by itself."""
    return (
        re.match(r"\W*(?:(?:yes|no)\b|是的|不是|可以|不可以|不能|不会|不需要|没有|能|会)", answer, re.IGNORECASE)
        is not None
    )


def is_definition(question: str, answer: str, language: str) -> bool:
    """Whether a pair asks what one thing is and says that it is something."""
    asked = re.match(r"what (?:is|are) (?:an? |the )?(.+?)\W*$", question, re.IGNORECASE)
    if language == "zh":
        asked = re.match(r"(?:什么是(.+?)|(.+?)是什么)\W*$", question)
    thing = next((group for group in asked.groups() if group), None) if asked else None
    verb = "是" if language == "zh" else r"\s(?:is|are)\s(?:an?|the|one|any)\b"
    return (
        thing is not None and re.match(rf"(?:an? |the )?{re.escape(thing)}\s*{verb}", answer, re.IGNORECASE) is not None
    )


def _opens_with_subject(question: str, answer: str, language: str) -> bool:
    """Whether the answer to "What is the X of Y?" starts by speaking of it, and says that it is something."""
    asked, answered = units.content_units(question, language), units.content_units(answer, language)
    is_said = re.search(r"\b(?:is|are|was|were|be)\b", answer) is not None
    return bool(answered) and answered[0] in asked and len(asked) > 1 and is_said and not DONE_TO.search(question)
