"""Likelihoods against transformers' own, and that no text's figure depends on the texts beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from annealing import scoring
from annealing.errors import TrainerError
from annealing.scoring import Item, Scorer
from tests.annealing.conftest import sentence
from tests.tiny_models import one_thread, save_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("scored"), map(sentence, range(200)))


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Iterator[Scorer]:
    with one_thread():
        yield Scorer(folder, "cpu")


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    import transformers

    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def alone(scorer: Scorer) -> list[float]:
    """The figure of each of some texts, scored by itself."""
    return [scorer.score([item(scorer, number)]).nats[0] for number in range(13)]


def item(scorer: Scorer, number: int, first: int = 1) -> Item:
    """A sentence of the corpus, scored from ``first`` on."""
    return Item(np.array([scorer.first, *scorer.tokenizer.plain([sentence(number)])[0]]), first)


def expected(theirs: Any, one: Item) -> tuple[float, bool]:
    """The same from the logits of transformers."""
    ids = torch.from_numpy(one.ids.astype(np.int64))
    with torch.no_grad():
        found = theirs(ids[None]).logits[0].double().log_softmax(-1)
    wanted, places = ids[one.first :], torch.arange(one.first - 1, len(ids) - 1)
    return float(-found[places, wanted].sum()), bool((found[places].argmax(-1) == wanted).all())


def test_likelihoods_are_those_of_transformers_in_both_languages(scorer: Scorer, theirs: Any) -> None:
    items = [item(scorer, number, first) for number in range(12) for first in (1, 7)]
    scored = scorer.score(items)
    reference = [expected(theirs, one) for one in items]
    assert np.allclose(scored.nats, [nats for nats, _ in reference], rtol=1e-6, atol=1e-4)
    assert scored.greedy.tolist() == [greedy for _, greedy in reference]


def test_what_the_model_would_have_said_itself_is_greedy(scorer: Scorer, theirs: Any) -> None:
    ids = item(scorer, 3).ids[:6]
    with torch.no_grad():
        for _ in range(4):
            ids = np.append(ids, theirs(torch.from_numpy(ids)[None]).logits[0, -1].argmax())
    said = Item(ids, 6)
    changed = Item(np.append(ids[:-1], (ids[-1] + 1) % 500), 6)
    assert scorer.score([said, changed]).greedy.tolist() == [True, False]


@settings(max_examples=20)
@given(
    numbers=st.lists(st.integers(0, 12), min_size=1, max_size=6),
    budget=st.integers(1, 600),
    logits=st.integers(10_000, 200_000),
)
def test_a_figure_depends_neither_on_the_others_nor_on_the_size_of_batches(
    scorer: Scorer, alone: list[float], numbers: list[int], budget: int, logits: int
) -> None:
    items = [item(scorer, number) for number in numbers]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(scoring._BATCH, "cpu", budget)
        patch.setitem(scoring._PIECE_LOGITS, "cpu", logits)
        assert np.allclose(scorer.score(items).nats, [alone[number] for number in numbers], rtol=1e-6, atol=1e-4)


def test_batches_hold_every_item_once_and_the_longest_first() -> None:
    items = [Item(np.zeros(length), 1) for length in (3, 100, 40, 17, 100, 5)]
    found = list(scoring._batches(items, 128))
    assert sorted(np.concatenate(found).tolist()) == list(range(6))
    assert found[0].tolist() == [1] and len(items[found[-1][-1]].ids) == 3


def test_a_text_longer_than_a_batch_is_scored_alone_and_no_items_give_no_figures(scorer: Scorer) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(scoring._BATCH, "cpu", 1)
        assert scorer.score([item(scorer, 1)]).nats[0] > 0
    assert scorer.score([]).nats.shape == (0,)


def test_a_model_whose_likelihoods_are_no_numbers_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    scorer = Scorer(tmp_path, "cpu")
    with pytest.raises(TrainerError, match="no numbers"):
        scorer.score([item(scorer, 1)])


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match=r"no config\.json"):
        Scorer(tmp_path, "cpu")
