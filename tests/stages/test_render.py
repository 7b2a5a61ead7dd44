"""The shape of a page in its text: headings, lists, tables, code, formulas, posts."""

from __future__ import annotations

import html as markup

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.blocks import read_blocks
from stages.html_layout import B_END, B_START
from stages.render import render
from stages.role_kernels import block_roles

PROSE = "The harbour was quiet in the early morning, and the boats lay side by side along the old stone quay."


def rendered(page: str) -> str:
    """All blocks of a page, whatever they are."""
    found = read_blocks(page.encode(), 500)
    roles = block_roles(found.blocks, found.nodes)
    return render(found, roles[:, 0] >= 0, roles)


def plain(page: str) -> list[str]:
    """The texts of the blocks, as the tokenizer leaves them."""
    found = read_blocks(page.encode(), 500)
    return [found.text[a:b].tobytes().decode() for a, b in found.blocks[:, [B_START, B_END]].tolist()]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<h1>One</h1><p>a</p><h3>Three <i>b</i></h3>", "# One\n\na\n\n### Three b"),
        ("<h2>Section<a class=headerlink href=#s>¶</a></h2>", "## Section"),
        ("<ul><li>a<li>b</ul><p>c", "- a\n- b\n\nc"),
        ("<ol start=3><li>a</li><li>b</li></ol>", "3. a\n4. b"),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", "- a\n  - b\n- c"),
        ("<ul><li><p>a</p><p>b</p></li></ul>", "- a\n  b"),
        ("<p>a<br>b<br><br>c", "a\nb\n\nc"),
        ("<div>a<div>b</div>c</div>", "a\n\nb\n\nc"),
        ("<p>a &lt;b&gt; &amp;amp; &#20013;&nbsp;c", "a <b> &amp; 中 c"),
        ("<p>a<b>b</b> <i> c</i>", "ab c"),
        ("<a href=/a>One</a><a href=/b>Two</a>", "One Two"),
        ("<dl><dt>a<dd>b<dt>c<dd>d</dl>", "a\n\nb\n\nc\n\nd"),
        ("<p>a<p>b<h2>c<h2>d", "a\n\nb\n\n## c\n\n## d"),
        ("<p>清晨的港口\n  十分安静</p>", "清晨的港口 十分安静"),
        ("<p>　　清晨", "清晨"),
    ],
)
def test_blocks_become_light_markdown(page: str, text: str) -> None:
    assert rendered(page) == text


@pytest.mark.parametrize(
    "hidden",
    ["<script>x</script>", "<style>x</style>", "<noscript>x</noscript>", "<textarea>x</textarea>",
     "<iframe>x</iframe>", "<svg><text>x</text><title/></svg>", "<select><option>x</select>",
     "<template><p>x</template>",
     "<!-- x -->", "<?x?>",
     "<script>'</scr' + '<p>x'</script>", "<STYLE>x</sTyLe>", "<head><title>x</title></head>",
     "<object><p>x</object>"],
)  # fmt: skip
def test_what_is_not_read_on_a_page_is_not_in_its_text(hidden: str) -> None:
    assert rendered(f"<p>a</p>{hidden}<p>b</p>") == "a\n\nb"


def test_code_is_fenced_and_verbatim() -> None:
    code = "def f(x):\n    if x &lt; 2:\n\n        return  x\n\tpass"
    assert rendered(f"<p>a</p><pre><code>\n{code}\n</code></pre>") == f"a\n\n```\n{markup.unescape(code)}\n```"


def test_a_fence_is_longer_than_those_inside() -> None:
    assert rendered("<pre>```\nx\n```</pre>") == "````\n```\nx\n```\n````"


def test_lines_of_code_in_blocks_of_their_own_stay_lines() -> None:
    assert rendered("<pre><div>a = 1</div><div>b = 2</div></pre>") == "```\na = 1\nb = 2\n```"


def test_numbers_beside_lines_of_code_are_left_out() -> None:
    page = "<tr><td class=gutter><pre>1\n2</pre></td><td class=code><pre>a\nb</pre></td></tr>"
    assert rendered(f"<table class=highlight>{page}</table>") == "```\na\nb\n```"


def test_a_table_of_data_is_a_table() -> None:
    page = "<table><tr><th>Year<th>Boats|all<tr><td>1990<td>12<br>or 13<tr><td>1991</table>"
    assert rendered(page) == "| Year | Boats\\|all |\n| --- | --- |\n| 1990 | 12 or 13 |\n| 1991 |  |"


@pytest.mark.parametrize(
    "page",
    [
        f"<table><tr><td>a<td><table><tr><td>{PROSE}</table></table>",
        f"<table><tr><td>{PROSE}</table>",
        f"<table><tr><td>a<td>{PROSE * 20}<tr><td>b<td>c</table>",
    ],
)
def test_a_table_of_layout_is_paragraphs(page: str) -> None:
    assert "|" not in rendered(page) and PROSE in rendered(page)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ('<p>so <math><mfrac><mi>a</mi><mi>b</mi></mfrac></math> it is', "so $\\frac{a}{b}$ it is"),
        ('<p>so <span class="katex"><span class="katex-mathml"><math><semantics><mi>x</mi><annotation '
         'encoding="application/x-tex">x^2</annotation></semantics></math></span><span class="katex-html" '
         'aria-hidden="true"><span class="mord">x</span><span>2</span></span></span> it is', "so $x^2$ it is"),
        ('<p>so <script type="math/tex">x^2</script> it is', "so $x^2$ it is"),
        ('<p>so <img class="latex" alt="x^2" src="/latex.php"> it is', "so $x^2$ it is"),
        ('<p>so <img alt="context" src="/a.png"> it is', "so it is"),
        ('<p>so <span class="MathJax_Preview">x2</span><script type="math/tex">x^2</script> it is', "so $x^2$ it is"),
    ],
)  # fmt: skip
def test_formulas_are_latex(page: str, text: str) -> None:
    assert " ".join(rendered(page).split()) == text


def test_a_formula_and_its_fallback_picture_are_one() -> None:
    page = '<p>so <math><mi>x</mi></math><img class="mwe-math-fallback-image-inline" alt="{\\displaystyle x}"> it is'
    assert rendered(page).count("$") == 2


def test_misnested_formatting_does_not_move_text() -> None:
    assert rendered("<b><p>a</b>b<p>c</b></i>d") == "ab\n\ncd"


PIECES = (
    "<p> </p> <div> </div> <li> <ul> </ul> <td> <tr> <table> </table> <b> </b> <a> </a> <pre> </pre> <br> <h2> </h2> "
    "<script> </script> <svg> </svg> word 清晨 &amp; <"
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*PIECES.split(), "\n"]), max_size=60))
def test_any_nesting_keeps_the_order_of_what_is_seen(pieces: list[str]) -> None:
    page = "".join(piece + (f" w{number} " if piece == "word" else "") for number, piece in enumerate(pieces))
    shown = "".join(plain(page))
    numbers = [int(word[1:]) for word in shown.split() if word[0] == "w" and word[1:].isdigit()]
    assert numbers == sorted(numbers)
    rendered(page)


@settings(max_examples=100, deadline=None)
@given(
    st.text(
        alphabet=st.characters(blacklist_characters="<&\x00\x01", blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp")),
        max_size=60,
    )
)
def test_plain_text_comes_through_unchanged(text: str) -> None:
    assert " ".join(rendered(f"<p>{text}</p>").split()) == " ".join(text.split())
