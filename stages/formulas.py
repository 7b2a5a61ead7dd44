"""Formulas of a page to LaTeX: MathML, MathJax scripts, and images of formulas."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_plus

from stages.attributes import MAX_TAG_BYTES, attributes, text_of
from stages.mathml import latex_of_mathml

MAX_FORMULA_BYTES = 65_536
MAX_LATEX_CHARS = 10_000
_MAX_ANNOTATIONS = 5
_ANNOTATION = re.compile(
    rb"""<(?:[a-z]+:)?annotation\s[^<>]*?encoding\s*=\s*["']?\s*(?:application/(?:x-)?(?:la)?tex|text/(?:x-)?(?:la)?tex|(?:la)?tex)\b[^<>]*+>""",
    re.IGNORECASE,
)
_MATH = re.compile(rb"<(?:[a-z]+:)?math\b", re.IGNORECASE)
_TEX = re.compile(r"[\\^_{}]")
_STYLE = re.compile(
    r"^\\(?:displaystyle|textstyle|inline|dpi\{\d+\}|fn_\w+|bg_\w+|large|small|LARGE|huge|scriptstyle)(?![a-zA-Z])\s*"
)
_LINE_END = re.compile(r"(?<!\\)%[^\n]*\n\s*")
_FENCES = (("$$", "$$", True), (r"\[", r"\]", True), (r"\(", r"\)", False), ("$", "$", False))
_CLASSES = frozenset(("latex", "tex", "math", "mathtex", "latex-image", "wp-katex-eq"))
_SERVICES = re.compile(
    r"codecogs\.com|/(?:mime|math)tex(?:\.cgi)?\b|latex\.php|equation\?tex=|/math\?formula=|latex\.csdn\.net|/render/math\?|"
    r"cht=tx|/svg\.latex|/latex\?|/equationeditor/|latex\.numberempire",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"[?&](?:latex|tex|formula|math|chl|eq)=([^&#]*+)")


def to_latex(fragment: bytes, display: bool | None = None) -> str | None:
    """A <math> element as $...$, or as $$...$$ where it is displayed.

    Its TeX annotation (KaTeX, MediaWiki, LaTeXML, Pandoc) comes first, then an alttext that is TeX, then the
    conversion of its presentation markup.

    Args: fragment, the raw element; display, what the page around it says, over what the element says.
    Errors: none. Null for what holds no formula, and beyond the limits on bytes, depth and elements.
    """
    if len(fragment) > MAX_FORMULA_BYTES:
        return None
    start = _MATH.search(fragment)
    values = attributes(fragment[start.start() : start.start() + MAX_TAG_BYTES]) if start else {}
    if display is None:
        display = values.get(b"display", b"").lower() == b"block" or values.get(b"mode", b"").lower() == b"display"
    alternative = _tidy(text_of(values.get(b"alttext", b"")))
    latex = _annotated(fragment) or (alternative if alternative and _TEX.search(alternative) else None)
    return _delimited(latex or latex_of_mathml(fragment) or alternative, display)


def latex_of_image(tag: bytes) -> str | None:
    """An <img> as $...$ where its class, text or address says that it shows a formula, else null.

    The classes of WordPress, MediaWiki, Sphinx, PlanetMath and QuickLaTeX; texts in $...$, \\(...\\) or
    {\\displaystyle ...}; the addresses of CodeCogs, mimeTeX, MathTeX, WordPress, Zhihu, Jianshu, CSDN, GitHub, Google.
    """
    if len(tag) > MAX_TAG_BYTES:
        return None
    values = attributes(tag)
    words = frozenset(values.get(b"class", b"").lower().decode("utf-8", "replace").split())
    text = text_of(values.get(b"alt", b""))
    display = any("display" in word for word in words)
    named = not words.isdisjoint(_CLASSES) or any(word.startswith(("mwe-math", "ql-img")) for word in words)
    latex = None
    if text and (named or _is_delimited(text)):
        latex, fenced = _unfenced(text)
        display = display or fenced
    if latex is None:
        latex = _queried(text_of(values.get(b"src") or values.get(b"data-src") or b""))
    return _delimited(_tidy(latex or ""), display)


def script_math(tag: bytes, content: bytes) -> str | None:
    """A MathJax script, <script type="math/tex; mode=display">, as $...$ or $$...$$; null for other scripts."""
    kind = text_of(attributes(tag[:MAX_TAG_BYTES]).get(b"type", b"")).lower()
    display = "mode=display" in kind.replace(" ", "")
    if kind.startswith("math/mml"):
        return to_latex(content, display or None)
    if not kind.startswith(("math/tex", "math/latex")) or len(content) > MAX_FORMULA_BYTES:
        return None
    text = content.decode("utf-8", "replace").strip()
    text = text.removeprefix("<![CDATA[").removesuffix("]]>").removeprefix("% <![CDATA[").removesuffix("%]]>")
    return _delimited(_tidy(text), display)


def _annotated(fragment: bytes) -> str | None:
    """Content of the first TeX annotation that holds something."""
    at = 0
    for _ in range(_MAX_ANNOTATIONS):
        start = _ANNOTATION.search(fragment, at)
        end = fragment.find(b"</", start.end()) if start else -1
        if start is None or end < 0:
            return None
        latex = _tidy(_text_with_lines(fragment[start.end() : end]))
        if latex:
            return latex
        at = end
    return None


def _text_with_lines(raw: bytes) -> str:
    """Text with its line ends, which end comments in TeX."""
    return "\n".join(text_of(line) for line in raw.splitlines())


def _tidy(latex: str) -> str | None:
    """TeX in one line, without delimiters, comments and the size commands around it.

    Null where nothing is left, and where braces are left open.
    """
    if len(latex) > MAX_LATEX_CHARS:
        return None
    latex = " ".join(_LINE_END.sub("", latex + "\n").split())
    latex = _unfenced(latex)[0]
    for _ in range(5):
        short = _STYLE.sub("", _unbraced(latex))
        if short == latex:
            break
        latex = short
    bare = latex.replace(r"\\", "").replace(r"\{", "").replace(r"\}", "")
    return latex.strip() or None if bare.count("{") == bare.count("}") else None


def _unbraced(latex: str) -> str:
    r"""{\displaystyle x} without its braces, where they are one pair."""
    if not latex.startswith("{\\") or not latex.endswith("}"):
        return latex
    depth = 0
    for at, char in enumerate(latex):
        depth += (char == "{") - (char == "}")
        if depth == 0 and at < len(latex) - 1:
            return latex
    return latex[1:-1].strip()


def _is_delimited(text: str) -> bool:
    r"""Whether a text by itself shows that it is TeX: {\displaystyle x}, \(x\), $\alpha$, but not "$5"."""
    if text.startswith((r"{\displaystyle", r"{\textstyle", r"\displaystyle", r"\begin{")):
        return True
    inner, _ = _unfenced(text)
    return inner != text and "$" not in inner and (bool(_TEX.search(inner)) or len(inner) <= 3)


def _unfenced(text: str) -> tuple[str, bool]:
    """Text without its math delimiters, and whether they were those of display."""
    text = text.strip()
    for opening, closing, display in _FENCES:
        if text.startswith(opening) and text.endswith(closing) and len(text) > len(opening) + len(closing):
            return text[len(opening) : -len(closing)].strip(), display
    return text, False


def _queried(address: str) -> str | None:
    """The formula in the address of a service that draws formulas."""
    if len(address) > MAX_LATEX_CHARS or not _SERVICES.search(address):
        return None
    parameter = _PARAMETER.search(address)
    if parameter:
        return unquote_plus(parameter.group(1), errors="replace")
    query = address.partition("?")[2]
    return unquote(query, errors="replace").replace("&space;", " ").replace("&plus;", "+")


def _delimited(latex: str | None, display: bool) -> str | None:
    if not latex:
        return None
    return f"$${latex}$$" if display else f"${latex}$"
