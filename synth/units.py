"""What the checks count: content words, numbers and names of a text, English and Chinese.

English is read in words, Chinese in characters (and the Latin words between them), so that the same measures serve
both.
"""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W_]+(?:[-'’_.][^\W_]+)*")
HAN = re.compile(r"[㐀-䶿一-鿿]")
HAN_RUN = re.compile(r"[㐀-䶿一-鿿]+")
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,:]\d+)*(?![\w])|\d+(?:[.,:]\d+)*")
HAN_OR_LATIN = re.compile(r"[㐀-䶿一-鿿]|\d+(?:\.\d+)*|[A-Za-z][A-Za-z0-9]*(?:[-_./][A-Za-z0-9]+)*")
LATIN_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_./][A-Za-z0-9]+)*")
# Words, and tokens of code: paths, options, calls and dotted names.
TOKEN = re.compile(r"(?<!\w)(?:[$/~@#]|--?)?\w[\w]*(?:[-_./:@]+\w+)*(?:\(\))?")
QUOTED = re.compile(r"《([^《》]+)》")

NUMBER_WORDS = {
    **{word: str(i) for i, word in enumerate(("two", "three", "four", "five", "six", "seven", "eight"), 2)},
    **{"nine": "9", "ten": "10", "eleven": "11", "twelve": "12"},
    **{"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80"},
    **{"ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000"},
}
HAN_NUMBERS = re.compile(
    # "两种", "二者": so many are listed; that is no figure of the source.
    r"[零〇一二三四五六七八九十百千万亿两]{2,}|[三四五六七八九十百千万亿](?=[个种条项名位次年月日章节倍])|[二两](?=[次年月日章节倍])"
)


def word_set(text: str) -> frozenset[str]:
    """The words of a list written as text."""
    return frozenset(text.split())


# Words that say nothing by themselves. Negations and words of degree are not here: they change what a sentence claims.
STOPWORDS = word_set(
    """
    a an the this that these those it its they them their he she his her we us our you your i my me and or but if
    then than so as of to in on at by for from with into onto over about between through during is are was were be
    been being am do does did done have has had having can could may might will would shall should which who whom
    whose what when where why how there here also such some any each other another more very just too out up down
    off again while because since until both either own same s t let lets however therefore thus hence yet still
    well like get gets got make makes made use uses used using called one way want know means
    """
)
# Each of these makes a claim that must come from the source.
CLAIM_WORDS = word_set(
    """
    most least best worst only all always never every everyone everything none nothing first last largest smallest
    latest newest oldest fastest easiest better worse popular important essential significant main primary major
    common typically usually often rarely must required mandatory optional recommended free unique famous modern
    powerful efficient secure safe deprecated impossible
    """
)
NEGATIONS = word_set(
    """
    not no never cannot without nor none neither nothing n't unable
    """
)
# Characters that seldom mean anything by themselves; negations are counted apart.
HAN_STOPS = frozenset(
    "的了是在和与及或也都就而并且于之其这那此该它他她们我你您吗呢吧啊着过得地所以因为由被把将从到对为有会能可要什么怎样哪谁几多少一不未无非"
)
HAN_CLAIMS = ("最", "唯一", "所有", "全部", "总是", "从不", "必须", "第一", "著名", "重要", "主要")
HAN_NEGATIONS = re.compile(r"不(?!同|断|仅|但|过|论|管)|没有|无法|未|非(?!常)|勿|禁止|避免")


def stem(word: str) -> str:
    """A crude stem, enough to match runs/running/run and libraries/library; never shorter than three letters."""
    word = re.sub(r"['’]s?$", "", word)
    for suffix, put in (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("ly", ""), ("s", "")):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word[: -len(suffix)] + put
            break
    # running -> runn -> run; file and files -> fil
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def words(text: str) -> list[str]:
    """Lower-case words of an English text."""
    return [match.lower() for match in WORD.findall(text)]


def units(text: str, language: str) -> list[str]:
    """What an output is counted in, for length, repetition and copying: words, or in Chinese characters and words."""
    if language != "zh":
        return words(text)
    return re.findall(r"[㐀-䶿一-鿿]|[A-Za-z0-9]+", text)


def content_units(text: str, language: str) -> list[str]:
    """What carries meaning, in order: stems of content words; in Chinese characters, numbers and Latin words."""
    if language != "zh":
        parts = [part for word in words(text) for part in re.split(r"[-_.]", word)]
        return [stem(part) for part in parts if part not in STOPWORDS and part not in NEGATIONS]
    found = HAN_OR_LATIN.findall(text)
    return [unit.lower() for unit in found if unit not in HAN_STOPS]


def numbers(text: str, language: str) -> set[str]:
    """Every number of a text, digits without their thousands commas, and number words."""
    found = {re.sub(r",(?=\d{3}\b)", "", number).rstrip(".,:") for number in NUMBER.findall(_ascii_digits(text))}
    if language == "zh":
        return found | set(HAN_NUMBERS.findall(text))
    return found | {word for word in words(text) if word in NUMBER_WORDS}


def spelled_numbers(text: str, language: str) -> set[str]:
    """The number words of an English text as digits."""
    return set() if language == "zh" else {NUMBER_WORDS[word] for word in words(text) if word in NUMBER_WORDS}


def _ascii_digits(text: str) -> str:
    return text.translate(str.maketrans("０１２３４５６７８９％", "0123456789%"))


JOINED = re.compile(r"\b[A-Za-z0-9]{1,3}(?:&[A-Za-z0-9]{1,3})+\b")  # "P&S"


def names(text: str, language: str) -> set[str]:
    """Named things of a text: names, identifiers, paths, options; in Chinese Latin words and 《titles》."""
    joined = set(JOINED.findall(text))
    if language == "zh":
        return set(LATIN_TOKEN.findall(text)) | set(QUOTED.findall(text)) | joined
    return {token for token in TOKEN.findall(text) if _is_name(token)} | joined


def _is_name(token: str) -> bool:
    """A capital, a digit among letters, or a sign of paths, options and joined words."""
    bare = token.rstrip("()")
    if not re.search(r"[A-Za-z]", bare) or bare in {"I", "A"}:
        return False
    return bool(re.search(r"[A-Z]|[_/$@~#-]|\w\.\w|\d", bare))


def sentence_openers(text: str) -> set[str]:
    """Words with a capital that a sentence starts with, and which may have it only for that."""
    return set(re.findall(r"(?:^|[.!?:;\n][\"')]*\s+[\"'(]*)([A-Z][a-z]+(?:['’][a-z]+)?)\b", text))


def claim_words(text: str, language: str) -> set[str]:
    """Words of degree, order and obligation in a text."""
    if language == "zh":
        return {word for word in HAN_CLAIMS if word in text}
    return {word for word in words(text) if word in CLAIM_WORDS}


def is_negated(text: str, language: str) -> bool:
    """Whether a sentence denies something."""
    if language == "zh":
        return bool(HAN_NEGATIONS.search(text))
    found = words(text)
    return any(word in NEGATIONS or word.endswith(("n't", "n’t")) for word in found)
