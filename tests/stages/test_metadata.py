"""A page's metadata from its tags and JSON-LD."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.attributes import attributes, content_of, visible_text
from stages.dates import day_in, day_in_url, published_of, thorough_date
from stages.json_ld import read_json_ld
from stages.licences import licence_of
from stages.metadata import MAX_TAGS, Metadata, opt_outs, read_metadata
from stages.titles import TitleSources, author_of, names_in, title_of

URL = "https://example.org/a/page.html"


def _read(*tags: str, ld: object = None, title: str | None = None, **others: str | None) -> Metadata:
    scripts = [] if ld is None else [ld.encode() if isinstance(ld, str) else json.dumps(ld).encode()]
    raw = title.encode() if title is not None else None
    return read_metadata(
        [tag.encode() for tag in tags],
        scripts,
        raw,
        others.get("url", URL),
        others.get("robots"),
        others.get("crawled"),
    )


# Attributes


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (b"<meta name='a' CONTENT=\"b c\">", {b"name": b"a", b"content": b"b c"}),
        (b"<meta name=a content=b/>", {b"name": b"a", b"content": b"b/"}),
        (b"<meta name = a content\n=\n'b'", {b"name": b"a", b"content": b"b"}),
        (b"<meta name=a name=b hidden>", {b"name": b"a", b"hidden": b""}),
        (b'<meta content="x>y" name=a>', {b"content": b"x>y", b"name": b"a"}),
        (b"meta name=a", {}),
        (b"", {}),
    ],
)
def test_attributes_are_read_whatever_their_quotes(tag: bytes, expected: dict[bytes, bytes]) -> None:
    assert attributes(tag) == expected


def test_attributes_end_with_the_start_tag() -> None:
    assert attributes(b'<span class="author">By <a href="x">Ann</a>') == {b"class": b"author"}
    assert content_of(b'<span class="a>b">By <b>Ann</b>') == b"By <b>Ann</b>"


def test_text_of_markup_has_spaces_for_tags_and_entities_resolved() -> None:
    assert visible_text(b"By&nbsp;<b>Ann</b><br>&amp; Bob <!-- x") == "By Ann & Bob"


# Title


def test_a_heading_that_agrees_with_the_title_is_the_title() -> None:
    tags = ("<h1>Wide Roads, Narrow Lanes", '<meta property="og:title" content="Wide roads, narrow lanes | The Paper">')
    assert _read(*tags).title == "Wide Roads, Narrow Lanes"


def test_small_print_inside_a_heading_is_left_out() -> None:
    tags = (
        "<h1><span>Politics</span> A new mayor for the city",
        '<meta property="og:title" content="A new mayor for the city">',
    )
    assert _read(*tags).title == "A new mayor for the city"


def test_a_heading_that_names_the_site_is_not_the_title() -> None:
    tags = ("<h1>The Paper", '<meta property="og:site_name" content="The Paper">')
    assert _read(*tags, title="Wide roads - The Paper").title == "Wide roads"


def test_the_headline_of_json_ld_comes_before_the_shared_title() -> None:
    article = {"@context": "https://schema.org", "@type": "NewsArticle", "headline": "As printed"}
    assert _read('<meta property="og:title" content="As shared">', ld=article).title == "As printed"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Wide roads | The Paper", "Wide roads"),
        ("Wide roads - Example", "Wide roads"),
        ("Example: wide roads", "Example: wide roads"),
        ("Covid-19 and after", "Covid-19 and after"),
        ("How - and why - the very long second part of this sentence matters", None),
        ("武汉的声音：有英雄的城！-新华网", "武汉的声音：有英雄的城！"),
        ("北京的春天_新浪网", "北京的春天"),
        ("  spaced \n out  ", "spaced out"),
    ],
)
def test_the_name_of_the_site_is_cut_from_a_title(title: str, expected: str | None) -> None:
    assert _read(title=title).title == (expected or title)


def test_entities_escaped_twice_and_invisible_characters_are_cleaned() -> None:
    assert _read(title="Olive &amp;#038; Herb So\u00adda\u200b\x00").title == "Olive & Herb Soda"


def test_nothing_gives_no_title() -> None:
    assert _read() == Metadata()
    assert _read("<h1></h1>", "<h1>", title="").title is None
    assert title_of(TitleSources()) is None


# Author


@pytest.mark.parametrize(
    ("byline", "names"),
    [
        ("By Ada Lovelace and Charles Babbage | 3 May 1843", ["Ada Lovelace", "Charles Babbage"]),
        ("Von Ada Lovelace, 3. Mai 1843", ["Ada Lovelace"]),
        ("作者：鲁迅、胡适", ["鲁迅", "胡适"]),
        ("责任编辑：孔德明", ["孔德明"]),
        ("Loïc Le Clerc", ["Loïc Le Clerc"]),
        ("freeman1984", ["freeman1984"]),
        ("Juan Muñoz C.", ["Juan Muñoz C."]),
        ("Ann Lee, Ann Lee", ["Ann Lee"]),
        ("https://www.facebook.com/ann.lee", []),
        ("ann@example.org", []),
        ("By", []),
        ("admin", []),
        ("Posted on", []),
        ("", []),
    ],
)
def test_names_are_taken_out_of_bylines(byline: str, names: list[str]) -> None:
    assert names_in(byline) == names


def test_people_in_json_ld_come_first_then_meta_then_elements() -> None:
    article = {
        "@type": "Article",
        "author": [{"@type": "Person", "name": "Ann Lee"}, {"@type": "Person", "name": "Bo Ek"}],
    }
    meta, link = '<meta name="author" content="Cy Dee">', '<a rel="author" href="/d">Di Fox'
    assert _read(meta, link, ld=article).author == "Ann Lee; Bo Ek"
    assert _read(meta, link).author == "Cy Dee"
    assert _read(link, '<span class="byline">By Ed Gar').author == "Di Fox"
    assert _read('<div itemprop="author" itemscope><span itemprop="name">Fay Ho</span> editor').author == "Fay Ho"
    assert _read('<span class="post-author">By Ed Gar').author == "Ed Gar"


def test_a_person_comes_before_the_name_of_the_site() -> None:
    site = '<meta property="og:site_name" content="The Paper">'
    assert _read(site, '<meta name="author" content="The Paper">', '<p class="byline">By Ann Lee').author == "Ann Lee"
    assert _read(site, '<meta name="author" content="The Paper">').author == "The Paper"


def test_commenters_and_profile_links_are_no_authors() -> None:
    assert (
        _read('<p class="comment author">Bo Ek says', '<a class="profile-link" rel="author">View my profile').author
        is None
    )


def test_an_author_of_the_graph_is_looked_up_by_its_id() -> None:
    graph = [{"@type": "Article", "author": {"@id": "#ann"}}, {"@type": "Person", "@id": "#ann", "name": "Ann Lee"}]
    assert _read(ld={"@context": "https://schema.org", "@graph": graph}).author == "Ann Lee"


def test_no_candidate_gives_no_author() -> None:
    assert author_of([]) is None
    assert author_of(["", "http://x"]) is None


# Date


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2019-03-04T23:30:00+09:00", "2019-03-04"),
        ("2019-3-4", "2019-03-04"),
        ("20190304", "2019-03-04"),
        ("20190304153000", "2019-03-04"),
        ("Mar 4, 2019", "2019-03-04"),
        ("4. März 2019, 10:27", "2019-03-04"),
        ("Stand: 04.03.2019", "2019-03-04"),
        ("2019年3月4日 10:00", "2019-03-04"),
        ("2019-02-30", None),
        ("yesterday", None),
        ("2019", None),
        ("", None),
    ],
)
def test_a_day_is_read_from_the_usual_forms(text: str, day: str | None) -> None:
    assert day_in(text) == day


def test_a_month_without_a_day_is_its_first_day_whatever_the_clock_says() -> None:
    assert day_in("2019-05") == "2019-05-01"


def test_dates_are_taken_by_how_sure_they_are() -> None:
    published = '<meta property="article:published_time" content="2019-01-01T00:00:00Z">'
    article = {"@type": "Article", "datePublished": "2019-01-02"}
    item, time = '<span itemprop="datePublished" content="2019-01-03">', '<time datetime="2019-01-04">4 Jan'
    words = '<p class="post-meta">Posted on January 5, 2019'
    assert (
        _read(words, time, item, published, ld=article, url="https://example.org/2018/12/31/a").published
        == "2018-12-31"
    )
    assert _read(words, time, item, published, ld=article).published == "2019-01-01"
    assert _read(words, time, item, ld=article).published == "2019-01-02"
    assert _read(words, time, item).published == "2019-01-03"
    assert _read(words, time).published == "2019-01-04"
    assert _read(words).published == "2019-01-05"
    assert _read('<p class="updated">Updated 2019-01-06', '<p class="event-date">2019-01-06').published is None


def test_no_date_lies_after_the_crawl_or_before_the_web() -> None:
    assert published_of(["2019-03-06", "2019-03-04"], crawled="2019-03-04T10:00:00Z") == "2019-03-04"
    assert published_of(["2019-03-05"], crawled="2019-03-04T10:00:00Z") == "2019-03-05"  # already tomorrow in the east
    assert published_of(["1971-01-01"]) is None
    assert published_of(["2019-03-06"], crawled="not a date") == "2019-03-06"
    assert _read('<meta name="date" content="2031-01-01">', crawled="2026-01-01T00:00:00Z").published is None


def test_the_day_of_an_address_needs_all_three_parts() -> None:
    assert day_in_url("https://example.org/2019/3/4/x") == "2019-03-04"
    assert day_in_url("https://example.org/2019/03/x") is None


def test_the_thorough_date_reads_the_visible_text() -> None:
    html = "<html><body><h1>Roads</h1><p>Published: 4 March 2019</p></body></html>"
    assert thorough_date(html) == "2019-03-04"
    assert thorough_date(html, crawled="2018-01-01") is None
    assert thorough_date("") is None


# Canonical address


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (
            '<link rel="canonical" href="https://Example.org:443/b?utm_source=x&amp;id=3#top">',
            "https://example.org/b?id=3",
        ),
        ("<LINK REL=Canonical HREF=/b/>", "https://example.org/b/"),
        ('<link rel="canonical" href="b.html">', "https://example.org/a/b.html"),
        ('<link rel="canonical" href="//cdn.example.org/b">', "https://cdn.example.org/b"),
        ('<meta property="og:url" content="https://example.org/c">', "https://example.org/c"),
        ('<link rel="canonical" href="javascript:x">', None),
        ('<link rel="canonical" href="http://[">', None),
        ('<link rel="canonical" href="">', None),
        ('<link rel="stylesheet" href="canonical.css">', None),
    ],
)
def test_the_canonical_address_is_absolute_and_normalised(tag: str, expected: str | None) -> None:
    assert _read(tag).canonical_url == expected


def test_a_canonical_link_comes_before_og_url_and_follows_the_base() -> None:
    tags = (
        '<meta property="og:url" content="https://example.org/c">',
        '<base href="/d/">',
        '<link rel="canonical" href="e">',
    )
    assert _read(*tags).canonical_url == "https://example.org/d/e"


def test_a_relative_canonical_link_without_an_address_of_the_page_is_nothing() -> None:
    assert _read('<link rel="canonical" href="/b">', url=None).canonical_url is None


# Licence


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "http://www.creativecommons.org/licenses/by-sa/4.0/deed.de",
            "https://creativecommons.org/licenses/by-sa/4.0/",
        ),
        ("//creativecommons.org/licenses/by/2.0/de/", "https://creativecommons.org/licenses/by/2.0/de/"),
        ("https://creativecommons.org/licenses/by/4.0/de", "https://creativecommons.org/licenses/by/4.0/"),
        (
            "https://creativecommons.org/licenses/by-nc-nd/3.0/igo/legalcode",
            "https://creativecommons.org/licenses/by-nc-nd/3.0/igo/",
        ),
        ("https://creativecommons.org/licenses/by/", "https://creativecommons.org/licenses/by/"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "https://creativecommons.org/publicdomain/zero/1.0/"),
        (
            "http://creativecommons.org/publicdomain/mark/1.0/deed.zh",
            "https://creativecommons.org/publicdomain/mark/1.0/",
        ),
        ("http://creativecommons.org/licenses/publicdomain/", "https://creativecommons.org/licenses/publicdomain/"),
        ("CC BY-NC-SA 4.0", "https://creativecommons.org/licenses/by-nc-sa/4.0/"),
        ("CC-BY 3.0", "https://creativecommons.org/licenses/by/3.0/"),
        ("CC0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("CC BY", None),
        ("All rights reserved", None),
        ("https://example.org/creativecommons", None),
        ("", None),
    ],
)
def test_licences_get_one_address(value: str, expected: str | None) -> None:
    assert licence_of(value) == expected


def test_licences_come_from_links_then_json_ld_then_meta() -> None:
    link = '<a class=x rel="nofollow license" href="http://creativecommons.org/licenses/by/4.0/deed.en">'
    article = {"@type": "Article", "license": {"url": "https://creativecommons.org/licenses/by-sa/4.0/"}}
    meta = '<meta name="DC.rights" content="CC0">'
    assert _read(meta, link, ld=article).licence == "https://creativecommons.org/licenses/by/4.0/"
    assert _read(meta, ld=article).licence == "https://creativecommons.org/licenses/by-sa/4.0/"
    assert _read(meta).licence == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert _read('<a rel="license" href="/terms">').licence is None


# Opt-outs


@pytest.mark.parametrize(
    ("robots", "expected"),
    [
        (None, set()),
        ("index, follow", set()),
        ("NOINDEX", {"noindex"}),
        ("none", {"noindex"}),
        ("noai, noimageai", {"noai", "noimageai"}),
        ("googlebot: noindex, nofollow", set()),
        ("googlebot: noindex\nnoindex", {"noindex"}),
        ("otherbot: noai", {"noai"}),
        ("*: noindex", {"noindex"}),
        ("CCBot: noindex", {"noindex"}),
        ("max-snippet: 20, noindex", {"noindex"}),
        ("unavailable_after: 25 Jun 2026 15:00:00 PST, noindex", {"noindex"}),
        ("noindexed", set()),
    ],
)
def test_opt_outs_of_the_header(robots: str | None, expected: set[str]) -> None:
    assert opt_outs(robots) == expected


def test_opt_outs_of_meta_tags_and_header_are_joined() -> None:
    tags = ('<meta content="NoAI,noarchive" name="ROBOTS">', '<meta name="tdm-reservation" content="1">')
    assert _read(*tags, robots="noindex").opt_out == "noai,noindex,tdm"
    assert (
        _read('<meta name="googlebot" content="noindex">', '<meta name="tdm-reservation" content="0">').opt_out is None
    )
    assert _read('<meta name="ccbot" content="noindex">').opt_out == "noindex"


# JSON-LD


def test_the_article_comes_before_the_page_and_lists_of_others_are_not_looked_into() -> None:
    page = {
        "@type": "WebPage",
        "datePublished": "2019-01-01",
        "mainEntity": {"@type": "BlogPosting", "datePublished": "2019-01-02"},
    }
    other = {"@type": "ItemList", "itemListElement": [{"@type": "Article", "headline": "Another"}]}
    found = read_json_ld([json.dumps(other).encode(), json.dumps([page]).encode()])
    assert (found.published, found.headline) == ("2019-01-02", None)


def test_an_organisation_is_an_author_only_where_no_person_is() -> None:
    bodies = [{"@type": "Organization", "name": "Body"}, {"@type": "Person", "givenName": "Ann", "familyName": "Lee"}]
    assert read_json_ld([json.dumps({"@type": "Article", "author": bodies}).encode()]).authors == ("Ann Lee",)
    assert read_json_ld([json.dumps({"@type": "Article", "author": bodies[0]}).encode()]).authors == ("Body",)


@pytest.mark.parametrize(
    "script",
    [
        '<!-- {"@type": "Article", "headline": "H", "author": "A B", "datePublished": "2019-01-02"} -->',
        '//<![CDATA[\n{"@type": "Article", "headline": "H", "author": "A B", "datePublished": "2019-01-02"}\n//]]>',
        '{"@type": "Article", "headline": "H", "author": {"@type": "Person", "name": "A B"}, '
        '"datePublished": "2019-01-02",,',
        '{"@type": "Article", "headline": "H\n", "author": ["A B"], "datePublished": ["2019-01-02"]}',
    ],
)
def test_wrapped_and_broken_json_is_read_all_the_same(script: str) -> None:
    found = read_json_ld([script.encode()])
    assert ((found.headline or "").strip(), found.authors, found.published) == ("H", ("A B",), "2019-01-02")


@pytest.mark.parametrize(
    "script", [b"", b"null", b"3", b"[[[", b"{" * 70_000, b'{"author": 3}', b'{"@type": {}, "author": [[]]}', b"\xff"]
)
def test_hostile_json_gives_nothing(script: bytes) -> None:
    found = read_json_ld([script] * 30)
    assert (found.headline, found.authors) == (None, ())


# The whole


def test_lone_surrogates_do_not_reach_the_output() -> None:
    found = _read(ld='{"@type": "Article", "headline": "a\\ud800b", "author": "C\\udfffd E"}')
    assert (found.title, found.author) == ("a?b", "C?d E")


def test_tags_past_the_limit_are_not_read() -> None:
    noise = ["<meta name=x content=y>"] * MAX_TAGS
    assert _read('<meta name="author" content="Ann Lee">', *noise).author == "Ann Lee"
    assert _read(*noise, '<meta name="author" content="Ann Lee">').author is None


def test_meta_tags_are_known_by_name_property_or_itemprop_wherever_it_stands() -> None:
    for attribute in ("name", "property", "itemprop", "NAME"):
        assert _read(f'<meta content="Ann Lee" {attribute}="Author">').author == "Ann Lee"
    assert _read('<meta content=\'name="author"\' name="description">').author is None
    assert _read('<meta name="author" content=" ">', '<meta name="author">').author is None


_WORDS = """< meta a time h1 class=author rel=license name= content= property= ' " > author og:title href= http://["""
_PIECES = st.sampled_from(
    [*_WORDS.split(), "<meta ", "<a ", "<span ", "rel=canonical ", "&#xD800;", "&amp", "\x00", "作者", " "]
)


@given(st.lists(st.lists(_PIECES, max_size=12).map("".join), max_size=6), st.text(max_size=60), st.text(max_size=60))
def test_any_tags_give_encodable_metadata_and_the_same_twice(tags: list[str], title: str, robots: str) -> None:
    raw = [tag.encode() for tag in tags]
    found = read_metadata(raw, [title.encode("utf-8", "replace")], title.encode("utf-8", "replace"), URL, robots)
    assert found == read_metadata(
        raw, [title.encode("utf-8", "replace")], title.encode("utf-8", "replace"), URL, robots
    )
    for value in (found.title, found.author, found.published, found.canonical_url, found.licence):
        assert value is None or value.encode("utf-8")


@given(
    st.recursive(
        st.none() | st.text(max_size=8) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "@type",
                        "@id",
                        "@graph",
                        "author",
                        "name",
                        "headline",
                        "datePublished",
                        "license",
                        "publisher",
                        "x",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
    )
)
def test_any_json_is_read_without_an_error(data: object) -> None:
    read_metadata([], [json.dumps(data).encode()], None, None, None)
