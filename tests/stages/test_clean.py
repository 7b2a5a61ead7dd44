"""Text clean-up: what is repaired, what is dropped, what stays."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.clean import CleanConfig, clean, clean_stage
from stages.contract import check_plan

LINE = "The boats lay side by side along the quay."
ZH_LINE = "渔船沿着古老的石砌码头并排停靠，等待着出海的渔民们。"


def batch(*texts: str | None) -> pa.Table:
    return pa.table(
        {
            "uid": pa.array([str(n) for n in range(len(texts))], pa.string()),
            "content": pa.array(texts, pa.string()),
        }
    )


def tidy(text: str | None, **options: object) -> str | None:
    return clean(batch(text), CleanConfig(**options))["content"].to_pylist()[0]


@pytest.mark.parametrize(
    ("dirty", "wanted"),
    [
        (f"a\r\nb\rc\u2028{LINE}", f"a\nb\nc\n{LINE}"),
        (f"zero\u200b width\ufeff and\u00ad soft {LINE}", f"zero width and soft {LINE}"),
        (f"bell\x07 \ue000private \u202ebidi\ufffd {LINE}", f"bell private bidi {LINE}"),
        (f"{LINE}\u00a0\u3000wide", f"{LINE}  wide"),
        (f"cafe\u0301 {LINE}", f"café {LINE}"),
        (f"{LINE}   \n\n\n\n\n{LINE}x", f"{LINE}\n\n{LINE}x"),
        (f"\n\n  indented {LINE}\n\n", f"  indented {LINE}"),
        (f"👨\u200d👩\u200d👧 {LINE}", f"👨\u200d👩\u200d👧 {LINE}"),
        (f"全角，标点。{ZH_LINE}", f"全角，标点。{ZH_LINE}"),
    ],
)
def test_characters_and_blank_lines_are_tidied(dirty: str, wanted: str) -> None:
    assert tidy(dirty) == wanted


def test_mojibake_is_repaired_only_when_asked_and_only_where_it_is_bad() -> None:
    broken = f"â€œItâ€™s a cafÃ©â€\x9d, he said. {LINE}"
    assert tidy(broken) == f"“It’s a café”, he said. {LINE}"
    assert "Ã" in (tidy(broken, repair_mojibake=False) or "")
    assert tidy(f"São Paulo, Ærø, Ã alone. {LINE}") == f"São Paulo, Ærø, Ã alone. {LINE}"
    chinese = ZH_LINE.encode().decode("cp1252", "ignore")
    assert tidy(f"{LINE} {chinese}") is not None


@pytest.mark.parametrize(
    "noise",
    [
        "Skip to main content",
        "[Back to top]",
        "LEAVE A REPLY",
        "返回顶部",
        "上一篇：",
        "» Read more",
        "We use cookies to improve this.",
    ],
)
def test_boilerplate_lines_go_and_sentences_about_them_stay(noise: str) -> None:
    assert tidy(f"{LINE}\n{noise}\n{ZH_LINE}") == f"{LINE}\n{ZH_LINE}"
    assert tidy(f"{LINE}\n{noise}\n{ZH_LINE}", drop_boilerplate_lines=False) == f"{LINE}\n{noise}\n{ZH_LINE}"
    assert noise in (tidy(f"{LINE} The words {noise} stand at the end of many a page that I have seen." * 4) or "")


def test_boilerplate_options() -> None:
    text = f"{LINE}\nHarbour Gazette\n{ZH_LINE}"
    assert tidy(text) == text
    assert tidy(text, extra_boilerplate=("harbour GAZETTE",)) == f"{LINE}\n{ZH_LINE}"
    cookies = "This site uses cookies. " + "And much more is to be said about that matter. " * 3
    assert cookies.strip() not in (tidy(f"{LINE}\n{cookies}") or "")
    assert cookies.strip() in (tidy(f"{LINE}\n{cookies}", max_boilerplate_chars=50) or "")


def test_adjacent_repeated_lines_are_said_once() -> None:
    text = f"{LINE}\n{LINE}\n{ZH_LINE}\n{LINE}\n0\n0"
    assert tidy(text) == f"{LINE}\n{ZH_LINE}\n{LINE}\n0\n0"
    assert tidy(text, min_repeated_chars=1) == f"{LINE}\n{ZH_LINE}\n{LINE}\n0"
    assert tidy(text, drop_repeated_lines=False) == text


def test_repeated_lines_do_not_reach_across_rows() -> None:
    out = clean(batch(f"{ZH_LINE}\n{LINE}", f"{LINE}\n{ZH_LINE}"), CleanConfig())
    assert out["content"].to_pylist() == [f"{ZH_LINE}\n{LINE}", f"{LINE}\n{ZH_LINE}"]


def test_reasons_and_figures() -> None:
    out = clean(batch(None, "", " \n\u200b", "Read more", "short", LINE), CleanConfig())
    assert out["clean.drop"].to_pylist() == ["empty", "empty", "empty", "empty", "too_short", None]
    assert out["content"].to_pylist() == [None, "", "", "", "short", LINE]
    assert out["clean.chars_removed"].to_pylist() == [0, 0, 3, 9, 0, 0]


def test_min_chars_decides_what_is_too_short() -> None:
    assert clean(batch(LINE), CleanConfig(min_chars=100))["clean.drop"].to_pylist() == ["too_short"]
    assert clean(batch("short"), CleanConfig(min_chars=5))["clean.drop"].to_pylist() == [None]


def test_empty_table_has_the_same_columns() -> None:
    stage = clean_stage(CleanConfig())
    check_plan([stage], ["uid", "content"])
    assert clean(batch(), CleanConfig()).schema == clean(batch(LINE), CleanConfig()).schema


def test_chunked_input_gives_what_one_chunk_gives() -> None:
    parts = [batch(LINE, None), batch(f"{ZH_LINE}\n{ZH_LINE}")]
    assert clean(pa.concat_tables(parts), CleanConfig()) == pa.concat_tables(
        clean(part, CleanConfig()) for part in parts
    )


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.text(max_size=80), st.text(alphabet="ab \n\t\r。中\u200bÃ©â€", max_size=80)), max_size=5
    )
)
def test_cleaning_keeps_rows_and_order_and_leaves_nothing_to_tidy(texts: list[str | None]) -> None:
    once = clean(batch(*texts), CleanConfig(repair_mojibake=False))
    assert once["uid"].to_pylist() == [str(n) for n in range(len(texts))]
    assert [text is None for text in once["content"].to_pylist()] == [text is None for text in texts]
    again = clean(batch(*once["content"].to_pylist()), CleanConfig(repair_mojibake=False))
    for text in again["content"].to_pylist():
        assert text is None or ("\r" not in text and "\n\n\n" not in text and "\u200b" not in text)


def test_code_keeps_its_repeated_lines() -> None:
    code = "```\n    end of loop\n    end of loop\nread more\n```"
    assert tidy(f"{LINE}\n\n{code}\n\nsaid twice over\nsaid twice over") == f"{LINE}\n\n{code}\n\nsaid twice over"


def test_an_open_fence_of_one_text_does_not_reach_the_next() -> None:
    out = clean(batch(f"```\n{LINE}", f"{LINE}\n{LINE}"), CleanConfig())
    assert out["content"].to_pylist() == [f"```\n{LINE}", LINE]
