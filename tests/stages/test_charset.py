"""Charsets as crawls have them: right, wrong and missing declarations, marks, cut ends, on real pages re-encoded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.charset import decode
from stages.ingest import IngestConfig, read_warc

SENTENCES = {
    "zh": "清晨的港口十分安静，渔船沿着古老的石砌码头并排停靠，等待出海的渔民们还没有到来。",
    "hant": "清晨的港口十分安靜，漁船沿著古老的石砌碼頭並排停靠，等待出海的漁民們還沒有到來。",
    "ja": "朝の港はとても静かで、漁船が古い石の岸壁に並んでいました。漁師たちはまだ来ていません。",
    "ko": "이른 아침 항구는 조용했고 배들은 오래된 돌 부두를 따라 나란히 놓여 있었다.",
    "ru": "Наша гавань была тихой ранним утром, и лодки лежали рядом вдоль старой каменной набережной.",
    "uk": "Вранці гавань була тихою, і човни стояли поруч уздовж старої кам’яної набережної, її ще ніхто не бачив.",
    "de": "Der Hafen war früh am Morgen ruhig, „schön“ und voller Möwen, und die Fischer schliefen noch länger.",
    "fr": "Le port était calme très tôt le matin, et les pêcheurs n’étaient pas encore arrivés au vieux quai.",
    "pl": "Wczesnym rankiem w porcie było cicho, a łodzie leżały obok siebie wzdłuż nabrzeża, gdzieś śpiąc.",
    "cs": "Přístav byl brzy ráno tichý a lodě ležely vedle sebe podél starého kamenného nábřeží, žádný rybář nepřišel.",
    "el": "Το λιμάνι ήταν ήσυχο νωρίς το πρωί και οι βάρκες βρίσκονταν δίπλα δίπλα κατά μήκος της παλιάς προβλήτας.",
    "tr": "Liman sabahın erken saatlerinde sessizdi ve tekneler eski taş iskelede duruyordu, kıyıda çığlık yoktu.",
    "he": "הנמל היה שקט מוקדם בבוקר, והסירות שכבו זו לצד זו לאורך רציף האבן הישן.",
    "ar": "كان الميناء هادئا في الصباح الباكر، وكانت القوارب ترقد جنبا إلى جنب على طول الرصيف الحجري القديم.",
}
# Language, codec of the bytes, its name on the web.
CHARSETS = [
    ("zh", "gb18030", "gb18030"),
    ("zh", "gbk", "gb2312"),
    ("hant", "big5hkscs", "big5"),
    ("hant", "gb18030", "gbk"),
    ("ja", "cp932", "shift_jis"),
    ("ja", "euc_jp", "euc-jp"),
    ("ja", "iso2022_jp", "iso-2022-jp"),
    ("ko", "cp949", "euc-kr"),
    ("ru", "cp1251", "windows-1251"),
    ("ru", "koi8_r", "koi8-r"),
    ("ru", "iso8859_5", "iso-8859-5"),
    ("ru", "cp866", "ibm866"),
    ("uk", "cp1251", "windows-1251"),
    ("de", "cp1252", "iso-8859-1"),
    ("fr", "cp1252", "windows-1252"),
    ("pl", "cp1250", "windows-1250"),
    ("pl", "iso8859_2", "iso-8859-2"),
    ("cs", "cp1250", "windows-1250"),
    ("el", "cp1253", "windows-1253"),
    ("tr", "cp1254", "iso-8859-9"),
    ("he", "cp1255", "windows-1255"),
    ("ar", "cp1256", "windows-1256"),
    ("zh", "utf-16-le", "utf-16le"),
    ("hant", "utf-16-be", "utf-16be"),
    ("de", "utf-16-le", "utf-16"),
    ("zh", "utf-8", "utf-8"),
]
_CHARSET = re.compile(r"(<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*)[\w.:-]{2,40}", re.IGNORECASE)


def page(text: str, meta: str | None = None) -> str:
    head = f'<meta http-equiv="Content-Type" content="text/html; charset={meta}">' if meta else ""
    body = f"<h1>Hi</h1>\n<p>{text}</p>\n<p>{text}</p>"
    return f"<html><head>{head}<title>{text[:9]}</title></head><body>{body}</body></html>"


def read(payload: bytes, declared: str | None = None) -> tuple[str, str]:
    found = decode(payload, declared, 0.05)
    assert found is not None
    return found


@pytest.mark.parametrize(("language", "codec", "web"), CHARSETS)
@pytest.mark.parametrize("declaration", ["header", "meta", "none", "utf-8", "iso-8859-1", "gbk", "no-such"])
def test_text_is_read_whatever_is_declared(language: str, codec: str, web: str, declaration: str) -> None:
    html = page(SENTENCES[language], {"meta": web, "header": None, "none": None}.get(declaration, declaration))
    payload = html.encode(codec, "xmlcharrefreplace")
    text, _ = read(payload, web if declaration == "header" else None)
    assert text == payload.decode(codec)


@pytest.mark.parametrize(("language", "codec", "web"), CHARSETS)
def test_a_page_cut_within_a_character_keeps_all_before_it(language: str, codec: str, web: str) -> None:
    payload = page(SENTENCES[language]).encode(codec, "xmlcharrefreplace")
    for cut in range(1, 5):
        text, _ = read(payload[: len(payload) * 2 // 3 - cut], web)
        assert payload.decode(codec).startswith(text[:-4])


def test_a_cut_end_does_not_turn_a_page_of_few_accents_into_another_charset() -> None:
    payload = "<p>Plain English with one “quotation” and a café".encode()
    assert read(payload[:-1]) == ("<p>Plain English with one “quotation” and a caf", "utf-8")
    assert read("<p>Nothing but ASCII, then é".encode("latin-1")) == ("<p>Nothing but ASCII, then é", "cp1252")


@pytest.mark.parametrize(
    ("codec", "mark"),
    [
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("gb18030", b"\x84\x31\x95\x33"),
    ],
)
def test_a_byte_order_mark_decides_and_is_left_out(codec: str, mark: bytes) -> None:
    html = page(SENTENCES["zh"], "iso-8859-1")
    assert read(mark + html.encode(codec), "big5") == (html, codec)


def test_escapes_are_read_only_where_they_are_meant() -> None:
    text = page(SENTENCES["zh"])
    assert read(text.encode("hz"), "hz-gb-2312")[0] == text
    assert read(b"<script>x = a ~{ b }</script>", None) == ("<script>x = a ~{ b }</script>", "utf-8")
    assert read("<p>é \x1b$B</p>".encode()) == ("<p>é \x1b$B</p>", "utf-8")


def test_valid_utf8_is_utf8_whatever_it_says() -> None:
    for language, text in SENTENCES.items():
        assert read(page(text, "windows-1252").encode(), "gbk") == (page(text, "windows-1252"), "utf-8"), language


def test_stray_bytes_leave_a_utf8_page_what_it_is() -> None:
    payload = (page(SENTENCES["zh"]) * 3).encode().replace("港口".encode(), b"\xff", 1)
    text, codec = read(payload, "gbk")
    assert codec == "utf-8" and text.count("\ufffd") == 1


def test_binary_under_a_wrong_name_is_undecodable() -> None:
    for payload in (b"\x89PNG\r\n" + bytes(2000), bytes(range(256)) * 8 + bytes(3000), b"\x1f\x8b" + bytes(500)):
        assert decode(payload, "utf-8", 0.05) is None
    assert decode(b"a few \0 zeros \0 in much text " * 20, None, 0.05) is not None


def test_max_bad_ratio_decides_what_is_undecodable() -> None:
    cut = ("清晨的港口十分安静".encode() + b"\xe4\xff") * 50
    assert decode(cut, "euc-jp", 0.0) is None
    assert decode(cut, None, 0.5) is not None


@pytest.mark.parametrize(("folder", "language"), [("docs-pages/zh", "zh"), ("web-pages/pages", "de")])
def test_real_pages_come_through_every_charset_they_fit(shared_data: Path, folder: str, language: str) -> None:
    codecs = ("gb18030", "utf-16-le", "utf-8") if language == "zh" else ("cp1252", "utf-16-be", "utf-8")
    wrong = []
    pages = _real_pages(shared_data / f"{folder}.warc.gz", 40)
    for number, html in enumerate(pages):
        for codec in codecs:
            for said in (None, codec, "big5", "windows-1251"):
                payload = _CHARSET.sub(rf"\g<1>{said or 'x'}", html).encode(codec, "xmlcharrefreplace")
                if codec in ("cp1252", "gb18030") and sum(byte > 127 for byte in payload) < 20:
                    continue  # a few quotation marks tell no charset
                found = decode(payload, said, 0.05)
                if found is None or _letters(found[0]) != _letters(payload.decode(codec)):
                    wrong.append((number, codec, said, found and found[1]))
    assert len(pages) > 20 and len(wrong) <= 0.01 * len(pages) * len(codecs) * 4, wrong


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalpha())


def _real_pages(archive: Path, count: int) -> list[str]:
    found: list[str] = []
    with archive.open("rb") as stream:
        for batch in read_warc(stream, archive.name, "0" * 8, IngestConfig()):
            for payload in batch["payload"].to_pylist():
                try:
                    found.append((payload or b"").decode().lstrip("\ufeff"))
                except UnicodeDecodeError:
                    continue
                if len(found) == count:
                    return [html for html in found if html]
    return [html for html in found if html]


@settings(max_examples=150)
@given(st.binary(max_size=400), st.sampled_from([None, "", "utf-8", "gbk", "x-unknown", "hz", "utf-16", "base64", "é"]))
def test_any_bytes_give_text_or_nothing(payload: bytes, declared: str | None) -> None:
    found = decode(payload, declared, 0.05)
    if found is not None:
        text, codec = found
        assert text == text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        assert "".encode(codec) in (b"", b"\xff\xfe")


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=100))
def test_utf8_comes_back_as_it_was(text: str) -> None:
    found = decode(("<p>" + text).encode(), "gbk", 0.05)
    assert found == ("<p>" + text, "utf-8")
