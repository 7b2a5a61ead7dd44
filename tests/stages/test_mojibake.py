"""Mojibake is undone, and sound text of any language stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.mojibake import repair
from tests.stages.test_charset import SENTENCES

BROKEN = [
    ("Der Verein prüft jeden Beitrag vor der Veröffentlichung.", "windows-1252"),
    ("Les élèves étaient déjà très fatigués à l’école.", "windows-1252"),
    ("It’s the captain’s “old” boat — isn’t it?", "windows-1252"),
    ("清晨的港口十分安静，渔船沿着古老的石砌码头并排停靠。", "windows-1252"),
    ("Наша гавань была тихой ранним утром.", "windows-1251"),
    ("Наша гавань была тихой ранним утром.", "latin-1"),
    ("Wczesnym rankiem w porcie było cicho, a łodzie leżały.", "windows-1250"),
]


def broken(text: str, codec: str) -> str:
    import ftfy.bad_codecs  # noqa: F401 - registers the codecs that read every byte, as browsers do

    return text.encode().decode(f"sloppy-{codec}" if codec.startswith("windows") else codec)


@pytest.mark.parametrize(("text", "codec"), BROKEN)
def test_utf8_read_as_another_charset_is_undone(text: str, codec: str) -> None:
    assert repair(broken(text, codec)) == (text, True)


def test_only_broken_lines_are_touched() -> None:
    sound = "Ein schöner Satz «à la carte» – wie er war…\n\t  \u3000全角空格 ﬁ ligature"
    page = f"{sound}\n{broken(BROKEN[0][0], 'windows-1252')}\n{sound}"
    assert repair(page) == (f"{sound}\n{BROKEN[0][0]}\n{sound}", True)


@pytest.mark.parametrize("text", [*SENTENCES.values(), *(text for text, _ in BROKEN)])
def test_sound_text_stays(text: str) -> None:
    assert repair(text) == (text, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "«\u00a0Très bien\u00a0», dit-il\u00a0: «\u00a0l’été\u00a0»",
        "São Paulo, AÇÃO, NÃO É SÓ ISSO, Århus, ÅÄÖ, SMÖRGÅSBORD",
        "5\u00a0°C ± 2 µm, §\u00a012, ½ Tasse, ™ © ®, 3 × 4 ÷ 2",
        "naïve façade, cœur, Łódź, Škoda, ČSÚ, Ťažký",
        "「引用」『書名』（括号）……——！？",
    ],
)
def test_marks_and_capitals_of_sound_text_stay(text: str) -> None:
    assert repair(text) == (text, False)


def test_real_pages_stay_but_for_what_is_broken(shared_data: Path) -> None:
    from tests.stages.test_charset import _real_pages

    for name in ("docs-pages/zh", "web-pages/pages"):
        pages = _real_pages(shared_data / f"{name}.warc.gz", 60)
        changed = [html for html in pages if repair(html)[1]]
        assert len(pages) > 30
        assert all("Ã" in html for html in changed)  # one of them has an image called "InfogrÃ¡fico"


@given(st.text(st.characters(max_codepoint=0x7F), max_size=200))
def test_ascii_is_never_touched(text: str) -> None:
    assert repair(text) == (text, False)


@given(st.text(max_size=200))
def test_what_is_not_changed_is_returned_as_it_is(text: str) -> None:
    repaired, changed = repair(text)
    assert changed == (repaired != text)
