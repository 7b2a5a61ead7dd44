"""Made-up texts on the weather and of menus, as the sources and the pool of a loop of rounds."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from governance.classifier_iterate import Ask

PROSE = re.findall(
    r"\w+", "the water of a sea moves because warm air rises while cold heavy air sinks below it and makes wind"
)
MENU = re.findall(
    r"\w+", "home login cart price buy now click next page offer sale account checkout free shipping deal sign"
)
TOPICS = re.findall(
    r"\w+", "tide reef cloud storm valley glacier river desert lava crater planet comet moss fern falcon"
)
MODEL = {"dim": 16, "bucket": 600_000, "min_count": 1, "epochs": 20, "lr": 0.5}


def prose(seed: int) -> str:
    draw = random.Random(f"prose {seed}")
    return " ".join(f"The {draw.choice(TOPICS)} {' '.join(draw.choices(PROSE, k=12))}." for _ in range(5))


def menu(seed: int) -> str:
    draw = random.Random(f"menu {seed}")
    return " | ".join(f"{draw.choice(TOPICS)} {' '.join(draw.choices(MENU, k=3))}" for _ in range(15))


def write(path: Path, texts: list[str], site: Callable[[int], str | None]) -> None:
    rows = [{"content": text, "url": f"https://{site(i)}/{i}" if site(i) else None} for i, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def weather_corpus(folder: Path) -> Path:
    """Few seeds, test sources, and a pool of new texts, copies of held-out ones and pages of a test site."""
    write(folder / "good.jsonl", [prose(i) for i in range(60)], lambda i: f"good{i % 20}.org")
    write(folder / "bad.jsonl", [menu(i) for i in range(60)], lambda i: f"bad{i % 20}.com")
    write(folder / "test_good.jsonl", [prose(i) for i in range(1_000, 1_020)], lambda i: "exam.org")
    write(folder / "test_bad.jsonl", [menu(i) for i in range(1_000, 1_020)], lambda i: "exam.com")
    pool = [prose(i) for i in range(2_000, 2_150)] + [menu(i) for i in range(2_000, 2_150)]
    random.Random(0).shuffle(pool)
    write(folder / "pool.jsonl", pool, lambda i: f"site{i % 40}.net")
    write(folder / "copies.jsonl", [prose(i) for i in range(20)] + [menu(i) for i in range(20)], lambda i: None)
    write(folder / "exam.jsonl", [prose(i) for i in range(3_000, 3_010)], lambda i: "exam.org")
    (folder / "seeds.toml").write_text(seed_list())
    return folder


def seed_list(**model: Any) -> str:
    lines = ['language = "en"', 'title = "Weather"', 'about = "Made-up texts on the weather."', "[model]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in (MODEL | model).items()]
    lines += ["[split]", "held_out = 0.2"]
    for name, label, test in (
        ("good", "positive", False),
        ("bad", "negative", False),
        ("test_good", "positive", True),
        ("test_bad", "negative", True),
    ):
        lines += ["[[source]]", f'name = "{name}"', f'label = "{label}"', f'path = "{name}.jsonl"']
        lines += ['licence = "CC0"', f"test = {str(test).lower()}"]
    return "\n".join(lines) + "\n"


def ask(corpus: Path, output: Path, **changes: Any) -> Ask:
    pool = tuple(str(corpus / name) for name in ("pool.jsonl", "copies.jsonl", "exam.jsonl"))
    values: dict[str, Any] = {"seeds": str(corpus / "seeds.toml"), "pool": pool, "output": str(output)}
    values |= {"rounds": 2, "min_gain": -1.0, "sample": 175, "confident": "0.6,0.4"}
    return Ask(**(values | changes))
