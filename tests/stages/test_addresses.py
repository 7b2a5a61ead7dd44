"""One page and one site have one spelling, and a site is one range of keys."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.addresses import (
    canonical_host,
    canonical_page,
    is_suffix,
    page_key,
    page_keys,
    registered,
    site_key,
    site_range,
)

PAGE = "www.example.org/a/b?x=1&y=2"


@pytest.mark.parametrize(
    "url",
    [
        "http://www.example.org/a/b?x=1&y=2", "https://www.example.org:443/a/b?y=2&x=1", "www.example.org/a/b/?x=1&y=2",
        "HTTPS://WWW.EXAMPLE.ORG./a/b?x=1&y=2#part", "http://me:word@www.example.org/a/b?x=1&y=2&utm_source=mail",
        "http://www.example.org/%61/b?x=1&y=2", " http://www.example.org/a/b?x=1&y=2\n",
    ],
)  # fmt: skip
def test_one_page_has_one_spelling(url: str) -> None:
    assert canonical_page(url) == PAGE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://例子.中国/路径", "https://xn--fsqu00a.xn--fiqs8s/%E8%B7%AF%E5%BE%84"),
        ("http://Bücher.example/ä", "http://xn--bcher-kva.example/%c3%a4"),
        ("http://例子。中国/", "http://例子.中国"),
    ],
)
def test_an_international_address_is_that_of_its_ascii_form(one: str, other: str) -> None:
    assert canonical_page(one) == canonical_page(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://a.org/x%2Fy", "http://a.org/x/y"), ("http://a.org/X", "http://a.org/x"), ("http://a.org/?a=1", "http://a.org/"),
        ("http://a.org/%ff", "http://a.org/%fe"), ("http://a.org/b", "http://b.a.org/b"),
    ],
)  # fmt: skip
def test_other_pages_have_other_spellings(one: str, other: str) -> None:
    assert canonical_page(one) != canonical_page(other)


@pytest.mark.parametrize(
    "url", ["ftp://a.org/x", "http://", "http://[", "urn:uuid:1", "http://*.org/", "x" * 5000, "http://a b.org/", ""]
)
def test_what_is_no_address_of_the_web_is_refused_and_has_no_key(url: str) -> None:
    with pytest.raises(ValueError):
        canonical_page(url)
    assert page_keys(pa.array([url])).to_pylist() == [None]


HOSTS = st.lists(st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,3}[a-z0-9])?\Z"), min_size=1, max_size=4).map(
    lambda labels: ".".join([*labels, "org"])
)
PATHS = st.text(st.sampled_from("abcXYZ/%41?&=~.-_ü路+"), max_size=12)


@given(st.lists(st.builds("http://{}/{}".format, HOSTS, PATHS), max_size=6))
def test_keys_of_a_column_are_those_of_its_addresses_one_by_one(urls: list[str]) -> None:
    expected = []
    for url in urls:
        try:
            expected.append(page_key(canonical_page(url)))
        except ValueError:
            expected.append(None)
    assert page_keys(pa.array(urls, pa.string())).to_pylist() == expected


@given(HOSTS, HOSTS, PATHS)
def test_a_site_is_the_range_of_its_own_pages_and_those_below_it(site: str, host: str, path: str) -> None:
    low, high = site_range(site)
    inside = host == site or host.endswith(f".{site}")
    assert (low <= f"{site_key(host)}/{path}" < high) == inside


def test_an_ip_address_has_no_hosts_below_it() -> None:
    low, high = site_range("1.2.3.4")
    assert low <= page_key("1.2.3.4/x") < high and not low <= page_key("5.1.2.3.4/x") < high
    assert canonical_host("[::1]:80") == "[::1]" and page_key("[::1]/x") == "[::1]/x"


def test_the_registered_domain_and_public_suffixes_are_told() -> None:
    assert registered("www.example.co.uk") == "example.co.uk"
    assert registered("localhost") == "localhost"
    assert is_suffix("co.uk") and is_suffix("org") and not is_suffix("example.org") and not is_suffix("localhost")
