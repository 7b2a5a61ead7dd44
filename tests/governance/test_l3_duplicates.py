"""Which outputs of L3 add nothing: like another one, a question asked twice, what another document of L2 says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from governance import output_duplicates, select_outputs, shuffle
from governance.cluster import Cluster
from governance.config import L3, Run, Settings
from governance.inputs import shard_key
from governance.refined import Refining, ShardNotes
from manifests.records import Record, commit, read_record, write_part
from manifests.schema import conform, tier_schema
from manifests.store import Store
from stages.output_keys import OutputDedupConfig
from tests.duplicate_corpora import edited, jaccard, page

STEPS = ("output_samples", "l2_samples", "shared", "held", "buckets", "stars", "pairs", "shingles", "confirmed")
LONG = " ".join(page(1000, words=60))


@dataclass(frozen=True)
class Output:
    """One output of a shard, of one of its documents."""

    text: str | None = None
    question: str | None = None
    answer: str | None = None
    document: int = 0
    lang: str = "en"
    kept: bool = True


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "corpus"))


def job_of(store: Store, run: Run | None = None, **dedup: Any) -> Refining:
    settings = Settings(l3=L3(dedup=OutputDedupConfig(**dedup)), run=run or Run())
    return Refining(store, "L3", "web", settings, "fingerprint", "L2", asked="asked")


def uid_of(shard: int, number: int) -> str:
    return f"{shard_key('web', f'shard-{shard}')}{number:024x}"


def write(
    job: Refining, shards: Sequence[Sequence[Output]], documents: Sequence[Sequence[str]] = ()
) -> list[str]:  # fmt: skip
    """L2 and the annotations of L3, as the steps before write them; returns the uids of outputs, shard by shard."""
    uids = []
    for number, outputs in enumerate(shards):
        texts = documents[number] if number < len(documents) else ["a page"] * 3
        rows = {"uid": [uid_of(number, k) for k in range(len(texts))], "content": texts, "lang": ["en"] * len(texts)}
        table = conform(pa.table(rows), tier_schema("L2"))
        part = write_part(job.store, f"L2/web/data/en/part-{number:05d}", [table], table.schema)
        commit(job.store, "L2/web", Record("data", number, f"shard-{number}", "l2", [part]))
        notes = ShardNotes(job, number, f"shard-{number}")
        found = [note_of(number, place, output) for place, output in enumerate(outputs)]
        for document in sorted({output.document for output in outputs}):
            notes.add([note for note, output in zip(found, outputs, strict=True) if output.document == document])
        commit(job.store, job.base, notes.record())
        uids += [note["uid"] for note in found]
    return uids


def note_of(shard: int, place: int, output: Output) -> dict[str, Any]:
    uid, task = uid_of(shard, 1000 + place), "blog" if output.question is None else "qa"
    return {
        "uid": uid,
        "request_uid": uid_of(shard, 2000 + place),
        "row_uid": uid_of(shard, 3000 + place) if output.kept else None,
        "parent_uid": uid_of(shard, output.document),
        "role": "write",
        "task": task,
        "style": task,
        "lang": output.lang,
        "passage_start": 0,
        "passage_end": 6,
        "edited": False,
        "sampling": "{}",
        "text": output.text or f"{output.question} {output.answer}",
        "question": output.question,
        "answer": output.answer,
        "output_tokens": 10,
        "attempt": 0,
        "prompt_tokens": 1,
        "outcome": "kept" if output.kept else "rejected",
        "fate": None if output.kept else "copied",
    }


def dropped(job: Refining) -> dict[str, str]:
    """The outputs that add nothing, and why."""
    cluster = Cluster(workers=0)
    outputs = output_duplicates.find(job, cluster)
    runs = (output_duplicates.duplicates_of(outputs, run.shards[0]) for run in outputs.own.runs)
    return {row["uid"]: row["reason"] for table in runs for row in table.to_pylist()}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_outputs_of_any_shards_that_are_alike_become_the_one_of_the_smallest_uid(store: Store, lang: str) -> None:
    words = page(1, lang, words=60 if lang == "en" else 90)
    join = " " if lang == "en" else ""
    texts = [join.join(one) for one in (words, edited(words, 1), edited(words, 2, seed=5), page(2, lang, words=60))]
    job = job_of(store)
    uids = write(job, [[Output(text, lang=lang)] for text in texts])
    smallest = min(uids[:3])
    assert dropped(job) == {uid: "near_duplicate" for uid in uids[:3] if uid != smallest}


def test_what_is_dropped_is_as_alike_as_the_threshold_says_and_what_is_alike_is_dropped(store: Store) -> None:
    pairs = [(words, edited(words, 1 + k % 4, k)) for k, words in enumerate(page(k, words=40) for k in range(80))]
    job = job_of(store)
    uids = write(job, [[Output(" ".join(one)) for pair in pairs for one in pair]])
    found = dropped(job)
    for k, pair in enumerate(pairs):
        alike = jaccard(*pair, 3) >= 0.75
        assert (uids[2 * k + 1] in found) == alike, pair
    assert 10 < len(found) < 70


def test_a_question_is_asked_once_of_a_dump_however_it_is_written(store: Store) -> None:
    asked = [
        Output(question="What is the capital of France?", answer="It is Paris."),
        Output(question="what is  the capital of France", answer="The seat of the government is Paris.", document=1),
        Output(question="What is the capital of Spain?", answer="It is Madrid."),
        Output(question="法国的首都是什么？", answer="是巴黎。", lang="zh"),
        Output(question="法国的首都是什么", answer="首都是巴黎这座城市。", lang="zh", document=2),
    ]
    for setting, expected in (("dump", {1, 4}), ("document", set()), ("off", set())):
        each = Store(f"{store.url}-{setting}")
        job = job_of(each, same_question=setting)
        uids = write(job, [asked])
        assert dropped(job) == {uids[k]: "same_question" for k in expected}


def test_two_equal_questions_of_one_document_are_one_even_where_documents_may_share_them(store: Store) -> None:
    job = job_of(store, same_question="document")
    one = Output(question="Who wrote it?", answer="A woman of the town wrote the first half.")
    uids = write(job, [[one, Output(question="Who wrote it ?", answer="Nobody knows."), Output("other")], [one]])
    found = dropped(job)
    assert found.pop(uids[1]) == "same_question"
    # The same pair of another document is alike as a whole.
    assert set(found.values()) <= {"near_duplicate"} and len(found) == 1


def test_what_another_document_of_l2_says_is_left_out_and_what_its_own_says_is_not(store: Store) -> None:
    around = " ".join(page(7, words=400))
    documents = [[around, f"{around} {LONG} {around}", "a page"], ["a page"]]
    outputs = [[Output(LONG, document=0), Output(" ".join(page(8, words=60)), document=0)], [Output("short text")]]
    job = job_of(store)
    uids = write(job, outputs, documents)
    assert dropped(job) == {uids[0]: "in_l2"}
    own = job_of(Store(f"{store.url}-own"))
    write(own, [[Output(LONG, document=1)]], documents[:1])
    assert dropped(own) == {}
    off = job_of(Store(f"{store.url}-off"), scope="outputs")
    write(off, outputs, documents)
    assert dropped(off) == {}


def test_an_output_that_l2_holds_takes_no_other_one_with_it(store: Store) -> None:
    """The one alike it that was written from the document itself stays: nothing else says it."""
    documents = [[f"{' '.join(page(7, words=100))} {LONG}", "a page"]]
    job = job_of(store)
    uids = write(job, [[Output(LONG, document=0), Output(LONG, document=1)]], documents)
    assert dropped(job) == {uids[1]: "in_l2"}


def test_commonplaces_of_l2_are_no_evidence(store: Store) -> None:
    documents = [[LONG] * 70]
    job = job_of(store)
    write(job, [[Output(LONG, document=0)]], documents)
    assert dropped(job) == {}


def test_outputs_that_a_check_rejected_and_hostile_texts_take_no_part_and_break_nothing(store: Store) -> None:
    hostile = ["", " ", "\x00\x01", "?" * 5000, "\u202e" * 50, "😀" * 40, "a" * 10_000]
    job = job_of(store)
    outputs = [Output(LONG, kept=False), Output(LONG), Output(LONG, kept=False)]
    outputs += [Output(text=text or None, question=text, answer=text) for text in hostile]
    uids = write(job, [outputs, [], [Output(None, "???", "!!!")]])
    assert uids[1] not in dropped(job)


def test_no_partitioning_grouping_or_way_of_joining_changes_what_is_dropped(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(0)
    texts = [page(rng.randrange(12), words=50) for _ in range(60)]
    outputs = [Output(" ".join(edited(words, rng.randrange(3), k))) for k, words in enumerate(texts)]
    shards = [outputs[k : k + 7] for k in range(0, len(outputs), 7)]
    found = []
    for rows_a_run, rows_a_partition, pairs in ((500_000, 250_000, 4_000_000), (10, 9, 4_000_000), (1, 20, 0)):
        monkeypatch.setattr(shuffle, "ROWS_A_RUN", rows_a_run)
        monkeypatch.setattr("governance.duplicates.ROWS_A_PARTITION", rows_a_partition)
        job = job_of(Store(f"{store.url}-{rows_a_run}"), Run(pairs_in_memory=pairs))
        write(job, shards)
        found.append(dropped(job))
    assert found[0] == found[1] == found[2]
    assert 20 < len(found[0]) < 59


def test_the_select_step_balances_and_drops_what_the_search_says(store: Store) -> None:
    job = job_of(store)
    write(job, [[Output(LONG), Output(LONG, document=1), Output(question="Who?", answer="She.", document=2)]])
    outputs = output_duplicates.find(job, Cluster(workers=0))
    select_outputs.select(outputs, 0)
    record = read_record(store, "L3/web", "data", 0)
    dedup, rows = record.ledger
    assert dedup.balances() and (dedup.came.rows, dedup.kept.rows, rows.kept.rows) == (3, 2, 2)
    assert Counter(part.path.split("/")[3] for part in record.parts) == {"qa": 1, "multi_style": 1}
    assert record.figures["near_duplicate"] == 1 and record.figures["verified_tokens"] == 20


@pytest.mark.parametrize("lost", ["output_samples", "shared", "held", "stars", "pairs", "shingles", "confirmed"])
def test_a_part_that_is_lost_on_the_way_is_made_again(store: Store, lost: str) -> None:
    words = page(3, words=60)
    documents = [[f"{' '.join(page(7, words=100))} {LONG}", "a page"]]
    job = job_of(store)
    write(job, [[Output(LONG, document=1), Output(" ".join(words)), Output(" ".join(edited(words, 1)))]], documents)
    expected = dropped(job)
    assert set(expected.values()) == {"in_l2", "near_duplicate"}
    parts = [found.path for found in store.list("L3/web") if f"/{lost}/" in found.path and "_shards" not in found.path]
    later = [found.path for found in store.list("L3/web/_shards") if "annotations" not in found.path]
    following = {"labels", "duplicates", *STEPS[STEPS.index(lost) + 1 :]}
    store.delete([*parts, *(path for path in later if path.split("/")[3] in following)])
    store.delete([found.path for found in store.list("L3/web/duplicates")])
    assert parts and dropped(job) == expected
