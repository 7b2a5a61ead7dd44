"""Pages to text: charsets, the second opinion, limits of hostile pages, the publisher's signals."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.charset import decode
from stages.contract import check_plan
from stages.extract import ExtractConfig, extract, extract_stage
from stages.ingest import WARC_SCHEMA

ENGLISH = "The harbour was quiet in the early morning, and the boats lay side by side along the old stone quay. "
CHINESE = "清晨的港口十分安静，渔船沿着古老的石砌码头并排停靠，等待出海的渔民们还没有到来。"
MENU = "<nav><ul>" + "".join(f"<li><a href='/{n}'>Item {n}</a></li>" for n in range(30)) + "</ul></nav>"


def html(text: str, head: str = "") -> str:
    body = "".join(f"<p>{text}</p>" for _ in range(6))
    head = f"<head><title> The \n page </title>{head}</head>"
    return f"<!DOCTYPE html><html>{head}<body>{MENU}<article>{body}</article></body></html>"


def batch(
    *payloads: bytes | None, charset: str | None = None, robots: str | None = None, drop: str | None = None
) -> pa.Table:
    n = len(payloads)
    return pa.table(
        {
            "uid": pa.array([str(i) for i in range(n)], pa.string()),
            "payload": pa.array(payloads, pa.large_binary()),
            "charset_declared": pa.array([charset] * n, pa.string()),
            "x_robots_tag": pa.array([robots] * n, pa.string()),
            "ingest.drop": pa.array(
                [drop if payload is not None else "status_404" for payload in payloads], pa.string()
            ),
        }
    )


def read(payload: bytes, charset: str | None = None, robots: str | None = None, **options: object) -> dict:
    return extract(batch(payload, charset=charset, robots=robots), ExtractConfig(**options)).to_pylist()[0]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_main_text_comes_without_menu_and_with_title(text: str) -> None:
    page = html(text).encode()
    row = read(page)
    assert text.strip() in row["content"] and "Item 7" not in row["content"]
    assert row["title"] == "The page"
    assert (row["extractor"], row["charset"], row["extract.drop"]) == ("resiliparse", "utf-8", None)
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
    out = extract(batch(page, None, page), ExtractConfig())
    assert out["uid"].to_pylist() == ["0", "1", "2"]
    rejected = out.to_pylist()[1]
    assert all(rejected[name] is None for name in extract_stage(ExtractConfig()).adds)


@pytest.mark.parametrize("page", [b"", b"   ", b"<html></html>", b"<script>var x = 1</script>", b"<!-- nothing -->"])
def test_page_without_text_is_empty(page: bytes) -> None:
    row = read(page)
    assert row["extract.drop"] == "empty" and row["content"] is None and row["extract.text_chars"] == 0


def test_second_opinion_is_taken_only_where_the_first_is_in_doubt() -> None:
    links = "".join(f"<li><a href='/{n}'>Story number {n}</a></li>" for n in range(60))
    text = f"<div class='footer'><p>{ENGLISH * 8}</p></div>"
    hidden = f"<html><body><div class='sidebar'><ul>{links}</ul></div>{text}</body></html>"
    first = read(hidden.encode(), second_opinion=False)
    assert first["extractor"] == "resiliparse"
    assert read(html(ENGLISH).encode())["extractor"] == "resiliparse"
    second = read(hidden.encode())
    assert second["extractor"] == "trafilatura" and ENGLISH.strip() in second["content"]
    assert read(hidden.encode(), doubt_max_bytes=10)["extractor"] == "resiliparse"


def test_each_doubt_has_its_knob() -> None:
    from resiliparse.parse.html import HTMLTree

    from stages.extract import _doubtful

    tree = HTMLTree.parse(html(ENGLISH))
    sure = ExtractConfig(doubt_min_chars=0, doubt_min_ratio=0.0, doubt_max_short_ratio=1.0)
    text = ENGLISH * 3 + "\nshort line" * 10
    assert not _doubtful(text, tree, sure)
    for knob in ({"doubt_min_chars": 1000}, {"doubt_min_ratio": 1.0}, {"doubt_max_short_ratio": 0.1}):
        assert _doubtful(text, tree, sure.model_copy(update=knob)), knob


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (b"<html><body>" + b"<div>" * 200_000 + b"text", "too_deep"),
        (b"<b>" * 100_000 + b"<p>text</p>" * 10, "too_many_nodes"),
        (b"<i><div>" * 50 + b"<section>" * 3000 + b"text", "too_deep"),
        (b"<path/>" * 100_000 + b"text", "too_deep"),
        (b"<p>" + b"".join(b"<b id=%d>" % n for n in range(5000)) + b"<p>x" * 5000, "too_many_nodes"),
        (b"<p>x</p>" * 250_000, "too_many_tags"),
        (b"<p>" + b"x" * 11_000_000, "too_large"),
    ],
)
def test_hostile_page_meets_a_limit_and_spares_its_neighbours(page: bytes, reason: str) -> None:
    good = html(ENGLISH).encode()
    out = extract(batch(good, page, good), ExtractConfig()).to_pylist()
    assert [row["extract.drop"] for row in out] == [None, reason, None]


def test_limits_are_options() -> None:
    page = html(ENGLISH).encode()
    assert read(page, max_html_bytes=100)["extract.drop"] == "too_large"
    assert read(page, max_tags=10)["extract.drop"] == "too_many_tags"
    assert read(page, max_depth=3)["extract.drop"] == "too_deep"
    assert read(b"<p>" + b"<b id=1>" * 9 + b"<p>x" * 9, max_nodes=50)["extract.drop"] == "too_many_nodes"


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
    ],
)
def test_opt_outs_of_meta_and_header_are_kept(head: str, robots: str | None, opt_out: str | None) -> None:
    assert read(html(ENGLISH, head).encode(), robots=robots)["opt_out"] == opt_out


def test_empty_table_has_the_same_columns() -> None:
    stage = extract_stage(ExtractConfig())
    check_plan([stage], WARC_SCHEMA.names)
    empty = extract(batch(), ExtractConfig())
    full = extract(batch(html(ENGLISH).encode()), ExtractConfig())
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
    out = extract(batch(*payloads), ExtractConfig())
    assert out["uid"].to_pylist() == [str(n) for n in range(len(payloads))]
    assert all((row["content"] is None) == (row["extract.drop"] is not None) for row in out.to_pylist())
