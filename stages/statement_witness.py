"""What keeps a sentence that has a statement's words from being a second witness to it.

Two pages may share nearly all words of a sentence and speak of two things: of a square and of a rounded one, of what
always holds and of what holds in one version. So a witness has to carry every word of a statement, and may add
nothing in the clauses that carry them; and a statement has to say by itself what it speaks of. Right words of another
matter are worse than a witness missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from stages.statement_support import leans
from synth import units
from synth.closeness import CONDITIONS
from synth.embeddings import Embedder
from synth.source import Source, Word, content, split_clauses

_TELLS = {"en": 0.3, "zh": 0.45}  # weight from which on a word or character of a statement may not be missing
_ALIKE = 0.75  # how alike a word has to be to stand for another one: "picked" for "chosen", not "edge" for "border"
_MOST_ADDED = 0.15  # of the weight of a statement, what the clauses that carry it may add
_ADDS = {"en": 0.8, "zh": 0.9}  # weight from which on one word, or one run of characters, is too much by itself
_CARRIES = 0.3  # of the weight of a clause, what is a statement's, from which on it carries the statement
_LEAST_NAMELESS = 3.5  # weight of an English statement that names nothing, below which it is any page's
_STOP = re.compile(r"[.!;。！；][\"')\]”’」』）]*$")
# Words of one kind say the same; what a sentence says of a kind, its statement has to say of it too.
_RESERVED = {
    "en": tuple(
        re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
        for words in (
            r"usually|normally|typically|generally|commonly|often|mostly|mainly",
            r"some|certain|partly|partially",
            r"most",
            r"many",
            r"sometimes|occasionally|rarely|seldom|hardly",
            r"may|might|possibly|perhaps|likely|probably|supposedly|allegedly",
            r"about|around|approximately|roughly|nearly|almost|circa",
            r"currently|at present|for now|temporarily",
            r"at least|or more|or later|minimum",
            r"at most|up to|or less|or fewer|maximum",
            r"relatively|fairly|rather(?! than)",
            r"or|either|alternatively",
            r"except(?:ing)?|excluding|other than|apart from|unless|without|but not",
            r"can|could",
            r"must|should|need(?:s|ed)? to|ha(?:s|ve|d) to|required to",
            r"not (?:only|just|all|every|always|necessarily)",
        )
    ),
    "zh": tuple(
        re.compile(words)
        for words in (
            r"通常|一般|往往|多半|大多|常常|经常",
            r"有些|某些|部分",
            r"多数|大多",
            r"有时|偶尔|很少|极少",
            r"可能|也许|或许|大概会|据说",
            r"大约|左右|近似|将近|几乎|上下",
            r"目前|暂时|现阶段",
            r"至少|以上|最少|不低于",
            r"至多|以下|最多|不超过",
            r"相对|比较|较为",
            r"或|要么|任选",
            r"除了?|除非|以外|之外|不包括|不含",
            r"可以?|(?<![功性智才技])能(?![力量源])",
            r"必须|(?<![相对响适反供效])应当?(?![用答急变])|需要|务必|一定要|不得",
            r"不仅|不只|不光|不单|不一定|未必|并非[所全]",
        )
    ),
}  # fmt: skip
_WHEN = {
    "en": re.compile(r"\b(?:when|whenever|while|once|as long as|provided|in case|assuming|during)\b", re.IGNORECASE),
    "zh": re.compile(r"(?<![同临暂随及实准定按即小])时(?![间区刻常代期钟序])|只要|一旦|假如|要是|的话|情况下"),
}
# What may stand before an article without being a verb that lacks its subject.
_BEFORE_ARTICLE = units.word_set(
    """
    one in on at for from with by of to as after before during under over through within without between among against
    since until till when if while because although though where whereas unless once both all half even only not just
    like unlike despite per via upon into onto across along around behind beyond near about above below beside besides
    is are was were do does did can could may might must shall should will would has have had and but or nor so yet
    then now here there thus still perhaps maybe also what whatever which whichever who whose how why whether that than
    regardless throughout toward towards inside outside instead such quite rather many
    """
)
# An instruction, or a piece of a reference page whose subject is the heading above it.
_INSTRUCTS = {
    "en": re.compile(
        r"(?:please )?(?:choose|select|click|double-click|right-click|press|open|type|enter|see|go to"
        r"|switch to|make sure|ensure|note|do not|don't|use|run|set|add|check|create|install|insert|drag|remember"
        r"|refer to|consult|let|try|try to|be sure|be careful)\b(?! (?:is|are|was|were|of|has|can)\b)",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"[\d.、)）\s]*(?:[您你]?[请需]|点击|单击|双击|右击|点按|选择|选取|打开|输入|键入|按下?(?![照时期])|勾选|拖动|插入|复制|粘贴|切换|转到"
        r"|指定|设置|设定|显示|返回|计算|确定(?!的)|定义|创建|删除|添加|移动|执行|运行|查看|启动|关闭|启用|禁用|将|把)"
    ),
}
_OPENS = {
    "en": re.compile(r"([A-Z][a-z]+)(?: (?:and|or) \w+)? (?:the|an?|all|any|each|whether|if|how|that|true|false|zero|no"
                     r"|one|its|this|it|your|NULL|None|-?\d+)\b", re.IGNORECASE),
    "zh": re.compile(r"(?!)"),
}  # fmt: skip
# A member of a list with its label, or the result of a call that stands above it.
_LABEL = re.compile(r"(?:\S+ ?){1,4}:\s|(?:-?\d|zero\b)(?! ?\w+ (?:is|are|was|were)\b)", re.IGNORECASE)
_PASSIVE = {"en": re.compile(r"\bby\b"), "zh": re.compile(r"[被由让把将]")}
# What opens so names nothing that other pages know, unless a name follows.
_ADDRESSED = re.compile(
    r"(?:you|one|users?|it|they|doing|a setting|\w+ing|the (?:(?:number|value|name|size|type|format|behaviou?r|results?"
    r"|output|default|method|function|options?|arguments?|parameters?|fields?)\b)) ",
    re.IGNORECASE,
)


def leaves_open(statement: str, language: str) -> bool:
    """Whether a statement leaves to its page what it speaks of, so that the same words elsewhere may speak of another
    thing: an instruction, a sentence without its subject, "you" or a bare "the value"."""
    if _INSTRUCTS[language].match(statement):
        return True
    if language == "zh":
        return False
    if _LABEL.match(statement):
        return True
    opens = _OPENS["en"].match(statement)
    first = opens[1].lower() if opens else ""
    if opens and first not in _BEFORE_ARTICLE and not first.endswith(("ing", "wards")) and not _is_adverb(first):
        return True
    if units.names(statement, language) - units.sentence_openers(f". {statement}"):
        return False
    weight = sum(word.weight for word in content(statement, language))
    return weight < _LEAST_NAMELESS or _ADDRESSED.match(statement) is not None


def _is_adverb(word: str) -> bool:
    return word.endswith("ly") and not word.endswith(("pply", "eply", "iply", "mply", "rely"))


def objection(statement: str, sentence: str, title: str, language: str, embedder: Embedder | None) -> str | None:
    """What keeps a sentence of another page from bearing a statement out, in words; None where nothing does.

    Args: title of the sentence's page, which may name what the sentence leaves open.
    """
    if _STOP.search(sentence) is None:
        return "the passage is no whole sentence"
    if lost := _unsaid(statement, sentence, language):
        return f"says it only under a condition or with a reservation: {lost}"
    if claimed := _claimed(statement, sentence, language):
        return f"does not go as far as: {claimed}"
    source = Source(sentence, title if leans(sentence) else "", language, embedder)
    words, held = content(statement, language), set[str]()
    for word, (score, unit) in zip(words, source.match(words), strict=True):
        if unit is not None and score >= _ALIKE:
            held.add(unit)
        elif word.weight >= _TELLS[language]:
            return f"lacks: {word.form}"
    return _turned_round(statement, sentence, language) or _added(statement, sentence, words, held, language)


def _turned_round(statement: str, sentence: str, language: str) -> str | None:
    """Two names that have changed places in a sentence of one clause, with no passive to turn it round."""
    clauses = [len(split_clauses(text, language)) for text in (statement, sentence)]
    passive = [_PASSIVE[language].search(text) is not None for text in (statement, sentence)]
    if max(clauses) > 1 or passive[0] != passive[1]:
        return None
    shared = units.names(statement, language) & units.names(sentence, language)
    own, theirs = (sorted(shared, key=_places(text)) for text in (statement, sentence))
    return next((f"has {a} where this has {b}" for a, b in zip(theirs, own, strict=True) if a != b), None)


def _places(text: str) -> Callable[[str], tuple[int, int]]:
    """Where a name stands in a text as a whole word."""

    def place(name: str) -> tuple[int, int]:
        match = re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text)
        return (match.start() if match else text.find(name), len(name))

    return place


def _unsaid(statement: str, sentence: str, language: str) -> str | None:
    """A condition, a reservation, a choice or another mode of a sentence that its statement leaves out."""
    for kind in (CONDITIONS[language], _WHEN[language], *_RESERVED[language]):
        if (theirs := kind.search(sentence)) and not kind.search(statement):
            # "When" for "if", and the other way round.
            if kind in (CONDITIONS[language], _WHEN[language]) and any(
                other[language].search(statement) for other in (CONDITIONS, _WHEN)
            ):
                continue
            return theirs.group()
    return None


def _claimed(statement: str, sentence: str, language: str) -> str | None:
    """A duty, a possibility or a denied degree that a statement tells and the sentence does not."""
    for kind in _RESERVED[language][-3:]:
        if (own := kind.search(statement)) and not kind.search(sentence):
            return own.group()
    return None


def _added(statement: str, sentence: str, words: Sequence[Word], held: set[str], language: str) -> str | None:
    """What the clauses that carry a statement, and those before them, say besides it."""
    carrying = _carrying(sentence, held, language)
    if strange := sorted(_marks(carrying, language) - _marks(statement, language)):
        return f"speaks of {strange[0]}"
    total, added = sum(word.weight for word in words), 0.0
    for run in _runs(content(carrying, language), held, language):
        weight = sum(word.weight for word in run)
        added += weight
        if weight >= _ADDS[language] or added > _MOST_ADDED * total:
            return f"speaks of {('' if language == 'zh' else ' ').join(word.form for word in run)}"
    return None


def _carrying(sentence: str, held: set[str], language: str) -> str:
    """A sentence up to the last of its clauses that carries what is held."""
    clauses = split_clauses(sentence, language)
    told = [content(clause, language) for clause in clauses]
    last, seen = 0, set[str]()
    for place, found in enumerate(told):
        own = sum(word.weight for word in found if word.unit in held)
        fresh = {word.unit for word in found if word.unit in held} - seen
        if fresh and (own >= _CARRIES * sum(word.weight for word in found) or fresh - _after(told, place)):
            last = place
        seen |= fresh
    return "".join(clauses[: last + 1])


def _after(told: Sequence[Sequence[Word]], place: int) -> set[str]:
    return {word.unit for found in told[place + 1 :] for word in found}


def _runs(words: Sequence[Word], held: set[str], language: str) -> Iterator[list[Word]]:
    """Content that is not held: English word by word, Chinese in runs, since one character is seldom a word."""
    run: list[Word] = []
    for word in words:
        if word.unit in held:
            yield from [run] if run else []
            run = []
        elif language == "zh" and units.HAN.fullmatch(word.unit):
            run.append(word)
        else:
            yield [word]
    if run:
        yield run


def _marks(text: str, language: str) -> set[str]:
    """Names and numbers of a text, as they are compared: lower case, without a plural or a possessive."""
    openers = set() if language == "zh" else units.sentence_openers(f". {text}")
    names = {re.sub(r"['’]s$|(?<=[A-Z])s$", "", name) for name in units.names(text, language) - openers}
    numbers = units.numbers(text, language) | units.spelled_numbers(text, language)
    return {mark.lower() for mark in names} | {units.NUMBER_WORDS.get(number, number) for number in numbers}
