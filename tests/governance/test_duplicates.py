"""The search for duplicates as the product runs it: confirmed, incremental, deterministic, sound on damaged parts."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from governance import buckets, confirm, duplicates, shuffle
from governance.cluster import Cluster
from governance.clusters import clusters_of
from governance.config import L1, Run, Settings
from governance.errors import CorpusError
from governance.inputs import shard_key
from governance.job import Job
from governance.runner import FATE
from manifests.ledger import Account, tally
from manifests.records import Record, commit, read_records, write_part
from manifests.schema import conform, tier_schema
from manifests.store import Store
from stages.dedup import DedupConfig, sign, uid_from_bytes, uid_to_bytes

WORDS = [f"{a}{b}{c}" for a in ("ka", "lo", "mi", "nu", "re") for b in ("da", "fo", "gi", "ha") for c in "nrstvxyz"]
HAN = [chr(k) for k in range(0x4E00, 0x5200)]
PLAN = '{{"fingerprint": "{0}", "plan": {{"against": {1}}}}}'


def page(seed: int, lang: str = "en", words: int = 300) -> list[str]:
    return random.Random(seed).choices(WORDS if lang == "en" else HAN, k=words)


def edited(words: Sequence[str], changes: int, seed: int = 0) -> list[str]:
    """The page with words changed at random places."""
    rng, out = random.Random(seed), list(words)
    for place in rng.sample(range(len(words)), changes):
        out[place] = f"edit{rng.randrange(10**9)}" if words[place].isascii() else chr(rng.randrange(0x6000, 0x9000))
    return out


@dataclass(frozen=True)
class Row:
    """One page of a shard."""

    text: str
    lang: str = "en"
    url: str | None = None
    fate: str | None = None


def en(words: Sequence[str], url: str | None = None) -> Row:
    return Row(" ".join(words), "en", url)


def zh(words: Sequence[str]) -> Row:
    return Row("".join(words), "zh")


def job_of(store: Store, dump: str = "b", older: tuple[str, ...] = (), run: Run | None = None, **dedup: Any) -> Job:
    settings = Settings(l1=L1(dedup=DedupConfig(**dedup)), run=run or Run())
    return Job(store, "L1", dump, settings, f"fingerprint of {dump}", "L0", older=older)


def write(job: Job, shards: Sequence[Sequence[Row]]) -> list[str]:
    """L0 and the annotations of L1, as the steps before write them; returns the uids, shard by shard."""
    job.store.put(f"{job.base}/plan.json", PLAN.format(job.fingerprint, list(job.older)).replace("'", '"').encode())
    uids = []
    for number, rows in enumerate(shards):
        name = f"shard-{number}"
        table = pa.table(
            {
                "uid": pa.array([f"{shard_key(job.dump, name)}{k:024x}" for k in range(len(rows))], pa.string()),
                "content": pa.array([row.text for row in rows], pa.string()),
                "url": pa.array([row.url for row in rows], pa.string()),
                "canonical_url": pa.nulls(len(rows), pa.string()),
                "source": pa.array(["test"] * len(rows), pa.string()),
            }
        )
        uids += table["uid"].to_pylist()
        count = tally(table["uid"])
        schema = tier_schema("L0")
        part = write_part(job.store, f"L0/{job.dump}/data/part-{number:05d}", [conform(table, schema)], schema)
        commit(job.store, f"L0/{job.dump}", Record("data", number, name, "L0", [part]))
        lang = pa.array([row.lang for row in rows], pa.string())
        notes = sign(table.append_column("lang", lang), job.settings.l1.dedup).drop_columns(
            ["content", "url", "source"]
        )
        notes = notes.append_column(FATE, pa.array([row.fate for row in rows], pa.string()))
        part = write_part(job.store, f"{job.base}/annotations/part-{number:05d}", [notes], notes.schema)
        ledger = [Account("dedup", count, count)]
        commit(job.store, job.base, Record("annotations", number, name, job.fingerprint, [part], ledger))
    return uids


def find(job: Job) -> dict[str, dict[str, Any]]:
    """Uid -> what the clusters say of it."""
    done = duplicates.find(job, Cluster(workers=0))
    uids = [
        f"{shard_key(job.dump, record.name)}{k:024x}"
        for record in read_records(job.store, job.base, "annotations")
        for k in range(record.ledger[0].came.rows)
    ]
    found = clusters_of(done, pa.chunked_array([uids], pa.string()))
    if found is None:
        return {}
    rows = found.to_pylist()
    for row, name in zip(rows, uid_from_bytes(found["uid"]).to_pylist(), strict=True):
        row["uid"] = name
        row["survivor"] = row["survivor"].hex()
        row["match"] = row["match"] and row["match"].hex()
    return {row["uid"]: row for row in rows}


def jaccard(one: Sequence[str], two: Sequence[str], size: int) -> float:
    a, b = ({tuple(words[k : k + size]) for k in range(len(words) - size + 1)} for words in (one, two))
    return len(a & b) / len(a | b)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "corpus"))


def corpus(seed: int = 0, pages: int = 40) -> list[list[Row]]:
    """Shards with copies, near-copies at many distances, and pages alone, in both languages."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for k in range(pages):
        lang, make = ("en", en) if k % 2 else ("zh", zh)
        base = page(1000 * seed + k, lang)
        rows.append(make(base))
        rows += [make(edited(base, rng.randint(0, 12), rng.randrange(10**6)))] * rng.choice((0, 0, 1, 2))
    rng.shuffle(rows)
    return [rows[k::4] for k in range(4)]


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


def damage(store: Store, path: str, how: str) -> None:
    if how == "missing":
        store.delete([path])
    else:
        data = bytearray(store.get(path))
        data[len(data) // 2] ^= 1
        store.put(path, bytes(data) if how == "flipped" else bytes(data[:-9]))


FOLDERS = (
    "index/exact", "index/bands", "_shuffle/exact", "_shuffle/victims", "_shuffle/stars", "_shuffle/pairs",
    "_shuffle/wanted", "_shuffle/sketches", "_shuffle/decided", "_shuffle/doubtful", "_shuffle/texts",
    "_shuffle/shingles", "_shuffle/confirmed", "_shuffle/views", "_shuffle/labels", "_shuffle/edges-000",
    "_shuffle/edges-002", "/duplicates",
)  # fmt: skip


@pytest.mark.parametrize("how", ["missing", "flipped", "cut"])
@pytest.mark.parametrize("memory", [0, 10**6])
def test_a_part_that_is_damaged_or_gone_is_built_again_and_not_skipped(
    store_url: str, how: str, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is damaged as soon as the record that names it is committed, before anything reads it."""
    monkeypatch.setattr(duplicates, "ROWS_A_PARTITION", 30)
    monkeypatch.setattr(shuffle, "ROWS_A_RUN", 30)
    shards = corpus(pages=24)
    sound = job_of(Store(f"{store_url}/sound"), run=Run(pairs_in_memory=memory))
    write(sound, shards)
    expected = find(sound)
    job = job_of(Store(f"{store_url}/damaged"), run=Run(pairs_in_memory=memory))
    write(job, shards)
    create, hit = Store.create, set()

    def damaging(self: Store, path: str, data: bytes) -> bool:
        done = create(self, path, data)
        if "/_shards/" in path:
            for part in Record.from_bytes(data).parts:
                if any(f"{folder}/" in part.path for folder in FOLDERS) and part.path not in hit:
                    hit.add(part.path)
                    damage(self, part.path, how)
        return done

    monkeypatch.setattr(Store, "create", damaging)
    assert find(job) == expected
    touched = {folder for folder in FOLDERS if any(f"{folder}/" in path for path in hit)}
    assert touched >= {folder for folder in FOLDERS if "edges" not in folder}
    assert memory or touched == set(FOLDERS)


class Killed(BaseException):
    """What a process does not survive; nothing in the product catches it."""


def objects(store: Store) -> dict[str, str]:
    return {item.path: hashlib.sha256(store.get(item.path)).hexdigest() for item in store.list("")}


def test_a_shuffle_that_ends_before_any_of_its_writes_goes_on_to_the_same_bytes(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "ROWS_A_PARTITION", 12)
    monkeypatch.setattr(shuffle, "ROWS_A_RUN", 12)
    writes, last = 0, 10**9

    def watched(write: Any) -> Any:
        def counted(self: Store, path: str, data: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes == last:
                raise Killed
            return write(self, path, data)

        return counted

    for name in ("put", "create"):
        monkeypatch.setattr(Store, name, watched(getattr(Store, name)))
    sound = job_of(Store(f"{store_url}/sound"), run=Run(pairs_in_memory=0))
    write(sound, corpus(pages=12))
    planted = objects(sound.store)
    writes = 0
    find(sound)
    expected, total = objects(sound.store), writes
    assert total > 80
    for kill in range(1, total + 1, 1 if "://" not in store_url else 7):
        job = replace(sound, store=Store(f"{store_url}/killed-{kill}"))
        for path in planted:
            job.store.put(path, sound.store.get(path))
        writes, last = 0, kill
        with pytest.raises(Killed):
            find(job)
        last = 10**9
        find(job)
        assert objects(job.store) == expected, f"ended before write {kill}"


def test_one_two_and_four_workers_write_the_same_bytes(store: Store) -> None:
    expected = None
    for workers in (0, 1, 2, 4):
        job = job_of(Store(f"{store.url}-{workers}"))
        write(job, corpus())
        with Cluster(workers=workers) as cluster:
            duplicates.find(job, cluster)
        found = objects(job.store)
        expected = expected or found
        assert found == expected


def test_a_damaged_index_of_an_older_dump_is_built_again_from_its_annotations(store: Store) -> None:
    first = job_of(store, "a")
    write(first, corpus(pages=10))
    find(first)
    store.delete([item.path for item in store.list("L1/a/_shuffle")])  # as sealing does
    index = [item.path for item in store.list("L1/a/index")]
    second = job_of(store, "b", ("a",))
    write(second, corpus(pages=10))
    for path in index:
        damage(store, path, "flipped")
    found = find(second)
    assert {row["survivor_dump"] for row in found.values()} == {"a"}
    assert [item.path for item in store.list("L1/a/index")] == index


def test_a_part_that_cannot_be_built_again_as_it_was_stops_the_run_with_a_remedy(store: Store) -> None:
    job = job_of(store)
    write(job, [[en(page(1)), en(page(1))]])
    find(job)
    store.delete([item.path for item in store.list(f"{job.base}/index")])
    store.delete([item.path for item in store.list(f"{job.base}/_shards/stars")])
    store.delete([item.path for item in store.list(f"{job.base}/_shards/annotations")])
    changed = replace(job, fingerprint=job.fingerprint)
    write(changed, [[en(page(2)), en(page(3))]])
    with pytest.raises(CorpusError, match="has changed since"):
        find(changed)


def test_shards_whose_uids_begin_alike_do_not_confuse_their_rows() -> None:
    runs = (shuffle.Run(0, (0,)), shuffle.Run(1, (1,)))
    keys, numbers = pa.array([7, 7]).to_numpy().astype("uint32"), pa.array([0, 1]).to_numpy()
    dump = shuffle.Dump("a", "f", runs, keys, numbers, 1)
    job = shuffle.Shuffle(Store("/nowhere"), "L1", "a", Settings(), "f", dumps=(dump,))
    places, found = job.runs_of(uid_to_bytes(pa.array(["00000007" + "0" * 24, "00000008" + "0" * 24])))
    assert (places.tolist(), found.tolist()) == ([0, 0], [0, 1])


def test_runs_of_all_dumps_have_one_numbering_in_which_the_own_come_first() -> None:
    def dump(name: str, runs: int) -> shuffle.Dump:
        keys = pa.array(range(runs), pa.uint32()).to_numpy() + 100 * ord(name)
        numbers = pa.array(range(runs), pa.int64()).to_numpy()
        return shuffle.Dump(name, name, tuple(shuffle.Run(k, (k,)) for k in range(runs)), keys, numbers, 1)

    dumps = (dump("a", 2), dump("b", 3), dump("c", 2))
    job = shuffle.Shuffle(Store("/nowhere"), "L1", "c", Settings(), "f", dumps=dumps)
    assert [job.find_run(number) for number in range(job.runs)] == [
        *((2, run) for run in dumps[2].runs), *((0, run) for run in dumps[0].runs), *((1, run) for run in dumps[1].runs)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([], []), ([5, 5], [(0, 1)]), ([5, 6], [(0,), (1,)]), ([50, 1, 2], [(0,), (1, 2)]), ([0, 0], [(0, 1)])],
)
def test_runs_are_neighbouring_shards_of_a_bounded_number_of_rows(
    rows: list[int], expected: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shuffle, "ROWS_A_RUN", 10)
    assert [run.shards for run in shuffle.group_runs(list(enumerate(rows)))] == expected


def test_steps_that_are_done_are_not_done_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(store)
    write(job, corpus(pages=6))
    find(job)
    monkeypatch.setattr(Cluster, "map", lambda *_: pytest.fail("worked again"))
    duplicates.find(job, Cluster(workers=0))
    assert {buckets.spread.__module__, confirm.confirm.__module__} == {"governance.buckets", "governance.confirm"}
