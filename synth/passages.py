"""Cutting a document into passages at paragraph ends, and a passage into the spans that questions are asked about.

Everything is a pair of offsets into the document, in characters, so that a row can say where its source stands.
A paragraph is a line: extraction writes one paragraph a line, and blank lines between some of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from synth.mathematics import TEX

Span = tuple[int, int]  # start and end, in characters of the document

LINE = re.compile(r"[^\n]*\S[^\n]*")
# After the stop of a sentence; in Chinese no space follows it. "e.g. x" and "3. x" do not end one.
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])|(?<=[。！？])[”’」』）]*")
STOPS = tuple(".!?:;。！？：；…\"')”’」』）")
# What opens so leans on the sentence before it; a question about it could not be understood alone.
LEANING = re.compile(
    r"[\W\d]*(?:(?:this|these|that|those|it|its|they|their|he|she|such|so|then|thus|hence|therefore|however|but|and|or"
    r"|also|likewise|similarly|otherwise|instead|moreover|furthermore|additionally|finally|see|note|here|there|another"
    r"|in this|in that|the (?:former|latter|first|second|third|following|above|same|other|idea|example)"
    r"|for (?:example|instance|this)|if so|as (?:a result|such|above)|next|once|both|each|either)\b"
    r"|这|那|它|他|她|其|此|该|因此|所以|然而|但|不过|另外|此外|例如|比如|同样|于是|接着|然后|而且|并且|即|上述|以上|如下)",
    re.IGNORECASE,
)
# What opens a sentence before its subject, or in place of one. Of questions about such sentences the small bundled
# model got 19% past the checks, about others 30%.
OPENING = re.compile(
    r"\W*(?:(?:in|on|at|for|if|when|while|as|since|to|with|without|from|by|after|before|during|depending|although|though"
    r"|because|unless|until|among|between|despite|under|over|through|within|of|prior|according|now|sometimes|usually"
    r"|often|generally|indeed|simply|maybe|perhaps|please|let|you|we|i|your|our|my|some|many|most|any|only|all|no|not|none"
    r"|even|just|several|other|others|everything|nothing|someone|one|do|don't|make|run|select|choose|type|enter|press|set"
    r"|add|create|check|remember|keep|look|try|consider|beware|thanks|where|what|who|how|why|whether|first|second|third)\b"
    r"|在|当|如果|若|对于|为了|由于|虽然|尽管|请|您|你|我|可以|有些|有时|通常|一般|首先|最后|目前|现在|如|从|通过|除|根据|只)",
    re.IGNORECASE,
)
LETTER = re.compile(r"[^\W\d_]")


def paragraphs(text: str, within: Span | None = None) -> list[Span]:
    """The lines of a text that hold anything, without the white space around them."""
    start, end = within or (0, len(text))
    return [_trim(text, (match.start(), match.end())) for match in LINE.finditer(text, start, end)]


def sentences(text: str, within: Span | None = None) -> list[Span]:
    """The sentences of a text; none crosses a line end."""
    return [piece for line in paragraphs(text, within) for piece in _split_line(text, line)]


def _split_line(text: str, line: Span) -> Iterator[Span]:
    start = line[0]
    for match in SENTENCE_END.finditer(text, *line):
        if match.end() > start and text[start : match.end()].strip():
            yield _trim(text, (start, match.end()))
            start = match.end()
    if text[start : line[1]].strip():
        yield _trim(text, (start, line[1]))


def _trim(text: str, span: Span) -> Span:
    piece = text[slice(*span)]
    return span[0] + len(piece) - len(piece.lstrip()), span[1] - (len(piece) - len(piece.rstrip()))


def is_prose(text: str, span: Span, min_chars: int) -> bool:
    """Whether a paragraph is running text: long enough, ending in a stop, and mostly letters (not code or a table),
    formulas left out of the count."""
    piece = text[slice(*span)]
    if len(piece) < min_chars or not piece.endswith(STOPS):
        return False
    piece = TEX.sub(" x ", piece)
    return len(LETTER.findall(piece)) / len(re.sub(r"\s", "", piece)) >= 0.8


def cut_passages(text: str, min_chars: int, max_chars: int, min_prose_chars: int, min_prose_ratio: float) -> list[Span]:
    """Passages worth asking about, in order, each of whole paragraphs.

    Args: bounds of a passage; a paragraph counts as prose from min_prose_chars on, and prose makes up at least
        min_prose_ratio of a passage's characters.
    Returns: non-overlapping spans of at most max_chars; a paragraph longer than that is cut at sentence ends.
    """
    return [
        span
        for span in _pack(_pieces(text, paragraphs(text), max_chars), max_chars)
        if span[1] - span[0] >= min_chars and _prose_ratio(text, span, min_prose_chars) >= min_prose_ratio
    ]


def cut_targets(text: str, passage: Span, min_chars: int, max_chars: int) -> list[Span]:
    """Spans of a passage to ask one question each about: prose paragraphs, long ones cut at sentence ends.

    Those that open with a word leaning on what stands before, or that ask, are left out.
    """
    prose = [line for line in paragraphs(text, passage) if is_prose(text, line, min_chars)]
    pieces = [span for line in prose for span in _pack(_pieces(text, [line], max_chars), max_chars)]
    return [span for span in pieces if span[1] - span[0] >= min_chars and not _is_poor_target(text, span)]


def cut_sentences(text: str, passage: Span, min_chars: int, max_chars: int) -> list[Span]:
    """Sentences of a passage that can be the answer to a question: of prose, ended by a full stop, each understood
    alone as far as its opening tells."""
    prose = [line for line in paragraphs(text, passage) if is_prose(text, line, min_chars)]
    return [
        (start, end)
        for line in prose
        for start, end in _split_line(text, line)
        if min_chars <= end - start <= max_chars and text[end - 1] in ".。" and not _is_poor_target(text, (start, end))
    ]


def opens_with_subject(text: str, span: Span) -> bool:
    """Whether a sentence starts with what it is about, as far as its first word tells."""
    return OPENING.match(text, *span) is None


def surroundings(text: str, passage: Span, target: Span, max_chars: int) -> Span:
    """The target with whole sentences of its passage around it, after and before it in turn, as far as the budget
    goes; the target alone where nothing more fits."""
    found = sentences(text, passage)
    before = [start for start, _ in found if start < target[0]]
    after = [end for _, end in found if end > target[1]]
    start, end = target
    grown = True
    while grown:
        grown = False
        if after and after[0] - start <= max_chars:
            end, grown = after.pop(0), True
        if before and end - before[-1] <= max_chars:
            start, grown = before.pop(), True
    return start, end


def overlapped(text: str, passage: Span, max_chars: int) -> Span:
    """The passage from up to so many characters earlier: from a paragraph's start, or else a sentence's, where one
    begins among them."""
    earliest = max(0, passage[0] - max_chars)
    for starts in (paragraphs(text, (0, passage[0])), sentences(text, (0, passage[0]))):
        fitting = [start for start, _ in starts if start >= earliest]
        if fitting:
            return fitting[0], passage[1]
    return passage


def _is_poor_target(text: str, span: Span) -> bool:
    """Whether a span leans on what stands before it, or asks something itself."""
    return LEANING.match(text, *span) is not None or any(mark in text[slice(*span)] for mark in ("?", "\uff1f"))


def _pieces(text: str, lines: list[Span], max_chars: int) -> Iterator[Span]:
    """Paragraphs that fit, and the sentences of those that do not."""
    for line in lines:
        if line[1] - line[0] <= max_chars:
            yield line
        else:
            yield from (piece for piece in _split_line(text, line) if piece[1] - piece[0] <= max_chars)


def _pack(pieces: Iterator[Span], max_chars: int) -> Iterator[Span]:
    """Join neighbours as long as the whole stays within the budget."""
    current: Span | None = None
    for piece in pieces:
        if current is not None and piece[1] - current[0] <= max_chars:
            current = (current[0], piece[1])
            continue
        if current is not None:
            yield current
        current = piece
    if current is not None:
        yield current


def _prose_ratio(text: str, passage: Span, min_prose_chars: int) -> float:
    prose = sum(
        end - start for start, end in paragraphs(text, passage) if is_prose(text, (start, end), min_prose_chars)
    )
    return prose / (passage[1] - passage[0])
