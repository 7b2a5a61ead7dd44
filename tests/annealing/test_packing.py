"""Rows by best fit: no token lost, no document cut that fits, the same rows after every resume."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annealing import documents
from annealing.documents import open_dataset, read
from annealing.packing import best_fit, lay_out
from annealing.pool import Pool
from annealing.recipe import Data, Phase, Recipe, decays
from annealing.stream import Batch, Source, Stream
from annealing.tokens import Tokenizer

from .conftest import losses, stop_at, train


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 16), st.integers(0, 3))
def test_every_token_is_in_one_row_and_a_target_unless_it_begins_a_document(
    lengths: list[int], seq_len: int, seed: int
) -> None:
    starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    ids = np.arange(1, starts[-1] + 1, dtype=np.uint32)  # no two alike, none as what rows are filled up with
    rows = lay_out(ids, starts, seq_len, np.random.default_rng(seed))
    assert len(rows.ids) % seq_len == 0 and rows.starts[-1] == len(rows.ids)
    assert sorted(rows.ids[rows.ids > 0].tolist()) == ids.tolist()
    assert rows.real[-1] == len(ids) and np.array_equal(np.diff(rows.real) > 0, rows.ids > 0)
    targets = sorted(rows.targets[rows.targets >= 0].tolist())
    assert targets == sorted(set(ids.tolist()) - set(ids[starts[:-1]].tolist()))
    assert all(row + 1 == target for row, target in zip(rows.ids, rows.targets, strict=True) if target >= 0)
    owner = np.searchsorted(starts, rows.ids, side="left")  # 0: filled up; else the document's number from 1
    table = rows.ids.reshape(-1, seq_len)
    for number, length in enumerate(lengths, 1):
        lies = np.unique(np.flatnonzero(owner == number) // seq_len)
        assert len(lies) == -(-length // seq_len), "it lies in as few rows as can be"
    for begin, end in zip(rows.starts[:-1], rows.starts[1:], strict=True):
        assert len(set(owner[begin:end].tolist())) == 1 and begin // seq_len == (end - 1) // seq_len
    assert (table[:, 0] > 0).all()


@given(st.lists(st.integers(1, 50), min_size=1, max_size=80))
def test_best_fit_needs_at_most_one_and_a_half_times_the_rows_that_are_needed_at_least(lengths: list[int]) -> None:
    rows = best_fit(np.array(lengths), 50)
    assert sorted(number for row in rows for number in row) == list(range(len(lengths)))
    assert all(sum(lengths[number] for number in row) <= 50 for row in rows)
    assert len(rows) <= 1.5 * -(-sum(lengths) // 50) + 1


@pytest.fixture
def source(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr(documents, "BLOCK_BYTES", 2000)
    return Source("web", open_dataset(str(corpus / "web")), 1.0, 2)


def drain(stream: Stream) -> list[Batch]:
    found = []
    while (batch := stream.batch(3)) is not None:
        found.append(batch)
    return found


def test_every_token_is_trained_on_once_an_epoch(source: Source, tokenizer: Tokenizer) -> None:
    texts = [text for block in source.dataset.blocks for text in read(source.dataset, block)]
    expected = Counter(int(one) for ids in tokenizer.documents(texts) for one in ids[1:])
    batches = drain(Stream([source], Pool(tokenizer), 64, packing="best-fit"))
    trained = Counter(int(one) for batch in batches for one in batch.targets[batch.targets != -100])
    assert trained == Counter({token: 2 * count for token, count in expected.items()})
    assert batches[-1].state["sources"]["web"]["tokens"] == 2 * (sum(expected.values()) + len(texts))


def test_rows_are_the_same_after_any_number_of_resumes(source: Source, tokenizer: Tokenizer) -> None:
    unbroken = drain(Stream([source], Pool(tokenizer), 96, packing="best-fit"))
    state: dict[str, Any] | None = None
    for expected in unbroken:
        found = Stream([source], Pool(tokenizer), 96, state=state, packing="best-fit").batch(3)
        assert found is not None and np.array_equal(found.tokens, expected.tokens) and found.state == expected.state
        assert np.array_equal(found.targets, expected.targets) and np.array_equal(found.starts, expected.starts)
        state = json.loads(json.dumps(found.state))


@pytest.mark.parametrize("lengths", [(48, 0, 64, 0), (0, 64, 32, 32), (32, 0, 0, 200)])
def test_no_token_is_lost_where_one_phase_packs_otherwise_than_the_one_before(
    source: Source, tokenizer: Tokenizer, lengths: tuple[int, ...]
) -> None:
    texts = [text for block in source.dataset.blocks for text in read(source.dataset, block)]
    total = 2 * sum(len(ids) for ids in tokenizer.documents(texts))
    state: dict[str, Any] | None = None
    trained = 0
    for number, length in enumerate(lengths):
        packing = "best-fit" if length else "concat"
        stream = Stream([source], Pool(tokenizer), length or 50, state=state, packing=packing)
        batches = drain(stream) if number == len(lengths) - 1 else [stream.batch(3) for _ in range(9)]
        trained += sum(batch.counted for batch in batches if batch is not None)
        assert batches[-1] is not None
        state = json.loads(json.dumps(batches[-1].state))
    assert state is not None and state["sources"]["web"]["tokens"] == total
    assert total - 2 * len(texts) - 9 * 8 <= trained < total


def test_a_run_packs_each_phase_as_its_recipe_says_and_resumes_across_them(recipe: Recipe, tmp_path: Path) -> None:
    data = recipe.phases[0].data
    phases = tuple(
        Phase(packing, 6 * 256, data, 64, 256, "constant", 3e-3, packing=packing, document_mask=True)
        for packing in ("best-fit", "concat")
    )
    recipe = replace(recipe, phases=phases)
    train(replace(recipe, output=str(tmp_path / "whole")))
    for step in (2, 6, 8):
        assert train(recipe, stop_at(step))["stopped"]
    train(recipe)
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")


def test_a_packing_that_is_not_known_is_refused() -> None:
    phase = Phase("one", 1000, (Data("x"),), 64, 256, lr=1e-3, packing="worst-fit")
    with pytest.raises(Exception, match="packing 'worst-fit' is not known"):
        decays(Recipe((phase,)), 0.0)
