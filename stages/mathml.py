"""Presentation MathML to LaTeX."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stages.attributes import attributes
from stages.mathml_symbols import ACCENTS, FUNCTIONS, LIMITS, UNDERS, VARIANTS, join, letters

_MAX_DEPTH = 60
_MAX_NODES = 5_000
_TOKEN = re.compile(
    rb"""<!--.*?(?:-->|\Z)|<(/?)([a-zA-Z][^\s/>]*+)((?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+)(?:>|\Z)|[^<]++|<""",
    re.DOTALL,
)
_SINGLE = re.compile(r"[^\\{}]|\\[a-zA-Z]+|\\.")
_TABLES = {("(", ")"): "pmatrix", ("[", "]"): "bmatrix", ("|", "|"): "vmatrix", (r"\|", r"\|"): "Vmatrix"}
_TABLES |= {(r"\{", r"\}"): "Bmatrix", (r"\{", ""): "cases"}
_TEXT_ESCAPES = str.maketrans({char: f"\\{char}" for char in "#%&$_{}"} | {"\\": r"\backslash ", "\u00a0": " "})


@dataclass
class _Node:
    name: str
    tag: bytes = b""
    children: list[_Node] = field(default_factory=list)
    text: str = ""

    def get(self, name: bytes) -> str:
        """Value of an attribute, empty where it is not there."""
        return attributes(self.tag).get(name, b"").decode("utf-8", "replace").strip() if self.tag else ""


def latex_of_mathml(fragment: bytes) -> str | None:
    """LaTeX of the first <math> in a fragment, without delimiters.

    Null for what is too deep or too large, for Content MathML, and where nothing is left.
    """
    root = _parse(fragment)
    if root is None:
        return None
    return " ".join(_latex(root).split()) or None


def _parse(fragment: bytes) -> _Node | None:
    """Tree of a fragment. End tags close what they name, or nothing; null beyond the limits or with Content MathML."""
    root = _Node("math")
    stack = [root]
    nodes = 0
    for token in _TOKEN.finditer(fragment):
        slash, raw_name = token.group(1), token.group(2)
        if raw_name is None:
            text = token.group()
            if not text.startswith(b"<!--"):
                stack[-1].text += html.unescape(text.decode("utf-8", "replace"))
            continue
        name = raw_name.rpartition(b":")[2].lower().decode("ascii", "replace")
        if slash:
            at = next((at for at in range(len(stack) - 1, 0, -1) if stack[at].name == name), 0)
            if name == "math":
                break
            del stack[at or len(stack) :]
            continue
        nodes += 1
        if nodes > _MAX_NODES or len(stack) > _MAX_DEPTH:
            return None
        if name == "apply" and all(node.name != "annotation-xml" for node in stack):
            return None
        if name == "math":
            continue
        node = _Node(name, token.group())
        stack[-1].children.append(node)
        if not token.group(3).rstrip().endswith(b"/"):
            stack.append(node)
    return root


def _latex(node: _Node) -> str:
    handler = _HANDLERS.get(node.name)
    return handler(node) if handler else _row(node)


def _argument(node: _Node) -> str:
    return f"{{{_latex(node).strip()}}}"


def _base(node: _Node) -> str:
    """What a script hangs on; braces around what is more than one sign."""
    latex = _latex(node).strip()
    return latex if _SINGLE.fullmatch(latex) or node.name in ("mi", "mn", "mo", "mfenced") else f"{{{latex}}}"


def _row(node: _Node) -> str:
    children = node.children
    if not children:
        return letters(" ".join(node.text.split()))
    parts: list[str] = []
    at = 0
    while at < len(children):
        fenced = _fenced_table(children, at)
        if fenced is not None:
            latex, at = fenced
            parts.append(latex)
            continue
        parts.append(_latex(children[at]))
        at += 1
    return join(parts)


def _only(node: _Node) -> _Node:
    """The one element that a chain of wrappers holds."""
    while node.name in ("mrow", "mstyle", "mpadded") and len(node.children) == 1:
        node = node.children[0]
    return node


def _fenced_table(children: Sequence[_Node], at: int) -> tuple[str, int] | None:
    """A table between brackets and where it ends: a matrix, or cases after a lone brace."""
    if at + 1 >= len(children) or children[at].name != "mo":
        return None
    table = _only(children[at + 1])
    if table.name != "mtable":
        return None
    close = children[at + 2] if at + 2 < len(children) and children[at + 2].name == "mo" else None
    kind = _TABLES.get((_latex(children[at]).strip(), _latex(close).strip() if close else ""))
    return (_table(table, kind), at + (3 if close else 2)) if kind else None


def _identifier(node: _Node) -> str:
    text = "".join(node.text.split()) if not node.children else ""
    if node.children:
        return _row(node)
    if text in FUNCTIONS:
        return f"\\{text}"
    command = VARIANTS.get(node.get(b"mathvariant").lower(), "")
    if not command and len(text) > 1 and text.isascii() and text.isalpha():
        command = r"\mathrm"
    latex = letters(text)
    return f"{command}{{{latex}}}" if command and latex else latex


def _operator(node: _Node) -> str:
    text = node.text.strip()
    if text in FUNCTIONS:
        return f"\\{text}"
    if len(text) > 1 and text.isascii() and text.isalpha():
        return rf"\operatorname{{{text}}}"
    latex = letters(text)
    return f" {latex} " if latex in ("&", r"\mid") else latex


def _text(node: _Node) -> str:
    text = " ".join([node.text, *(child.text for child in node.children)])
    if not text.strip():
        return r"\ " if text else ""
    return rf"\text{{{' '.join(text.translate(_TEXT_ESCAPES).split(' '))}}}"


def _fraction(node: _Node) -> str:
    if len(node.children) != 2:
        return _row(node)
    over, under = (_argument(child) for child in node.children)
    if node.get(b"linethickness").rstrip("pxtem%") in ("0", "0.0"):
        return rf"\genfrac{{}}{{}}{{0pt}}{{}}{over}{under}"
    return rf"\frac{over}{under}"


def _script(mark: str, latex: str) -> str:
    latex = latex.strip()
    if not latex:
        return ""
    if mark == "^" and not latex.strip("'"):
        return latex
    return f"{mark}{{{latex}}}"


def _scripts(*marks: str) -> Callable[[_Node], str]:
    """A base with scripts, in the order in which the element holds them."""

    def convert(node: _Node) -> str:
        if len(node.children) != len(marks) + 1:
            return _row(node)
        base, *rest = node.children
        return _base(base) + "".join(_script(mark, _latex(child)) for mark, child in zip(marks, rest, strict=True))

    return convert


def _stacked(*marks: str) -> Callable[[_Node], str]:
    """A base with something under or over it: limits, an accent, a brace, or whatever."""

    def convert(node: _Node) -> str:
        if len(node.children) != len(marks) + 1:
            return _row(node)
        base, *rest = node.children
        latex = _latex(base).strip()
        for mark, child in zip(marks, rest, strict=True):
            latex = _stack(latex, mark, child)
        return latex

    return convert


def _stack(base: str, mark: str, child: _Node) -> str:
    sign = _only(child).text.strip()
    accent = (ACCENTS if mark == "^" else UNDERS).get(sign) if sign else None
    if accent:
        wide = {r"\hat": r"\widehat", r"\tilde": r"\widetilde", r"\bar": r"\overline", r"\vec": r"\overrightarrow"}
        return f"{accent if _SINGLE.fullmatch(base) else wide.get(accent, accent)}{{{base}}}"
    script = _latex(child).strip()
    if not script:
        return base
    head = base.split("_{")[0].split("{")[0]
    if head in LIMITS or head in (r"\underbrace", r"\overbrace") or base.startswith(r"\operatorname"):
        return f"{base}{mark}{{{script}}}"
    return rf"\{'overset' if mark == '^' else 'underset'}{{{script}}}{{{base}}}"


def _root(node: _Node) -> str:
    if node.name == "mroot" and len(node.children) == 2:
        return rf"\sqrt[{_latex(node.children[1]).strip()}]{_argument(node.children[0])}"
    return rf"\sqrt{{{_row(node).strip()}}}"


def _table(node: _Node, kind: str = "matrix") -> str:
    rows = []
    for row in node.children:
        cells = row.children[1:] if row.name == "mlabeledtr" else row.children
        rows.append(" & ".join(_row(cell).strip() if cell.name == "mtd" else _latex(cell).strip() for cell in cells))
    if kind == "matrix" and "right left" in " ".join(node.get(b"columnalign").split()):
        kind = "aligned"
    body = r" \\ ".join(rows)
    return rf"\begin{{{kind}}} {body} \end{{{kind}}}"


def _fenced(node: _Node) -> str:
    values = attributes(node.tag)
    opening = letters(node.get(b"open")) if b"open" in values else "("
    closing = letters(node.get(b"close")) if b"close" in values else ")"
    if (
        len(node.children) == 1
        and (table := _only(node.children[0])).name == "mtable"
        and (opening, closing) in _TABLES
    ):
        return _table(table, _TABLES[opening, closing])
    separators = "".join(node.get(b"separators").split()) if b"separators" in values else ","
    parts: list[str] = []
    for number, child in enumerate(node.children):
        if number and separators:
            parts.append(letters(separators[min(number - 1, len(separators) - 1)]))
        parts.append(_latex(child))
    return rf"\left{opening or '.'} {join(parts).strip()} \right{closing or '.'}"


def _multiscripts(node: _Node) -> str:
    if not node.children:
        return ""
    base, *rest = node.children
    split = next((at for at, child in enumerate(rest) if child.name == "mprescripts"), len(rest))
    before, after = (
        "".join(_script("_^"[at % 2], _latex(child)) for at, child in enumerate(side))
        for side in (rest[split + 1 :], rest[:split])
    )
    return ("{}" + before if before else "") + _base(base) + after


def _enclosed(node: _Node) -> str:
    notation = node.get(b"notation").lower()
    commands = {
        "radical": r"\sqrt",
        "box": r"\boxed",
        "strike": r"\cancel",
        "top": r"\overline",
        "bottom": r"\underline",
    }
    command = next((command for word, command in commands.items() if word in notation), "")
    return f"{command}{{{_row(node).strip()}}}" if command else _row(node)


def _first(node: _Node) -> str:
    return _latex(node.children[0]) if node.children else letters(node.text.strip())


def _nothing(_: _Node) -> str:
    return ""


_HANDLERS: dict[str, Callable[[_Node], str]] = {
    "mi": _identifier,
    "mn": lambda node: letters("".join(node.text.split())) if not node.children else _row(node),
    "mo": _operator,
    "mtext": _text,
    "ms": _text,
    "mspace": lambda node: r"\ " if node.get(b"width")[:1] not in ("", "0", "-") else "",
    "mfrac": _fraction,
    "msup": _scripts("^"),
    "msub": _scripts("_"),
    "msubsup": _scripts("_", "^"),
    "mover": _stacked("^"),
    "munder": _stacked("_"),
    "munderover": _stacked("_", "^"),
    "msqrt": _root,
    "mroot": _root,
    "mtable": _table,
    "mfenced": _fenced,
    "mmultiscripts": _multiscripts,
    "menclose": _enclosed,
    "mphantom": lambda node: rf"\phantom{{{_row(node).strip()}}}",
    "semantics": _first,
    "maction": _first,
    "none": _nothing,
    "mprescripts": _nothing,
    "annotation": _nothing,
    "annotation-xml": _nothing,
}
