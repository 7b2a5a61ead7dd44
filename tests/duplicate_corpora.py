"""Small corpora of pages and near-copies of them, as L0 and the annotations of L1 hold them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from governance import duplicates
from governance.cluster import Cluster
from governance.clusters import clusters_of
from governance.config import L1, Run, Settings
from governance.inputs import shard_key
from governance.job import Job
from governance.runner import FATE
from manifests.ledger import Account, tally
from manifests.records import Record, commit, read_records, write_part
from manifests.schema import conform, tier_schema
from manifests.store import Store
from stages.dedup import DedupConfig, sign, uid_from_bytes

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
