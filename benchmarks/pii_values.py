"""Made-up personal data in the forms in which people write it, for ``benchmarks.pii``. No value belongs to anyone.

The forms come from outside the detector: phonenumbers' example numbers and formats of all regions, the issuers' and
registries' documents, and the token formats that vendors publish.
"""

# ruff: noqa: E501  (one form a line reads best)

from __future__ import annotations

import base64
import ipaddress
import json
import random
import string
from collections.abc import Callable
from functools import cache

Form = Callable[[random.Random], str]

_DIGITS, _ALNUM = string.digits, string.ascii_letters + string.digits
_FULL_WIDTH = str.maketrans("0123456789X-+()", "０１２３４５６７８９Ｘ－＋（）")
_FIRST = ("jane", "omar", "li.wei", "s.okafor", "Marta", "k_nilsen", "zhangsan", "anne-marie", "TBrown", "wang1987")
_LAST = ("doe", "haddad", "schulz", "nguyen", "petrov", "chen88", "oneil", "garcia", "lin", "kowalska")
_HOSTS = (
    "gmail.com", "qq.com", "163.com", "mail.uni-freiburg.de", "bristol-archives.co.uk", "cs.tsinghua.edu.cn",
    "lumen.io", "foxmail.com", "post.sunrise.ch", "sina.com.cn", "acme-widgets.com", "posteo.net", "health.gov.au",
)  # fmt: skip
_COUNTIES = (
    "110101", "110105", "120103", "130102", "210202", "310104", "320106", "330106", "340102", "350203", "360102",
    "370202", "410102", "420106", "430102", "440106", "440305", "500103", "510104", "530102", "610103", "650102",
)  # fmt: skip


def _take(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choices(alphabet, k=count))


def _local(rng: random.Random) -> str:
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    shapes = (f"{first}.{last}", f"{first}{rng.randint(1, 9999)}", f"{first}+news", f"{last}_{first}", first + last)
    return rng.choice(shapes)


def _qq(rng: random.Random) -> str:
    return f"{rng.randint(10**7, 10**10)}@qq.com"


def _mail(at: str, dot: str = ".", dotted_local: bool = True) -> Form:
    """A mail address with ``at`` and ``dot`` written so; both as words leave a dot in the local part out."""

    def form(rng: random.Random) -> str:
        local = _local(rng) if dotted_local else rng.choice(_LAST)
        return f"{local}{at}{rng.choice(_HOSTS).replace('.', dot)}"

    return form


EMAIL: tuple[Form, ...] = (
    _mail("@"), _mail("@"), _mail(" [at] ", " [dot] "), _mail("(at)"), _mail("＠"), _mail("[at]"), _mail(" (at) "),
    _mail(" AT ", " DOT ", False), _mail(" at ", " dot ", False), _mail(" {at} ", " {dot} "), _mail("[at]", "[dot]"),
    _mail("(at)", "(dot)"), _qq, lambda rng: _mail("@")(rng).upper(), _mail(" @ "), _mail("[@]"),
)  # fmt: skip


def _v4(rng: random.Random) -> str:
    while not (address := ipaddress.IPv4Address(rng.getrandbits(32))).is_global or address.is_multicast:
        pass
    return str(address)


def _v6(rng: random.Random) -> ipaddress.IPv6Address:
    head = rng.choice((0x2001_4860, 0x2400_3200, 0x2409_8A28, 0x2603_400A, 0x2A02_26F0, 0x2606_4700))
    body = rng.getrandbits(96) if rng.random() < 0.5 else rng.getrandbits(16) << 80 | rng.getrandbits(20)
    return ipaddress.IPv6Address(head << 96 | body)


IP: tuple[Form, ...] = (
    _v4, _v4, lambda rng: str(_v6(rng)), lambda rng: _v6(rng).exploded, _v4, lambda rng: str(_v6(rng)).upper(),
    lambda rng: f"::ffff:{_v4(rng)}", _v4,
)  # fmt: skip


@cache
def _examples() -> tuple[tuple[str, object], ...]:
    """Region and example number of every fixed-line and mobile plan that phonenumbers knows."""
    import phonenumbers as library

    sorts = (library.PhoneNumberType.FIXED_LINE, library.PhoneNumberType.MOBILE)
    found = [
        (region, library.example_number_for_type(region, sort))
        for region in sorted(library.SUPPORTED_REGIONS)
        for sort in sorts
    ]
    return tuple((region, number) for region, number in found if number)


def _number(rng: random.Random, regions: tuple[str, ...] | None) -> object:
    """A valid number near an example: its last five digits drawn anew."""
    import phonenumbers as library

    wanted = [number for region, number in _examples() if regions is None or region in regions]
    base = rng.choice(wanted)
    for _ in range(50):
        tail = 10 ** min(5, len(str(base.national_number)) - 4)
        number = library.PhoneNumber(base.country_code, base.national_number // tail * tail + rng.randrange(tail))
        number.italian_leading_zero = base.italian_leading_zero
        if library.is_valid_number(number):
            return number
    return base


def _phone(style: str, regions: tuple[str, ...] | None = None, spaces: str = " ") -> Form:
    def form(rng: random.Random) -> str:
        import phonenumbers as library

        number = _number(rng, regions)
        return library.format_number(number, getattr(library.PhoneNumberFormat, style)).replace(" ", spaces)

    return form


def _mobile(groups: str) -> Form:
    """A Chinese mobile number; ``groups`` holds a # for each digit."""

    def form(rng: random.Random) -> str:
        head = rng.choice(("130", "135", "138", "139", "150", "158", "166", "177", "185", "186", "188", "191", "199"))
        digits = iter(head + _take(rng, _DIGITS, 8))
        return "".join(next(digits) if sign == "#" else sign for sign in groups)

    return form


def _landline(shape: str) -> Form:
    def form(rng: random.Random) -> str:
        area = rng.choice(("010", "021", "020", "0755", "0571", "028", "025", "0532", "0592", "022"))
        return shape.format(area, rng.choice("2568") + _take(rng, _DIGITS, 7 if area != "0592" else 6))

    return form


def _western(shape: str, country: str) -> Form:
    """Numbers of one country by hand: phonenumbers writes each in one style, people in several."""

    def form(rng: random.Random) -> str:
        starts = {"US": ("212", "415", "617", "312", "206"), "GB": ("7946", "7123", "8765"), "DE": ("8765", "3077")}
        return shape.format(rng.choice(starts[country]), rng.randint(200, 999), rng.randint(1000, 9999))

    return form


INTERNATIONAL: tuple[Form, ...] = (
    _phone("INTERNATIONAL"), _phone("E164"), _phone("INTERNATIONAL", ("US", "GB", "DE", "CN", "FR")),
    _phone("INTERNATIONAL", spaces="-"), _phone("E164", ("CN", "US", "GB", "IN")), _phone("INTERNATIONAL", spaces="."),
    _western("+44 (0)20 {0} {2}", "GB"), _phone("INTERNATIONAL", spaces="\u00a0"), _western("+49 (0)89 {0}{1}", "DE"),
    _western("0044 20 {0} {2}", "GB"), _mobile("+86 ### #### ####"), _western("+1 ({0}) {1}-{2}", "US"),
    _mobile("+86-###########"), _mobile("(+86)###########"), _mobile("0086-###-####-####"), _western("+1.{0}.{1}.{2}", "US"),
)  # fmt: skip
BARE: tuple[Form, ...] = (
    _mobile("###########"), _mobile("###-####-####"), _western("({0}) {1}-{2}", "US"), _landline("{}-{}"),
    _western("{0}-{1}-{2}", "US"), _mobile("### #### ####"), _landline("({}){}"), _western("020 {0} {2}", "GB"),
    lambda rng: _mobile("###########")(rng).translate(_FULL_WIDTH), _phone("NATIONAL", ("US", "CA")), _landline("({}) {}"),
    lambda rng: f"400-{rng.randint(600, 999)}-{rng.randint(1000, 9999)}", _western("1-{0}-{1}-{2}", "US"),
    _western("{0}.{1}.{2}", "US"), lambda rng: f"07{rng.randint(700, 999)} {rng.randint(100000, 999999)}", _landline("{} {}"),
)  # fmt: skip
_KNOWN = ("US", "CA", "CN", "GB", "DE", "FR", "AU", "JP", "KR", "TW", "HK", "IN", "IT", "ES", "BR", "NL", "CH", "SG")
LABELLED: tuple[Form, ...] = (
    _phone("NATIONAL", _KNOWN), _phone("NATIONAL", _KNOWN), _phone("NATIONAL", ("DE", "AT", "CH")),
    _phone("NATIONAL", _KNOWN, "-"), _phone("NATIONAL", ("GB", "AU", "IN")), _phone("NATIONAL", ("HK", "TW", "JP", "KR"), ""),
    lambda rng: _western("{0}{1}{2}", "US")(rng), _phone("NATIONAL", ("FR", "IT"), "."), _landline("{}{}"),
    lambda rng: _take(rng, "2568", 1) + _take(rng, _DIGITS, 7), _phone("NATIONAL", ("DE",), "/"), _phone("NATIONAL", _KNOWN, "\u00a0"),
    *BARE[:4],
)  # fmt: skip


def _resident(rng: random.Random) -> str:
    born = f"{rng.randint(1935, 2015)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    body = f"{rng.choice(_COUNTIES)}{born}{rng.randint(1, 999):03}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11]


def _spaced(number: str, sizes: tuple[int, ...], sign: str) -> str:
    rest, parts = number, []
    for size in sizes:
        parts.append(rest[:size])
        rest = rest[size:]
    return sign.join([*parts, rest] if rest else parts)


ID_NUMBER: tuple[Form, ...] = (
    _resident, _resident, lambda rng: _resident(rng).lower(), lambda rng: _spaced(_resident(rng), (6, 8, 4), " "),
    lambda rng: _resident(rng).translate(_FULL_WIDTH), _resident,
)  # fmt: skip


def _card(head: str, length: int, sizes: tuple[int, ...] = (), sign: str = " ") -> Form:
    """A number with an issuer's first digits and the Luhn check digit, in groups where sizes are given."""

    def form(rng: random.Random) -> str:
        body = head + _take(rng, _DIGITS, length - len(head) - 1)
        doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in body[::-2])
        number = body + str(-(doubled + sum(int(digit) for digit in body[-2::-2])) % 10)
        return _spaced(number, sizes, sign) if sizes else number

    return form


_FOURS = (4, 4, 4, 4)
CARD: tuple[Form, ...] = (
    _card("4539", 16), _card("4716", 16, _FOURS), _card("5425", 16, _FOURS), _card("5166", 16), _card("622202", 19),
    _card("621700", 19, _FOURS), _card("3782", 15, (4, 6, 5)), _card("3714", 15), _card("6011", 16, _FOURS, "-"),
    _card("6228", 16, _FOURS), _card("3566", 16, _FOURS), _card("2221", 16, _FOURS, "-"), _card("625965", 16),
    lambda rng: _card("622848", 19)(rng).translate(_FULL_WIDTH), _card("3056", 14, (4, 6, 4)), _card("4024", 16, _FOURS, "\u00a0"),
)  # fmt: skip


def _iban(country: str, plan: str, sign: str = "") -> Form:
    """``plan`` is the national part: n a digit, a a capital, c either."""

    def form(rng: random.Random) -> str:
        sets = {"n": _DIGITS, "a": string.ascii_uppercase, "c": string.ascii_uppercase + _DIGITS}
        national = "".join(rng.choice(sets[sort]) for sort in plan)
        value = int("".join(str(int(sign, 36)) for sign in f"{national}{country}00"))
        number = f"{country}{98 - value % 97:02}{national}"
        return sign.join(number[start : start + 4] for start in range(0, len(number), 4)) if sign else number

    return form


IBAN: tuple[Form, ...] = (
    _iban("DE", "n" * 18), _iban("DE", "n" * 18, " "), _iban("GB", "aaaa" + "n" * 14, " "), _iban("GB", "aaaa" + "n" * 14),
    _iban("CH", "n" * 5 + "c" * 12), _iban("AT", "n" * 16, " "), _iban("IE", "aaaa" + "n" * 14), _iban("AE", "n" * 19, " "),
    _iban("SA", "nn" + "c" * 18), _iban("LU", "nnn" + "c" * 13, " "), _iban("DK", "n" * 14, " "), _iban("RO", "aaaa" + "c" * 16),
)  # fmt: skip


def _token(head: str, count: int, alphabet: str = _ALNUM) -> Form:
    return lambda rng: head + _take(rng, alphabet, count)


def _jwt(rng: random.Random) -> str:
    parts = (
        {"alg": "HS256", "typ": "JWT"},
        {"sub": _take(rng, _DIGITS, 10), "name": rng.choice(_LAST), "iat": 1516239022},
    )
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, _take(rng, _ALNUM + "-_", 43)])


def _block(sort: str) -> Form:
    def form(rng: random.Random) -> str:
        lines = [_take(rng, _ALNUM + "+/", 64) for _ in range(rng.randint(6, 24))]
        return "\n".join([f"-----BEGIN {sort}-----", *lines, f"-----END {sort}-----"])

    return form


_HEX = "0123456789abcdef"
KEY: tuple[Form, ...] = (
    _token("AKIA", 16, string.ascii_uppercase + "234567"), _token("ASIA", 16, string.ascii_uppercase + "234567"),
    _token("ghp_", 36), _token("gho_", 36), _block("RSA PRIVATE KEY"), _block("OPENSSH PRIVATE KEY"), _jwt, _jwt,
    lambda rng: f"xoxb-{_take(rng, _DIGITS, 12)}-{_take(rng, _DIGITS, 13)}-{_take(rng, _ALNUM, 24)}",
    lambda rng: f"https://hooks.slack.com/services/T{_take(rng, _ALNUM, 8)}/B{_take(rng, _ALNUM, 8)}/{_take(rng, _ALNUM, 24)}",
    _token("sk_live_", 24), _token("rk_live_", 99), _token("AIza", 35, _ALNUM + "-_"), _token("GOCSPX-", 28, _ALNUM + "-_"),
    lambda rng: f"sk-{_take(rng, _ALNUM, 20)}T3BlbkFJ{_take(rng, _ALNUM, 20)}", _token("sk-proj-", 120, _ALNUM + "-_"),
    lambda rng: f"github_pat_{_take(rng, _ALNUM, 22)}_{_take(rng, _ALNUM, 59)}", _token("glpat-", 20, _ALNUM + "-_"),
    _token("sk-ant-api03-", 93, _ALNUM + "-_"), _token("npm_", 36), _token("pypi-AgEIcHlwaS5vcmc", 90, _ALNUM + "-_"),
    lambda rng: f"SG.{_take(rng, _ALNUM, 22)}.{_take(rng, _ALNUM, 43)}", _token("hf_", 34, string.ascii_letters), _block("PRIVATE KEY"),
    _token("dop_v1_", 64, _HEX), _token("shpat_", 32, _HEX), _block("EC PRIVATE KEY"), _token("SK", 32, _HEX),
)  # fmt: skip
