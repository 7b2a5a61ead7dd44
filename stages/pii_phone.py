"""Telephone numbers: a shape or a word beside them makes a candidate, the phonenumbers library decides."""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

# Where a number beside a word such as "call" may be at home. The word alone is weaker than "Tel", so it must be valid.
_HOME_CODES = "CN US GB DE FR HK TW JP KR AU IN IT ES NL CH AT BE SE IE NZ SG MY RU BR PL"
_HOMES = tuple(_HOME_CODES.split())

# National forms that say by their shape alone what they are, and the country whose plan must hold them.
_GAP = r"[ -]"
_SHAPES = tuple(
    (country, re.compile(shape))
    for country, shape in (
        ("CN", rf"(?:\(?86\)?{_GAP}?)?1[3-9][0-9](?:[0-9]{{8}}|([ .-])[0-9]{{4}}\1[0-9]{{4}})(?![0-9])"),
        (
            "CN",
            rf"(?:86-)?(?:\(0[0-9]{{2,3}}\) ?|0[0-9]{{2,3}}{_GAP})"
            rf"(?:[0-9]{{7,8}}|[0-9]{{3,4}}{_GAP}[0-9]{{4}})(?:-[0-9]{{1,5}})?(?![0-9])",
        ),
        ("CN", rf"[48]00{_GAP}(?:[0-9]{{3}}{_GAP}[0-9]{{4}}|[0-9]{{4}}{_GAP}[0-9]{{3}})(?![0-9])"),
        (
            "US",
            r"(?:1[-. ])?(?:\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[-. ]?"
            r"|[2-9][0-9]{2}[-.][2-9][0-9]{2}[-. ])[0-9]{4}(?![0-9])",
        ),
        ("GB", r"\(?0[1-9][0-9]{1,4}\)?(?:[ -][0-9]{3,8}){1,3}(?![0-9])"),
        ("TW", r"\(?0[2-9][0-9]{0,2}\)?[ -][0-9]{3,4}-[0-9]{3,4}(?![0-9])"),
    )
)
_STRICT = frozenset(("GB", "TW"))  # their shape is that of many numbers: the groups must be theirs too
_GROUP = re.compile(r"[0-9]+")
_JOIN = re.compile(r"(?: ?[-./()][ (]?\(?| |\) ?[-/]? ?| ?\(0\) ?)(?=[0-9])")
_TWO_POWER_34 = frozenset((str(2**34), str(2**34 - 1)))  # eleven digits that read as a Chinese mobile number

# "Tel": a number follows. "call": one may. In the languages of pages that are mostly English or Chinese.
_LABEL = re.compile(
    r"\b(?:tel[eé]?(?:ph?one?|fono|foon|fon|fone)?s?|fon|phones?|mobiles?|mob|cell(?:phone|ular)?|fax|whatsapp|mobil|t[eé]l[eé]phone|m[oó]vil|ph)\b"
    r"|hotline|\b(?:telefon|handy|mobilfunk|rufnummer)[a-z]*|(?:tel|phone|mobile|fax)\Z|电话|電話|手机|手機|座机|热线|熱線|传真|傳真|致电|拨打|撥打|来电"
    r"|телефон|전화",
    re.I | re.A,
)
_HINT = re.compile(
    r"\b(?:call(?:ing)?|dial|sms|contact|reach|ring)\b|(?<![^\s(|,;])[TMFP]:|联系|聯繫|联络|咨询|諮詢|客服|微信|预约|号码|號碼|订座|报名|打给",
    re.I | re.A,
)
_WORD = re.compile(rf"(?P<label>{_LABEL.pattern})|{_HINT.pattern}", re.I | re.A)
_SENTENCE_END = re.compile(r"[。！？!?;；>]|\. [A-Z]|[0-9]{3}")
_CHAIN = re.compile(r"\s?(?:[,/;|、]|or|and|或|和|及)?\s?\Z")
_OTHER_NUMBER = re.compile(
    r"(?:order|invoice|tracking|parcel|serial|sku|item|part|isbn|issn|doi|pmid|barcode|imei|\bref(?:erence)?|ticket|case|commit|mtime|timestamp|epoch"
    r"|p/n|\bid"
    r"|\bno\.?|number|patent|qq群?|群号?|订单|单号|流水|条码|书号|序列|编号|型号|发票|快递|运单|票号|案号|专利|时间|坐标|校验|邮编|共计|总计|报价)[^\n0-9]{0,12}\Z",
    re.I | re.A,
)
_BEFORE = re.compile(r"(?:[0-9A-Za-z_=/#@\\$€£¥.+*^~]|[0-9][-,:][ ]?|[A-Za-z]-|[0-9] [-+/] ?)\Z")
_AFTER = re.compile(r"[0-9A-Za-z_%°=$€£]|[-.,:/][0-9]| ?(?:EUR|USD|RMB|CNY|people|km|kg)\b|[元人次个年月]")
_DATE = re.compile(
    r"(?:1[0-9]|20)[0-9]{2}[-./][01]?[0-9](?![0-9])"
    r"|[0-3]?[0-9][-./][0-3]?[0-9][-./](?:19|20)?[0-9]{2}(?![0-9]|\.[0-9])"
    r"|(?:1[0-9]|20)[0-9]{2} ?[-/] ?(?:1[0-9]|20)[0-9]{2}(?![0-9])"
)
_GLUED = re.compile(r"[0-9A-Za-z_%]")
_OUTLINE = re.compile(r"(?!0[0-9]\.)(?:[0-9]{1,2}\.){3}")  # 6.2.3.2.1
_GLUED_BEFORE = re.compile(r"[0-9A-Za-z_./=-]")
_SUM_BEFORE = re.compile(r"[0-9)] ?\Z")  # 9 + 95224023
_EXIT_CODE = re.compile(r"00[1-9]")
_SPACED = frozenset("0123456789 ")
_CELL_BEFORE, _CELL_AFTER = re.compile(r"[0-9>] \Z"), re.compile(r" [0-9<]")  # "<" and ">" bound what is masked already
_MIN_CHARS = 7


def find_phones(text: str, start: int, end: int) -> Iterator[Span]:
    """The telephone numbers that begin in a stretch of a text, in order.

    Without a word beside it a number must be international ("+", "00"), or have the shape of a Chinese, North American
    or British one; after "Tel" any 7 to 15 digits are one; after "call" what is valid in a country of _HOMES is.
    """
    place, last = start, -1
    label, hint = _words_before(text, start)
    while end - place >= _MIN_CHARS and (group := _GROUP.search(text, place, end)):
        at, found = group.start(), None
        head = at - 1 if text[at - 1 : at] in ("(", "+") else at
        if not _DATE.match(text, at) and not (_OUTLINE.match(text, at) and head == at):
            chained = 0 <= last <= at <= last + 6 and bool(_CHAIN.match(text[last:at].rstrip("(+")))
            sure = chained or _announces(text, label, head)
            found = _international(text, at, end) or (
                _labelled(text, head, at, end, chained, sure)
                if sure or (_announces(text, hint, head) and "\n" not in text[hint:head])
                else None
            )
            found = found or _shaped(text, head, at, text[max(0, head - 40) : head])
        place = found[1] if found else group.end()
        if found:
            last = place
            yield found


def _international(text: str, at: int, end: int) -> Span | None:
    """ "+44 20 7946 0958", "(+86)138...", "0044 20 ..."."""
    digits = 0
    if _EXIT_CODE.match(text, at) and not (at and _GLUED_BEFORE.match(text, at - 1)):
        start, digits = at, 2
    elif text[at - 1 : at] == "+" or text[at - 2 : at] in ("+ ", "+("):
        start = text.rindex("+", 0, at)
        if start < at - 1 and _SUM_BEFORE.search(text[max(0, start - 2) : start]):
            return None
        start -= text[start - 1 : start] == "("
        if (
            text[start - 1 : start].isalnum()
            and _GLUED.match(text, start - 1)
            and not _LABEL.search(text, max(0, start - 10), start)
        ):
            return None
    else:
        return None
    stops = _stops(text, at, end)
    for stop in reversed(stops):
        number = "+" + re.sub(r"\(0\)|[^0-9]", "", text[at + digits : stop])
        if 8 <= len(number) <= 16 and not _GLUED.match(text, stop) and _is_valid(number, None):
            return _from(text, start, stop), stop
    return None


def _labelled(text: str, head: int, at: int, end: int, chained: bool, sure: bool) -> Span | None:
    """A number after a word that announces one (surely, or perhaps), or after another number."""
    if not sure and _OTHER_NUMBER.search(text[max(0, head - 40) : head]):
        return None
    stops = [
        stop for stop in _stops(text, at, end) if 7 <= _count(text, at, stop) <= 15 and not _GLUED.match(text, stop)
    ]
    for stop in reversed(stops):
        if any(_is_valid(text[at:stop], home) for home in _HOMES):
            return _from(text, head, stop), stop
    if sure and stops and not chained and len(set(text[at : stops[0]])) > 2:
        return _from(text, head, stops[0]), stops[0]
    return None


def _words_before(text: str, start: int) -> tuple[int, int]:
    """The ends of the last word in the 40 characters before a stretch that announces a number surely, and perhaps."""
    label, hint = -1, -1
    for found in _WORD.finditer(text, max(0, start - 40), start):
        if found.lastgroup:
            label = found.end()
        else:
            hint = found.end()
    return label, hint


def _announces(text: str, word: int, head: int) -> bool:
    """Whether what stands between a word and a number is short and no end of a sentence."""
    if not 0 <= word <= head <= word + 30:
        return False
    between = text[word:head]
    return not _SENTENCE_END.search(between) and ("\n" not in between or not between.strip(" \t\r\n:：.-"))


def _shaped(text: str, head: int, at: int, before: str) -> Span | None:
    """A national number that its shape gives away, with nothing beside it that says otherwise."""
    if _BEFORE.search(before):
        return None
    for country, shape in _SHAPES:
        found = shape.match(text, head) or (shape.match(text, at) if head < at else None)
        if not found or _AFTER.match(text, found.end()):
            continue
        number = found.group()
        whole = number.isdigit()
        if (
            not whole
            and set(number) <= _SPACED
            and (_CELL_BEFORE.search(before) or _CELL_AFTER.match(text, found.end()))
        ):
            continue  # a row of a table
        if (whole and (number in _TWO_POWER_34 or _OTHER_NUMBER.search(before))) or len(set(number)) < 4:
            continue
        if _is_valid(number, country) and (country not in _STRICT or _has_groups_of(number, country)):
            return _from(text, found.start(), found.end()), found.end()
    return None


def _stops(text: str, at: int, end: int) -> list[int]:
    """The ends of the groups of digits that one number starting at a place may have."""
    stops, digits, place = [], 0, at
    while digits <= 17 and (group := _GROUP.match(text, place)):
        digits += group.end() - place
        if text.count("(", at, group.end()) <= text.count(")", at, group.end()):
            stops.append(group.end())
        join = _JOIN.match(text, group.end())
        if not join or join.end() >= end:
            break
        place = join.end()
    return stops


def _count(text: str, start: int, stop: int) -> int:
    return sum(sign.isdigit() for sign in text[start:stop])


def _from(text: str, head: int, stop: int) -> int:
    """The first character: an opening bracket belongs to the number only if it is closed inside."""
    number = text[head:stop]
    return head + 1 if number[0] == "(" and number.count("(") > number.count(")") else head


def _is_valid(number: str, country: str | None) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, country))
    except phonenumbers.NumberParseException:
        return False


def _has_groups_of(number: str, country: str) -> bool:
    import phonenumbers

    return phonenumbers.PhoneNumberMatcher(number, country, leniency=phonenumbers.Leniency.STRICT_GROUPING).has_next()
