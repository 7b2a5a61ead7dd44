"""Buckets, stars and components: known duplicates are found, and no order or partitioning changes a byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import dedup
from stages.components import components
from stages.dedup import (
    EXACT_KEYS,
    KEYS,
    PAIRS,
    DedupConfig,
    band_rows,
    bucket_pairs,
    exact_pairs,
    exact_rows,
    sign,
    uid_from_bytes,
    uid_to_bytes,
)

CFG = DedupConfig()


def uid(k: int) -> str:
    return hashlib.md5(str(k).encode()).hexdigest()


def signed(
    texts: list[str | None], lang: str = "en", cfg: DedupConfig = CFG, urls: list[str | None] | None = None
) -> pa.Table:
    columns = {
        "uid": pa.array([uid(k) for k in range(len(texts))], pa.string()),
        "content": pa.array(texts, pa.string()),
        "lang": pa.array([lang] * len(texts), pa.string()),
        "url": pa.array(urls or [None] * len(texts), pa.string()),
        "canonical_url": pa.nulls(len(texts), pa.string()),
    }
    return sign(pa.table(columns), cfg).drop_columns(["content"])


def own(rows: pa.Table) -> np.ndarray:
    return np.zeros(rows.num_rows, np.int64)


def pairs_of(texts: list[str | None], lang: str = "en", cfg: DedupConfig = CFG) -> pa.Table:
    """Candidates, exact ones first, as the shuffle finds them."""
    table = signed(texts, lang, cfg)
    keys = exact_rows(table)
    exact = exact_pairs(keys, own(keys), 0)
    gone = uid_from_bytes(exact["b"])
    rows = band_rows(table.filter(pc.invert(pc.is_in(table["uid"], value_set=gone))), cfg)
    return dedup.distinct_pairs(pa.concat_tables([exact, bucket_pairs(rows, own(rows), 0)]))


def clusters_of_pairs(pairs: pa.Table) -> dict[str, tuple[str, int]]:
    """Uid -> (survivor's uid, cluster size) of the rows in clusters."""
    edges = pa.table([pairs["b"], pairs["a"], pairs["rank_b"], pairs["rank_a"]], ["u", "v", "rank_u", "rank_v"])
    found = components(edges)
    uids, survivors = (uid_from_bytes(found[name]).to_pylist() for name in ("uid", "survivor"))
    return dict(zip(uids, zip(survivors, found["cluster_size"].to_pylist(), strict=True), strict=True))


def clusters(texts: list[str | None], lang: str = "en", cfg: DedupConfig = CFG) -> dict[int, tuple[int, int]]:
    """Row number -> (survivor's row number, cluster size) of the rows in clusters."""
    number = {uid(k): k for k in range(len(texts))}
    found = clusters_of_pairs(pairs_of(texts, lang, cfg))
    return {number[own]: (number[survivor], size) for own, (survivor, size) in found.items()}


def page(seed: int, lang: str, words: int = 400) -> list[str]:
    rng = np.random.default_rng(seed)
    if lang == "en":
        return [f"word{k}" for k in rng.integers(0, 4000, words)]
    return ["".join(map(chr, pair)) for pair in rng.integers(0x4E00, 0x5E00, (words, 2)).tolist()]


def text(words: list[str], lang: str) -> str:
    return (" " if lang == "en" else "").join(words)


def with_edits(words: list[str], lang: str, share: float) -> list[str]:
    """The page with every n-th word replaced, so that a share of its words differs."""
    step, spare = round(1 / share), page(999, lang, len(words))
    return [spare[k] if k % step == 0 else word for k, word in enumerate(words)]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_copies_and_near_copies_are_found_and_other_texts_are_not(lang: str) -> None:
    base, other = page(1, lang), page(2, lang)
    near = with_edits(base, lang, 0.02)
    texts = [
        text(base, lang),
        text(other, lang),
        text(base, lang) + "\n",
        text([*near, *base[:6]], lang),
        text(page(3, lang), lang),
    ]
    found = clusters(texts, lang)
    assert set(found) == {0, 2, 3}
    assert set(found.values()) == {(3, 3)}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_five_percent_of_changed_words_are_found_as_often_as_theory_says(lang: str) -> None:
    """Words changed one by one in 20 leave Jaccard about 0.6: 1 - (1 - 0.6^8)^14 = 0.21 of the pairs share a bucket."""
    pairs = [(text(page(k, lang), lang), text(with_edits(page(k, lang), lang, 0.05), lang)) for k in range(60)]
    found = clusters([one for pair in pairs for one in pair], lang)
    assert 4 <= len(found) // 2 <= 30
    # Five percent of the words in one place, as when a paragraph is exchanged, leave 0.9: nearly all are found.
    pairs = [(text(page(k, lang), lang), text(page(k + 500, lang)[:20] + page(k, lang)[20:], lang)) for k in range(60)]
    assert len(clusters([one for pair in pairs for one in pair], lang)) == 120


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_short_texts_are_duplicates_only_when_equal(lang: str) -> None:
    one, two = ("a short text", "a short note") if lang == "en" else ("短文本", "短文章")
    assert clusters([one, two, one + " "], lang) == {0: (2, 2), 2: (2, 2)}


def test_empty_texts_are_no_duplicates_of_each_other() -> None:
    assert clusters(["", "", " ", None, None]) == {}


def test_the_longest_text_survives_then_the_smallest_uid() -> None:
    base = text(page(1, "en"), "en")
    assert {survivor for survivor, _ in clusters([base, base + "!!", base + "!"]).values()} == {1}
    assert {survivor for survivor, _ in clusters([base, base, base]).values()} == {min(range(3), key=uid)}


def test_an_exact_copy_takes_no_part_in_the_search_for_near_ones() -> None:
    base = page(1, "en")
    near = text(with_edits(base, "en", 0.01), "en")
    pairs = pairs_of([text([*base, "and", "more"], "en"), near, near])
    kinds = {row["b"].hex(): row["kind"] for row in pairs.to_pylist()}
    first, second = sorted([uid(1), uid(2)])
    assert kinds == {first: dedup.NEAR, second: dedup.EXACT}


def test_a_document_has_a_key_for_each_band_and_one_for_its_address() -> None:
    table = signed([text(page(1, "en"), "en"), "too short", None], urls=["http://a.org/x", "http://a.org/y", None])
    keys = band_rows(table, CFG)
    assert keys.schema == KEYS
    counts = {row["values"]: row["counts"] for row in keys["uid"].value_counts().to_pylist()}
    names = uid_to_bytes(pa.array([uid(0), uid(1)])).to_pylist()
    assert counts == {names[0]: 15, names[1]: 1}
    assert pc.sum(pc.bit_wise_and(keys["key"], pa.scalar(1, pa.uint64()))).as_py() == 2
    assert exact_rows(table).num_rows == 2


def test_rows_that_were_never_signed_have_no_keys() -> None:
    table = signed(["one two three four five six"] * 3)
    columns = {name: pa.nulls(3, table.schema.field(name).type) for name in table.column_names}
    nulls = pa.table({**columns, "uid": table["uid"]})
    assert band_rows(nulls, CFG).equals(KEYS.empty_table())
    assert exact_rows(nulls).equals(EXACT_KEYS.empty_table())


def test_chunks_of_annotations_change_nothing() -> None:
    table = signed(["one two three four five six", None, "", "short", "seven eight nine ten eleven twelve"])
    chunked = pa.concat_tables([table.slice(0, 2), table.slice(2, 0), table.slice(2)])
    assert band_rows(chunked, CFG).equals(band_rows(table, CFG))
    assert exact_rows(chunked).equals(exact_rows(table))


def test_partitions_are_ranges_of_the_key_space() -> None:
    keys = np.sort(band_rows(signed([text(page(k, "en"), "en") for k in range(30)]), CFG)["key"].to_numpy())
    parts = dedup.partition_of(keys, 4).tolist()
    assert parts == sorted(parts)
    assert set(parts) == {0, 1, 2, 3}


def test_signatures_of_another_scheme_are_refused() -> None:
    with pytest.raises(ValueError, match="minhash1-w5-c8-14x8-seed2"):
        band_rows(signed(["one two three four five six"], cfg=DedupConfig(seed=2)), CFG)


def test_empty_tables_pass_through_every_step() -> None:
    assert pairs_of([]).equals(PAIRS.empty_table())
    assert bucket_pairs(KEYS.empty_table(), np.zeros(0, np.int64), 0).equals(PAIRS.empty_table())
    assert clusters_of_pairs(PAIRS.empty_table()) == {}


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("http://A.org/x?b=1#top", "http://a.org/x?b=1", True),
        ("http://a.org/x", "http://a.org/y", False),
        ("http://[", "http://[", True),
    ],
)
def test_addresses_that_mean_one_page_share_a_key(one: str, two: str, same: bool) -> None:
    first, second = signed(["x", "y"], urls=[one, two])["dedup.url"].to_pylist()
    assert (first == second) is same


def test_the_canonical_address_stands_for_the_own_one() -> None:
    table = pa.table(
        {
            "uid": [uid(0), uid(1), uid(2)],
            "content": ["x", "y", "z"],
            "lang": ["en"] * 3,
            "url": ["http://a.org/print/1", "http://a.org/1", ""],
            "canonical_url": pa.array(["http://a.org/1", None, None], pa.string()),
        }
    )
    first, second, none = sign(table, CFG)["dedup.url"].to_pylist()
    assert first == second
    assert none is None


def make_keys(rows: list[tuple[int, int, int]]) -> pa.Table:
    """Rows of (key, document, length)."""
    keys, documents, lengths = zip(*rows, strict=True) if rows else ((), (), ())
    uids = uid_to_bytes(pa.array([uid(k) for k in documents], pa.string()))
    return pa.table([pa.array(keys, pa.uint64()), uids, pa.array(lengths, pa.int32())], schema=KEYS)


def test_a_bucket_links_its_best_to_all_and_each_to_the_next_in_length() -> None:
    pairs = bucket_pairs(rows := make_keys([(8, k, 100 + k) for k in range(1000)]), own(rows), 0)
    assert pairs.num_rows == 999 + 998
    names = {uid(k): k for k in range(1000)}
    ends = list(zip(*(uid_from_bytes(pairs[side]).to_pylist() for side in "ab"), strict=True))
    assert {(names[a], names[b]) for a, b in ends} == {(999, k) for k in range(999)} | {(k + 1, k) for k in range(999)}
    assert set(dedup.length_of(pairs["rank_a"].to_numpy())[[names[a] == 999 for a, _ in ends]]) == {1099}


def test_a_pair_in_many_buckets_is_one_and_of_its_strongest_kind() -> None:
    rows = make_keys([(8, 1, 5), (8, 2, 4), (10, 1, 5), (10, 2, 4), (13, 1, 5), (13, 2, 4), (20, 3, 9)])
    pairs = bucket_pairs(rows, own(rows), 0)
    assert pairs.schema == PAIRS
    assert pairs["kind"].to_pylist() == [dedup.URL]


def test_a_document_twice_in_a_bucket_is_no_duplicate_of_itself() -> None:
    rows = make_keys([(8, 1, 5), (8, 1, 5)])
    assert bucket_pairs(rows, own(rows), 0).num_rows == 0


def test_an_older_row_is_better_than_a_longer_one_and_two_older_ones_are_no_pair() -> None:
    rows = make_keys([(8, 1, 5), (8, 2, 9), (8, 3, 7)])
    pairs = bucket_pairs(rows, np.array([0, 2, 1]), 2)
    names = {uid(k): k for k in (1, 2, 3)}
    ends = zip(*(uid_from_bytes(pairs[side]).to_pylist() for side in "ab"), strict=True)
    assert {(names[a], names[b]) for a, b in ends} == {(1, 2), (3, 2)}
    assert dedup.age_of(pairs["rank_b"].to_numpy()).tolist() == [2, 2]


def test_of_a_hot_key_the_best_older_rows_stand_for_all() -> None:
    rows = make_keys([(8, k, k) for k in range(500)] + [(9, 1000, 1)])
    kept = dedup.best_of_each(rows, own(rows), 64)
    assert kept.tolist() == [*range(436, 500), 500]


DOCUMENTS = st.dictionaries(st.integers(0, 25), st.integers(1, 4), max_size=25)  # document -> length


@st.composite
def bucket_members(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """(key, document, length) of documents that each have one length."""
    lengths = draw(DOCUMENTS)
    if not lengths:
        return []
    members = draw(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(sorted(lengths))), max_size=60))
    return sorted({(key, document, lengths[document]) for key, document in members})


@given(bucket_members(), st.data())
def test_no_order_or_partitioning_changes_a_byte(rows: list[tuple[int, int, int]], data: st.DataObject) -> None:
    table = make_keys(rows)
    expected = bucket_pairs(table, own(table), 0)
    split = data.draw(st.integers(1, 4))
    shuffled = data.draw(st.permutations(rows))
    tables = [make_keys([row for row in shuffled if row[0] % split == k]) for k in range(split)]
    pairs = [bucket_pairs(table, own(table), 0) for table in data.draw(st.permutations(tables))]
    assert dedup.distinct_pairs(pa.concat_tables(pairs)).equals(expected)


@given(bucket_members())
def test_clusters_are_the_connected_documents_and_their_best(rows: list[tuple[int, int, int]]) -> None:
    table = make_keys(rows)
    found = clusters_of_pairs(bucket_pairs(table, own(table), 0))
    lengths = {document: length for _, document, length in rows}
    groups = {document: {document} for document in lengths}
    for key, document, _ in rows:
        for other, neighbour, _ in rows:
            if other == key and groups[document] is not groups[neighbour]:
                merged = groups[document] | groups[neighbour]
                groups.update(dict.fromkeys(merged, merged))
    expected = {
        uid(document): (uid(min(group, key=lambda k: (-lengths[k], uid(k)))), len(group))
        for document, group in groups.items()
        if len(group) > 1
    }
    assert found == expected


@given(st.lists(st.binary(min_size=16, max_size=16)), st.integers(0, 3))
def test_uids_go_to_bytes_and_back(values: list[bytes], skip: int) -> None:
    uids = pa.array([value.hex() for value in values], pa.string()).slice(min(skip, len(values)))
    packed = uid_to_bytes(uids)
    assert packed.to_pylist() == values[skip:]
    assert uid_from_bytes(packed).equals(uids)
    assert uid_to_bytes(pa.chunked_array([uids, uids])).to_pylist() == values[skip:] * 2


@pytest.mark.parametrize("wrong", [None, "", "ab", "A" * 32, "g" * 32, "0" * 33])
def test_a_uid_that_is_not_32_hex_digits_is_refused(wrong: str | None) -> None:
    with pytest.raises(ValueError, match="32 lower-case hex digits"):
        uid_to_bytes(pa.array(["0" * 32, wrong], pa.string()))


def test_copies_among_real_pages_are_found(shared_data: Path) -> None:
    """Every seventh page is given twice: both copies land in one cluster, whatever other duplicates there are."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text

    pages = []
    with (shared_data / "docs-pages" / "zh.warc.gz").open("rb") as stream:
        for number, record in enumerate(ArchiveIterator(stream, record_types=WarcRecordType.response)):
            if number % 10 == 0:
                pages.append(extract_plain_text(record.reader.read().decode("utf-8", "replace"), main_content=True))
    found = clusters([*pages, *pages[::7]], "zh")
    copies = range(len(pages), len(pages) + len(pages[::7]))
    for copy, original in zip(copies, range(0, len(pages), 7), strict=True):
        assert found[copy][0] == found[original][0]
