"""What MathML's characters and words are called in LaTeX."""

from __future__ import annotations

import unicodedata
from functools import cache

_SYMBOLS = r"""
ϵ \epsilon ε \varepsilon ϕ \phi φ \varphi ϑ \vartheta ϖ \varpi ϱ \varrho ϰ \varkappa ς \varsigma ο o
Α A Β B Ε E Ζ Z Η H Ι I Κ K Μ M Ν N Ο O Ρ P Τ T Χ X
ℓ \ell ℏ \hbar ℎ h ℘ \wp ℵ \aleph ℶ \beth ı \imath ȷ \jmath ∂ \partial ∇ \nabla ∞ \infty ∅ \emptyset Ω \Omega Å Å
ⅆ d ⅇ e ⅈ i ⅉ j ℜ \Re ℑ \Im ° ^\circ ′ ' ″ '' ‴ ''' ‵ \backprime
− - – - ± \pm ∓ \mp × \times ÷ \div · \cdot ⋅ \cdot ∙ \bullet • \bullet ∗ * ⋆ \star ∘ \circ ⊕ \oplus ⊖ \ominus
⊗ \otimes ⊘ \oslash ⊙ \odot ∧ \wedge ∨ \vee ∩ \cap ∪ \cup ⊎ \uplus ⊓ \sqcap ⊔ \sqcup ∖ \setminus ≀ \wr † \dagger
‡ \ddagger ⋄ \diamond △ \triangle ▽ \bigtriangledown ◃ \triangleleft ▹ \triangleright ⨯ \times ⊞ \boxplus ⊠ \boxtimes
≤ \leq ≥ \geq ⩽ \leqslant ⩾ \geqslant ≪ \ll ≫ \gg ≠ \neq ≈ \approx ≃ \simeq ≅ \cong ∼ \sim ≡ \equiv ∝ \propto
≺ \prec ≻ \succ ⪯ \preceq ⪰ \succeq ≼ \preccurlyeq ≽ \succcurlyeq ∣ \mid ∤ \nmid ∥ \parallel ∦ \nparallel ⊥ \perp
≐ \doteq ≔ := ≜ \triangleq ≍ \asymp ≲ \lesssim ≳ \gtrsim ⊢ \vdash ⊣ \dashv ⊨ \models ⊩ \Vdash ⋈ \bowtie ⌢ \frown
∈ \in ∉ \notin ∋ \ni ⊂ \subset ⊃ \supset ⊆ \subseteq ⊇ \supseteq ⊄ \not\subset ⊈ \nsubseteq ⊊ \subsetneq
⊏ \sqsubset ⊐ \sqsupset ⊑ \sqsubseteq ⊒ \sqsupseteq ∀ \forall ∃ \exists ∄ \nexists ¬ \neg ⊤ \top ∎ \blacksquare
□ \square ◻ \square ■ \blacksquare ◊ \lozenge ∠ \angle ∡ \measuredangle ∴ \therefore ∵ \because
← \leftarrow → \rightarrow ↔ \leftrightarrow ⇐ \Leftarrow ⇒ \Rightarrow ⇔ \Leftrightarrow ↑ \uparrow ↓ \downarrow
↕ \updownarrow ⇑ \Uparrow ⇓ \Downarrow ⟵ \longleftarrow ⟶ \longrightarrow ⟷ \longleftrightarrow ⟸ \Longleftarrow
⟹ \Longrightarrow ⟺ \Longleftrightarrow ↦ \mapsto ⟼ \longmapsto ↪ \hookrightarrow ↩ \hookleftarrow ↠ \twoheadrightarrow
↗ \nearrow ↘ \searrow ↙ \swarrow ↖ \nwarrow ⇀ \rightharpoonup ⇁ \rightharpoondown ↼ \leftharpoonup
⇌ \rightleftharpoons ⇄ \rightleftarrows ⇆ \leftrightarrows ⇝ \rightsquigarrow ↛ \nrightarrow
∑ \sum ∏ \prod ∐ \coprod ∫ \int ∬ \iint ∭ \iiint ∮ \oint ⋂ \bigcap ⋃ \bigcup ⋀ \bigwedge ⋁ \bigvee
⨁ \bigoplus ⨂ \bigotimes ⨀ \bigodot ⨄ \biguplus ⨆ \bigsqcup √ \surd
⟨ \langle ⟩ \rangle 〈 \langle 〉 \rangle ⌈ \lceil ⌉ \rceil ⌊ \lfloor ⌋ \rfloor ‖ \| ∣ \mid ⟦ [\![ ⟧ ]\!]
⟪ \langle\langle ⟫ \rangle\rangle … \ldots ⋯ \cdots ⋮ \vdots ⋱ \ddots ⋰ \iddots ∶ : ⁄ / ∕ / ♯ \sharp ♭ \flat ♮ \natural
✓ \checkmark
# \# % \% & \& $ \$ _ \_ { \{ } \} \ \backslash ~ \sim
"""
# Invisible operators, spaces (TeX sets its own) and variation selectors.
_NOTHING = "\u2061\u2062\u2063\u2064\u200b\u200c\u200d\u2060\ufe00\ufe0e\ufe0f\ufeff"
ACCENTS = {
    over: command
    for command, overs in {
        r"\hat": "^ˆ\u0302",
        r"\tilde": "~˜\u0303∼",
        r"\bar": "¯ˉ\u0304‾",
        r"\vec": "→\u20d7⃗⇀",
        r"\dot": "˙\u0307.",
        r"\ddot": "¨\u0308",
        r"\dddot": "⃛",
        r"\check": "ˇ\u030c",
        r"\breve": "˘\u0306",
        r"\acute": "´\u0301",
        r"\grave": "`\u0300",
        r"\mathring": "˚\u030a",
        r"\overline": "_―─",
        r"\overbrace": "⏞︷",
        r"\overleftarrow": "←",
        r"\overleftrightarrow": "↔",
    }.items()
    for over in overs
}
UNDERS = {
    "_": r"\underline",
    "¯": r"\underline",
    "‾": r"\underline",
    "̲": r"\underline",
    "⏟": r"\underbrace",
    "︸": r"\underbrace",
}
_FUNCTIONS = (
    "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup ln log max "
    "min Pr sec sin sinh sup tan tanh"
)
_LIMITS = (  # their scripts stand below and above
    r"\sum \prod \coprod \bigcap \bigcup \bigwedge \bigvee \bigoplus \bigotimes \bigodot \biguplus \bigsqcup \int "
    r"\iint \iiint \oint \lim \liminf \limsup \max \min \sup \inf \det \gcd \Pr"
)
FUNCTIONS, LIMITS = frozenset(_FUNCTIONS.split()), frozenset(_LIMITS.split())
VARIANTS = {
    "normal": r"\mathrm",
    "bold": r"\mathbf",
    "bold-italic": r"\boldsymbol",
    "double-struck": r"\mathbb",
    "script": r"\mathcal",
    "bold-script": r"\mathcal",
    "fraktur": r"\mathfrak",
    "bold-fraktur": r"\mathfrak",
    "sans-serif": r"\mathsf",
    "bold-sans-serif": r"\mathsf",
    "monospace": r"\mathtt",
}
_STYLES = (  # words of a character's Unicode name, the telling ones first
    ("DOUBLE-STRUCK", r"\mathbb"),
    ("FRAKTUR", r"\mathfrak"),
    ("BLACK-LETTER", r"\mathfrak"),
    ("SCRIPT", r"\mathcal"),
    ("SANS-SERIF", r"\mathsf"),
    ("MONOSPACE", r"\mathtt"),
    ("BOLD ITALIC", r"\boldsymbol"),
    ("BOLD", r"\mathbf"),
    ("ITALIC", ""),
)


@cache
def _table() -> dict[str, str]:
    parts = _SYMBOLS.split()
    table: dict[str, str] = dict(zip(parts[::2], parts[1::2], strict=True))
    for code in (*range(0x391, 0x3AA), *range(0x3B1, 0x3CA)):
        words = unicodedata.name(chr(code), "GREEK SMALL LETTER X").split()
        name = words[-1].lower().replace("lamda", "lambda")
        table.setdefault(chr(code), "\\" + (name.capitalize() if words[1] == "CAPITAL" else name))
    return table | {"\u00a0": " ", "∆": r"\Delta", "µ": r"\mu"} | dict.fromkeys(_NOTHING, "")


@cache
def symbol(char: str) -> str:
    """One character in LaTeX; what LaTeX has no name for stays as it is."""
    known = _table().get(char)
    if known is not None:
        return known
    plain = unicodedata.normalize("NFKC", char)
    if plain == char or len(plain) != 1 or not plain.isalnum():
        return char
    name = unicodedata.name(char, "")
    for style, command in _STYLES:
        if style in name:
            return f"{command}{{{symbol(plain)}}}" if command else symbol(plain)
    return symbol(plain)


def letters(text: str) -> str:
    """Characters in LaTeX, one after the other."""
    return join([symbol(char) for char in text])


def join(parts: list[str]) -> str:
    """Pieces of LaTeX in a row; a command and a letter after it are kept apart."""
    joined: list[str] = []
    open_command = False
    for part in parts:
        if not part:
            continue
        if open_command and part[0].isalpha():
            joined.append(" ")
        joined.append(part)
        command = part.rpartition("\\")
        open_command = bool(command[1]) and command[2].isascii() and command[2].isalpha()
    return "".join(joined)
