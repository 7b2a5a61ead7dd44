"""Figures of each block of a page: of its text, of the elements it stands in, of its place and its neighbours."""

from __future__ import annotations

import numpy as np

from stages.block_features import (
    BESIDE_AT,
    CUE_AT,
    F_DENSITY,
    F_ENDS,
    F_KIND,
    F_STOP,
    FAR,
    KIND,
    LEVEL_AT,
    LEVELS,
    LEXICON_AT,
    NUM_BESIDE,
    NUM_FEATURES,
    NUM_LEVEL,
)
from stages.block_text_kernels import (
    CHARS,
    COMMAS,
    DIGITS,
    ENDS,
    FIRST,
    LAST,
    LEXICON,
    MARKS,
    UPPER,
    WIDE,
    WORDS,
    class_of,
    count_blocks,
    count_repeats,
    title_hits,
)
from stages.block_words import NUM_LEXICON
from stages.compiled import compiled
from stages.html_layout import (
    B_BOLD,
    B_BREAKS,
    B_END,
    B_IMAGES,
    B_INPUTS,
    B_LINKED,
    B_LINKS,
    B_NODE,
    B_START,
    N_DEPTH,
    N_PARENT,
    N_TAG,
)
from stages.html_tags import NUM_CUES
from stages.place_kernels import find_best, is_paragraph, place_blocks, place_by_score, score_elements


@compiled
def _own(blocks, counts, nodes, f):
    """Figures of the block itself."""
    for i in range(len(blocks)):
        b, c, row = blocks[i], counts[i], f[i]
        size = max(1, b[B_END] - b[B_START])
        chars = max(1, c[CHARS])
        units = max(1, c[WORDS] + c[WIDE])
        row[0] = c[CHARS] + 2 * c[WIDE]  # a Chinese character says as much as three letters
        row[1] = c[WORDS] + c[WIDE]
        row[2] = b[B_LINKED] / size
        row[3], row[4], row[5], row[6], row[7] = b[B_LINKS], b[B_BOLD] / size, b[B_BREAKS], b[B_IMAGES], b[B_INPUTS]
        row[8] = c[WIDE] / chars
        row[9], row[10], row[11] = c[ENDS], c[ENDS] / units, c[COMMAS]
        row[12] = c[UPPER] / max(1, c[WORDS])
        row[13] = c[DIGITS] / chars
        row[14] = c[CHARS] / units
        row[15] = c[MARKS]
        row[16], row[17] = class_of(c[FIRST]), class_of(c[LAST])
        row[18] = KIND[nodes[b[B_NODE], N_TAG]]
        row[19] = nodes[b[B_NODE], N_DEPTH]
        row[20] = c[LEXICON] / units
        for k in range(1, NUM_LEXICON):
            row[LEXICON_AT - 1 + k] = c[LEXICON + k]


@compiled
def _cues(blocks, inner, nodes, masks, num_nodes, f):
    """How many levels above the block each cue is found, 0 for its inline elements, FAR where it is not."""
    far = np.full((num_nodes, NUM_CUES), FAR, np.uint8)
    for node in range(1, num_nodes):
        parent, mask = nodes[node, N_PARENT], masks[node]
        for k in range(NUM_CUES):
            far[node, k] = 1 if (mask >> k) & 1 else min(far[parent, k] + 1, FAR)
    for i in range(len(blocks)):
        node = blocks[i, B_NODE]
        for k in range(NUM_CUES):
            f[i, CUE_AT + k] = 0 if (inner[i] >> k) & 1 else far[node, k]


@compiled
def _sums(blocks, nodes, num_nodes, f):
    """Of each element with all it holds: size, linked size, blocks, size of paragraphs; float32 (num_nodes, 4)."""
    sums = np.zeros((num_nodes, 4), np.float32)
    for i in range(len(blocks)):
        node, size = blocks[i, B_NODE], f[i, 0]
        sums[node, 0] += size
        sums[node, 1] += size * f[i, F_DENSITY]
        sums[node, 2] += 1
        if is_paragraph(f[i]):
            sums[node, 3] += size
    for node in range(num_nodes - 1, 0, -1):
        sums[nodes[node, N_PARENT]] += sums[node]
    return sums


@compiled
def _siblings(nodes, num_nodes):
    """How many children of its parent bear an element's name, itself included; int32 (num_nodes,)."""
    same = np.ones(num_nodes, np.int32)
    last = np.full(num_nodes, -1, np.int32)  # of each parent: the child seen last
    for node in range(1, num_nodes):
        parent = nodes[node, N_PARENT]
        before = last[parent]
        if before >= 0 and nodes[before, N_TAG] == nodes[node, N_TAG]:
            same[node] = same[before] + 1
        last[parent] = node
    last[:] = -1
    for node in range(num_nodes - 1, 0, -1):
        parent = nodes[node, N_PARENT]
        after = last[parent]
        if after >= 0 and nodes[after, N_TAG] == nodes[node, N_TAG]:
            same[node] = same[after]
        last[parent] = node
    return same


@compiled
def _containers(blocks, nodes, num_nodes, sums, f):
    """Figures of the elements some levels above each block."""
    same = _siblings(nodes, num_nodes)
    size, paragraphs = max(1.0, sums[0, 0]), max(1.0, sums[0, 3])
    for i in range(len(blocks)):
        node, level = blocks[i, B_NODE], 0
        for k in range(len(LEVELS)):
            while level < LEVELS[k] and node:
                node, level = nodes[node, N_PARENT], level + 1
            at = LEVEL_AT + k * NUM_LEVEL
            held = max(1.0, sums[node, 0])
            f[i, at] = sums[node, 0] / size
            f[i, at + 1] = sums[node, 1] / held
            f[i, at + 2] = sums[node, 2]
            f[i, at + 3] = sums[node, 3] / paragraphs
            f[i, at + 4] = held / max(1.0, sums[node, 2])
            f[i, at + 5] = same[node]


@compiled
def _beside(n, f):
    """Figures of the two blocks before and the two after."""
    for i in range(n):
        for k in range(4):
            j = i + (k - 2 if k < 2 else k - 1)
            at = BESIDE_AT + k * NUM_BESIDE
            if j < 0 or j >= n:
                f[i, at : at + NUM_BESIDE] = -1
                continue
            f[i, at], f[i, at + 1], f[i, at + 2] = f[j, 0], f[j, F_DENSITY], f[j, F_KIND]
            furniture = 0.0
            for w in range(1, NUM_LEXICON):
                furniture += f[j, LEXICON_AT - 1 + w]
            f[i, at + 3], f[i, at + 4], f[i, at + 5] = furniture, f[j, F_ENDS], f[j, F_STOP]


@compiled
def block_features(text, blocks, inner, nodes, masks, num_nodes, title):
    """Figures of every block of a page.

    Args: text uint8, blocks int32 (n, NUM_BLOCK), inner int64 (n,), nodes int32, masks int64 and num_nodes as
        ``html_kernels.scan`` leaves them; title uint8, of the page.
    Out: float32 (n, NUM_FEATURES), named by FEATURES.
    """
    n = len(blocks)
    f = np.zeros((n, NUM_FEATURES), np.float32)
    counts = count_blocks(text, blocks)
    _own(blocks, counts, nodes, f)
    _cues(blocks, inner, nodes, masks, num_nodes, f)
    sums = _sums(blocks, nodes, num_nodes, f)
    _containers(blocks, nodes, num_nodes, sums, f)
    best = find_best(nodes, num_nodes, sums)
    place_blocks(blocks, counts, nodes, sums, best, title_hits(text, blocks, title), count_repeats(text, blocks), f)
    place_by_score(blocks, nodes, sums, score_elements(blocks, counts, nodes, masks, num_nodes, sums, f), f)
    _beside(n, f)
    return f
