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

from stages.dedup import (
    BUCKETS,
    CLUSTERS,
    EDGES,
    DedupConfig,
    bucket_rows,
    components,
    sign,
    stars,
    uid_from_bytes,
    uid_to_bytes,
)

CFG = DedupConfig(partitions=4)


def uid(k: int) -> str:
    return hashlib.md5(str(k).encode()).hexdigest()


def signed(texts: list[str | None], lang: str = "en", cfg: DedupConfig = CFG) -> pa.Table:
    columns = {
        "uid": [uid(k) for k in range(len(texts))],
        "content": pa.array(texts, pa.string()),
        "lang": pa.array([lang] * len(texts), pa.string()),
    }
    return sign(pa.table(columns), cfg).drop_columns(["content"])


def edges_of(buckets: pa.Table, partitions: int) -> pa.Table:
    """Stars of every partition, as the driver collects them."""
    parts = [stars(buckets.filter(pc.equal(buckets["partition"], k))) for k in range(partitions)]
    return pa.concat_tables(parts)


def clusters(texts: list[str | None], lang: str = "en", cfg: DedupConfig = CFG) -> dict[int, tuple[int, int, bool]]:
    """Row number -> (survivor's row number, cluster size, exact) of the rows in clusters."""
    found = components(edges_of(bucket_rows(signed(texts, lang, cfg), cfg), cfg.partitions))
    number = {uid(k): k for k in range(len(texts))}
    uids, survivors = (uid_from_bytes(found[name]).to_pylist() for name in ("uid", "survivor"))
    rest = zip(found["cluster_size"].to_pylist(), found["exact"].to_pylist(), strict=True)
    return {number[a]: (number[b], *more) for a, b, more in zip(uids, survivors, rest, strict=True)}


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
    assert {survivor for survivor, _, _ in found.values()} == {3}
    assert {size for _, size, _ in found.values()} == {3}
    assert not any(exact for _, _, exact in found.values())


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
    assert clusters([one, two, one + " "], lang) == {0: (2, 2, True), 2: (2, 2, False)}


def test_empty_texts_are_no_duplicates_of_each_other() -> None:
    assert clusters(["", "", " ", None, None]) == {}


def test_the_longest_text_survives_then_the_smallest_uid() -> None:
    base = text(page(1, "en"), "en")
    longest = clusters([base, base + "!!", base + "!"])
    assert {survivor for survivor, _, _ in longest.values()} == {1}
    equal = clusters([base, base, base])
    assert {survivor for survivor, _, _ in equal.values()} == {min(range(3), key=uid)}
    assert sorted(exact for _, _, exact in equal.values()) == [False, True, True]


def test_a_copy_of_a_near_copy_is_not_exact() -> None:
    base = page(1, "en")
    near = text(with_edits(base, "en", 0.01), "en")
    found = clusters([text([*base, "and", "more"], "en"), near, near])
    assert {row: exact for row, (_, _, exact) in found.items()} == {0: False, 1: False, 2: False}


def test_a_document_has_fifteen_bucket_rows() -> None:
    buckets = bucket_rows(signed([text(page(1, "en"), "en"), "too short", None]), CFG)
    assert buckets.schema == BUCKETS
    counts = {row["values"]: row["counts"] for row in buckets["uid"].value_counts().to_pylist()}
    names = uid_to_bytes(pa.array([uid(0), uid(1)])).to_pylist()
    assert counts == {names[0]: 15, names[1]: 1}
    assert pc.sum(pc.bit_wise_and(buckets["key"], pa.scalar(1, pa.uint64()))).as_py() == 2


def test_rows_that_were_never_signed_have_no_buckets() -> None:
    table = signed(["one two three four five six"] * 3)
    columns = {name: pa.nulls(3, table.schema.field(name).type) for name in table.column_names}
    assert bucket_rows(pa.table({**columns, "uid": table["uid"]}), CFG).equals(BUCKETS.empty_table())


def test_chunks_of_annotations_change_nothing() -> None:
    table = signed(["one two three four five six", None, "", "short", "seven eight nine ten eleven twelve"])
    chunked = pa.concat_tables([table.slice(0, 2), table.slice(2, 0), table.slice(2)])
    assert bucket_rows(chunked, CFG).equals(bucket_rows(table, CFG))


def test_partitions_are_ranges_of_the_key_space() -> None:
    buckets = bucket_rows(signed([text(page(k, "en"), "en") for k in range(30)]), CFG).sort_by("key")
    parts = buckets["partition"].to_pylist()
    assert parts == sorted(parts)
    assert set(parts) == {0, 1, 2, 3}


def test_signatures_of_another_scheme_are_refused() -> None:
    with pytest.raises(ValueError, match="minhash1-w5-c8-14x8-seed2"):
        bucket_rows(signed(["one two three four five six"], cfg=DedupConfig(seed=2)), CFG)


def test_empty_tables_pass_through_every_step() -> None:
    assert bucket_rows(signed([]), CFG).equals(BUCKETS.empty_table())
    assert stars(BUCKETS.empty_table()).equals(EDGES.empty_table())
    assert components(EDGES.empty_table()).equals(CLUSTERS.empty_table())


def make_buckets(rows: list[tuple[int, int, int]]) -> pa.Table:
    """Rows of (key, document, length)."""
    keys, documents, lengths = zip(*rows, strict=True) if rows else ((), (), ())
    uids = uid_to_bytes(pa.array([uid(k) for k in documents], pa.string()))
    columns = [[0] * len(rows), pa.array(keys, pa.uint64()), uids, pa.array(lengths, pa.int32())]
    return pa.table(columns, schema=BUCKETS)


def test_a_bucket_of_n_documents_gives_n_minus_one_edges_from_its_centre() -> None:
    edges = stars(make_buckets([(8, k, 100 + k) for k in range(1000)]))
    assert edges.num_rows == 999
    assert set(uid_from_bytes(edges["a"]).to_pylist()) == {uid(999)}
    assert set(edges["length_a"].to_pylist()) == {1099}


def test_a_pair_in_many_buckets_is_one_edge_and_exact_if_one_of_them_is() -> None:
    edges = stars(make_buckets([(8, 1, 5), (8, 2, 4), (10, 1, 5), (10, 2, 4), (13, 1, 5), (13, 2, 4), (20, 3, 9)]))
    assert edges.num_rows == 1
    assert edges["exact"].to_pylist() == [True]
    assert edges.schema == EDGES


def test_a_document_twice_in_a_bucket_is_no_duplicate_of_itself() -> None:
    assert stars(make_buckets([(8, 1, 5), (8, 1, 5)])).num_rows == 0


DOCUMENTS = st.dictionaries(st.integers(0, 25), st.integers(1, 4), max_size=25)  # document -> length


@given(DOCUMENTS, st.data())
def test_no_order_or_partitioning_changes_a_byte(lengths: dict[int, int], data: st.DataObject) -> None:
    documents = sorted(lengths)
    memberships = data.draw(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(documents or [0])), max_size=60))
    rows = sorted({(key, document, lengths[document]) for key, document in memberships if document in lengths})
    expected = components(stars(make_buckets(rows)))

    shuffled = data.draw(st.permutations(rows))
    split = data.draw(st.integers(1, 4))
    parts = [stars(make_buckets([row for row in shuffled if row[0] % split == k])) for k in range(split)]
    edges = pa.concat_tables(data.draw(st.permutations(parts)))
    order = data.draw(st.permutations(range(edges.num_rows)))
    assert stars(make_buckets(shuffled)).equals(stars(make_buckets(rows)))
    assert components(edges.take(pa.array(order, pa.int64()))).combine_chunks().equals(expected)


@given(DOCUMENTS, st.data())
def test_clusters_are_the_connected_documents_and_their_best(lengths: dict[int, int], data: st.DataObject) -> None:
    documents = sorted(lengths)
    memberships = data.draw(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(documents or [0])), max_size=60))
    rows = sorted({(key, document, lengths[document]) for key, document in memberships if document in lengths})
    found = components(stars(make_buckets(rows)))

    groups = {document: {document} for _, document, _ in rows}
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
    uids, survivors = (uid_from_bytes(found[name]).to_pylist() for name in ("uid", "survivor"))
    assert dict(zip(uids, zip(survivors, found["cluster_size"].to_pylist(), strict=True), strict=True)) == expected
    assert uids == sorted(uids)


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
