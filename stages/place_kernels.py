"""Where a block stands on its page: its order, its headings, and the elements that hold most of the text."""

from __future__ import annotations

import numpy as np

from stages.block_features import (
    BAD,
    BEST_AT,
    CONTAINER_KINDS,
    F_CHARS,
    F_DENSITY,
    F_KIND,
    GOOD,
    HEADING_1,
    HEADING_6,
    KIND,
    PARAGRAPH_CHARS,
    PARAGRAPH_LINKS,
    PLACE_AT,
    TOP_AT,
)
from stages.block_text_kernels import COMMAS, LEXICON, OPENING
from stages.block_words import LEXICON_NAMES, NUM_LEXICON
from stages.compiled import compiled
from stages.html_layout import B_NODE, N_DEPTH, N_PARENT, N_TAG

_COMMENT_WORDS, _RELATED_WORDS = (LEXICON + LEXICON_NAMES.index(name) for name in ("comment", "related"))


@compiled
def is_paragraph(row):
    """Whether a block of these figures is long and not made of links."""
    return row[F_CHARS] >= PARAGRAPH_CHARS and row[F_DENSITY] < PARAGRAPH_LINKS


@compiled
def find_best(nodes, num_nodes, sums):
    """The deepest element that holds most of the page's paragraphs."""
    best = 0
    for node in range(1, num_nodes):
        if sums[node, 3] >= 0.6 * sums[0, 3] and nodes[node, N_DEPTH] > nodes[best, N_DEPTH]:
            best = node
    return best


@compiled
def place_blocks(blocks, counts, nodes, sums, best, title_hits, repeats, f):
    """Where each block stands on the page."""
    n, at = len(blocks), PLACE_AT
    size, paragraphs = max(1.0, sums[0, 0]), max(1.0, sums[0, 3])
    before, passed, since_heading, furniture = 0.0, 0.0, 99, 0
    comments, related, since, h1 = 0, 0, 99, 0
    for i in range(n):
        row = f[i]
        row[at], row[at + 1] = i / n, before / size
        row[at + 2], row[at + 3], row[at + 4], row[at + 5] = size, n, sums[0, 1] / size, paragraphs
        row[at + 6], row[at + 7] = since_heading, furniture
        row[at + 8], row[at + 9], row[at + 10] = comments, related, since
        row[at + 12], row[at + 13] = passed / paragraphs, 1 - passed / paragraphs
        row[at + 17] = title_hits[i]
        row[at + 18] = h1
        row[at + 19], row[at + 20] = repeats[i], counts[i, OPENING]
        heading = HEADING_1 <= row[F_KIND] <= HEADING_6
        since_heading += 1
        if heading or (row[0] < 40 and row[4] > 0.9):
            since_heading = 0
            furniture = 0
            for k in range(1, NUM_LEXICON):
                furniture += counts[i, LEXICON + k]
            comments += counts[i, _COMMENT_WORDS] > 0
            related += counts[i, _RELATED_WORDS] > 0
            h1 += row[F_KIND] == HEADING_1
        before += row[0]
        since += 1
        if is_paragraph(row):
            passed += row[0]
            since = 0
    until = 99
    for i in range(n - 1, -1, -1):
        f[i, at + 11] = until
        until = 0 if is_paragraph(f[i]) else until + 1
    _best_places(blocks, nodes, sums, best, f)


@compiled
def _towards(target, nodes, num_nodes):
    """Of each element: where its way up meets the target's, how many levels above, and the element before that one.

    Out: int32 (num_nodes, 3). One pass, because a walk from each block would be quadratic on deep pages.
    """
    way = np.zeros((num_nodes, 3), np.int32)
    on_way = np.zeros(num_nodes, np.bool_)
    node = target
    while node:
        on_way[node] = True
        node = nodes[node, N_PARENT]
    on_way[0] = True
    for node in range(num_nodes):
        parent = nodes[node, N_PARENT]
        if on_way[node]:
            way[node, 0] = node
        else:
            way[node, 0], way[node, 1] = way[parent, 0], way[parent, 1] + 1
            way[node, 2] = node if on_way[parent] else way[parent, 2]
    return way


@compiled
def _best_places(blocks, nodes, sums, best, f):
    """How each block stands to the element that holds most paragraphs."""
    way = _towards(best, nodes, len(sums))
    for i in range(len(blocks)):
        meets, levels = way[blocks[i, B_NODE], 0], way[blocks[i, B_NODE], 1]
        f[i, BEST_AT] = meets == best
        f[i, BEST_AT + 1] = sums[best, 3] / max(1.0, sums[best, 0])
        f[i, BEST_AT + 2] = levels if meets == best else -(nodes[best, N_DEPTH] - nodes[meets, N_DEPTH])


@compiled
def score_elements(blocks, counts, nodes, masks, num_nodes, sums, f):
    """Readability's score of each element: its paragraphs' commas and length, passed on to the elements around them."""
    scores = np.zeros(num_nodes, np.float32)
    for i in range(len(blocks)):
        if f[i, 0] < 25:
            continue
        value = 1 + counts[i, COMMAS] + min(f[i, 0] / 100, 3.0)
        node, share = blocks[i, B_NODE], 1.0
        if KIND[nodes[node, N_TAG]] not in CONTAINER_KINDS:  # of a paragraph, not of the container it stands in
            node = nodes[node, N_PARENT]
        for level in range(4):
            scores[node] += value * share
            if node == 0:
                break
            node = nodes[node, N_PARENT]
            share = 0.5 if level == 0 else 1 / (3 * (level + 1))
    for node in range(num_nodes):
        if scores[node] > 0:
            scores[node] += 25 * ((masks[node] & GOOD) != 0) - 25 * ((masks[node] & BAD) != 0)
            scores[node] *= 1 - sums[node, 1] / max(1.0, sums[node, 0])
    return scores


@compiled
def place_by_score(blocks, nodes, sums, scores, f):
    """How each block stands to the element with the highest score."""
    top = 0
    for node in range(len(sums)):
        if scores[node] > scores[top]:
            top = node
    way = _towards(top, nodes, len(sums))
    for i in range(len(blocks)):
        meets, levels, kin = way[blocks[i, B_NODE]]
        f[i, TOP_AT] = meets == top
        f[i, TOP_AT + 1] = levels if meets == top else -(nodes[top, N_DEPTH] - nodes[meets, N_DEPTH])
        f[i, TOP_AT + 2] = scores[top]
        f[i, TOP_AT + 3] = sums[top, 0] / max(1.0, sums[0, 0])
        f[i, TOP_AT + 4] = scores[kin] / max(1.0, scores[top]) if kin else 0.0
