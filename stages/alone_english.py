"""What keeps an English sentence from being read by itself: words that point out of it, things it does not name, and
speech that holds no knowledge.

By rule and not by a parser, so each rule rather drops a sentence too many: pages have more sentences than are wanted.
"""

from __future__ import annotations

import re

from stages.alone_english_patterns import BE, RULES, THIRD, VERB, any_of
from synth.rarity import weight
from synth.units import word_set

# Who or what may be meant without being named: whoever reads knows which.
_KNOWN = word_set(
    """
    user users administrator administrators developer developers programmer kernel internet web network world public
    community keyboard mouse processor cpu memory ram clipboard shell compiler interpreter linker operating root disk
    browser bootloader bios filesystem command-line desktop terminal sun earth moon sea ocean sky government president
    united state law universe human brain body heart ability abilities fact facts need number amount majority use lack
    purpose difference differences advantage advantages risk possibility possibilities choice introduction history
    beginning end middle top bottom left right past future present time environment economy market population police
    most best largest smallest oldest newest biggest highest lowest greatest longest earliest
    """
)
# A term before them does not tell which they are: "the partitioning step".
_VAGUE = word_set(
    """
    step steps process phase phases stage stages procedure task tasks thing things part parts case cases result results
    way ways problem problems issue issues approach operation operations
    """
)
_STOP = re.compile(
    r"(?:of|for|that|which|who|whose|to|where|when|if|used|called|known|named|in|on|from|between|behind|under|with"
    r"|at|by"
    r"|against|about|into|and|or|but|as|than|while|because|so|not|also|only|then|a|an|the|this|your|its|it|you|they"
    r"|there"
    r"|be|being|via|through|during|before|after|within|without|over|until|unless|since|every|each|all|any|some|several"
    rf"|many|more|one|two|three|no|never|always|often|usually|now|just|already|still|even|{THIRD}|{BE}|[a-z]{{3,}}ly)"
)
# Things of which each page has its own: named nowhere in a sentence, they are those of the page.
_OF_THE_PAGE = re.compile(
    r"\b[Tt]he (?P<thing>installer|program|tool|script|app|application|distribution|document|documentation|project"
    r"|driver|package|library|author|maintainer|organi[sz]ation|foundation|paper|study|researcher|agency|firm|bill"
    r"|plan|deal"
    r"|victim|suspect|couple|actor|actress|singer"
    r"|company|team|book|site|website|game|product|service|software|module|plugin|command|function|method|option"
    r"|argument"
    r"|parameter|variable|file|directory|folder|setting|feature|problem|issue|bug|error|procedure|process|operation"
    r"|step"
    r"|handler|object|class|instance|value|field|attribute|element|table|list|column|database|result|output|input"
    r"|string"
    r"|test|report|article|study|event|page|movie|film|show|song|album|case|team|club|school|hotel|restaurant|car"
    r"|device"
    r"|algorithm|model|system|installation)s?\b(?! (?:of|for|that|which|who|whose|to|where|used|called|known|named"
    r"|being|in|on|from|with|is to)\b"
    r"| [A-Z`“\"]| [\w-]*[._/])(?! [a-z-]+ (?:is|are|of|for)\b)"
)
_ANCHORED_BY = any_of(
    """of for that which who whose to where when used called known named between behind under about against in on from
    at with"""
)
_DEFINITE = re.compile(r"\b[Tt]he (?=((?:[^\s,;:()—]+ ?){1,7}))")
# What a sentence gives to go by: a name or piece of code, something new ("a server"), things in general ("servers").
_ANCHOR = re.compile(
    r"(?<=[\w,;:)] )[(“\"']?[A-Z]\w|\w[_/.@]\w|[(“\"'` ]/\w|[a-z][A-Z]|[A-Za-z]\d|\b[A-Z]{2,}|[“\"`]|\(\d\)|\b[Aa]n? \w"
)
_NAME = re.compile(
    r"(?<=[\w,;:)] )[(“\"']?[A-Z]\w|\w[_/.@]\w|(?:^|[(“\"'` ])/\w|[a-z][A-Z]|[A-Za-z]\d|\b[A-Z]{2,}|[“\"`]|\(\d\)"
)
_INTRO = re.compile(
    r"(?:If|When|To|For|In|On|After|Before|Once|Unless|While|As|Using|With|At|By|From|Since|Although|Though|Because"
    r"|Under|During"
    r"|Until|Without|Despite|Unlike|Like|Within|Whenever|Where|Whereas|Given|Depending|By default"
    r"|[A-Z][a-z]+ly)\b[^,;:]*, "
)
_VERB_OF_MAIN = re.compile(rf" (?:{THIRD}|{BE})\b")
_NEAR = 40  # characters into a sentence within which its first clause names its subject
_QUOTED = re.compile('[“"][^”"]*[”"]')
# What a sentence says of a term in quotes or by itself, so that no other name is needed.
_DEFINES = re.compile(
    r"(?:An? |The (?:(?:term|name|word) )?)?[\w“”\" -]{2,40}? (?:is|are|means?|refers? to|denotes?|describes?"
    r"|defines?|stands for|consists? of)"
    r" (?:an?|the|one|any)\b"
)
_SINGULAR = re.compile(rf"([A-Z][a-z]+(?<!ing)(?<!s))(?:'s| (?:also |\w+ly )?(?:{THIRD}|is|has|was))\b")
_KIND = re.compile(r"([A-Za-z]+) (?:command|utility|program|function|module|package|library|directive|protocol|rule)\b")
_SUBJECT = re.compile(rf"the ([a-z]+) (?:\w+ly )?(?:{THIRD}|{BE})\b")
# A thing in general: without an article but "a", and with a verb that tells what it is, has, does or is made of.
_GENERAL = re.compile(
    r"(?:An? )?(?!(?:His|Her|Their|Its|My|Your|Our|Some|Many|Most|Few|All|Each"
    r"|Every|Any|No|One|Both|Such|Other|Here|There)\b)"
    r"(?P<subject>[A-Z]?[a-z]+(?: (?!the|a|an|and|or|that|who|in|for|with)[a-z]+){0,2}(?: of [a-z]+)?)"
    r" (?:(?:is|are|was|were) (?:an? |the |one of |made |built |caused |formed |produced |composed |found |used "
    r"|named |called )|consists? of |contains? |includes? |causes? |affects? |converts? |produces? |lives? in "
    r"|grows? in |describes? |means? |refers? to |occurs? (?:when|in|at) |belongs? to |communicate |has |have )"
)
_RATHER_RARE = 0.9  # weight of a word of general knowledge: diabetes, volcano
# Rare as some are, each page has its own.
_OF_PAGES = word_set(
    """
    installer program tool script app application document documentation project driver package library author
    maintainer file directory folder setting feature option argument parameter variable function method command module
    plugin class object value field column row table list string output input result error message button menu dialog
    window tab panel icon checkbox cursor user reader customer client member player team season series episode album
    track review reviewer article post comment blog photo image picture video link page site website version release
    update download upgrade product item order price delivery shipping review seller buyer guest visitor doctor patient
    parent student teacher company firm agency official police spokesman researcher
    """
)
_SUBJECT_ALONE, _SUBJECT_BESIDE = 1.4, 1.0  # weights of a subject that has no name, alone and beside a name
_RELATIVE = re.compile(r",? (?:which|that|who|whose)\b[^,;]*")
# A word in s before another may be a verb or the plural that one follows; a title seldom has any.
_HOLDS_VERB = re.compile(
    rf"\b(?:{BE}|{THIRD}|{VERB}|use|run|return|help|work|\w{{2,}}ed|led|began|became|took|made|gave|went|came"
    rf"|saw|wrote|ran|won|found|held|kept"
    r"|left|felt|built|sent|spent|met|got|knew|grew|drew|fell|rose|chose|spoke|broke|drove|sold|told|said|thought"
    r"|brought|bought"
    r"|taught|caught|put|[A-Za-z]{2,}(?<![su'])s (?=\w)"
    r"|come|need|live|want|mean|seem|appear|exist|belong|consist|depend"
    r"|affect|produce|support"
    r"|contain|require|represent|offer|occur|happen|remain|serve|cover|differ)\b|n't\b"
)
_PLURAL = re.compile(r"(?<![Tt]he )\b(?!(?:always|does|has|was|this|thus|its|yes|as|is|us)\b)[A-Za-z]+(?<![sui'’])s\b")
_PRONOUN = re.compile(r"\b(?:it|its|they|them|their|he|she|him|her|his)\b")
_EXPLETIVE = re.compile(
    r"\b(?:it(?:'s|’s| is| was| may be| can be| might be| would be| will be| should be| has been| is not| is also"
    r"| becomes)"
    r" (?:\w+ly |very |not |also |often |always |sometimes |quite |more |still |generally |therefore |then )*"
    r"(?:\w+(?:ble|ant|al|ary|ful|ed|ient|ous|ult|asy|ard|mon|ood|est|ise|rue|ely|tter|sier|ual|ice|er))"
    r" (?:to|that|for|if|when|whether|not)\b|it takes|makes? it (?:\w+ )*(?:possible|easy|easier|hard|difficult))"
)
# Small words of English that are none of its neighbours', and of these that are none of English.
_OF_ENGLISH = word_set(
    """
    the of and are with for by from that were been has have can which be when it its their this not but if or to into
    """
)
_OF_OTHERS = word_set(
    """
    der das und ist nicht ein eine einer einen dem den des für mit auf von zu sich auch wird werden werden wenn oder im
    le la les est et une dans pour qui que avec sur par du aux ce cette il elle ne pas
    el los las una uno para con como del al se su esta este pero por
    um uma não com da das dos ao gli che di della nel sono è ed ho
    je na že jsou ke od nebo jako jest nie oraz przez dla
    och att det som är för på av inte ett om kan til af ikke og er
    het een van niet dat zijn voor op te bij ook wordt worden deze
    és egy hogy nem bu ve bir için ile
    """
)
_TERM = 1.25  # weight of a word that only who knows the field uses often


def is_foreign(text: str) -> bool:
    """Whether a sentence is in another language of Latin letters, as parts of a page are that is translated by half."""
    words = re.findall(r"[^\W\d_]+", text)
    # A name keeps its letters from elsewhere.
    foreign = sum(word.lower() in _OF_OTHERS or not (word.isascii() or word[0].isupper()) for word in words)
    return foreign > 1 and foreign > sum(word.lower() in _OF_ENGLISH for word in words)


def why_not_alone(text: str) -> str | None:
    """The first thing that keeps an English sentence from being read by itself, None if no rule finds any."""
    text = text.replace("’", "'")
    for reason, pattern in RULES:
        if pattern.search(text):
            return reason
    if _points_before_naming(text):
        return "leans"
    if not _HOLDS_VERB.search(_RELATIVE.sub("", text)):
        return "fragment"
    return "unnamed" if unnamed(text) or _of_the_page(text) or not names_its_subject(text) else None


def unnamed(text: str) -> str | None:
    """The thing that a sentence speaks of as known before it has named anything: "The value must be a time zone in
    Europe." None where there is none, or where it is known to all, or said at once which it is."""
    found = _anchor_at(text)
    for match in _DEFINITE.finditer(text):
        if match.start() > found:
            return None
        phrase, after = _phrase(match[1])
        if not phrase or (after and re.fullmatch(_ANCHORED_BY, after)):
            continue
        if phrase[0].lower() in _KNOWN or phrase[-1].lower().removesuffix("'s").removesuffix("’s") in _KNOWN:
            continue
        terms = phrase[:-1] if phrase[-1].lower() not in _VAGUE else []
        if not any(_tells(word) for word in terms) and not _NAME.search(f"x {' '.join(phrase)}"):
            return " ".join(phrase)
    return None


def _after_intro(text: str) -> int:
    """Where the main clause starts, as far as its leading clauses end in a comma."""
    start = 0
    while (match := _INTRO.match(text, start)) is not None:
        start = match.end()
    return start


def _of_the_page(text: str) -> bool:
    """Whether a sentence speaks of a thing of its page that it has not spoken of before."""
    start = _after_intro(text)
    subject = _SUBJECT.match(text, start)
    if start and subject and subject[1] not in _KNOWN and subject[1] not in text[:start].lower():
        return True
    return any(match["thing"] not in text[: match.start()].lower() for match in _OF_THE_PAGE.finditer(text))


def _phrase(words: str) -> tuple[list[str], str | None]:
    """The words of a thing after its article, and the word that ends it."""
    phrase: list[str] = []
    for word in words.split():
        if _STOP.fullmatch(word.rstrip(".")):
            return phrase, word
        phrase.append(word)
        if re.search(r"[a-z]{3}(?<![suiy])s$", word):  # what follows a plural is its verb
            break
    return phrase, None


def _tells(word: str) -> bool:
    """Whether a word is a name, a piece of code, or a term."""
    return _ANCHOR.search(f"x {word}") is not None or weight(re.sub(r"\W", "", word).lower()) >= _TERM


def names_its_subject(text: str) -> bool:
    """Whether a sentence has said what it is about, in words that mean the same elsewhere, when its verb comes; behind
    clauses that lead in, which mostly go on from what was said before, its own subject must be named."""
    start = _after_intro(text)
    if re.match(r"(?:[Yy]ou|[Oo]ne)\b", text[start:]):
        return _NAME.search(text) is not None
    verb = _VERB_OF_MAIN.search(text, start + 1)
    subject = text[start : verb.start()] if verb else " ".join(text[start:].split()[:6])
    subject = _QUOTED.sub("", subject)
    if _NAME.search(f"x {subject}" if start else subject):
        return True
    if start:
        return _goes_on_named(text, start)
    return _opens_with_name(text) or _speaks_of_terms(text, subject)


def _goes_on_named(text: str, start: int) -> bool:
    """Whether the main clause behind others opens with a rare word, with what these name, or with something new."""
    first = text[start:].split(" ", 1)[0]
    if first in ("it", "they"):
        return _NAME.search(text[: min(start, _NEAR)]) is not None
    if first in ("a", "an"):
        return _NAME.search(_QUOTED.sub("", text)) is not None
    return any(weight(part) >= _SUBJECT_ALONE for part in re.findall(r"[a-z]{3,}", first.lower()))


def _speaks_of_terms(text: str, subject: str) -> bool:
    """Whether a sentence whose subject has no name speaks of terms: beside a name, in a definition, or several."""
    if _DEFINES.match(text) is not None and _QUOTED.search(text) is not None:
        return True
    rarest = max(map(weight, re.findall(r"[a-z]{3,}", subject.lower())), default=0.0)
    if _NAME.search(_QUOTED.sub("", text)) is not None:
        return rarest >= _SUBJECT_BESIDE
    return speaks_of_a_term(text) or (
        rarest >= _SUBJECT_ALONE and (_DEFINES.match(text) is not None or _num_terms(text) > 1)
    )


def speaks_of_a_term(text: str) -> bool:
    """Whether a sentence opens with a rare enough thing in general and tells what it is: "Diabetes is a chronic"."""
    match = _GENERAL.match(text)
    if match is None:
        return False
    words = re.findall(r"[a-z]{3,}", match["subject"].lower())
    told = [
        word for word in re.findall(r"[a-z]{4,}", text[match.end("subject") :].lower()) if weight(word) >= _RATHER_RARE
    ]
    head = words[-1].removesuffix("s") if words else ""
    return bool(told) and head not in _OF_PAGES and max(map(weight, words), default=0.0) >= _RATHER_RARE


def _opens_with_name(text: str) -> bool:
    """Whether a rare word in the singular, without an article, opens a sentence: "Debian requires"."""
    match = _SINGULAR.match(text)
    return match is not None and weight(match[1].lower()) >= _SUBJECT_ALONE


def _num_terms(text: str) -> int:
    """How many words of a sentence English hardly knows; the name of a kind of code counts thrice."""
    terms = {word for word in re.findall(r"[a-z]{3,}", text.lower()) if weight(word) >= _TERM}
    return len(terms) + 2 * sum(kind[1].lower() in terms for kind in _KIND.finditer(text))


def _anchor_at(text: str) -> int:
    """Where a sentence first gives something to go by."""
    places = [match.start() for match in (_ANCHOR.search(text), _PLURAL.search(text)) if match]
    first = re.match(r"[\w./+-]+", text)
    if first and first[0] not in ("The", "the") and weight(first[0].lower()) >= _TERM:
        places.append(0)
    return min(places, default=len(text))


def _points_before_naming(text: str) -> bool:
    """Whether a pronoun comes before anything that it could stand for."""
    match = _PRONOUN.search(_EXPLETIVE.sub(lambda found: " " * len(found[0]), text))
    if match is None:
        return False
    before = text[: match.start()]
    if match[0] in ("it", "its") and _ANCHOR.search(before) is None and not re.search(r"\b[Tt]he \w", before):
        return weight(text.split(" ", 1)[0].strip(".,'").lower()) < _TERM
    nouns = [word for word in re.findall(r"[A-Za-z]{3,}", before) if not _STOP.fullmatch(word.lower())]
    return _anchor_at(before) >= len(before) and len(nouns) < 2
