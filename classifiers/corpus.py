"""Texts of documentation packages, sorted into explanatory prose and everything else by their own lines."""

from __future__ import annotations

import email
import email.policy
import gettext
import gzip
import hashlib
import io
import math
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

HAN = re.compile("[\u4e00-\u9fff]")
# A line that a writer meant as a sentence or more: long enough, and closed as sentences are.
SENTENCE = {
    "en": re.compile(r"(?=(?:\S+\s+){8})[^{}<>|=\\]{60,}[.?!:;)\"'’”]$"),
    "zh": re.compile(r"(?=(?:[^\u4e00-\u9fff]*[\u4e00-\u9fff]){16})[^{}<>|=\\]{20,}[。！？：；）”.:]$"),
}


def sorted_texts(source: dict, language: str, limits: dict, root: Path, excluded: frozenset[str]) -> tuple[list, list]:
    """(positives, negatives) of one source, at most `cap` of each, in the order of their hash.

    Args: one entry of sources.toml; limits: its language's table; root: where the package is unpacked;
    excluded: sha256 of files that must not be used.
    """
    positives, negatives = [], []
    for path in files(source, root):
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() in excluded:
            continue
        for text in pieces(READERS[source.get("reader", "html")](data), limits, source.get("pieces", 1)):
            for kind, part in label(text, source["role"], language, limits):
                if len(part) >= limits["min_chars"] and han_share(part) >= limits["min_han"]:
                    (positives if kind else negatives).append(part)
    return capped(positives, source["cap"]), capped(negatives, source["cap"])


def files(source: dict, root: Path) -> list[Path]:
    """The files of a source, by its globs, without those it names under `not`."""
    found = {path for pattern in source["globs"] for path in root.glob(pattern) if path.is_file()}
    unwanted = source.get("not", [])
    return sorted(path for path in found if not any(fnmatch(path.name, pattern) for pattern in unwanted))


def label(text: str, role: str, language: str, limits: dict) -> Iterator[tuple[bool, str]]:
    """(positive?, text) for a piece: itself, and as a negative what is left of a positive without its sentences."""
    share = prose_share(text, language)
    if role == "noise":
        yield False, text
    elif share >= limits["positive_share"]:
        yield True, text
        yield False, "\n".join(line for line in text.splitlines() if not is_sentence(line, language))
    elif share <= limits["negative_share"]:
        yield False, text


def prose_share(text: str, language: str) -> float:
    """Share of the characters that stand in sentence lines, 0 to 1."""
    lines = text.splitlines()
    return sum(len(line) for line in lines if is_sentence(line, language)) / max(1, sum(map(len, lines)))


def han_share(text: str) -> float:
    """Chinese characters among those that are not white space, 0 to 1."""
    return len(HAN.findall(text)) / max(1, len("".join(text.split())))


def is_sentence(line: str, language: str) -> bool:
    """Whether a line reads as a sentence of the language."""
    return SENTENCE[language].match(line.strip()) is not None


def pieces(text: str, limits: dict, number: int) -> Iterator[str]:
    """Cut `number` runs of lines from a text, of lengths spread evenly on a log scale over `lengths`.

    Start and length follow from a hash of the text, so the same text always gives the same pieces.
    """
    lines = text.splitlines(keepends=True)
    low, high = map(math.log, limits["lengths"])
    for i in range(number if lines else 0):
        length, start = fractions(f"{i} {text}")
        wanted = math.exp(low + (high - low) * length)
        # One piece of a text starts near its top, as pages do; several are spread over it.
        first = int(start * len(lines)) if number > 1 else 0
        yield run_of_lines(lines[first:], wanted).strip()


def run_of_lines(lines: list[str], wanted: float) -> str:
    """The first lines up to about `wanted` characters, at least one."""
    taken, size = [], 0
    for line in lines:
        if taken and size + len(line) > wanted:
            break
        taken.append(line)
        size += len(line)
    return "".join(taken)


def fractions(text: str) -> tuple[float, float]:
    """Two numbers from 0 to 1 that follow from the text."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:4], "big") / 2**32, int.from_bytes(digest[4:8], "big") / 2**32


def capped(texts: list[str], cap: int) -> list[str]:
    """At most `cap` different texts, in the order of their hash."""
    return sorted(dict.fromkeys(texts), key=fractions)[:cap]


def read_html(data: bytes) -> str:
    """The main text of a page."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import detect_encoding

    return extract_plain_text(data.decode(detect_encoding(data) or "utf-8", "replace"), main_content=True)


def read_text(data: bytes) -> str:
    """A text file, gzipped or plain."""
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", "replace")


def read_mail(data: bytes) -> str:
    """Subject and text of a mail."""
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    part = next((part for part in message.walk() if part.get_content_maintype() == "text"), message)
    body = part.get_payload(decode=True)
    body = body if isinstance(body, bytes) else b""  # a multipart without text has none
    text = read_html(body) if part.get_content_subtype() == "html" else body.decode("latin-1")
    return "\n".join([str(message.get("Subject", "")), text])


def read_man(data: bytes) -> str:
    """A manual page without its roff macros, near enough for an example of what is not prose."""
    lines = (re.sub(r"^[.'](\\\"|[A-Za-z]+)\s*", "", line) for line in read_text(data).splitlines())
    return re.sub(r"\\f.|\\[-&|]|\\\(..", "", "\n".join(lines))


def read_mo(data: bytes) -> str:
    """The messages of a program: menu entries, buttons, errors."""
    catalogue = vars(gettext.GNUTranslations(io.BytesIO(data)))["_catalog"]
    return "\n".join(str(text).replace("\n", " ") for key, text in catalogue.items() if key and HAN.search(str(text)))


READERS: dict[str, Callable[[bytes], str]] = {
    "html": read_html,
    "text": read_text,
    "mail": read_mail,
    "man": read_man,
    "mo": read_mo,
}
