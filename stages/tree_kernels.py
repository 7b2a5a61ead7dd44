"""Text into blocks, and the stack of elements they stand in."""

from __future__ import annotations

from stages.compiled import compiled
from stages.html_layout import (
    A_CLOSED,
    A_CUES,
    A_ORDER,
    B_BOLD,
    B_BREAKS,
    B_END,
    B_IMAGES,
    B_INPUTS,
    B_LINKED,
    B_LINKS,
    B_NODE,
    B_START,
    BLOCKS,
    BOLD,
    BREAKS,
    DEPTH,
    FORMULA_END,
    FORMULA_MARK,
    FORMULAS,
    IMAGES,
    IN_BOLD,
    IN_LINK,
    IN_PRE,
    INNER,
    INPUTS,
    LINK_DEPTH,
    LINKED,
    LINKS,
    MAX_FORMULAS,
    MAX_SPANS,
    MUTED_NEST,
    N_DEPTH,
    N_FIRST,
    N_ORDER,
    N_PARENT,
    N_TAG,
    NODES,
    OUT,
    PENDING,
    SKIPPING,
    SPANS,
    START,
    TOO_DEEP,
)
from stages.html_tags import (
    CLOSES_P,
    ELEMENT_CUES,
    FLAGS,
    HEADING,
    PRE,
    SCOPE,
    SKIP,
    VOID,
    tag,
)
from stages.tag_kernels import is_space

_P, _LI, _UL, _OL, _DL, _DT, _DD = (tag(name) for name in ("p", "li", "ul", "ol", "dl", "dt", "dd"))
_TABLE, _TR, _TD, _TH, _TBODY, _THEAD, _TFOOT, _CAPTION = (
    tag(name) for name in ("table", "tr", "td", "th", "tbody", "thead", "tfoot", "caption")
)
_HTML, _HEAD, _BODY, _MATH, _SVG = (tag(name) for name in ("html", "head", "body", "math", "svg"))


@compiled
def flush(out, blocks, inner, stack, s):
    """End the block at hand, if it holds text."""
    if s[OUT] > s[START]:
        row = blocks[s[BLOCKS]]
        row[B_START], row[B_END], row[B_NODE] = s[START], s[OUT], stack[s[DEPTH]]
        row[B_LINKED], row[B_LINKS], row[B_BOLD], row[B_BREAKS] = s[LINKED], s[LINKS], s[BOLD], s[BREAKS]
        row[B_IMAGES], row[B_INPUTS] = s[IMAGES], s[INPUTS]
        inner[s[BLOCKS]] = s[INNER]
        s[BLOCKS] += 1
        s[LINKED : INNER + 1] = 0
        out[s[OUT]] = 10
        s[OUT] += 1
    s[INNER] = 0
    s[START], s[PENDING], s[IN_BOLD] = s[OUT], 0, 0


@compiled
def space(out, s):
    """Write the white space that is owed before more text of the block."""
    if s[PENDING] and s[OUT] > s[START]:
        out[s[OUT]] = 10 if s[PENDING] == 2 else 32
        s[OUT] += 1
    s[PENDING] = 0


@compiled
def _blank(data, i, n):
    """Length of the white space at i that is more than one byte long or an entity: no-break and ideographic space."""
    c = data[i]
    if c == 0xC2 and i + 1 < n and data[i + 1] == 0xA0:
        return 2
    if c == 0xE3 and i + 2 < n and data[i + 1] == 0x80 and data[i + 2] == 0x80:
        return 3
    if c == 38 and i + 5 < n and data[i + 1] == 110 and data[i + 2] == 98 and data[i + 3] == 115 and data[i + 4] == 112:
        return 6 if data[i + 5] == 59 else 5
    return 0


@compiled
def read_text(data, i, n, out, s):
    """Copy text up to the next "<", white space squeezed unless it counts; returns where it ends."""
    if s[SKIPPING] or s[MUTED_NEST]:
        while i < n and data[i] != 60:
            i += 1
        return i
    before = s[OUT]
    while i < n and data[i] != 60:
        c = data[i]
        if s[IN_PRE]:
            if c == 10 or c == 9 or c >= 32:
                out[s[OUT]] = c
                s[OUT] += 1
            i += 1
        elif c <= 32:
            if s[PENDING] == 0 and is_space(c):
                s[PENDING] = 1
            i += 1
        else:
            wide = _blank(data, i, n) if c == 38 or c == 0xC2 or c == 0xE3 else 0
            if wide:
                s[PENDING] = max(s[PENDING], 1)
                i += wide
            else:
                if s[PENDING]:
                    space(out, s)
                out[s[OUT]] = c
                s[OUT] += 1
                i += 1
    s[LINKED] += (s[OUT] - before) * (s[IN_LINK] > 0)
    s[BOLD] += (s[OUT] - before) * (s[IN_BOLD] > 0)
    return i


@compiled
def add_formula(kind, start, end, formulas, out, s):
    """Note a formula and leave its number in the text. One that follows another at once is its fallback picture."""
    if s[FORMULAS] >= MAX_FORMULAS or s[SKIPPING] or s[MUTED_NEST] or (s[FORMULAS] and s[OUT] == s[FORMULA_END]):
        return
    row = formulas[s[FORMULAS]]
    row[0], row[1], row[2] = kind, start, end
    space(out, s)
    at, number = s[OUT], s[FORMULAS]
    out[at] = out[at + 5] = FORMULA_MARK
    for k in range(4, 0, -1):
        out[at + k] = 48 + number % 10
        number //= 10
    s[OUT] = s[FORMULA_END] = at + 6
    s[FORMULAS] += 1


@compiled
def add_span(kind, start, end, spans, s):
    """Note a stretch of the page that the metadata are read from."""
    if s[SPANS] < MAX_SPANS and end > start:
        row = spans[s[SPANS]]
        row[0], row[1], row[2] = kind, start, end
        s[SPANS] += 1


@compiled
def _pop(stack, nodes, opened, s):
    """Close the innermost open element."""
    number = nodes[stack[s[DEPTH]], N_TAG]
    flags = FLAGS[number]
    opened[number] -= 1
    s[SKIPPING] -= (flags & SKIP) != 0
    s[IN_PRE] -= (flags & PRE) != 0
    s[DEPTH] -= 1
    s[MUTED_NEST] = 0
    if s[LINK_DEPTH] > s[DEPTH]:
        s[IN_LINK] = 0


@compiled
def _find_open(first, second, stop, other, stack, nodes, s):
    """Stack place of the innermost open element of either name below a stop; 0 if there is none."""
    for at in range(s[DEPTH], 0, -1):
        number = nodes[stack[at], N_TAG]
        if number in (first, second):
            return at
        if number in (stop, other, _TABLE):
            return 0
    return 0


@compiled
def _implied(number, stack, nodes, opened, s):
    """Close what the start of an element closes without saying so."""
    top = nodes[stack[s[DEPTH]], N_TAG]
    at = 0
    if (FLAGS[number] & CLOSES_P and top == _P) or (FLAGS[number] & HEADING and FLAGS[top] & HEADING):
        at = s[DEPTH]
    if at:
        _pop(stack, nodes, opened, s)
    at = 0
    if number == _LI and opened[_LI]:
        at = _find_open(_LI, _LI, _UL, _OL, stack, nodes, s)
    elif (number in (_DT, _DD)) and opened[_DT] + opened[_DD]:
        at = _find_open(_DT, _DD, _DL, _DL, stack, nodes, s)
    elif (number in (_TD, _TH)) and opened[_TD] + opened[_TH]:
        at = _find_open(_TD, _TH, _TR, _TR, stack, nodes, s)
    elif number == _TR and opened[_TR]:
        at = _find_open(_TR, _TR, _TABLE, _TABLE, stack, nodes, s)
    elif (number in (_TBODY, _TFOOT, _THEAD)) and opened[_TBODY] + opened[_THEAD]:
        at = _find_open(_TBODY, _THEAD, _TABLE, _TABLE, stack, nodes, s)
    while at and s[DEPTH] >= at:
        _pop(stack, nodes, opened, s)


@compiled
def _line(out, s):
    """A block inside preformatted text starts a line."""
    if s[OUT] > s[START] and out[s[OUT] - 1] != 10:
        out[s[OUT]] = 10
        s[OUT] += 1


@compiled
def open_element(number, out, blocks, inner, nodes, masks, stack, opened, s):
    """Start an element that stands on lines of its own."""
    if s[IN_PRE]:
        _line(out, s)
    else:
        flush(out, blocks, inner, stack, s)
    if number in (_HTML, _HEAD, _BODY):
        return
    _implied(number, stack, nodes, opened, s)
    if FLAGS[number] & VOID or ((number in (_SVG, _MATH)) and s[A_CLOSED]):
        return
    if s[DEPTH] + 1 >= len(stack):
        s[TOO_DEEP] = 1
        return
    node, parent = s[NODES], stack[s[DEPTH]]
    row = nodes[node]
    row[N_PARENT], row[N_TAG], row[N_DEPTH], row[N_FIRST] = parent, number, s[DEPTH] + 1, s[BLOCKS]
    row[N_ORDER] = max(s[A_ORDER] - 1, 0) if number == _OL else 0
    if number == _LI:
        nodes[parent, N_ORDER] += 1
        row[N_ORDER] = nodes[parent, N_ORDER]
    masks[node] = s[A_CUES] | ELEMENT_CUES[number]
    s[NODES] += 1
    s[DEPTH] += 1
    stack[s[DEPTH]] = node
    opened[number] += 1
    s[SKIPPING] += (FLAGS[number] & SKIP) != 0
    s[IN_PRE] += (FLAGS[number] & PRE) != 0


@compiled
def close_element(number, out, blocks, inner, nodes, stack, opened, s):
    """End an element, and with it what is still open inside it."""
    if s[IN_PRE]:
        _line(out, s)
    top = nodes[stack[s[DEPTH]], N_TAG]
    at = 0
    if FLAGS[number] & HEADING and FLAGS[top] & HEADING:
        at = s[DEPTH]
    elif opened[number]:
        at = s[DEPTH]
        in_table = number in (_TD, _TH, _TR, _TBODY, _THEAD)
        in_table |= number in (_TFOOT, _CAPTION)
        while at and nodes[stack[at], N_TAG] != number:
            seen = nodes[stack[at], N_TAG]
            barred = seen == _TABLE if in_table else (FLAGS[seen] & SCOPE) != 0 and number != _TABLE
            at = 0 if barred else at - 1
    if not s[IN_PRE] or (at and _holds_pre(at, stack, nodes, s)):
        flush(out, blocks, inner, stack, s)
    while at and s[DEPTH] >= at:
        _pop(stack, nodes, opened, s)


@compiled
def _holds_pre(at, stack, nodes, s):
    """Whether closing down to a place of the stack ends preformatted text."""
    found = False
    for place in range(at, s[DEPTH] + 1):
        found |= (FLAGS[nodes[stack[place], N_TAG]] & PRE) != 0
    return found
