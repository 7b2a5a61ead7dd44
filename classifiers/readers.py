"""Files of packages as texts: mail, manual pages, message catalogues, dictionaries, documentation in XML and so on."""

from __future__ import annotations

import base64
import email
import email.policy
import gettext
import gzip
import io
import json
import re
from collections.abc import Callable

from classifiers.corpus import HAN

# Elements of DocBook and of GNOME's Mallard, and what they are in HTML; others keep names that mean nothing there.
_HTML_NAMES = {
    "para": "p",
    "simpara": "p",
    "itemizedlist": "ul",
    "orderedlist": "ol",
    "list": "ul",
    "steps": "ol",
    "listitem": "li",
    "item": "li",
    "programlisting": "pre",
    "screen": "pre",
    "informaltable": "table",
    "row": "tr",
    "entry": "td",
    "page": "main",
    "chapter": "main",
    "sect1": "section",
    "sect2": "section",
}
_XML_DROPPED = re.compile(r"(?s)<(info|bookinfo|chapterinfo|sect1info|indexterm)\b.*?</\1>|<[?!][^>]*>|<!--.*?-->")
_XML_TAG = re.compile(r"<(/?)([a-zA-Z0-9]+)([^>]*)>")
_MAN_MACRO = re.compile(r"^[.'](\\\"|[A-Za-z]+)\s*")
_MAN_ESCAPE = re.compile(r"\\f.|\\[-&|]|\\\(..")
_FRONT_MATTER = re.compile(r"(?s)\A---\n.*?\n---\n")
_ENTRY = re.compile(r"\n(?=\S)")  # a headword at the margin
_BLANK_LINES = re.compile(r"\n[ \t]*\n")
_MIN_ENTRY = 300  # characters from which a dictionary's entry explains rather than refers


def read_text(data: bytes) -> str:
    """A text file, gzipped or plain."""
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", "replace")


def read_markdown(data: bytes) -> str:
    """A Markdown file without the fields at its top."""
    return _FRONT_MATTER.sub("", read_text(data))


def read_mail(data: bytes) -> str:
    """Subject and text of a mail; HTML without its tags."""
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    part = next((part for part in message.walk() if part.get_content_maintype() == "text"), message)
    body = part.get_payload(decode=True)
    text = body.decode("latin-1") if isinstance(body, bytes) else ""  # a multipart without text has none
    if part.get_content_subtype() == "html":
        text = re.sub(r"\s*\n\s*", "\n", re.sub(r"(?s)<(style|script)\b.*?</\1>|<[^>]*>", "", text))
    return "\n".join([str(message.get("Subject", "")), text])


def read_man(data: bytes) -> str:
    """A manual page without its roff macros, near enough for an example of what is not prose."""
    lines = (_MAN_MACRO.sub("", line) for line in read_text(data).splitlines())
    return _MAN_ESCAPE.sub("", "\n".join(lines))


def read_mo(data: bytes) -> str:
    """The messages of a program as its users see them: menu entries, buttons, errors."""
    catalogue = vars(gettext.GNUTranslations(io.BytesIO(data)))["_catalog"]
    return "\n".join(str(text).replace("\n", " ") for key, text in catalogue.items() if key)


def read_messages(data: bytes) -> str:
    """The messages of a program, in JSON: one a line."""
    values = json.loads(data)
    return "\n".join(" ".join(text.split()) for key, text in values.items() if isinstance(text, str) and key[0] != "@")


def read_strings(data: bytes) -> str:
    """A JSON list of sentences, one a line."""
    return "\n".join(" ".join(str(text).split()) for text in json.loads(data))


def read_dialogue(data: bytes) -> str:
    """The lines of a conversation in YAML, without the marks of its lists."""
    return "\n".join(line.strip(" -\"'") for line in read_text(data).splitlines() if line.lstrip().startswith("-"))


def read_dictionary(data: bytes) -> str:
    """The longer entries of a dictionary in dictd's form: headword as a heading, indented paragraphs joined."""
    found = []
    for entry in _ENTRY.split(read_text(data)):
        head, _, body = entry.partition("\n")
        if len(body) >= _MIN_ENTRY:
            paragraphs = (" ".join(part.split()) for part in _BLANK_LINES.split(body))
            found.append(
                "\n\n".join([f"## {head.strip()}", *filter(None, paragraphs)]).replace("{", "").replace("}", "")
            )
    return "\n\n".join(found)


def read_tagged(data: bytes) -> str:
    """A corpus with a part of speech behind every word, word/tag, as the text it was; a paragraph a line."""
    text = re.sub(r"(\S+)/\S+", r"\1", read_text(data))
    parted = r"\n" if HAN.search(text) else r"\n[ \t]*\n|\n\t"  # where a paragraph ends
    lines = (" ".join(part.split()) for part in re.split(parted, text))
    return "\n\n".join(filter(None, map(_untokenised, lines)))


def _untokenised(line: str) -> str:
    """Words and punctuation as they are printed: no space before a stop, none at all between Chinese words."""
    if HAN.search(line):
        return re.sub(r"\s+", "", line).translate({code: code - 0xFEE0 for code in range(0xFF10, 0xFF1A)})
    line = re.sub(r" ([.,;:!?)]|'s\b|'')", r"\1", line).replace("`` ", '"').replace("''", '"').replace("( ", "(")
    return re.sub(r"([.,;:!?])\1+", r"\1", line)


def read_xml(data: bytes) -> bytes:
    """A page of DocBook or Mallard as HTML, near enough for its text."""
    import bz2

    data = bz2.decompress(data) if data[:3] == b"BZh" else data
    text = _XML_DROPPED.sub("", data.decode("utf-8", "replace"))
    depth = text.count("<title")  # a page has one title on top; the others are headings of its sections
    text = re.sub(r"<title\b[^>]*>(.*?)</title>", r"<h2>\1</h2>", text, flags=re.S) if depth else text
    text = re.sub(r"&(?!#?(?:amp|lt|gt|quot|\d+|x[0-9a-fA-F]+);)([\w.-]+);", r"\1", text)
    body = _XML_TAG.sub(lambda tag: f"<{tag[1]}{_HTML_NAMES.get(tag[2], tag[2])}>", text)
    return f'<html><meta charset="utf-8"><body>{body}</body></html>'.encode()


def read_plain_html(data: bytes) -> bytes:
    """A piece of a page as a whole page."""
    return b'<html><meta charset="utf-8"><body><main>' + data + b"</main></body></html>"


def read_base64(data: bytes) -> str:
    """Bytes as a mail or a style sheet carries them."""
    return base64.encodebytes(data[:60_000]).decode("ascii")


def read_hex(data: bytes) -> str:
    """Bytes as a debugger shows them."""
    rows = (data[k : k + 16] for k in range(0, min(len(data), 20_000), 16))
    return "\n".join(f"{16 * k:08x}  {row.hex(' ')}  |{row.decode('latin-1')!r}|" for k, row in enumerate(rows))


# Pages go through the project's own extraction, the others are texts already.
PAGE_READERS: dict[str, Callable[[bytes], bytes]] = {"html": bytes, "xml": read_xml, "fragment": read_plain_html}
TEXT_READERS: dict[str, Callable[[bytes], str]] = {
    "text": read_text,
    "markdown": read_markdown,
    "mail": read_mail,
    "man": read_man,
    "mo": read_mo,
    "messages": read_messages,
    "strings": read_strings,
    "dialogue": read_dialogue,
    "dictionary": read_dictionary,
    "tagged": read_tagged,
    "base64": read_base64,
    "hex": read_hex,
}
