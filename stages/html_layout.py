"""How the tokenizer's state, blocks, elements and spans are laid out in arrays, for the kernels that share them."""

from __future__ import annotations

import numpy as np

# Fields of the state. A block's own, LINKED to INNER, start anew with each block; the tag's own, A_, with each tag.
(
    OUT, BLOCKS, NODES, SPANS, FORMULAS, DEPTH, TOO_DEEP, START, LINKED, LINKS, BOLD, BREAKS, IMAGES, INPUTS, INNER,
    IN_LINK, LINK_DEPTH, IN_BOLD, PENDING, SKIPPING, IN_PRE, MUTED_TAG, MUTED_NEST, TITLED, FORMULA_END, LINK_END,
    A_CUES, A_NOTED, A_TYPE_START, A_TYPE_END, A_ORDER, A_MUTES, A_CLOSED, NUM_STATE,
) = range(34)  # fmt: skip
# Columns of a block and of an element ("node").
B_START, B_END, B_NODE, B_LINKED, B_LINKS, B_BOLD, B_BREAKS, B_IMAGES, B_INPUTS, NUM_BLOCK = range(10)
N_PARENT, N_TAG, N_DEPTH, N_FIRST, N_ORDER, NUM_NODE = range(6)
# Kinds of spans: a tag for the metadata, with what it holds; title; JSON-LD; formulas.
S_TAG, S_TITLE, S_JSON_LD, S_MATH, S_SCRIPT_MATH, S_IMAGE = range(6)
MAX_SPANS = 500  # of the head
MAX_NOTED = 600  # bytes of content of an element that the metadata may want
MAX_FORMULAS = 5000
FORMULA_MARK = 1  # a control character, which text never holds: it stands on both sides of a formula's four digits
MAX_ATTRIBUTE = 1000  # bytes of a class that are looked at

FNV_BASIS, FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
