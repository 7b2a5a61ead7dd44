"""A small corpus in two languages, a tokenizer trained on it, and a model so small that a step takes milliseconds."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annealing import loop, plan, tokens, weights
from annealing.model import Model
from annealing.recipe import Data, Machine, Phase, Recipe, Safety
from annealing.shape import Shape

WORDS = (
    *("the", "river", "carries", "cold", "water", "from", "high", "mountains", "to", "a", "wide"),
    *("green", "valley", "where", "people", "plant", "rice", "and", "tea"),
)
SIGNS = "河流把冷水从高山带到宽阔的绿色山谷人们在那里种植水稻和茶叶每年春天都会有新的收获"


def sentence(number: int) -> str:
    """A text of its own for each number, English and Chinese by turns."""
    chance = random.Random(number)
    if number % 3 == 0:
        return f"第{number}篇。" + "".join(chance.choice(SIGNS) for _ in range(chance.randint(20, 120))) + "。"
    return f"Page {number}. " + " ".join(chance.choice(WORDS) for _ in range(chance.randint(5, 60))) + "."


def write_parquet(path: Path, numbers: range, rows_a_group: int = 40) -> Path:
    """A Parquet file of texts, in several row groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"uid": [f"{number:032x}" for number in numbers], "content": [sentence(n) for n in numbers]})
    pq.write_table(table, path, row_group_size=rows_a_group)
    return path


def write_jsonl(path: Path, numbers: range) -> Path:
    """The same as lines of JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps({"uid": f"{n:032x}", "text": sentence(n)}, ensure_ascii=False) for n in numbers)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_parquet(folder / "web" / "a.parquet", range(300))
    write_parquet(folder / "web" / "b.parquet", range(300, 420))
    write_jsonl(folder / "refined" / "c.jsonl", range(1000, 1200))
    return folder


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tokens.Tokenizer:
    return tokens.train([sentence(number) for number in range(400)], tmp_path_factory.mktemp("tokenizer"), 400)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory, tokenizer: tokens.Tokenizer) -> Path:
    """A Hugging Face folder with a tiny model and its tokenizer."""
    folder = tmp_path_factory.mktemp("start")
    shape = Shape(400, 32, 96, 2, 4, 1, 16, max_position_embeddings=512)
    model = Model(shape)
    model.initialize(1)
    weights.save(folder, shape, model.state_dict(), "float32", tokenizer.folder)
    return folder


@pytest.fixture
def recipe(corpus: Path, start: Path, tmp_path: Path) -> Recipe:
    """Twenty stable steps and twenty of decay, of four rows."""
    web, refined = (str(corpus / name) for name in ("web", "refined"))
    return Recipe(
        phases=(
            Phase("stable", 20 * 256, (Data(web, max_epochs=9),), 64, 256, "constant", 3e-3, warmup_tokens=1024),
            Phase("decay", 20 * 256, (Data(refined, 0.3, 9), Data(web, 0.7, 9)), 64, 256, "1-sqrt", document_mask=True),
        ),
        start=str(start), output=str(tmp_path / "run"), machine=Machine(log_every=1, compile="no"),
        safety=Safety(every_steps=7),
    )  # fmt: skip


def train(recipe: Recipe, say: Any = lambda event: None) -> dict[str, Any]:
    """Run it."""
    return loop.run(plan.make(recipe), say)


def losses(folder: Path) -> list[tuple[str, str]]:
    """Step and loss of every line of a run's CSV, as written."""
    with (folder / "metrics.csv").open() as file:
        return [(row["step"], row["loss"]) for row in csv.DictReader(file)]


def stop_at(step: int) -> Any:
    """A listener that asks the run to stop, as a machine that is taken away does."""

    def say(event: dict[str, Any]) -> None:
        if event.get("step") == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return say
