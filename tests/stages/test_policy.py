"""Opt-outs, licences and lists of addresses: each reason, each setting, and datatrove's decisions on addresses."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fastwarc.warc import ArchiveIterator
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages import url_lists
from stages.policy import PolicyConfig, load_lists, policy, policy_identity, policy_stage
from stages.url_lists import UrlLists, _assets, bundled_lists, listed, no_lists

NO_LISTS = PolicyConfig(bundled_url_lists=False)
CC = "https://creativecommons.org/"


def run(cfg: PolicyConfig, **columns: Any) -> pa.Table:
    rows = len(next(iter(columns.values())))
    names = ("url", "licence", "opt_out")
    batch = pa.table({name: pa.array(columns.get(name, [None] * rows), pa.string()) for name in names})
    return policy(batch, cfg, load_lists(cfg))


def drops(cfg: PolicyConfig, **columns: Any) -> list[str | None]:
    return run(cfg, **columns)["policy.drop"].to_pylist()


def test_an_opt_out_from_training_rejects_and_one_from_search_does_not() -> None:
    said = ["noai", "tdm", "noindex", "noimageai", "noai,noindex", "noimageai,noindex,tdm", None, ""]
    assert drops(NO_LISTS, opt_out=said) == ["noai", "tdm", None, None, "noai", "tdm", None, None]


@pytest.mark.parametrize("opt_out", ["noai", "noimageai", "noindex", "tdm"])
def test_each_opt_out_can_be_made_to_reject(opt_out: Any) -> None:
    cfg = NO_LISTS.model_copy(update={"reject_opt_outs": (opt_out,)})
    assert (
        drops(cfg, opt_out=[opt_out, f"a,{opt_out}", f"{opt_out},z", f"x{opt_out}", None]) == [opt_out] * 3 + [None] * 2
    )


def test_no_opt_out_rejects_where_none_is_named() -> None:
    cfg = NO_LISTS.model_copy(update={"reject_opt_outs": ()})
    assert drops(cfg, opt_out=["noai,noimageai,noindex,tdm"]) == [None]


def test_licences_have_short_names() -> None:
    links = [
        f"{CC}licenses/by/4.0/",
        f"{CC}licenses/by-sa/2.0/de/",
        "http://www.creativecommons.org/licences/BY-NC-ND/3.0",
        f"{CC}publicdomain/zero/1.0/",
        f"{CC}publicdomain/mark/1.0/",
        f"{CC}licenses/by",
        f"{CC}licenses/bypass/",
        "https://www.gnu.org/licenses/fdl-1.3.html",
        None,
    ]
    expected = ["cc-by", "cc-by-sa", "cc-by-nc-nd", "cc0", "pdm", "cc-by", None, None, None]
    assert run(NO_LISTS, licence=links)["policy.licence"].to_pylist() == expected
    assert drops(NO_LISTS, licence=links) == [None] * len(links)


def test_an_allow_list_keeps_what_it_names_by_name_or_link() -> None:
    links = [f"{CC}licenses/by/4.0/", f"{CC}licenses/by-nc/4.0/", "https://www.gnu.org/licenses/fdl-1.3.html", None]
    only = NO_LISTS.model_copy(update={"licences": ("cc-by", "cc0")})
    assert drops(only, licence=links) == [None, "licence", "licence", "licence"]
    with_link = NO_LISTS.model_copy(update={"licences": ("cc-by", "https://www.gnu.org/licenses/")})
    assert drops(with_link, licence=links) == [None, "licence", None, "licence"]


def test_an_opt_out_stands_before_the_licence_and_that_before_a_list() -> None:
    cfg = PolicyConfig(licences=("cc0",))
    bad = "http://0-1sex.com/"
    assert drops(
        cfg, url=[bad] * 3, opt_out=["tdm", None, None], licence=[None, None, f"{CC}publicdomain/zero/1.0/"]
    ) == [
        "tdm",
        "licence",
        "domain",
    ]


def test_an_unknown_licence_is_refused() -> None:
    with pytest.raises(ValidationError, match="'cc-bysa' is no licence"):
        PolicyConfig(licences=("cc-bysa",))


LISTED = {
    "http://0-1sex.com/page": "domain",
    "https://www.0-1sex.com/": "domain",
    "http://zzzzporn.blogspot.com/": None,
    "http://zzzzzzzxxs.kali-shop.ru/x": "subdomain",
    "http://www.zzzzzzzxxs.kali-shop.ru/x": None,
    "http://example.com/bdsm/1": "hardword",
    "http://example.com/BDSM/1": None,
    "http://example.com/bdsmx/1": None,
    "http://example.com/fuck-dick": "softwords",
    "http://example.com/fuck-fuck": None,
    "http://example.com/2-girls_1-CUP.html": "subword",
    "http://example.com/a-page": None,
    "http://192.168.0.1/": None,
    "": None,
    "no address": None,
}


def test_each_list_has_its_reason() -> None:
    table = run(PolicyConfig(), url=[*LISTED, None])
    assert table["policy.drop"].to_pylist() == [*LISTED.values(), None]
    assert table["policy.listed"].to_pylist() == [*LISTED.values(), None]


def test_without_the_bundled_lists_no_address_is_listed() -> None:
    assert set(drops(NO_LISTS, url=list(LISTED))) == {None}


def test_the_number_of_soft_words_can_be_set() -> None:
    urls = ["http://a.com/fuck", "http://a.com/fuck-dick", "http://a.com/fuck-dick-cunt"]
    for least, expected in (
        (1, ["softwords"] * 3),
        (2, [None, "softwords", "softwords"]),
        (3, [None, None, "softwords"]),
    ):
        assert drops(PolicyConfig(min_soft_words=least), url=urls) == expected


def own(folder: Path, **lists: str) -> PolicyConfig:
    for kind, text in lists.items():
        (folder / kind).write_text(text, encoding="utf-8")
    return PolicyConfig(bundled_url_lists=False, **{kind: str(folder / kind) for kind in lists})


def test_lists_of_ones_own_have_each_its_effect(tmp_path: Path) -> None:
    cfg = own(
        tmp_path,
        domains="# spam\nspam.example.com\r\n\n bad.co.uk \n",
        urls="http://fine.com/one-page\n#http://fine.com/other\n",
        hard_words="Casi-no\n色情\n\n",
        soft_words="win\nprize\n",
        subwords="Free Money\n",
    )
    urls = {
        "http://spam.example.com/": "subdomain",
        "http://example.com/": None,
        "http://www.bad.co.uk/": "domain",
        "http://fine.com/one-page": "url",
        "http://fine.com/other": None,
        "http://fine.com/casino/x": "hardword",
        "http://fine.com/win/prize": "softwords",
        "http://fine.com/freemoneyhere": "subword",
        "http://fine.com/色情": None,
    }
    assert drops(cfg, url=list(urls)) == list(urls.values())


def test_lists_of_ones_own_stand_beside_the_bundled_ones(tmp_path: Path) -> None:
    (tmp_path / "domains").write_text("own.com")
    assert drops(PolicyConfig(domains=str(tmp_path / "domains")), url=["http://own.com", "http://0-1sex.com"]) == [
        "domain",
        "domain",
    ]


def test_the_fingerprint_knows_the_lists_by_what_they_hold(tmp_path: Path) -> None:
    cfg = own(tmp_path, domains="a.com\n", subwords="x\n")
    before = policy_identity(cfg)
    assert {"domains", "subwords", "tldextract"} == set(before)
    (tmp_path / "domains").write_text("b.com\n")
    assert policy_identity(cfg) != before
    assert set(policy_identity(PolicyConfig())) > {"tldextract", "banned_words.txt"}


def test_a_list_that_is_not_there_is_told_before_work_starts() -> None:
    with pytest.raises(FileNotFoundError):
        policy_identity(PolicyConfig(domains="/nowhere/list.txt"))


def test_an_empty_shard_has_the_columns() -> None:
    for cfg in (NO_LISTS, PolicyConfig(), PolicyConfig(licences=("cc0",))):
        table = run(cfg, url=[], licence=[], opt_out=[])
        assert [table.schema.field(name).type for name in policy_stage(cfg).adds] == [pa.string()] * 3


@cache
def peer() -> Any:
    """datatrove's filter, offline; its set of domains, 0.6 GB, is replaced by what is asked for of it."""
    from datatrove.pipeline.filters.url_filter import URLFilter
    from tldextract import TLDExtract

    lists = ("banned_words", "banned_subwords", "soft_banned_words")
    words = {name: (_assets() / f"{name}.txt").read_text().splitlines(keepends=True) for name in lists}
    found: Any = URLFilter(use_integrated_lists=False, **words)
    found.tldextractor = TLDExtract(suffix_list_urls=(), cache_dir=None)
    with tarfile.open(_assets() / "url_filterblacklistsv0_3_0.tar.gz") as archive:
        urls = archive.extractfile("urls")
        assert urls is not None
        found.block_listed_url = {line.decode().strip() for line in urls}
    return found


PEER_REASONS = {
    "domain": "domain",
    "subdomain": "subdomain",
    "url": "url",
    "hard_blacklisted": "hardword",
    "soft_blacklisted": "softwords",
    "blacklisted_subword": "subword",
}


def peer_decisions(urls: list[str], domains: set[str]) -> list[str | None]:
    """What datatrove says, with its list of domains cut to ``domains``."""
    from datatrove.data import Document

    peer().block_listed_domains = domains
    answers = [peer().filter(Document(text="", id="", metadata={"url": url})) for url in urls]
    return [None if answer is True else PEER_REASONS[answer[1]] for answer in answers]


@cache
def some_domains() -> tuple[str, ...]:
    """Every twenty thousandth entry of the bundled list."""
    with tarfile.open(_assets() / "url_filterblacklistsv0_3_0.tar.gz") as archive:
        file = archive.extractfile("domains")
        assert file is not None
        return tuple(line.decode().strip() for number, line in enumerate(file) if number % 20_000 == 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_decisions_on_the_shared_pages_are_datatroves(shared_data: Path) -> None:
    urls = []
    for name in ("web-pages/pages", "docs-pages/en", "docs-pages/zh"):
        with (shared_data / f"{name}.warc.gz").open("rb") as file:
            for record in ArchiveIterator(file, parse_http=False):
                urls.append(record.headers.get("WARC-Target-URI", "").strip("<>"))
    urls = sorted({url for url in urls if url})
    assert len(urls) > 10_000
    extractor = peer().tldextractor
    asked = {name for url in urls for name in (extractor(url).registered_domain, extractor(url).fqdn)}
    with tarfile.open(_assets() / "url_filterblacklistsv0_3_0.tar.gz") as archive:
        file = archive.extractfile("domains")
        assert file is not None
        domains = {line.decode().strip() for line in file} & asked
    expected = peer_decisions(urls, domains)
    assert {"domain", "hardword", None} <= set(expected)
    assert listed(pa.array(urls), bundled_lists(), 2) == expected


def words() -> st.SearchStrategy[str]:
    lists = bundled_lists()
    named = st.sampled_from(sorted(lists.hard_words | lists.soft_words | lists.subwords))
    plain = st.sampled_from(["page", "news", "2024", "a", "index.html", "%E6%97%A5", "日本", "ſex", "İ", ""])
    return st.one_of(named, plain, named.map(str.upper), st.text(max_size=6))


def hosts() -> st.SearchStrategy[str]:
    known = st.sampled_from(some_domains())
    made = st.lists(words(), min_size=1, max_size=3).map(".".join)
    ending = st.sampled_from(
        ["com", "co.uk", "blogspot.com", "ck", "k12.ma.us", "中国", "xn--fiqs8s", "invalid", "com."]
    )
    other = st.tuples(made, ending).map(".".join)
    odd = st.sampled_from(["127.0.0.1", "[::1]", "localhost", "", "COM", "xn--", "xn--a.com"])
    host = st.one_of(known, known.map("www.{}".format), known.map(str.upper), other, odd)
    return st.one_of(host, host.map("{}:8080".format), host.map("me:pw@{}".format))


URLS = st.one_of(
    st.tuples(
        st.sampled_from(["http://", "https://", "HTTP://", "//", "", "ftp://"]),
        hosts(),
        st.lists(st.tuples(st.sampled_from("/-_.?&=+#"), words()).map("".join), max_size=5).map("".join),
    ).map("".join),
    st.text(min_size=1, max_size=40),
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@settings(max_examples=300)
@given(st.lists(URLS.filter(bool), min_size=1, max_size=20))
def test_decisions_on_generated_addresses_are_datatroves(urls: list[str]) -> None:
    table = url_lists._hash_lines(io.BytesIO("\n".join(some_domains()).encode()))
    lists = replace(bundled_lists(), domains=table)
    assert listed(pa.array(urls, pa.string()), lists, 2) == peer_decisions(urls, set(some_domains()))


def test_every_entry_of_a_list_is_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"host{number}.example{number % 7}.com" for number in range(500)]
    monkeypatch.setattr(url_lists, "_BLOCK_BYTES", 64)
    table = url_lists._hash_lines(io.BytesIO("\n".join(names).encode()))
    lists = UrlLists(table, *([frozenset()] * 4))
    urls = [f"http://{name}/" for name in names]
    assert listed(pa.array([*urls, "http://host500.example3.com/"]), lists, 2) == ["subdomain"] * 500 + [None]


def test_empty_lists_list_nothing() -> None:
    assert listed(pa.array(["http://a.com", None]), no_lists(), 2) == [None, None]
