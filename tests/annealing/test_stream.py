"""The rows a model is trained on: no token lost, shares kept, and the same rows after every resume."""

from __future__ import annotations

import gzip
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annealing import documents
from annealing.documents import open_dataset, read, rows
from annealing.errors import DataChanged, TrainerError
from annealing.pool import Pool
from annealing.stream import Batch, Source, Stream
from annealing.tokens import Tokenizer

from .conftest import write_jsonl, write_parquet


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "BLOCK_BYTES", 2000)


def drain(stream: Stream, rows: int = 3) -> list[Batch]:
    found = []
    while (batch := stream.batch(rows)) is not None:
        found.append(batch)
    return found


def same(one: Batch, other: Batch) -> bool:
    parts = ((getattr(one, name), getattr(other, name)) for name in ("tokens", "targets", "starts"))
    return all(np.array_equal(*pair) for pair in parts) and one.state == other.state


def sources(corpus: Path, epochs: int = 1) -> list[Source]:
    return [
        Source("web", open_dataset(str(corpus / "web")), 0.7, epochs),
        Source("refined", open_dataset(str(corpus / "refined")), 0.3, epochs),
    ]


@pytest.mark.parametrize("seq_len", [16, 61, 700])
@pytest.mark.parametrize("epochs", [1, 3])
def test_every_token_is_trained_on_once_an_epoch(corpus: Path, tokenizer: Tokenizer, seq_len: int, epochs: int) -> None:
    source = sources(corpus, epochs)[0]
    texts = [text for block in source.dataset.blocks for text in read(source.dataset, block)]
    expected = Counter(int(one) for ids in tokenizer.documents(texts) for one in ids)
    batches = drain(Stream([source], Pool(tokenizer), seq_len))
    trained = Counter(int(one) for batch in batches for one in batch.targets[batch.targets != -100])
    total = epochs * sum(expected.values())
    state = batches[-1].state["sources"]["web"]
    # The first token of each lane is no target, for nothing comes before it.
    assert total - 8 <= sum(trained.values()) < total
    assert all(trained[token] <= epochs * count for token, count in expected.items())
    assert state["tokens"] == total


def test_an_epoch_is_over_before_the_next_begins(corpus: Path, tokenizer: Tokenizer) -> None:
    source = sources(corpus, 4)[0]
    texts = [text for block in source.dataset.blocks for text in read(source.dataset, block)]
    total = sum(len(ids) for ids in tokenizer.documents(texts))
    marks = {tuple(tokenizer.plain([f"Page {number}."])[0]): number for number in range(420) if number % 3}
    batches = drain(Stream([source], Pool(tokenizer), 64))
    flat = [row for batch in batches for row in batch.tokens][: total // 64 - 9]
    seen = Counter(number for row in flat for mark, number in marks.items() if _inside(mark, row))
    assert max(seen.values()) <= 2  # a document that lies across two rows


def _inside(mark: tuple[int, ...], row: np.ndarray) -> bool:
    windows = np.lib.stride_tricks.sliding_window_view(row, len(mark))
    return bool((windows == np.array(mark)).all(1).any())


@pytest.mark.parametrize("threads", [1, 5])
def test_rows_are_the_same_after_any_number_of_resumes_and_with_any_threads(
    corpus: Path, tokenizer: Tokenizer, threads: int
) -> None:
    unbroken = drain(Stream(sources(corpus, 3), Pool(tokenizer, 2), 96))
    state: dict[str, Any] | None = None
    for number, expected in enumerate(unbroken):
        if number % 2 == 0:  # across the ends of epochs too
            stream = Stream(sources(corpus, 3), Pool(tokenizer, threads), 96, state=json.loads(json.dumps(state)))
        found = stream.batch(3)
        assert found is not None and same(found, expected), f"batch {number}"
        state = found.state
    assert len(json.dumps(state)) < 1 << 20


def test_another_seed_gives_another_order(corpus: Path, tokenizer: Tokenizer) -> None:
    one, other = (Stream(sources(corpus), Pool(tokenizer), 64, seed).batch(3) for seed in (0, 1))
    assert one is not None and other is not None and not np.array_equal(one.tokens, other.tokens)


def test_sources_are_mixed_by_their_weights_in_every_stretch(corpus: Path, tokenizer: Tokenizer) -> None:
    stream = Stream(sources(corpus, 10), Pool(tokenizer), 32)
    for number in range(1, 30):
        stream.batch(1)
        assert abs(stream.mixed.get("refined", 0) - 0.3 * number) <= 1


def test_a_source_whose_epochs_are_used_up_leaves_its_share_to_the_rest(corpus: Path, tokenizer: Tokenizer) -> None:
    web, refined = sources(corpus)
    batches = drain(
        Stream([Source(web.name, web.dataset, 1.0, 1), Source("refined", refined.dataset, 9.0, 1)], Pool(tokenizer), 64)
    )
    assert batches[-1].state["mixed"]["web"] > batches[-1].state["mixed"]["refined"]


def test_where_documents_start_is_told_for_every_token(corpus: Path, tokenizer: Tokenizer) -> None:
    for batch in drain(Stream(sources(corpus), Pool(tokenizer), 128)):
        real = np.arange(128)[None] < (batch.targets != -100).sum(1, keepdims=True)
        begins = (batch.tokens == tokenizer.bos) & real
        begins[:, 0] = True
        expected = np.maximum.accumulate(np.where(begins, np.arange(128), 0), axis=1)
        assert np.array_equal(batch.starts[real], expected[real])


def test_data_that_changed_is_refused(corpus: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    shutil.copytree(corpus / "web", tmp_path / "web")
    first = Stream([Source("web", open_dataset(str(tmp_path / "web")), 1.0)], Pool(tokenizer), 64).batch(2)
    assert first is not None
    (tmp_path / "web" / "b.parquet").unlink()
    with pytest.raises(DataChanged, match="not the data this run began with"):
        Stream([Source("web", open_dataset(str(tmp_path / "web")), 1.0)], Pool(tokenizer), 64, state=first.state)


def test_tokens_kept_in_a_folder_are_those_made_on_the_fly(corpus: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    plain = drain(Stream(sources(corpus), Pool(tokenizer), 64))
    for _ in range(2):  # made, then read
        kept = drain(Stream(sources(corpus), Pool(tokenizer, folder=tmp_path / "kept"), 64))
        assert all(same(one, other) for one, other in zip(plain, kept, strict=True))


def test_processes_share_the_work_of_a_folder(corpus: Path, tokenizer: Tokenizer, tmp_path: Path) -> None:
    source = sources(corpus)[0]
    pools = [Pool(tokenizer, 2, folder=tmp_path / "shared", rank=rank, ranks=2) for rank in range(2)]
    for pool in pools:
        pool.ahead(source.dataset, source.dataset.blocks)
    for block in source.dataset.blocks:
        one, other = (pool.take(source.dataset, block) for pool in pools)
        assert np.array_equal(one.ids, other.ids) and np.array_equal(one.starts, other.starts)


def test_lines_and_parquet_give_the_same_documents_whatever_the_blocks(tmp_path: Path, monkeypatch: Any) -> None:
    lines = write_jsonl(tmp_path / "a.jsonl", range(90))
    write_parquet(tmp_path / "a.parquet", range(90), 25)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    for size in (1, 50, 777, 10**6):
        monkeypatch.setattr(documents, "BLOCK_BYTES", size)
        found = []
        for name in ("a.jsonl", "a.parquet", "b.jsonl.gz"):
            dataset = open_dataset(str(tmp_path / name))
            found.append([text for block in dataset.blocks for text in read(dataset, block)])
        assert len(found[0]) == 90 and found[0] == found[1] == found[2]


def test_held_out_documents_are_the_same_at_every_tier_and_never_trained_on(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    uids = [f"{number:032x}" for number in range(500)]
    pq.write_table(pa.table({"uid": uids, "content": [f"l2 {uid}" for uid in uids]}), tmp_path / "l2.parquet")
    children = {"uid": [uid[::-1] for uid in uids], "parent_uid": uids, "content": [f"l3 {uid}" for uid in uids]}
    pq.write_table(pa.table(children), tmp_path / "l3.parquet")
    held = []
    for name in ("l2", "l3"):
        dataset = open_dataset(str(tmp_path / f"{name}.parquet"))
        out, kept = (
            {one.text.split()[1] for b in dataset.blocks for one in rows(dataset, b, 0.1, flag)}
            for flag in (True, False)
        )
        assert not out & kept and len(out | kept) == 500
        held.append(out)
    assert held[0] == held[1] and 25 < len(held[0]) < 85


def test_what_holds_no_documents_is_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.txt").write_text("x")
    (tmp_path / "odd.jsonl").write_text('{"body": "x"}\n')
    (tmp_path / "tier" / "_shards").mkdir(parents=True)
    (tmp_path / "tier" / "_shards" / "part-00000.json").write_text("{}")
    for name, says in (("none", "not there"), ("empty", "no documents"), ("x.txt", "neither"), ("odd.jsonl", "neither"),
                       ("tier", "not finished")):  # fmt: skip
        with pytest.raises(TrainerError, match=says):
            open_dataset(str(tmp_path / name))


def test_a_line_that_is_no_json_is_named_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "fine"}\n{"text": \n')
    dataset = open_dataset(str(tmp_path / "a.jsonl"))
    with pytest.raises(TrainerError, match=r"a\.jsonl: a line"):
        [read(dataset, block) for block in dataset.blocks]


def test_a_trained_tokenizer_writes_any_text_and_the_same_texts_give_the_same_one(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    from annealing.tokens import train

    from .conftest import sentence

    for text in ("naïve 世界 🙂\n\n  x = 12345\t", "\x00\x7f", "العربية"):
        assert tokenizer.core.decode(tokenizer.plain([text])[0]) == text
    assert train([sentence(number) for number in range(400)], tmp_path, 400).sha256 == tokenizer.sha256
    with pytest.raises(TrainerError, match="too few"):
        train(["x"], tmp_path / "none", 400)
