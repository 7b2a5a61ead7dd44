"""Formulas of pages as LaTeX: KaTeX, MathJax, MediaWiki, LaTeXML and plain MathML, scripts and images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.formulas import MAX_FORMULA_BYTES, MAX_LATEX_CHARS, latex_of_image, script_math, to_latex
from stages.mathml import latex_of_mathml
from stages.mathml_symbols import symbol

KATEX = (
    b'<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow><mi>c</mi><mo>=</mo><mo>\xc2\xb1</mo><msqrt><mrow>'
    b"<msup><mi>a</mi><mn>2</mn></msup><mo>+</mo><msup><mi>b</mi><mn>2</mn></msup></mrow></msqrt></mrow>"
    b'<annotation encoding="application/x-tex">c = \\pm\\sqrt{a^2 + b^2}</annotation></semantics></math>'
)
MEDIAWIKI = (
    b'<math xmlns="http://www.w3.org/1998/Math/MathML" alttext="{\\displaystyle E=mc^{2}}"><semantics>'
    b'<mrow class="MJX-TeXAtom-ORD"><mstyle displaystyle="true" scriptlevel="0"><mi>E</mi><mo>=</mo><mi>m</mi><msup>'
    b'<mi>c</mi><mrow class="MJX-TeXAtom-ORD"><mn>2</mn></mrow></msup></mstyle></mrow>'
    b'<annotation encoding="application/x-tex">{\\displaystyle E=mc^{2}}</annotation></semantics></math>'
)
LATEXML = (
    b'<math id="S1.E1.m1" class="ltx_Math" alttext="\\displaystyle f(x)&gt;\\sum_{i=1}^{n}x_{i}%&#10;,\\quad n&lt;5" '
    b'display="block"><semantics><mrow><mi>f</mi></mrow>'
    b'<annotation-xml encoding="MathML-Content"><apply><gt/><ci>f</ci></apply></annotation-xml>'
    b'<annotation encoding="application/x-tex">'
    b"\\displaystyle f(x)&gt;\\sum_{i=1}^{n}x_{i}%\n,\\quad n&lt;5</annotation>"
    b'<annotation encoding="application/x-llamapun">italic_f</annotation></semantics></math>'
)
MATHJAX_ASSISTIVE = (
    b'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mi>x</mi><mo>=</mo>'
    b'<mrow data-mjx-texclass="ORD"><mfrac>'
    b"<mrow><mo>\xe2\x88\x92</mo><mi>b</mi><mo>\xc2\xb1</mo><msqrt><msup><mi>b</mi><mn>2</mn></msup><mo>\xe2\x88\x92</mo>"
    b"<mn>4</mn><mi>a</mi><mi>c</mi></msqrt></mrow><mrow><mn>2</mn><mi>a</mi></mrow></mfrac></mrow><mo>.</mo></math>"
)


def _math(inner: str, attributes: str = "") -> bytes:
    return f"<math{attributes}>{inner}</math>".encode()


@pytest.mark.parametrize(
    ("fragment", "latex"),
    [
        (KATEX, r"$c = \pm\sqrt{a^2 + b^2}$"),
        (MEDIAWIKI, "$E=mc^{2}$"),
        (LATEXML, r"$$f(x)>\sum_{i=1}^{n}x_{i},\quad n<5$$"),
        (MATHJAX_ASSISTIVE, r"$$x=\frac{-b\pm\sqrt{b^{2}-4ac}}{2a}.$$"),
    ],
)
def test_formulas_as_the_usual_systems_write_them(fragment: bytes, latex: str) -> None:
    assert to_latex(fragment) == latex


def test_the_page_may_say_that_a_formula_is_displayed() -> None:
    assert to_latex(KATEX, display=True) == r"$$c = \pm\sqrt{a^2 + b^2}$$"
    assert to_latex(LATEXML, display=False) == r"$f(x)>\sum_{i=1}^{n}x_{i},\quad n<5$"


def test_an_alttext_in_words_gives_way_to_the_markup() -> None:
    inner = "<msup><mi>x</mi><mn>2</mn></msup>"
    assert to_latex(_math(inner, ' alttext="x squared"')) == "$x^{2}$"
    assert to_latex(_math(inner, ' alttext="x^2"')) == "$x^2$"
    assert to_latex(_math("", ' alttext="x"')) == "$x$"


def test_an_annotation_with_open_braces_or_nothing_in_it_gives_way_to_the_markup() -> None:
    for annotation in ("x^{2", " ", "{\\displaystyle }"):
        inner = f'<semantics><mi>y</mi><annotation encoding="application/x-tex">{annotation}</annotation></semantics>'
        assert to_latex(_math(inner)) == "$y$"


@pytest.mark.parametrize(
    ("inner", "latex"),
    [
        ("<mi>x</mi><mo>&#x2062;</mo><mi>y</mi>", "xy"),
        ("<mi>sin</mi><mo>&ApplyFunction;</mo><mi>x</mi>", r"\sin x"),
        ("<mi>α</mi><mi>β</mi><mo>∈</mo><mi>ℝ</mi>", r"\alpha\beta\in\mathbb{R}"),
        ("<mi mathvariant='bold'>v</mi><mi mathvariant=normal>d</mi><mi>𝒜</mi>", r"\mathbf{v}\mathrm{d}\mathcal{A}"),
        ("<mi>rank</mi><mo>lim</mo><mo>rank</mo>", r"\mathrm{rank}\lim\operatorname{rank}"),
        ("<mn>3.14</mn><mo>%</mo><mo>{</mo><mi>$</mi>", r"3.14\%\{\$"),
        ("<msub><mi>x</mi><mi>i</mi></msub><msubsup><mi>y</mi><mn>1</mn><mo>′</mo></msubsup>", "x_{i}y_{1}'"),
        ("<msup><mrow><mi>a</mi><mi>b</mi></mrow><mn>2</mn></msup>", "{ab}^{2}"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot><msqrt><mi>a</mi><mi>b</mi></msqrt>", r"\sqrt[3]{x}\sqrt{ab}"),
        (
            "<mover><mi>x</mi><mo>^</mo></mover><mover><mrow><mi>A</mi><mi>B</mi></mrow><mo>¯</mo></mover>",
            r"\hat{x}\overline{AB}",
        ),
        ("<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>", r"\sum_{i=1}^{n}"),
        ("<munder><mi>lim</mi><mrow><mi>x</mi><mo>→</mo><mn>0</mn></mrow></munder>", r"\lim_{x\rightarrow0}"),
        ("<munder><munder><mi>x</mi><mo>⏟</mo></munder><mi>n</mi></munder>", r"\underbrace{x}_{n}"),
        ("<mover><mo>=</mo><mtext>def</mtext></mover>", r"\overset{\text{def}}{=}"),
        ("<mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac>", r"\genfrac{}{}{0pt}{}{n}{k}"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", r"\left( a,b \right)"),
        ("<mfenced open='[' close=''><mi>a</mi></mfenced>", r"\left[ a \right."),
        ("<mfenced open='{' close='}' separators=';'><mi>a</mi><mi>b</mi></mfenced>", r"\left\{ a;b \right\}"),
        ("<mtext>if </mtext><mi>x</mi><mspace width='1em'/><mi>y</mi>", r"\text{if }x\ y"),
        ("<mtext>50%_{</mtext>", r"\text{50\%\_\{}"),
        (
            "<mmultiscripts><mi>C</mi><mn>6</mn><none/><mprescripts/><mn>2</mn><mn>3</mn></mmultiscripts>",
            "{}_{2}^{3}C_{6}",
        ),
        ("<menclose notation='box'><mi>x</mi></menclose><mphantom><mi>y</mi></mphantom>", r"\boxed{x}\phantom{y}"),
        ("<mstyle><mrow><mpadded><mi>x</mi></mpadded></mrow></mstyle>", "x"),
        ("<mml:mfrac><mml:mi>a</mml:mi><mml:mi>b</mml:mi></mml:mfrac>", r"\frac{a}{b}"),
        ("<MI>x</MI><unknown><mi>y</mi></unknown><!-- <mi>z</mi> -->", "xy"),
        ("<mi>温度</mi>", "温度"),
    ],
)
def test_presentation_markup_is_converted(inner: str, latex: str) -> None:
    assert latex_of_mathml(_math(inner)) == latex


_ROWS = "<mtable>{}{}</mtable>".format(
    "<mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr>", "<mtr><mtd><mi>c</mi></mtd><mtd><mi>d</mi></mtd></mtr>"
)


@pytest.mark.parametrize(
    ("inner", "kind"),
    [
        (_ROWS, "matrix"),
        (f"<mrow><mo>(</mo>{_ROWS}<mo>)</mo></mrow>", "pmatrix"),
        (f"<mo>[</mo><mrow>{_ROWS}</mrow><mo>]</mo>", "bmatrix"),
        (f"<mo>{{</mo>{_ROWS}", "cases"),
        (f"<mfenced open='|' close='|'>{_ROWS}</mfenced>", "vmatrix"),
        (_ROWS.replace("<mtable>", "<mtable columnalign='right left'>"), "aligned"),
        (_ROWS.replace("<mtr>", "<mlabeledtr><mtd>(1)</mtd>").replace("</mtr>", "</mlabeledtr>"), "matrix"),
    ],
)
def test_tables_are_matrices_of_the_kind_their_brackets_say(inner: str, kind: str) -> None:
    assert latex_of_mathml(_math(inner)) == rf"\begin{{{kind}}} a & b \\ c & d \end{{{kind}}}"


def test_content_markup_beside_presentation_markup_is_passed_by() -> None:
    inner = "<semantics><mi>x</mi><annotation-xml><apply><ci>y</ci></apply></annotation-xml></semantics>"
    assert latex_of_mathml(_math(inner)) == "x"


def test_elements_with_the_wrong_number_of_children_keep_their_text() -> None:
    assert latex_of_mathml(b"<math><mfrac><mi>a</mi></mfrac><msup><mi>b</mi></msup><mover></mover></math>") == "ab"


@pytest.mark.parametrize(
    "fragment",
    [
        b"",
        b"<math></math>",
        b"<math><mrow></mrow></math>",
        b"<math>" + b"<mrow>" * 100 + b"x",
        b"<math>" + b"<mi>x</mi>" * 6_000,
        b"<math><apply><plus/><ci>x</ci></apply></math>",
        b"<math><mi>" + b"x" * MAX_FORMULA_BYTES,
    ],
)
def test_nothing_too_deep_too_large_and_content_markup_give_nothing(fragment: bytes) -> None:
    assert to_latex(fragment) is None


@pytest.mark.parametrize(
    "piece", [b"<mi", b"<mi x='", b'<mi x="', b"<!--", b"</mi>", b"<annotation ", b"<", b"&", b"{", b"%", b"\xff"]
)
def test_hostile_markup_raises_nothing(piece: bytes) -> None:
    to_latex(b"<math>" + piece * (60_000 // len(piece)))
    latex_of_image(b"<img class=latex alt=" + piece * (60_000 // len(piece)))
    script_math(b"<script type='math/tex" + piece, piece * (60_000 // len(piece)))


_WORDS = (
    "<math> <mrow> </mrow> <msup> <mfrac> <mover> <mtable> <mtr> <mtd> <mo>( </mo> <mi>x </mi> <mmultiscripts> "
    "<mprescripts/> <mfenced <semantics> ∑ &#xD800; \\ { $"
)


@given(st.lists(st.sampled_from([*_WORDS.split(), " open="]), max_size=30))
def test_any_markup_gives_encodable_latex(pieces: list[str]) -> None:
    latex = to_latex("".join(pieces).encode())
    assert latex is None or (latex.encode("utf-8") and latex.startswith("$") and latex.endswith("$"))


# Characters


@pytest.mark.parametrize(
    ("char", "latex"),
    [
        *(("x", "x"), ("λ", r"\lambda"), ("Λ", r"\Lambda"), ("Α", "A"), ("ε", r"\varepsilon"), ("𝔽", r"\mathbb{F}")),
        *(("𝑥", "x"), ("𝛼", r"\alpha"), ("𝐱", r"\mathbf{x}"), ("ℒ", r"\mathcal{L}"), ("≤", r"\leq"), ("\u2061", "")),
        *(("字", "字"), ("☃", "☃")),
    ],
)
def test_characters_have_their_names_in_latex(char: str, latex: str) -> None:
    assert symbol(char) == latex


# Images


@pytest.mark.parametrize(
    ("tag", "latex"),
    [
        (b'<img class="latex" alt="a^2+b^2" src="https://s0.wp.com/latex.php?latex=a%5E2&bg=ffffff">', "$a^2+b^2$"),
        (
            b'<img src="https://s0.wp.com/latex.php?latex=%5Cfrac%7B1%7D%7B2%7D+x&bg=ffffff&fg=000000&s=0">',
            r"$\frac{1}{2} x$",
        ),
        (b'<img class="tex" alt="\\sqrt{2}">', r"$\sqrt{2}$"),
        (b'<img class="mwe-math-fallback-image-inline" alt="{\\displaystyle E=mc^{2}}">', "$E=mc^{2}$"),
        (b'<img class="mwe-math-fallback-image-display" alt="{\\displaystyle x}">', "$$x$$"),
        (b"<img alt='{\\displaystyle \\alpha }'>", r"$\alpha$"),
        (b'<img alt="$width * height$">', None),
        (b'<img class="math" alt="$x$">', "$x$"),
        (b'<img alt="$\\alpha &lt; 1$">', r"$\alpha < 1$"),
        (b'<img alt="\\[x^2\\]">', "$$x^2$$"),
        (b'<img alt="$5 and $6">', None),
        (b'<img alt="$9.99">', None),
        (b'<img src="https://latex.codecogs.com/gif.latex?\\dpi{120}&space;\\frac{a}{b}">', r"$\frac{a}{b}$"),
        (b'<img src="//latex.codecogs.com/svg.image?x%5E2&amp;space;&plus;1">', "$x^2 +1$"),
        (b'<img src="/cgi-bin/mimetex.cgi?x%5E2">', "$x^2$"),
        (b'<img src="https://www.zhihu.com/equation?tex=a%2Bb+%3D+c" alt="[formula]">', "$a+b = c$"),
        (b'<img src="https://math.jianshu.com/math?formula=%5Cpi">', r"$\pi$"),
        (b'<img data-src="https://chart.googleapis.com/chart?cht=tx&chl=%5Cpi">', r"$\pi$"),
        (b'<img class="ql-img-inline-formula" alt="\\int f" src="x.png">', r"$\int f$"),
        (b'<img class="latex" alt="x^{2">', None),
        (b'<img class="photo" alt="a cat" src="/cat.png?tex=1">', None),
        (b"<img>", None),
        (b"", None),
    ],
)
def test_images_of_formulas_are_read(tag: bytes, latex: str | None) -> None:
    assert latex_of_image(tag) == latex


def test_a_formula_beyond_the_limit_is_left_out() -> None:
    assert latex_of_image(b'<img src="/mimetex.cgi?' + b"x" * (MAX_LATEX_CHARS + 1) + b'">') is None
    assert script_math(b"<script type=math/tex>", b"x" * (MAX_LATEX_CHARS + 1)) is None


# Scripts


@pytest.mark.parametrize(
    ("tag", "content", "latex"),
    [
        (b'<script type="math/tex">', b"x < y", "$x < y$"),
        (b'<script type="math/tex; mode=display" id="m1">', b"% <![CDATA[\nx < y %]]>", "$$x < y$$"),
        (b'<script type="math/tex;mode=display">', b"\\begin{align} a &= b \\\\ c &= d \\end{align}", None),
        (b'<script type="math/mml">', _math("<mi>x</mi>"), "$x$"),
        (b'<script type="math/tex">', b"  ", None),
        (b'<script type="text/javascript">', b"x", None),
        (b"<script>", b"x", None),
    ],
)
def test_mathjax_scripts_are_read(tag: bytes, content: bytes, latex: str | None) -> None:
    expected = latex or (f"$${content.decode()}$$" if b"align" in content else None)
    assert script_math(tag, content) == expected
