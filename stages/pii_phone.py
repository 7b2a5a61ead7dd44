"""Telephone numbers: a shape or a word beside them makes a candidate, the phonenumbers library decides."""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

# Where a number beside a word such as "call" may be at home. The word alone is weaker than "Tel", so it must be valid.
_HOMES = ("CN", "US", "GB", "DE", "FR", "HK", "TW", "JP", "KR", "AU", "IN", "IT", "ES", "NL", "CH", "AT", "BE", "SE", "IE", "NZ", "SG", "MY", "RU", "BR", "PL")  # fmt: skip

# National forms that say by their shape alone what they are, and the country whose plan must hold them.
_GAP = r"[ -]"
_SHAPES = tuple(
    (country, re.compile(shape))
    for country, shape in (
        ("CN", rf"(?:\(?86\)?{_GAP}?)?1[3-9][0-9](?:[0-9]{{8}}|({_GAP})[0-9]{{4}}\1[0-9]{{4}})(?![0-9])"),
        ("CN", rf"(?:86-)?(?:\(0[0-9]{{2,3}}\) ?|0[0-9]{{2,3}}{_GAP})(?:[0-9]{{7,8}}|[0-9]{{3,4}}{_GAP}[0-9]{{4}})(?:-[0-9]{{1,5}})?(?![0-9])"),
        ("CN", rf"[48]00{_GAP}(?:[0-9]{{3}}{_GAP}[0-9]{{4}}|[0-9]{{4}}{_GAP}[0-9]{{3}})(?![0-9])"),
        ("US", r"(?:1[-. ])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}([-.]))[2-9][0-9]{2}(?:\1|[-. ])[0-9]{4}(?![0-9])"),
        ("GB", r"\(?0[1-9][0-9]{1,4}\)?(?:[ -][0-9]{3,8}){1,3}(?![0-9])"),
        ("TW", r"\(?0[2-9][0-9]{0,2}\)?[ -][0-9]{3,4}-[0-9]{3,4}(?![0-9])"),
    )
)
_STRICT = frozenset(("GB", "TW"))  # their shape is that of many numbers: the groups must be theirs too
_GROUP = re.compile(r"[0-9]+")
_JOIN = re.compile(r"[ ]?[-./()][ (]?\(?|[ ]|\) ?[-/]?|\(0\) ?| ?\(0\) ?")
_TWO_POWER_34 = frozenset((str(2**34), str(2**34 - 1)))  # eleven digits that read as a Chinese mobile number

# "Tel": a number follows. "call": one may. In the languages of pages that are mostly English or Chinese.
_LABEL = re.compile(
    r"\b(?:tel[eé]?(?:ph?one?|fono|foon|fon|fone)?s?|phone|mobiles?|mob|cell(?:phone|ular)?|fax|hotline|whatsapp|handy|mobil(?:funk|telefon)?"
    r"|t[eé]l[eé]phone|m[oó]vil|rufnummer|ph)\b|(?:tel|phone|mobile|fax)\Z|电话|電話|手机|手機|座机|热线|熱線|传真|傳真|致电|拨打|撥打|来电|телефон|전화",
    re.I | re.A,
)
_HINT = re.compile(r"\b(?:call(?:ing)?|dial|text|sms|contact|reach|ring|t|m|f|p|c)\b|联系|聯繫|联络|咨询|諮詢|客服|微信|预约|号码|號碼|订座|报名|打给", re.I | re.A)
_SENTENCE_END = re.compile(r"[。！？!?;；]|\. [A-Z]|[0-9]{3}")
_CHAIN = re.compile(r"\s?(?:[,/;|、]|or|and|或|和|及)?\s?\Z")
_OTHER_NUMBER = re.compile(
    r"(?:order|invoice|tracking|parcel|serial|sku|item|part|isbn|issn|doi|pmid|barcode|imei|\bref(?:erence)?|ticket|case|commit|mtime|timestamp|epoch|p/n|\bid"
    r"|\bno\.?|number|patent|qq群?|群号?|订单|单号|流水|条码|书号|序列|编号|型号|发票|快递|运单|票号|案号|专利|时间|坐标|校验|邮编|共计|总计|报价)[^\n0-9]{0,12}\Z",
    re.I | re.A,
)
_BEFORE = re.compile(r"(?:[0-9A-Za-z_=/#@\\$€£¥.+*^~]|[0-9][-,:][ ]?|[A-Za-z]-|[0-9] [-+/] ?)\Z")
_AFTER = re.compile(r"[0-9A-Za-z_%°=$€£]|[-.,:/][0-9]| ?(?:EUR|USD|RMB|CNY|people|km|kg)\b|[元人次个年月]")
_DATE = re.compile(r"(?:19|20)[0-9]{2}[-./][01]?[0-9](?![0-9])|[0-3]?[0-9][-./][0-3]?[0-9][-./](?:19|20)?[0-9]{2}(?![0-9])|(?:19|20)[0-9]{2} ?[-/] ?(?:19|20)[0-9]{2}(?![0-9])")
_OUTSIDE = re.compile(r"(?:\(\+?\s?|\+ ?|00(?=[1-9]))\Z")


def find_phones(text: str, start: int, end: int) -> Iterator[Span]:
    """The telephone numbers that begin in a stretch of a text, in order.

    Without a word beside it a number must be international ("+", "00"), or have the shape of a Chinese, North American or British
    one; after "Tel" any 7 to 15 digits are one; after "call" what is valid in a country of _HOMES is.
    """
    place, last = start, -1
    while place < end:
        group = _GROUP.search(text, place, end)
        if not group:
            return
        chained = 0 <= last <= group.start() and group.start() - last <= 6 and bool(_CHAIN.match(text[last : group.start()].rstrip("(+")))
        found = _phone_at(text, group.start(), end, chained)
        if found:
            yield found
            place = last = found[1]
        else:
            place = group.end()


def _phone_at(text: str, at: int, end: int, chained: bool) -> Span | None:
    """The number whose first digit stands at a place, with the "+" or bracket before it."""
    head = at - 1 if text[at - 1 : at] in ("(", "+") else at
    if _DATE.match(text, at):
        return None
    before = text[max(0, head - 40) : head]
    return (
        _international(text, at, end)
        or _labelled(text, head, at, end, before, chained)
        or _shaped(text, head, at, before)
    )


def _international(text: str, at: int, end: int) -> Span | None:
    """ "+44 20 7946 0958", "(+86)138...", "0044 20 ..."."""
    digits = 0
    if text[at : at + 2] == "00" and text[at + 2 : at + 3] not in ("", "0") and not re.search(r"[0-9A-Za-z_./=-]\Z", text[:at][-1:]):
        start, digits = at, 2
    elif text[at - 1 : at] == "+" or text[at - 2 : at] in ("+ ", "+("):
        start = text.rindex("+", 0, at)
        start -= text[start - 1 : start] == "("
        if re.search(r"[0-9A-Za-z]\Z", text[max(0, start - 1) : start]) and not _LABEL.search(text[max(0, start - 10) : start]):
            return None
    else:
        return None
    stops = _stops(text, at, end)
    for stop in reversed(stops):
        number = "+" + re.sub(r"\(0\)|[^0-9]", "", text[at + digits : stop])
        if 8 <= len(number) <= 16 and not re.match(r"[0-9A-Za-z]", text[stop : stop + 1]) and _is_valid(number, None):
            return _from(text, start, stop), stop
    return None


def _labelled(text: str, head: int, at: int, end: int, before: str, chained: bool) -> Span | None:
    """A number after a word that announces one, or after another number."""
    sure = chained or _announces(_LABEL, before)
    if not sure and (not _announces(_HINT, before) or _OTHER_NUMBER.search(before)):
        return None
    stops = [stop for stop in _stops(text, at, end) if 7 <= _count(text, at, stop) <= 15 and not re.match(r"[0-9A-Za-z_%]", text[stop : stop + 1])]
    for stop in reversed(stops):
        if any(_is_valid(text[at:stop], home) for home in _HOMES):
            return _from(text, head, stop), stop
    if sure and stops and not chained and len(set(text[at : stops[0]])) > 2:
        return _from(text, head, stops[0]), stops[0]
    return None


def _announces(word: re.Pattern[str], before: str) -> bool:
    """Whether a word stands before, with no end of a sentence and few other words between."""
    found = None
    for found in word.finditer(before):
        pass
    if found is None:
        return False
    between = before[found.end() :]
    return len(between) <= 24 and not _SENTENCE_END.search(between) and ("\n" not in between or not between.strip(" \t\r\n:：.-"))


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
