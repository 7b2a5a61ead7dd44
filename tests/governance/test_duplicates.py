"""What a duplicate is, as the product runs the search: confirmed, incremental, the same whatever the partitioning."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from governance import confirm, duplicates, shuffle
from governance.config import Run
from manifests.store import Store
from tests.duplicate_corpora import Row, corpus, edited, en, find, jaccard, job_of, page, write, zh


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "corpus"))


@pytest.mark.parametrize(("lang", "size"), [("en", 5), ("zh", 8)])
def test_what_is_removed_is_as_like_its_match_as_the_threshold_says(store: Store, lang: str, size: int) -> None:
    """Edits leave pairs on both sides of 0.75; near it shingles decide, so every similarity there is true."""
    make = en if lang == "en" else zh
    pages = [page(k, lang) for k in range(120)]
    pairs = [(words, edited(words, 5 + k % 7 if lang == "en" else 3 + k % 5, k)) for k, words in enumerate(pages)]
    job = job_of(store)
    uids = write(job, [[make(words)] for pair in pairs for words in pair])
    found = find(job)
    texts = dict(zip(uids, (words for pair in pairs for words in pair), strict=True))
    removed = [row for row in found.values() if row["reason"] == "near"]
    assert len(removed) > 20
    for row in removed:
        cut = [list(" ".join(texts[row[name]])) if lang == "zh" else texts[row[name]] for name in ("uid", "match")]
        true = jaccard(*([[c for c in words if c.isalnum()] if lang == "zh" else words for words in cut]), size)
        assert row["similarity"] == pytest.approx(true, abs=0.12)
        if row["similarity"] < 0.75 + 0.1:
            assert row["similarity"] == pytest.approx(true, abs=1e-3)
            assert true >= 0.75


def test_what_only_collided_is_kept_unless_confirmation_is_off(store: Store) -> None:
    pairs = [(words, edited(words, 13, k)) for k, words in enumerate(map(page, range(300)))]
    shards = [[en(words) for pair in pairs for words in pair]]
    found = {}
    for mode in ("none", "signatures", "shingles"):
        job = job_of(store, dump=mode, confirm=mode)
        write(job, shards)
        found[mode] = {row["uid"][8:] for row in find(job).values() if row["reason"]}
    assert found["shingles"] < found["none"]
    assert found["signatures"] < found["none"]
    assert all(jaccard(*pairs[int(uid, 16) // 2], 5) >= 0.75 for uid in found["shingles"])


def test_neighbours_in_length_are_found_where_the_longest_is_like_neither(store: Store) -> None:
    base = page(1, words=400)
    longest = [*base[:300], *page(2, words=250)]
    job = job_of(store)
    uids = write(job, [[en(longest)], [en(base)], [en(edited(base, 2))]])
    found = find(job)
    assert set(found) == set(uids[1:])


def test_copies_are_exact_and_name_the_survivor(store: Store) -> None:
    job = job_of(store)
    text = page(1)
    uids = write(job, [[en(text), en(page(2))], [en(["Kadan", *text[1:]]), en(text)], [en([*text, "more"])]])
    found = find(job)
    assert {uid: row["reason"] for uid, row in found.items()}[uids[4]] is None
    assert {row["survivor"] for row in found.values()} == {uids[4]}
    copy = max(uids[0], uids[3])
    assert found[copy]["reason"] == "exact"
    assert found[copy]["match"] == min(uids[0], uids[3])
    assert found[copy]["similarity"] == 1
    assert found[min(uids[0], uids[3])]["reason"] == "near"
    assert {row["cluster_size"] for row in found.values()} == {len(found)}


@pytest.mark.parametrize(("limit", "kind"), [(0.25, None), (0.0, "url")])
def test_one_address_on_other_texts_is_no_duplicate_unless_the_user_says_so(
    store: Store, limit: float, kind: str | None
) -> None:
    home = "https://a.org/"
    job = job_of(store, url_similarity=limit)
    uids = write(job, [[en(page(1), home), en(page(2, words=250), home)]])
    found = find(job)
    assert found.get(uids[1], {}).get("reason") == kind


def test_a_page_that_was_fetched_again_and_had_changed_is_a_duplicate_by_its_address(store: Store) -> None:
    base = page(1)
    job = job_of(store)
    uids = write(job, [[en(base, "http://a.org/x#top"), en([*base[:150], *page(2, words=100)], "http://a.org/x")]])
    found = find(job)
    assert found[uids[1]]["reason"] == "url"
    assert 0.25 <= found[uids[1]]["similarity"] < 0.75


def test_rows_that_a_rule_rejected_take_no_part(store: Store) -> None:
    job = job_of(store)
    text = " ".join(page(1))
    uids = write(job, [[Row(f"{text} longest", fate="c4.too_short"), Row(text), Row(text)], []])
    assert set(find(job)) == set(uids[1:])


def test_no_partitioning_grouping_or_way_of_joining_changes_the_clusters(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: dict[str, Any] | None = None
    for number, (partition, run, memory) in enumerate([(10**6, 10**6, 10**6), (7, 3, 10**6), (3, 9, 0), (10**6, 2, 0)]):
        monkeypatch.setattr(duplicates, "ROWS_A_PARTITION", partition)
        monkeypatch.setattr(shuffle, "ROWS_A_RUN", run)
        monkeypatch.setattr(shuffle, "HELD_BYTES", 100 if number % 2 else 1 << 20)
        monkeypatch.setattr(confirm, "SLICE_CHARS", 10**7 if number % 2 else 2000)
        job = job_of(Store(f"{store.url}-{number}"), run=Run(pairs_in_memory=memory))
        write(job, corpus())
        found = find(job)
        assert len(found) > 20
        expected = expected or found
        assert found == expected


def clusters_by_hand(dumps: Sequence[Sequence[Sequence[Row]]], uids: Sequence[Sequence[str]]) -> dict[str, str]:
    """Uid -> survivor of rows that have equal texts: the older dump, the longest, the smallest uid."""
    best: dict[str, str] = {}
    found: dict[str, str] = {}
    for shards, names in zip(dumps, uids, strict=True):
        rows = [row for shard in shards for row in shard]
        for _, uid, row in sorted((-len(row.text), uid, row) for uid, row in zip(names, rows, strict=True)):
            found[uid] = best.setdefault(row.text, uid)
    return found


def test_a_new_dump_is_deduplicated_against_the_sealed_ones_and_leaves_them_alone(store: Store) -> None:
    base, other = page(1), page(2)
    first = job_of(store, "a")
    old = write(first, [[en(base), en(other)], [en(edited(base, 2))]])
    found = find(first)
    before = {item.path: item.e_tag for item in store.list("L1/a")}
    winner = next(row["survivor"] for row in found.values())
    second = job_of(store, "b", ("a",))
    new = write(second, [[en([*base, "longer", "than", "the", "old"]), en(page(3)), en(other)], [en(page(3))]])
    found = find(second)
    assert {item.path: item.e_tag for item in store.list("L1/a")} == before
    assert found[new[0]]["survivor"] == winner
    assert (found[new[0]]["survivor_dump"], found[new[0]]["reason"]) == ("a", "near")
    assert (found[new[2]]["survivor"], found[new[2]]["reason"]) == (old[1], "exact")
    assert {found[new[1]]["survivor_dump"], found[new[3]]["survivor_dump"]} == {"b"}


def test_what_is_like_a_victim_of_an_older_dump_goes_to_its_survivor(store: Store) -> None:
    """The new page is like the old victim and not like the old survivor: the sealed cluster takes it in."""
    victim = page(1, words=800)
    survivor = [*victim[:730], *page(2, words=85)]
    newcomer = [*page(3, words=70), *victim[70:]]
    assert jaccard(survivor, newcomer, 5) < 0.72
    first = job_of(store, "a")
    old = write(first, [[en(victim), en(survivor)]])
    assert find(first)[old[0]]["survivor"] == old[1]
    second = job_of(store, "b", ("a",))
    (new,) = write(second, [[en(newcomer)]])
    found = find(second)[new]
    assert (found["survivor"], found["match"]) == (old[1], old[0])
    third = job_of(store, "c", ("a", "b"))
    (last,) = write(third, [[en(edited(newcomer, 1))]])
    found = find(third)[last]
    assert (found["survivor"], found["survivor_dump"], found["match"]) == (old[1], "a", new)


def test_dumps_one_after_the_other_give_what_equal_texts_give_by_hand(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "ROWS_A_PARTITION", 5)
    monkeypatch.setattr(shuffle, "ROWS_A_RUN", 4)
    rng = random.Random(1)
    texts = [en(page(k, words=rng.randint(50, 80))) for k in range(12)]
    dumps = [[rng.choices(texts, k=5) for _ in range(3)] for _ in range(3)]
    uids, found = [], {}
    for number, shards in enumerate(dumps):
        job = job_of(store, "abc"[number], tuple("abc"[:number]))
        uids.append(write(job, shards))
        found |= find(job)
    expected = clusters_by_hand(dumps, uids)
    assert {uid: found[uid]["survivor"] if uid in found else uid for uid in expected} == expected
