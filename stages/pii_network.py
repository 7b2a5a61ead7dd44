"""E-mail and IP addresses: how they look, also where they are disguised, and how look-alikes are told from them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

Span = tuple[int, int]

_LATIN = "A-Za-zÀ-ÖØ-öø-ɏ"  # with the accents of names; Chinese characters beside an address are not part of it
_LOCAL_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-'&" + "".join(
    map(chr, range(0xC0, 0x250))
)
_LABEL = rf"[{_LATIN}0-9](?:[{_LATIN}0-9-]{{0,61}}[{_LATIN}0-9])?"
_HOST = re.compile(rf"\[?((?:{_LABEL}\.){{1,8}}(?:xn--[A-Za-z0-9-]{{2,59}}|[A-Za-z]{{2,24}}))(?![A-Za-z0-9@_])")
# " @ ", "[at]", "(at)", "{at}", "<at>", "_at_" and " at "; ".", "[dot]", " dot " between the labels of the host.
_OPEN, _SHUT = r"[\[({<]\s?", r"\s?[\])}>]"
_AT = re.compile(rf"(?: ?{_OPEN}(?:at|@){_SHUT} ?| at |_at_)", re.I)
_DOT = rf"(?: ?{_OPEN}(?:dot|\.){_SHUT} ?| dot |_dot_|\.)"
_SAID_HOST = re.compile(rf"(?:[a-z0-9-]{{1,63}}{_DOT}){{1,5}}[a-z]{{2,24}}(?![a-z0-9@])", re.I)
_SAID_DOT = re.compile(_DOT, re.I)
_SPOKEN_DOT = re.compile(r" dot |_dot_", re.I)
_SAID_LOCAL = re.compile(rf"[a-z0-9](?:[a-z0-9_%+-]|{_DOT}(?=[a-z0-9])){{0,63}}\Z", re.I)
_SPOKEN_LOCAL = re.compile(r"(?<![a-z0-9])[a-z0-9][a-z0-9._%+-]{1,63}(?: dot [a-z0-9_%+-]{1,63}){0,2}\Z", re.I)
_NOT_A_NAME_WORDS = (
    "a all an and any are at be but by come find for found go here him i in is it look me meet meeting more not "
    "now of on one or order out see she shop that the their them there they this to up us was we were what where "
    "which who work you your"
)
_NOT_A_NAME = frozenset(_NOT_A_NAME_WORDS.split())

# Hosts of manuals (RFC 2606, RFC 6761), then endings of what is not a host.
_EXAMPLE_HOST = re.compile(r"(^|\.)(example(\.(com|org|net|edu|cn))?|test|invalid|localhost|local|localdomain)$", re.I)
_FILE_ENDINGS_WORDS = "png jpg jpeg gif svg webp html js css py so txt conf md json xml yml yaml"
_FILE_ENDINGS = frozenset(_FILE_ENDINGS_WORDS.split())
_SYSTEMD_UNITS_WORDS = "service socket target timer mount slice scope"
_SYSTEMD_UNITS = frozenset(_SYSTEMD_UNITS_WORDS.split())  # user@1000.service
_NOT_A_PERSON = frozenset(("git", "hg", "svn"))  # git@host:path is how one clones
_MESSAGE_ID = re.compile(
    r"(?:19|20)[0-9]{10,12}[.-]"
)  # 20220720205013.890942-1-name@host names a letter, not its sender
_IN_A_URL = re.compile(r"://[^\s/?#]*\Z")  # what stands before "@" there are a user and a password
# Registered endings of more than two letters that mail is sent to; those of two letters are countries.
_LONG_ENDINGS_WORDS = (
    "academy aero agency app arpa art asia associates bank bar bayern berlin best bio biz blog brussels build "
    "builders business cafe camp capital care careers cat center charity church city cloud club coach codes "
    "coffee com community company computer consulting contractors cool coop corsica credit deals dental design "
    "dev digital direct directory doctor dog earth edu education email energy engineer engineering enterprises "
    "equipment estate eus events exchange expert express farm fashion finance financial fish fit fitness florist "
    "foundation fun fund fyi gal gallery games garden gent gift global gmbh gold golf gov graphics green group "
    "guide guru haus health hiphop holdings hospital host house how immo inc info ink institute insure int "
    "international irish jobs kitchen koeln land law lawyer legal life limited link live llc loan lol london ltd "
    "management marketing mba media memorial men mil mobi money moscow museum name nagoya net network news ngo "
    "ninja nrw nyc one ong online org osaka paris partners parts party pet pharmacy photo photography photos pics "
    "pictures pink pizza place plus post press pro productions properties property pub quebec radio realty "
    "recipes red rehab reisen ren rent rentals repair report rest restaurant reviews rio rocks ruhr run sale "
    "salon sarl school science scot security services sex shop show site ski social software solar solutions "
    "space store stream studio study style surf swiss systems tax taxi team tech technology tel tienda tips tirol "
    "today tokyo tools top tours town toys trade training travel tube university vegas ventures vet video villas "
    "vin vip vision vlaanderen vote wales wang watch website wedding wien wiki wine work works world wtf xin xxx "
    "xyz yoga zone"
)
_LONG_ENDINGS = frozenset(_LONG_ENDINGS_WORDS.split())
_MAIL_HOST = re.compile(
    r"^(?:gmail|googlemail|hotmail|outlook|live|msn|yahoo|ymail|aol|icloud|me|gmx|web|mail|proton|protonmail|posteo|zoho|fastmail"
    r"|qq|foxmail|163|126|139|189|yeah|sina|sohu|aliyun|naver|yandex)\.[a-z.]{2,6}$",
    re.I,
)
_MAIL_WORD = re.compile(r"(?:e-?mail|mail|邮箱|邮件|信箱|contact|write)[^\n]{0,20}\Z", re.I)

_V4 = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9]|\.[0-9])")
_MAPPED = re.compile(r"(?<![0-9A-Za-z:])(?:0{0,4}:){0,5}:?ffff:\Z", re.I)
_V6 = re.compile(r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}(?:(?<=:)(?:[0-9]{1,3}\.){3}[0-9]{1,3})?")
_V6_BEFORE = re.compile(r"(?:::|(?<![0-9A-Za-z])[0-9A-Fa-f]{1,4}:)\Z")  # in the middle of an address
_VERSION_BEFORE = re.compile(
    r"(?:\bv|\bver\.?|version|release|\brev\.?|revision|build|firmware|section|chapter|clause|paragraph|appendix|table|figure|\bfig\.?|\boid|§"
    r"|版本号?|版|第|章节?|固件|补丁|编号|条款|附录|表|图)[\s:：为是=]*\Z",
    re.I | re.A,
)
_VERSION_AFTER = re.compile(r"\s?(?:版|节|章|条|款|release|build|version)")
_JOINED_BEFORE = re.compile(r"(?:[A-Za-z_]|[A-Za-z0-9_][-/\\])\Z")  # Chrome/1.2.3.4, package-1.2.3.4
_JOINED_AFTER = re.compile(r"[A-Za-z_]|-(?!(?:[0-9]{1,3}\.){3})[A-Za-z0-9]|\.[A-Za-z]")
_IP_WORD = re.compile(
    r"(?:\bip(?:v4)?\b|\baddr|\bhosts?\b|server|\bping\b|\bdns\b|gateway|\bfrom\b|client|log(?:ged )?-?in|\bssh\b"
    r"|proxy|traceroute|router|\bpeer\b"
    r"|\bnodes?\b|\bremote\b|\bsource\b|\bdst\b|\bsrc\b|whois|subnet|connect|listen|bind|blocked|banned|网关|地址|主机|服务器|来自|节点|登录|解析|代理|封禁)"
    r"[^\n]{0,24}\Z|://\Z|@\Z",
    re.I | re.A,
)
_PORT_AFTER = re.compile(r":[0-9]{2,5}(?![0-9.])|/[0-9]{1,2}(?![0-9./])| - - \[")


def find_email(text: str, at: int) -> Span | None:
    """The address around the "@" at a place of a text, as one writes it or with spaces around the sign."""
    local = _tail(text[max(0, at - 65) : at], _LOCAL_SIGNS).lstrip(".%+-'&")
    host = _HOST.match(text, at + 1)
    if local and host:
        start, name = at - len(local), host.group(1)
        free = text[max(0, start - 1) : start] not in ("@", "/")
        genuine = free and _is_mail_host(name) and _is_sender(local, text[max(0, start - 200) : start])
        return (start, host.end()) if genuine else None
    if text[at - 1 : at] in ("[", "(", "{", "<"):
        return find_disguised_email(text, at)
    return _find_spaced_email(text, at) if text[at - 1 : at + 2] == " @ " else None


def _find_spaced_email(text: str, at: int) -> Span | None:
    """ "name @ host.com": also how one says where, so only where the host or the name leaves no doubt."""
    local = _tail(text[max(0, at - 66) : at - 1], _LOCAL_SIGNS).lstrip(".%+-'&")
    host = _HOST.match(text, at + 2)
    if len(local) < 2 or not host or not _is_mail_host(host.group(1)) or local.lower() in _NOT_A_NAME:
        return None
    start = at - 1 - len(local)
    sure = (
        _MAIL_HOST.match(host.group(1))
        or re.search(r"[0-9._+-]", local)
        or _MAIL_WORD.search(text[max(0, start - 30) : start])
    )
    return (start, host.end()) if sure else None


def find_disguised_email(text: str, at: int) -> Span | None:
    """ "name [at] host [dot] org" and its like. ``at`` is the place of the word; spoken forms need a spoken dot."""
    sign = next(
        (found for found in _AT.finditer(text, max(0, at - 3), at + 6) if found.start() <= at < found.end()), None
    )
    host = sign and _SAID_HOST.match(text, sign.end())
    if not sign or not host:
        return None
    spoken = sign.group()[0] in " _" and not re.search(r"[\[({<]", sign.group())
    local = (_SPOKEN_LOCAL if spoken else _SAID_LOCAL).search(text, max(0, sign.start() - 64), sign.start())
    loud = sign.group() == " AT " and local is not None and not local.group().isupper()
    if not local or (spoken and not loud and not _SPOKEN_DOT.search(host.group())):
        return None
    name = _SAID_DOT.sub(".", host.group())
    words = {*local.group().lower().split(" dot "), *name.lower().split(".")[:-1]}
    return (local.start(), host.end()) if _is_mail_host(name) and not words & _NOT_A_NAME else None


def _tail(text: str, signs: str) -> str:
    return text[len(text.rstrip(signs)) :]


def _is_mail_host(host: str) -> bool:
    last = host.rpartition(".")[2].lower()
    known = len(last) == 2 or last in _LONG_ENDINGS or last.startswith("xn--")
    return known and last not in _FILE_ENDINGS and last not in _SYSTEMD_UNITS and not _EXAMPLE_HOST.search(host)


def _is_sender(local: str, before: str) -> bool:
    return (
        local.lower() not in _NOT_A_PERSON
        and len(local) <= 64
        and not _MESSAGE_ID.match(local)
        and not _IN_A_URL.search(before)
    )


def find_ips(text: str, start: int, end: int) -> Iterator[Span]:
    """The public IPv4 addresses that begin in a stretch of a text; a head that maps them into IPv6 is part of them."""
    if text.count(".", start, end) < 3:
        return
    for found in _V4.finditer(text, start, end + 2):
        if _is_public_v4(text, *found.span()):
            mapped = _MAPPED.search(text, max(0, found.start() - 32), found.start())
            yield (mapped.start() if mapped else found.start(), found.end())


def _is_public_v4(text: str, start: int, end: int) -> bool:
    found, before = text[start:end], text[max(0, start - 40) : start]
    address = _address(found)
    if address is None or not address.is_global or address.is_multicast:
        return False
    if _JOINED_AFTER.match(text, end) or _VERSION_AFTER.match(text, end) or _VERSION_BEFORE.search(before):
        return False
    if _JOINED_BEFORE.search(before):
        return False
    # Numbers of versions and sections are small, those of made-up addresses repeat: such ones need a word that says
    # "address". Of random public addresses one in 140 looks so.
    parts = found.split(".")
    doubtful = sum(int(part) < 32 for part in parts) >= 3 or len(set(parts)) < 3
    return not doubtful or bool(_IP_WORD.search(before)) or bool(_PORT_AFTER.match(text, end))


def find_v6(text: str, start: int) -> Span | None:
    """The global IPv6 address that begins at a place of a text."""
    found = _V6.match(text, start)
    if not found or _V6_BEFORE.search(text[max(0, start - 8) : start]):
        return None
    end = start + len(found.group().rstrip(":")) if not found.group().endswith("::") else found.end()
    address = _address(text[start:end])
    joined = re.match(r"[0-9A-Za-z_]|:[0-9A-Fa-f]", text[end : end + 2])
    return (start, end) if address and address.is_global and not address.is_multicast and not joined else None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
