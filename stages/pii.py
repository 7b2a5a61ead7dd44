"""L1: personal data and secrets masked by kind, counted, never logged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pyarrow as pa

from stages.codepoints import view_text
from stages.contract import Config, Stage
from stages.pii_kernels import ACCOUNT, AT_SIGN, AT_WORD, COLONS, NUMBER, fold_signs, places
from stages.pii_network import find_disguised_email, find_email, find_ips, find_v6
from stages.pii_numbers import find_cards, find_iban, find_resident_ids
from stages.pii_phone import find_phones
from stages.pii_secrets import HINT, find_keys

if TYPE_CHECKING:
    import polars as pl

KindName = Literal["key", "email", "id_number", "card", "iban", "ip", "phone"]
Hit = tuple[int, int, str]  # first character, end, kind

KINDS: tuple[KindName, ...] = get_args(KindName)
MASKS: dict[str, str] = {
    "key": "<SECRET>",
    "email": "<EMAIL>",
    "id_number": "<ID_NUMBER>",
    "card": "<BANK_CARD>",
    "iban": "<IBAN>",
    "ip": "<IP_ADDRESS>",
    "phone": "<PHONE>",
}
# Of kinds that overlap the first is right: an IBAN holds what passes for a card, a card what passes for a phone.
_RANKS = {kind: rank for rank, kind in enumerate(("key", "email", "iban", "id_number", "card", "ip", "phone"))}
_KIND_OF_PLACE = {AT_SIGN: "email", AT_WORD: "email", COLONS: "ip", ACCOUNT: "iban"}
_NUMBER_FINDERS = {"id_number": find_resident_ids, "card": find_cards, "ip": find_ips, "phone": find_phones}
_NOT_DIGITS = re.compile(r"[^0-9.]")
_LONGEST_NUMBER = 40  # characters of a stretch that may be one number
_MOST_VALUES = 100  # of a row
# A masked row is looked at again, for what stood beside a value may have hidden another: "82.50.72.202 - 13812345678"
# reads as a sum until the address is gone. The rounds end, lest a row made of such chains takes quadratic time.
_MOST_ROUNDS = 10
_BEFORE, _AFTER = 210, 330  # characters around a place that decide on it


class MaskingError(RuntimeError):
    """Masking failed on a row. It names the sort of error only: the message of the error itself may hold a value."""


class PiiConfig(Config):
    """Which kinds are masked."""

    kinds: tuple[KindName, ...] = KINDS


def pii_stage(cfg: PiiConfig) -> Stage:
    """Mask personal data."""
    return Stage(
        name="pii",
        fn=pii,
        config=cfg,
        needs=("content",),
        adds=("pii_masked", *(f"pii.{kind}" for kind in KINDS)),
        replaces=("content",),
        version=3,
    )


def pii(batch: pa.Table, cfg: PiiConfig) -> pa.Table:
    """Replace personal data by the mask of its kind; a value that is found once is masked wherever its row repeats it.

    In:     content string (n,)
    Out:    the same rows with content replaced, pii_masked int32 (how many were), and one int32 count per kind:
            pii.key (<SECRET>: vendors' keys and tokens, private key blocks), pii.email (<EMAIL>: also "a [at] b [dot]
            org"), pii.id_number (<ID_NUMBER>: Chinese resident id, GB 11643), pii.card (<BANK_CARD>: issuer's prefix
            and length, Luhn), pii.iban (<IBAN>), pii.ip (<IP_ADDRESS>: public ones), pii.phone (<PHONE>: valid in a
            country's plan, or after a word such as "Tel").
            Zero for a kind that cfg.kinds leaves out, and for a row without text.
    Source: the checks and patterns of phonenumbers, python-stdnum, detect-secrets and ipaddress.
    Masking twice changes nothing more: a row is looked at until nothing is found.
    Limits: addresses of RFC 2606, private networks, version numbers and file names are left alone; names and postal
            addresses are not found.
    Errors: MaskingError, without a word of the text. None is known to come from content.
    """
    import polars as pl

    counts: dict[str, np.ndarray] = {kind: np.zeros(batch.num_rows, np.int32) for kind in KINDS}
    column = looked_at = pl.Series("content", batch["content"].combine_chunks(), dtype=pl.String)
    rows = np.arange(batch.num_rows)
    for _ in range(_MOST_ROUNDS):
        masked: dict[int, str] = {}
        for place, spots, keyed in _rows_to_look_at(looked_at, cfg):
            text = looked_at[place]
            if hits := _guarded_hits(text, spots, cfg.kinds, keyed):
                masked[place] = _replace(text, hits)
                for *_, kind in hits:
                    counts[kind][rows[place]] += 1
        if not masked:
            break
        looked_at = pl.Series("content", list(masked.values()), dtype=pl.String)
        rows = rows[list(masked)]
        column = column.scatter(rows, looked_at)
    content = column.to_arrow().cast(pa.string())
    batch = batch.set_column(batch.schema.get_field_index("content"), "content", content)
    total = np.sum(list(counts.values()), axis=0, dtype=np.int32)
    for name, values in (("pii_masked", total), *((f"pii.{kind}", counts[kind]) for kind in KINDS)):
        batch = batch.append_column(name, pa.array(values, pa.int32()))
    return batch


def _rows_to_look_at(column: pl.Series, cfg: PiiConfig) -> Iterator[tuple[int, np.ndarray, bool]]:
    """The rows that may hold something, the places to look at, and whether the head of a key was seen."""
    view = view_text(column.to_arrow())
    found, _ = places(view.data, view.offsets)
    rows, firsts = np.unique(found[:, 0], return_index=True)
    spots = dict(zip(rows.tolist(), np.split(found[:, 1:], firsts[1:]), strict=False))
    keyed = set(column.str.contains(HINT).fill_null(False).arg_true().to_list()) if "key" in cfg.kinds else set()
    none = found[:0, 1:]
    for row in sorted({*spots, *keyed}):
        yield row, spots.get(row, none), row in keyed


def _guarded_hits(text: str, spots: np.ndarray, kinds: Iterable[str], keyed: bool) -> list[Hit]:
    """The hits of a text. What fails is named without its message and its cause, which may quote the text."""
    try:
        return find_hits(text, spots, kinds, keyed)
    except Exception as error:
        sort = type(error).__name__
    raise MaskingError(f"masking failed with {sort}; its message is withheld, for it may quote the text")


def find_hits(text: str, spots: np.ndarray, kinds: Iterable[str], keyed: bool) -> list[Hit]:
    """What is to be masked, in order and without overlaps."""
    found: list[Hit] = [(*span, "key") for span in find_keys(text)] if keyed else []
    plain = text if text.isascii() else _folded(text)
    looked_at = spots.tolist()
    for start, end, place in looked_at:
        base = max(0, start - _BEFORE)
        window = plain[base : end + _AFTER]
        for first, last, kind in _at_place(window, start - base, end - base, place):
            if kind in kinds:
                found.append((first + base, last + base, kind))
    return _repeated(plain, looked_at, _disjoint(sorted(found, key=_rank))) if found else []


def _folded(text: str) -> str:
    """The text with full-width forms, spaces and hyphens as ASCII, sign for sign, so that places stay what they are."""
    signs = np.frombuffer(text.encode("utf-32-le"), np.uint32).copy()
    fold_signs(signs)
    return signs.tobytes().decode("utf-32-le")


def _at_place(window: str, start: int, end: int, place: int) -> Iterator[Hit]:
    if place == NUMBER:
        for kind, find in _NUMBER_FINDERS.items():
            yield from ((*span, kind) for span in find(window, start, end))
        return
    finder = {AT_SIGN: find_email, AT_WORD: find_disguised_email, COLONS: find_v6, ACCOUNT: find_iban}[place]
    if span := finder(window, start):
        yield (*span, _KIND_OF_PLACE[place])


def _rank(hit: Hit) -> tuple[int, Hit]:
    return _RANKS[hit[2]], hit


def _disjoint(hits: list[Hit]) -> list[Hit]:
    """Of overlapping hits the one that is named first stays; the rest in the order of the text."""
    taken = bytearray(max(end for _, end, _ in hits))
    kept: list[Hit] = []
    for start, end, kind in hits:
        if not any(taken[start:end]):
            taken[start:end] = b"\1" * (end - start)
            kept.append((start, end, kind))
    return sorted(kept)


def _repeated(text: str, spots: list[tuple[int, int, int]], hits: list[Hit]) -> list[Hit]:
    """The hits, and every other stretch of digits that is the number of one of them, whatever stands beside it."""
    known = {_digits(text[start:end]): kind for start, end, kind in hits if kind in _NUMBER_FINDERS}
    if not known:
        return hits
    stretches = [(start, end) for start, end, place in spots if place == NUMBER and end - start <= _LONGEST_NUMBER]
    more = [(start, end, known.get(_digits(text[start:end]))) for start, end in stretches]
    values = {text[start:end]: kind for start, end, kind in hits if kind in _NUMBER_FINDERS}
    if len(values) <= _MOST_VALUES:  # beside another number they are looked for one by one
        more += [
            (start + same.start(), start + same.end(), kind)
            for start, end in stretches
            for value, kind in values.items()
            for same in re.finditer(rf"(?<![0-9]){re.escape(value)}(?![0-9])", text[start:end])
        ]
    return _disjoint([*hits, *((start, end, kind) for start, end, kind in more if kind)])


def _digits(number: str) -> str:
    """A number without its spaces and brackets, but with the dots that make an address of it."""
    return _NOT_DIGITS.sub("", number)


def _replace(text: str, hits: list[Hit]) -> str:
    parts, place = [], 0
    for start, end, kind in hits:
        parts += [text[place:start], MASKS[kind]]
        place = end
    return "".join([*parts, text[place:]])
