"""L1: personal data and secrets masked by kind, counted, never logged."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import polars as pl
import pyarrow as pa

from stages.contract import Config, Stage

KindName = Literal["key", "email", "id_number", "card", "ip", "phone"]

# Hosts of manuals (RFC 2606, RFC 6761), then endings of what is not a host.
_EXAMPLE_HOST = re.compile(r"(^|\.)(example(\.(com|org|net|edu|cn))?|test|invalid|localhost|local|localdomain)$", re.I)
_FILE_ENDINGS = ("png", "jpg", "jpeg", "gif", "svg", "webp", "html", "js", "css", "py", "so", "txt", "conf")
_SYSTEMD_UNITS = ("service", "socket", "target", "timer", "mount", "slice", "scope")  # user@1000.service
_NOT_A_PERSON = frozenset(("git", "hg", "svn"))  # git@host:path is how one clones
_VERSION_BEFORE = re.compile(r"(?:\bv|\bver\.?|version|release|rev\.?|section|chapter|版本|版|第)[\s:：]*$", re.I)
_POWERS_OF_TWO = frozenset((str(2**34), str(2**34 - 1)))  # eleven digits that read as a Chinese mobile number


class PiiConfig(Config):
    """Which kinds are masked, in the order of KindName."""

    kinds: tuple[KindName, ...] = ("key", "email", "id_number", "card", "ip", "phone")


@dataclass(frozen=True)
class Kind:
    """One kind of personal data: how it looks, how a hit is told from a look-alike, and what takes its place."""

    name: KindName
    mask: str
    hint: str  # Rust regex without look-around; rows without it are not looked at
    pattern: re.Pattern[str]
    genuine: Callable[[re.Match[str]], bool]


def pii_stage(cfg: PiiConfig) -> Stage:
    """Mask personal data."""
    return Stage(
        name="pii",
        fn=pii,
        config=cfg,
        needs=("content",),
        adds=("pii_masked", *(f"pii.{kind.name}" for kind in KINDS)),
        replaces=("content",),
    )


def pii(batch: pa.Table, cfg: PiiConfig) -> pa.Table:
    """Replace personal data by the mask of its kind.

    In:     content string (n,)
    Out:    the same rows with content replaced, pii_masked int32 (how many were), and one int32 count per kind:
            pii.key (<SECRET>: AWS, GitHub, Slack, Google and OpenAI keys, tokens, private key blocks), pii.email
            (<EMAIL>), pii.id_number (<ID_NUMBER>: Chinese resident id with a valid check digit), pii.card
            (<BANK_CARD>: issuer prefix and Luhn), pii.ip (<IP_ADDRESS>: public addresses), pii.phone (<PHONE>:
            Chinese mobile and landline, North American, "+" international, or after a word such as "Tel").
            Zero for a kind that cfg.kinds leaves out, and for a row without text.
    Limits: addresses of RFC 2606, private networks, version numbers and file names are left alone; names and postal
            addresses are not found.
    Errors: none from content.
    """
    text = pl.Series("content", batch["content"].combine_chunks(), dtype=pl.String)
    counts = {kind.name: np.zeros(len(text), np.int32) for kind in KINDS}
    for kind in KINDS:
        if kind.name in cfg.kinds:
            text = _mask_column(text, kind, counts[kind.name])
    total = np.sum(list(counts.values()), axis=0, dtype=np.int32)
    content = text.to_arrow().cast(pa.string())
    batch = batch.set_column(batch.schema.get_field_index("content"), "content", content)
    batch = batch.append_column("pii_masked", pa.array(total, pa.int32()))
    for name, values in counts.items():
        batch = batch.append_column(f"pii.{name}", pa.array(values, pa.int32()))
    return batch


def _mask_column(text: pl.Series, kind: Kind, counts: np.ndarray) -> pl.Series:
    """Mask one kind in the rows that hint at it, and write their counts."""
    rows = text.str.contains(kind.hint).fill_null(False).arg_true().to_list()
    masked: list[str] = []
    for row in rows:
        value, counts[row] = mask(text[row], kind)
        masked.append(value)
    return text.scatter(rows, masked) if rows else text


def mask(text: str, kind: Kind) -> tuple[str, int]:
    """The text with every genuine hit masked, and how many there were."""
    hits = 0

    def put(match: re.Match[str]) -> str:
        nonlocal hits
        if not kind.genuine(match):
            return match.group()
        hits += 1
        return (match.groupdict().get("before") or "") + kind.mask

    return kind.pattern.sub(put, text), hits


def is_resident_id(number: str) -> bool:
    """Whether 18 characters are a Chinese resident id: a region, a birthday, an ISO 7064 MOD 11-2 check (GB 11643)."""
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return 1900 <= born.year <= 2099 and number[0] in "12345678" and "10X98765432"[total % 11] == number[17].upper()


def is_luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check of the others (ISO/IEC 7812)."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in digits[-1::-2])) % 10 == 0


def _is_card(match: re.Match[str]) -> bool:
    digits = re.sub(r"\D", "", match.group())
    issued = {15: r"3[47]", 16: r"4|5[1-5]|2[2-7]|6[0245]|35"}.get(len(digits), r"62")
    return bool(re.match(issued, digits)) and len(set(digits)) > 2 and is_luhn(digits)


def _is_email(match: re.Match[str]) -> bool:
    local, _, host = match.group().rpartition("@")
    last = host.rpartition(".")[2].lower()
    is_host = last not in _FILE_ENDINGS and last not in _SYSTEMD_UNITS and not _EXAMPLE_HOST.search(host)
    return is_host and local.lower() not in _NOT_A_PERSON


def _is_public_ip(match: re.Match[str]) -> bool:
    found = match.group()
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        return False
    if address.version == 6:
        return address.is_global
    # Numbers of versions and sections are small, those of made-up addresses repeat; of public addresses one in 140
    # looks like the former, and stays.
    parts = found.split(".")
    made_up = sum(int(part) < 32 for part in parts) >= 3 or len(set(parts)) < 3
    before = match.string[max(0, match.start() - 12) : match.start()]
    return address.is_global and not address.is_multicast and not made_up and not _VERSION_BEFORE.search(before)


def _is_phone(match: re.Match[str]) -> bool:
    digits = re.sub(r"\D", "", match.group())
    enough = 9 if match.group().startswith("+") else 7
    return enough <= len(digits) <= 15 and digits not in _POWERS_OF_TWO and len(set(digits)) > 2


_CN_MOBILE = r"(?:(?:\+|00)?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}"
_CN_LANDLINE = r"\(?0\d{2,3}\)?[- ]\d{7,8}"
_NORTH_AMERICAN = r"(?:\+?1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-.])[2-9]\d{2}[-. ]\d{4}"
_INTERNATIONAL = r"\+[1-9]\d{9,14}|\+[1-9]\d{0,2}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{1,5}(?:[ -]\d{2,8}){1,4}"
_PHONE_WORD = r"(?:\btel|\btelephone|phone|\bfax|\bmobile|电话|手机|手机号|传真|座机)\.?(?:: ?|：)"
_PRIVATE_KEY = r"(?:[A-Z]{2,10} )?PRIVATE KEY-----"
_DIGITS_BEFORE, _DIGITS_AFTER = r"(?<![\w./=+-])", r"(?![\w/-]|[.,]\d)"  # not inside a number, a path or an identifier

KINDS = (  # the most specific first: what is masked is not looked at again
    Kind(
        "key",
        "<SECRET>",
        r"AKIA|ASIA|gh[pousr]_|github_pat_|xox[abprs]-|AIza|sk-|eyJ|PRIVATE KEY",
        re.compile(
            r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{60,90}\b"
            r"|\bxox[abprs]-[\w-]{20,90}|\bAIza[\w-]{35}|\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,200}"
            r"|\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{20,1000}"
            rf"|-----BEGIN {_PRIVATE_KEY}[A-Za-z0-9+/=\s:,-]{{100,8000}}?-----END {_PRIVATE_KEY}",
            re.A,
        ),
        lambda match: "EXAMPLE" not in match.group(),
    ),
    Kind(
        "email",
        "<EMAIL>",
        r"[A-Za-z0-9_%+-]@[A-Za-z0-9-]+\.[A-Za-z]",
        re.compile(
            r"(?<![\w.%+@/-])[A-Za-z0-9_][\w.%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@-])", re.A
        ),
        _is_email,
    ),
    Kind(
        "id_number",
        "<ID_NUMBER>",
        r"[1-8]\d{16}[\dXx]",
        re.compile(_DIGITS_BEFORE + r"[1-8]\d{16}[\dXx]" + _DIGITS_AFTER, re.A),
        lambda match: is_resident_id(match.group()),
    ),
    Kind(
        "card",
        "<BANK_CARD>",
        r"[2-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{3}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5}",
        re.compile(
            _DIGITS_BEFORE
            + r"(?:[2-6]\d{3}([ -]?)\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|3[47]\d{2}([ -]?)\d{6}\2\d{5})"
            + _DIGITS_AFTER,
            re.A,
        ),
        _is_card,
    ),
    Kind(
        "ip",
        "<IP_ADDRESS>",
        r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2}",
        re.compile(
            r"(?<![\w.:-])(?:(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)"
            r"|[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![\w:]))",
            re.A,
        ),
        _is_public_ip,
    ),
    Kind(
        "phone",
        "<PHONE>",
        r"1[3-9]\d[- ]?\d{4}[- ]?\d{4}|0\d{2,3}\)?[- ]\d{7}|[2-9]\d{2}(\) ?|[-.])[2-9]\d{2}[-. ]\d{4}"
        r"|\+[1-9][ ()\d-]{8}|(?i)(tel|telephone|phone|fax|mobile|电话|手机|手机号|传真|座机)\.?(: ?|：)[+(\d]",
        re.compile(
            rf"(?P<before>(?i:{_PHONE_WORD}))[+(]?\d[\d() .-]{{5,18}}\d(?!\d)"
            rf"|{_DIGITS_BEFORE}(?:{_CN_MOBILE}|{_CN_LANDLINE}|{_NORTH_AMERICAN}|{_INTERNATIONAL}){_DIGITS_AFTER}",
            re.A,
        ),
        _is_phone,
    ),
)
