"""One pass over a page's bytes: markup to blocks of text, the elements they stand in, and what the head says.

It is no full HTML parser: only elements that start a new line are put on the stack, inline markup merely marks the text
it holds. So misnested formatting, the reason why parsers rebuild trees, costs nothing, and the pass is linear.
Ends that are left out (p, li, dt, dd, tr, td) are implied as the standard says; an end tag without a start is ignored.
"""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled
from stages.html_layout import (
    A_CLOSED,
    A_CUES,
    A_MUTES,
    A_NOTED,
    A_TYPE_END,
    A_TYPE_START,
    BREAKS,
    DEPTH,
    IMAGES,
    IN_BOLD,
    IN_LINK,
    IN_PRE,
    INNER,
    INPUTS,
    LINK_DEPTH,
    LINK_END,
    LINKS,
    MAX_NOTED,
    MUTED_NEST,
    MUTED_TAG,
    N_TAG,
    NODES,
    NUM_STATE,
    OUT,
    PENDING,
    S_IMAGE,
    S_JSON_LD,
    S_MATH,
    S_SCRIPT_MATH,
    S_TAG,
    S_TITLE,
    SKIPPING,
    START,
    TITLED,
    TOO_DEEP,
)
from stages.html_tags import (
    BLOCK,
    BREAK,
    CUSTOM,
    FLAGS,
    HIDES,
    NOTED,
    RAW,
    VOID,
    tag,
)
from stages.tag_kernels import META_CUE, find, lower, read_attributes, read_name, words
from stages.tree_kernels import add_formula, add_span, close_element, flush, open_element, read_text, space

_A, _B, _STRONG, _TABLE, _TD, _TH, _MJX = (tag(name) for name in ("a", "b", "strong", "table", "td", "th", "mjx-math"))
_HTML, _HEAD, _BODY, _TITLE, _SCRIPT, _MATH, _IMG, _INPUT = (
    tag(name) for name in ("html", "head", "body", "title", "script", "math", "img", "input")
)
_LD_JSON, _MATH_TEX, _TEX, _MATH_WORD = words(b"ld+json", b"math/tex", b"tex", b"math")


@compiled
def _end_of_raw(data, i, n, start, size):
    """Where the end tag of a raw element, whose name lies at start, begins; the end of the data if it never comes."""
    while i < n:
        if data[i] == 60 and i + 1 + size < n and data[i + 1] == 47:
            k = 0
            while k < size and lower(data[i + 2 + k]) == lower(data[start + k]):
                k += 1
            if k == size:
                return i
        i += 1
    return n


@compiled
def _raw(data, number, name, size, i, n, spans, formulas, out, s):
    """Pass over the content of a raw element, keeping what is of use; returns where its end tag begins."""
    end = _end_of_raw(data, i, n, name, size)
    if number == _TITLE and not s[TITLED] and not s[SKIPPING]:
        add_span(S_TITLE, i, end, spans, s)
        s[TITLED] = 1
    elif number == _SCRIPT and s[A_TYPE_END] > s[A_TYPE_START]:
        if find(data, s[A_TYPE_START], s[A_TYPE_END], _LD_JSON) >= 0:
            add_span(S_JSON_LD, i, end, spans, s)
        elif find(data, s[A_TYPE_START], s[A_TYPE_END], _MATH_TEX) >= 0:
            add_formula(S_SCRIPT_MATH, name - 1, end, formulas, out, s)
    return end


@compiled
def _inline(data, number, at, end, formulas, out, s):
    """Take note of an element that stands inside a line."""
    if number == _A:
        if s[OUT] > s[START] and s[OUT] == s[LINK_END] and out[s[OUT] - 1] < 0x80:
            s[PENDING] = max(s[PENDING], 1)  # two links without a space between them show as two
        s[IN_LINK], s[LINK_DEPTH] = 1, s[DEPTH]
        s[LINKS] += 1
    elif number in (_B, _STRONG):
        s[IN_BOLD] = 1
    elif number == _IMG:
        s[IMAGES] += 1
        if find(data, at, end, _TEX) >= 0 or find(data, at, end, _MATH_WORD) >= 0:
            add_formula(S_IMAGE, at, end, formulas, out, s)
    elif number == _INPUT:
        s[INPUTS] += 1
    s[INNER] |= s[A_CUES] & ~HIDES  # formulas keep their source in hidden elements


@compiled
def _line_break(out, blocks, inner, stack, s):
    """A line break; two of them end the block."""
    if s[SKIPPING] or s[MUTED_NEST]:
        return
    if s[IN_PRE]:
        out[s[OUT]] = 10
        s[OUT] += 1
    elif s[PENDING] == 2:
        flush(out, blocks, inner, stack, s)
    elif s[OUT] > s[START]:
        s[PENDING] = 2
        s[BREAKS] += 1


@compiled
def _note(data, i, at, n, size, flags, spans, s):
    """Keep a start tag for the metadata, with what the element holds if it is short."""
    end = at
    if not flags & VOID:
        last = min(n, at + MAX_NOTED)
        end = _end_of_raw(data, at, last, i + 1, size)
    add_span(S_TAG, i, end, spans, s)


@compiled
def _start_tag(data, i, n, out, blocks, inner, nodes, masks, stack, opened, spans, formulas, s):
    """Read the start tag at i and act on it; returns the place after it, or after its raw content."""
    number, at = read_name(data, i + 1, n)
    size = at - i - 1
    at = read_attributes(data, at, n, s)
    flags = FLAGS[number]
    if s[MUTED_NEST]:
        s[MUTED_NEST] += number == s[MUTED_TAG] and not flags & VOID
    if (flags & NOTED or s[A_NOTED] or s[A_CUES] & META_CUE) and not s[SKIPPING]:
        _note(data, i, at, n, size, flags, spans, s)
    if flags & RAW and not (s[SKIPPING] and s[A_CLOSED]):  # <title/> closes itself inside an <svg>
        return _raw(data, number, i + 1, size, at, n, spans, formulas, out, s)
    if number == _MATH and not s[A_CLOSED]:
        end = _end_of_raw(data, at, n, i + 1, size)
        if end < n:
            add_formula(S_MATH, i, end, formulas, out, s)
            return end
    if flags & BREAK:
        _line_break(out, blocks, inner, stack, s)
    elif flags & BLOCK:
        open_element(number, out, blocks, inner, nodes, masks, stack, opened, s)
    else:
        _inline(data, number, i, at, formulas, out, s)
    # A formula that is shown twice, and the numbers beside lines of code; "gutter" elsewhere is a word of layout.
    mutes = s[A_MUTES] == 1 or number == _MJX or (s[A_MUTES] == 2 and (s[IN_PRE] or number in (_TD, _TH)))
    if mutes and not s[MUTED_NEST] and not flags & VOID:
        s[MUTED_TAG], s[MUTED_NEST] = number, 1
    return at


@compiled
def _end_tag(data, i, n, out, blocks, inner, nodes, stack, opened, s):
    """Read the end tag at i and act on it; returns the place after it."""
    number, at = read_name(data, i + 2, n)
    while at < n and data[at] != 62:
        at += 1
    if s[MUTED_NEST] and number == s[MUTED_TAG]:
        s[MUTED_NEST] -= 1
    flags = FLAGS[number]
    if number == _A:
        s[IN_LINK], s[LINK_END] = 0, s[OUT]
    elif number in (_B, _STRONG):
        s[IN_BOLD] = 0
    elif flags & BREAK:
        _line_break(out, blocks, inner, stack, s)
    elif flags & BLOCK and number not in (_HTML, _BODY, _HEAD) and (number != _MATH or opened[_MATH]):
        close_element(number, out, blocks, inner, nodes, stack, opened, s)
    return min(at + 1, n)


@compiled
def _declaration(data, i, n):
    """The place after a comment, a doctype or a processing instruction at i."""
    if i + 3 < n and data[i + 1] == 33 and data[i + 2] == 45 and data[i + 3] == 45:
        at = i + 4
        if at < n and data[at] == 62:
            return at + 1
        while at + 2 < n and not (data[at] == 45 and data[at + 1] == 45 and data[at + 2] == 62):
            at += 1
        return min(at + 3, n)
    at = i + 2
    while at < n and data[at] != 62:
        at += 1
    return min(at + 1, n)


@compiled
def scan(data, out, blocks, inner, nodes, masks, spans, formulas, max_depth):
    """Blocks, elements, head and formulas of a page.

    Args: data uint8 (n,), UTF-8; and to be filled: out uint8 (n + 64,), text, a line feed after each block; blocks
        int32 (t + 1, NUM_BLOCK) and inner int64 (t + 1,), the cues of a block's inline elements; nodes int32
        (t + 1, NUM_NODE), the first of which is the page, and masks int64 (t + 1,), their cues; spans int32
        (MAX_SPANS, 3) and formulas int32 (MAX_FORMULAS, 3): kind, start, end in data. t is the number of "<" in data.
    Out: the state, int64 (NUM_STATE,): OUT, BLOCKS, NODES, SPANS, FORMULAS tell what was filled, TOO_DEEP that elements
        nest deeper than max_depth.
    """
    n = len(data)
    s = np.zeros(NUM_STATE, np.int64)
    stack = np.zeros(max_depth + 1, np.int32)
    opened = np.zeros(CUSTOM + 1, np.int32)
    nodes[0, :] = 0
    nodes[0, N_TAG] = _BODY
    masks[0] = 0
    s[NODES] = 1
    i = 0
    while i < n and not s[TOO_DEEP]:
        if data[i] != 60:
            i = read_text(data, i, n, out, s)
        elif i + 1 < n and 97 <= (data[i + 1] | 32) <= 122:
            i = _start_tag(data, i, n, out, blocks, inner, nodes, masks, stack, opened, spans, formulas, s)
        elif i + 2 < n and data[i + 1] == 47 and 97 <= (data[i + 2] | 32) <= 122:
            i = _end_tag(data, i, n, out, blocks, inner, nodes, stack, opened, s)
        elif i + 1 < n and (data[i + 1] == 33 or data[i + 1] == 63 or data[i + 1] == 47):
            i = _declaration(data, i, n)
        else:
            if not s[SKIPPING] and not s[MUTED_NEST]:
                space(out, s)
                out[s[OUT]] = 60
                s[OUT] += 1
            i += 1
    flush(out, blocks, inner, stack, s)
    return s
