"""What each block is in the page's layout: heading, list item, code, cell of a table that holds data."""

from __future__ import annotations

import numpy as np

from stages.compiled import compiled
from stages.html_layout import B_END, B_NODE, B_START, N_FIRST, N_ORDER, N_PARENT, N_TAG
from stages.html_tags import FLAGS, HEADING, PRE, tag

PARAGRAPH, TITLE, ITEM, CODE, CELL = range(5)
# Columns: role; level of a heading, or depth of the innermost list; number of an ordered item, 0 without; whether the
# block opens its item; row, cell and table of a cell; whether the cell is a heading.
R_ROLE, R_LEVEL, R_ORDER, R_OPENS, R_ROW, R_CELL, R_TABLE, NUM_ROLE = range(8)
_LI, _UL, _OL, _MENU, _TR, _TD, _TH, _TABLE, _H1 = (
    tag(name) for name in ("li", "ul", "ol", "menu", "tr", "td", "th", "table", "h1")
)
_MAX_CELL = 1000  # bytes of a cell; a longer one is layout
_MAX_MEAN_CELL = 200


@compiled
def _tables(blocks, nodes, num_nodes):
    """Whether each element is a table of data: no table inside, two rows and two columns or more, and short cells."""
    rows, cells = np.zeros(num_nodes, np.int32), np.zeros(num_nodes, np.int32)
    size, longest = np.zeros(num_nodes, np.int64), np.zeros(num_nodes, np.int64)
    own = np.zeros(num_nodes, np.int32)  # of each element: the innermost table it is in, itself included
    nested = np.zeros(num_nodes, np.bool_)
    for node in range(1, num_nodes):
        number, outer = nodes[node, N_TAG], own[nodes[node, N_PARENT]]
        own[node] = outer
        if number == _TABLE:
            nested[outer] = True
            own[node] = node
        rows[outer] += number == _TR
        cells[outer] += number in (_TD, _TH)
    for i in range(len(blocks)):
        table, length = own[blocks[i, B_NODE]], blocks[i, B_END] - blocks[i, B_START]
        size[table] += length
        longest[table] = max(longest[table], length)
    data = np.zeros(num_nodes, np.bool_)
    for node in range(1, num_nodes):
        if nodes[node, N_TAG] == _TABLE and not nested[node] and rows[node] >= 2 and cells[node] >= 2 * rows[node] - 1:
            data[node] = longest[node] <= _MAX_CELL and size[node] <= _MAX_MEAN_CELL * cells[node]
    return data


@compiled
def _element_roles(nodes, data):
    """What an element hands on to the blocks in it, int32 (m, NUM_ROLE): one pass from the page down.

    R_OPENS holds the innermost list item, R_LEVEL of anything but a heading the depth of lists.
    """
    held = np.zeros((len(nodes), NUM_ROLE), np.int32)
    lists = np.zeros(len(nodes), np.int32)
    for node in range(1, len(nodes)):
        parent, number = nodes[node, N_PARENT], nodes[node, N_TAG]
        held[node], lists[node] = held[parent], lists[parent] + (number in (_UL, _OL, _MENU))
        role = held[node]
        if FLAGS[number] & HEADING:
            role[R_ROLE], role[R_LEVEL] = TITLE, number - _H1 + 1
        elif FLAGS[number] & PRE:
            role[R_ROLE] = CODE
        elif number == _LI:
            role[R_ROLE], role[R_OPENS], role[R_LEVEL] = ITEM, node, lists[node]
            role[R_ORDER] = nodes[node, N_ORDER] if nodes[parent, N_TAG] == _OL else 0
        elif number in (_TD, _TH):
            role[R_CELL] = node
        elif number == _TR:
            role[R_ROW] = node
        elif number == _TABLE:
            role[R_ROW] = role[R_CELL] = 0
            role[R_TABLE] = node if data[node] else 0
    return held


@compiled
def block_roles(blocks, nodes):
    """Roles of the blocks, int32 (n, NUM_ROLE)."""
    roles = np.zeros((len(blocks), NUM_ROLE), np.int32)
    held = _element_roles(nodes, _tables(blocks, nodes, len(nodes)))
    for i in range(len(blocks)):
        role, node = roles[i], blocks[i, B_NODE]
        role[:] = held[node]
        if not (role[R_ROW] and role[R_CELL]):
            role[R_TABLE] = 0
        elif role[R_TABLE] and role[R_ROLE] != CODE:
            role[R_ROLE] = CELL
        role[R_OPENS] = role[R_OPENS] > 0 and nodes[role[R_OPENS], N_FIRST] == i
    return roles
