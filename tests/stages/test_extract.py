"""Pages to text: charsets, the second opinion, limits of hostile pages, the publisher's signals."""

from __future__ import annotations

from functools import cache

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.blocks import Model
from stages.charset import decode
from stages.contract import check_plan
from stages.extract import ExtractConfig, extract, extract_stage, load_extractor
from stages.ingest import WARC_SCHEMA

ENGLISH = "The harbour was quiet in the early morning, and the boats lay side by side along the old stone quay. "
CHINESE = "清晨的港口十分安静，渔船沿着古老的石砌码头并排停靠，等待出海的渔民们还没有到来。"
MENU = "<nav><ul>" + "".join(f"<li><a href='/{n}'>Item {n}</a></li>" for n in range(30)) + "</ul></nav>"


@cache
def model() -> Model:
    """The model, with all that compiles on first use compiled outside of the CPU limit."""
    return load_extractor(ExtractConfig())


def html(text: str, head: str = "") -> str:
    body = "".join(f"<p>{text}</p>" for _ in range(6))
    head = f"<head><title> The \n page </title>{head}</head>"
    return f"<!DOCTYPE html><html>{head}<body>{MENU}<article>{body}</article></body></html>"


def batch(
    *payloads: bytes | None,
    charset: str | None = None,
    robots: str | None = None,
    tdm: str | None = None,
    drop: str | None = None,
    slow: bool = False,
) -> pa.Table:
    n = len(payloads)
    return pa.table(
        {
            "uid": pa.array([str(i) for i in range(n)], pa.string()),
            "payload": pa.array(payloads, pa.large_binary()),
            "url": pa.array(["https://www.example.org/news/harbour.html"] * n, pa.string()),
            "date": pa.array(["2024-05-06T07:08:09Z"] * n, pa.string()),
            "charset_declared": pa.array([charset] * n, pa.string()),
            "x_robots_tag": pa.array([robots] * n, pa.string()),
            "tdm_reservation": pa.array([tdm] * n, pa.string()),
            "extract.slow": pa.array([slow] * n, pa.bool_()),
            "ingest.drop": pa.array(
                [drop if payload is not None else "status_404" for payload in payloads], pa.string()
            ),
        }
    )


def read(
    payload: bytes, charset: str | None = None, robots: str | None = None, tdm: str | None = None, **options: object
) -> dict:
    cfg = ExtractConfig(**options)
    return extract(batch(payload, charset=charset, robots=robots, tdm=tdm), cfg, model()).to_pylist()[0]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_main_text_comes_without_menu_and_with_title(text: str) -> None:
    page = html(text).encode()
    row = read(page)
    assert text.strip() in row["content"] and "Item 7" not in row["content"]
    assert row["title"] == "The page"
    assert (row["extractor"], row["charset"], row["extract.drop"]) == ("blocks", "utf-8", None)
    assert row["extract.html_bytes"] == len(page) and row["extract.text_chars"] == len(row["content"])


@pytest.mark.parametrize(
    ("text", "codec", "declared", "meta", "found"),
    [
        (CHINESE, "utf-8", "gbk", "", "utf-8"),
        (CHINESE, "gb18030", "gbk", "", "gb18030"),
        (CHINESE, "gb18030", None, "gb2312", "gb18030"),
        (CHINESE, "gb18030", "utf-8", "utf-8", "gb18030"),
        (CHINESE, "gb18030", "iso-8859-1", "", "gb18030"),
        (CHINESE, "gb18030", "no-such-charset", "", "gb18030"),
        (CHINESE, "gb18030", None, "", "gb18030"),
        (CHINESE, "utf-16", None, "", "utf-16-le"),
        (CHINESE, "utf-8-sig", "gbk", "", "utf-8"),
        ("清晨的港口十分安靜，漁船並排停靠，等待出海的漁民們還沒有到來。", "big5", "big5", "", "big5hkscs"),
        ("朝の港はとても静かで、漁船が古い石の岸壁に並んでいました。", "shift_jis", None, "shift_jis", "cp932"),
        ("Наша гавань была тихой ранним утром, и лодки лежали рядом.", "cp1251", "windows-1251", "", "cp1251"),
        ("Der Hafen war früh am Morgen ruhig, „schön“ und voller Möwen.", "cp1252", "iso-8859-1", "", "cp1252"),
    ],
)
def test_charsets_as_crawls_have_them(text: str, codec: str, declared: str | None, meta: str, found: str) -> None:
    head = f'<meta http-equiv="Content-Type" content="text/html; charset={meta}">' if meta else ""
    row = read(html(text, head).encode(codec), charset=declared)
    assert row["charset"] == found
    assert text in row["content"]


def test_stray_bytes_do_not_turn_a_utf8_page_into_another_charset() -> None:
    page = html(CHINESE * 20).encode().replace("等待".encode(), b"\xff", 1)
    row = read(page, charset="utf-8")
    assert row["charset"] == "utf-8" and CHINESE in row["content"]


def test_max_bad_ratio_decides_what_is_undecodable() -> None:
    cut = (CHINESE[:20].encode() + b"\xe4\xff") * 50
    assert decode(cut, None, 0.05) is None
    assert decode(cut, None, 0.2) is not None
    assert read(cut, max_bad_ratio=0.2)["charset"] == "utf-8"


def test_binary_under_a_wrong_name_is_undecodable() -> None:
    assert read(b"\x89PNG\r\n" + bytes(2000))["extract.drop"] == "undecodable"


def test_rejected_rows_stay_null_and_order_is_kept() -> None:
    page = html(ENGLISH).encode()
    out = extract(batch(page, None, page), ExtractConfig(), model())
    assert out["uid"].to_pylist() == ["0", "1", "2"]
    rejected = out.to_pylist()[1]
    assert all(rejected[name] is None for name in extract_stage(ExtractConfig()).adds)


@pytest.mark.parametrize("page", [b"", b"   ", b"<html></html>", b"<script>var x = 1</script>", b"<!-- nothing -->"])
def test_page_without_text_is_empty(page: bytes) -> None:
    row = read(page)
    assert row["extract.drop"] == "empty" and row["content"] is None and row["extract.text_chars"] == 0


def doubtful() -> bytes:
    """A page without paragraphs, on which no model can be sure."""
    rows = "".join(
        f"<div class=x><b>Entry {n}</b> of {n * 7} pieces, see <a href=/{n}>part {n}</a></div>" for n in range(40)
    )
    return f"<html><body><div>{rows}</div><div class=y>{ENGLISH}</div></body></html>".encode()


def test_second_opinion_is_asked_only_above_the_doubt_set() -> None:
    page = doubtful()
    doubt = read(page)["extract.doubt"]
    assert doubt > read(html(ENGLISH).encode())["extract.doubt"] >= 0
    assert read(page, min_doubt=doubt / 2)["extractor"] == "blocks+trafilatura"
    assert read(page, min_doubt=doubt + 1)["extractor"] == "blocks"
    assert read(page, min_doubt=doubt / 2, second_opinion=False)["extractor"] == "blocks"
    assert read(page, min_doubt=doubt / 2, second_max_bytes=10)["extractor"] == "blocks"
    assert read(html(ENGLISH).encode())["extractor"] == "blocks"


def test_chinese_pages_are_left_to_the_model() -> None:
    assert read(html(CHINESE).encode(), min_doubt=0.0)["extractor"] == "blocks"


def test_threshold_decides_how_much_is_kept() -> None:
    page = doubtful()
    lengths = [read(page, threshold=share, second_opinion=False)["extract.text_chars"] for share in (0.001, 0.5, 0.999)]
    assert lengths == sorted(lengths, reverse=True) and lengths[0] > lengths[2]


def test_a_page_that_was_too_slow_is_not_tried_again() -> None:
    page = html(ENGLISH).encode()
    first = read(page * 200, max_cpu_s=0.0005)
    assert first["extract.drop"] == "too_slow" and first["content"] is None
    again = extract(batch(page * 200, slow=True), ExtractConfig(), model()).to_pylist()[0]
    assert {name: value for name, value in again.items() if name != "extract.slow"} == {
        name: value for name, value in first.items() if name != "extract.slow"
    }


def test_metadata_come_from_the_head() -> None:
    head = (
        '<meta name="author" content="Ada Lovelace"><meta property="article:published_time" content="2023-04-05T10:00">'
        '<link rel="canonical" href="/news/harbour">'
    )
    row = read(html(ENGLISH, head).encode())
    assert (row["author"], row["published"]) == ("Ada Lovelace", "2023-04-05")
    assert row["canonical_url"] == "https://www.example.org/news/harbour"


def test_a_date_in_the_text_alone_is_found_by_the_thorough_search() -> None:
    page = html(f"Published on April 5, 2023. {ENGLISH}").encode()
    assert read(page)["published"] is None
    assert read(page, thorough_dates=True)["published"] == "2023-04-05"


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (b"<html><body>" + b"<div>" * 200_000 + b"text", "too_deep"),
        (b"<i><div>" * 50 + b"<section>" * 3000 + b"text", "too_deep"),
        (b"<ul><li>" * 3000 + b"text", "too_deep"),
        (b"<p>x</p>" * 250_000, "too_many_tags"),
        (b"<p>" + b"x" * 20_000_000, "too_large"),
        (b"<b>" * 200_000 + b"<p>text</p>" * 10, None),
        (b"<p>" + b"".join(b"<b id=%d>" % n for n in range(5000)) + b"<p>x" * 5000, None),
        (b"<path/>" * 100_000 + b"text", None),
        (b"<div>" * 1900 + b"</span></li></td>" * 100_000 + b"text", None),
        (b"<table><tr><td>" + b"<div>" * 1900 + b"</p></section>" * 150_000 + b"text", None),
        (b"text<!--" + b"- -" * 1_000_000, None),
        (b"text<a href='" + b"x>" * 1_000_000, None),
        (b"<p>text<p " + b"a=1 " * 1_000_000, None),
        (b"<p>text &amp;" + b"&lol;" * 1_000_000, None),
        (b"<p class='" + b"comment" * 500_000 + b"'>text", None),
        (b"text<script>" + b"</scrip" * 500_000, "too_many_tags"),
        (b"<title>" * 100_000 + b"text", "empty"),
        (b"<select>" * 1500 + b"text", "empty"),
        (b"<div>" * 1900 + b"<p>text" * 40_000, None),
        (b"<ul><li>" * 990 + b"<p>text" * 40_000, None),
        (b"<table><tr><td>" * 600 + b"<p>text" * 40_000, None),
        (b"text<br><br>" * 40_000, None),
    ],
)
def test_hostile_page_meets_a_limit_and_spares_its_neighbours(page: bytes, reason: str) -> None:
    good = html(ENGLISH).encode()
    out = extract(batch(good, page, good), ExtractConfig(), model()).to_pylist()
    assert [row["extract.drop"] for row in out] == [None, reason, None]
    assert reason is not None or "text" in out[1]["content"] or "x" in out[1]["content"]


def test_limits_are_options() -> None:
    page = html(ENGLISH).encode()
    assert read(page, max_html_bytes=100)["extract.drop"] == "too_large"
    assert read(page, max_tags=10)["extract.drop"] == "too_many_tags"
    assert read(page, max_depth=2)["extract.drop"] == "too_deep"


def test_void_and_unclosed_elements_do_not_count_as_depth() -> None:
    page = "<html><body>" + f"<p>{ENGLISH}<br>" * 3000 + "</body></html>"
    assert read(page.encode())["extract.drop"] is None
    drawing = "<svg>" + "<path d='M0 0'/>" * 3000 + "</svg>"
    assert read(html(ENGLISH + drawing).encode())["extract.drop"] is None


@pytest.mark.parametrize(
    "page", [b"<" * 10_000, b"<a " * 5000, b"&amp" * 5000, b"<!DOCTYPE [<!ENTITY a 'b'>]>&a;", b"\0" * 50]
)
def test_markup_nonsense_gets_a_verdict(page: bytes) -> None:
    row = read(page)
    assert (row["content"] is None) == (row["extract.drop"] is not None)


CC = "https://creativecommons.org/licenses/by-sa/4.0/"


@pytest.mark.parametrize(
    ("head", "licence"),
    [
        (f'<link rel="license" href="{CC}">', CC),
        (f'<a rel="license" href=" {CC} ">x</a>', CC),
        ('<a rel="license" href="/terms">x</a>', None),
        (f'<a href="{CC}">somebody else\'s</a>', None),
        ('<a rel="license" href="https://creativecommons.org.evil.test/">x</a>', None),
        ('<a rel="license" href="http://[">x</a>', None),
        ('<a rel="license">x</a>', None),
    ],
)
def test_licence_is_a_creative_commons_link_of_the_page_itself(head: str, licence: str | None) -> None:
    assert read(html(ENGLISH, head).encode())["licence"] == licence


@pytest.mark.parametrize(
    ("head", "robots", "opt_out"),
    [
        ('<meta name="robots" content="NOAI, noimageai">', None, "noai,noimageai"),
        ('<meta name="ROBOTS" content="none">', None, "noindex"),
        ('<meta name="tdm-reservation" content="1">', "noindex", "noindex,tdm"),
        ('<meta name="tdm-reservation" content="0">', None, None),
        ('<meta name="robots" content="index, follow">', "nofollow", None),
        ('<meta name="description" content="noai">', None, None),
        ("", "googlebot: noindex", None),
    ],
)
def test_opt_outs_of_meta_and_header_are_kept(head: str, robots: str | None, opt_out: str | None) -> None:
    assert read(html(ENGLISH, head).encode(), robots=robots)["opt_out"] == opt_out


def test_a_reservation_in_the_header_is_an_opt_out() -> None:
    assert read(html(ENGLISH).encode(), tdm="1")["opt_out"] == "tdm"
    assert read(html(ENGLISH).encode(), tdm="0")["opt_out"] is None


def test_empty_table_has_the_same_columns() -> None:
    stage = extract_stage(ExtractConfig())
    check_plan([stage], [*WARC_SCHEMA.names, "extract.slow"])
    empty = extract(batch(), ExtractConfig(), model())
    full = extract(batch(html(ENGLISH).encode()), ExtractConfig(), model())
    assert empty.schema == full.schema and empty.num_rows == 0
    assert empty.column_names[-len(stage.adds) :] == list(stage.adds)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=200), st.text(alphabet="<>/ab=\"'&;! -\n清", max_size=200).map(str.encode)),
        max_size=4,
    )
)
def test_any_bytes_get_text_or_a_reason(payloads: list[bytes]) -> None:
    out = extract(batch(*payloads), ExtractConfig(), model())
    assert out["uid"].to_pylist() == [str(n) for n in range(len(payloads))]
    assert all((row["content"] is None) == (row["extract.drop"] is not None) for row in out.to_pylist())
