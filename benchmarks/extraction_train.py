"""Train the bundled extraction model on the dev split of the web pages: ``python -m benchmarks.extraction_train``.

Every block of a page gets a soft label. Where the gold speaks (a string that must or must not be in the text; the
whole text of an article) it is the label; elsewhere three extractors vote, and what a model that has not seen the page
says of it is mixed in. Pages of one site stay in one fold. Prints the cross-validated figures, without and with the
second opinion, and writes ``stages/models/extractor.npz``.

Needs the packages of the extra ``extractor``: pip install -e .[extractor]
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks.extraction_gold import WEB_PAGES, read_gold, score, shingles
from stages import second_opinion
from stages.blocks import MODEL, Page, choose, features_of, read_blocks, save_model
from stages.charset import decode
from stages.extract import ExtractConfig
from stages.forest_kernels import predict
from stages.html_layout import B_END, B_START
from stages.role_kernels import block_roles

_VOTES = {"trafilatura": 0.45, "resiliparse": 0.2, "readability": 0.35}
_FOLDS = 5
_ROUNDS = 2  # of mixing what unseen models say into the labels
_VOTE_WEIGHT, _GOLD_WEIGHT, _ARTICLE_WEIGHT = 0.25, 3.0, 0.6  # of a block in the loss
_SHORT = 3  # letters up to which a block may be in a text by chance
_TREES = 80
_SEEDS = (1, 2, 3)  # of forests whose scores are averaged: 0.002 of segments F1 on the dev split
# One thread: with more, the trees of a busy machine wait for one another.
_OPTIONS = {
    "objective": "cross_entropy", "num_leaves": 20, "max_depth": 6, "min_data_in_leaf": 30, "learning_rate": 0.11,
    "feature_fraction": 0.5, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5, "max_bin": 63, "verbose": -1,
    "num_threads": 1, "deterministic": True,
}  # fmt: skip
_TOKEN = re.compile(r"[\u4e00-\u9fff]|\w+")
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Example:
    """A page of the dev split: its gold, blocks, figures (n, NUM_FEATURES), texts and votes (n,) in [0, 1]."""

    gold: dict[str, Any]
    html: str
    page: Page
    features: np.ndarray
    texts: list[str]
    votes: np.ndarray

    @property
    def site(self) -> str:
        """Registered name of its host; an article page stands for itself."""
        host = urlsplit(self.gold["url"]).hostname or ""
        return self.gold["url"] if host.endswith(".test") else ".".join(host.split(".")[-2:])


def read_examples(folder: Path, limit: int | None) -> list[Example]:
    """The pages of the dev split."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    golds = {gold["url"]: gold for gold in read_gold(folder, "dev")}
    found = []
    with (folder / "pages.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True):
            gold = golds.get((record.headers.get("WARC-Target-URI") or "").strip("<>"))
            decoded = decode(record.reader.read(), record.http_charset, 0.05) if gold else None
            if gold and decoded:
                found.append(_example(gold, decoded[0]))
            if len(found) == limit:
                break
    return found


def _example(gold: dict[str, Any], html: str) -> Example:
    page = read_blocks(html.encode("utf-8", "replace"), ExtractConfig().max_depth)
    whole = page.text.tobytes()
    texts = [unescape(whole[a:b].decode("utf-8", "replace")) for a, b in page.blocks[:, [B_START, B_END]].tolist()]
    votes = np.zeros(len(texts))
    for name, text in _extractions(html).items():
        chosen = _letters(text)
        votes += _VOTES[name] * np.array([bool(words := _letters(text)) and words in chosen for text in texts], float)
    return Example(gold, html, page, features_of(page), texts, votes)


def _extractions(html: str) -> dict[str, str]:
    """What the extractors take for the main text, without readability where it fails, which is logged."""
    import lxml.html
    import trafilatura
    from readability import Document
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    found = {
        "trafilatura": trafilatura.extract(html, include_comments=False) or "",
        "resiliparse": extract_plain_text(HTMLTree.parse(html), main_content=True, alt_texts=False),
    }
    try:
        found["readability"] = lxml.html.fromstring(Document(html).summary()).text_content()
    except Exception as error:  # its own errors have no common base; it then has no vote on this page
        logging.getLogger(__name__).warning("readability has no vote on a page: %s", error)
    return found


def _letters(text: str) -> str:
    return _NOT_WORD.sub("", text)


def labels(example: Example, seen: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Label and weight of each block; ``seen`` is what a model that did not train on the page says of it."""
    label = example.votes.copy() if seen is None else (example.votes + seen) / 2
    weight = np.full(len(label), _VOTE_WEIGHT)
    letters = [len(_letters(text)) for text in example.texts]
    weight[np.array(letters) <= _SHORT] *= 0.3
    weight[np.array(letters) == 0] = 0
    (_label_article if example.gold["set"] == "article" else _label_segments)(example, label, weight)
    return label, weight


def _label_article(example: Example, label: np.ndarray, weight: np.ndarray) -> None:
    """By the share of a block's 4-token shingles that the article holds."""
    gold, letters = shingles(example.gold["text"]), _letters(example.gold["text"])
    for number, text in enumerate(example.texts):
        tokens = len(_TOKEN.findall(text))
        if tokens == 0:
            weight[number] = 0
        elif tokens < 4:
            label[number], weight[number] = float(_letters(text) in letters), 0.2
        else:
            own = shingles(text)
            share = sum((own & gold).values()) / sum(own.values())
            label[number] = share if tokens < 12 else float(share > 0.5)
            weight[number] = _ARTICLE_WEIGHT * min(2.5, np.log1p(len(text)) / 4)


def _label_segments(example: Example, label: np.ndarray, weight: np.ndarray) -> None:
    """By the strings that must not be in the text, wherever they are, and those that must, at their likeliest place."""
    for segment in example.gold["without"]:
        for number, text in enumerate(example.texts):
            if segment in text:
                label[number], weight[number] = 0, _GOLD_WEIGHT
    for segment in example.gold["with"]:
        places = [number for number, text in enumerate(example.texts) if segment in text]
        if places:
            best = max(places, key=lambda number: (label[number], len(example.texts[number])))
            label[best], weight[best] = 1, _GOLD_WEIGHT


def _fit(x: np.ndarray, label: np.ndarray, weight: np.ndarray) -> list[Any]:
    """One forest for each seed."""
    import lightgbm

    told = weight > 0
    data = lightgbm.Dataset(x[told], label[told], weight=weight[told])
    return [lightgbm.train(_OPTIONS | {"seed": seed}, data, _TREES) for seed in _SEEDS]


class Corpus:
    """The examples with their blocks laid end to end."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = examples
        self.ends = np.cumsum([0, *(len(example.texts) for example in examples)])
        self.features = np.concatenate([example.features for example in examples])

    def split(self, values: np.ndarray) -> list[np.ndarray]:
        """Values of all blocks as one array a page."""
        return [values[a:b] for a, b in zip(self.ends, self.ends[1:], strict=False)]

    def labels(self, seen: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Labels and weights of all blocks."""
        pages = self.split(seen) if seen is not None else [None] * len(self.examples)
        pairs = [labels(example, page) for example, page in zip(self.examples, pages, strict=True)]
        return np.concatenate([label for label, _ in pairs]), np.concatenate([weight for _, weight in pairs])

    def unseen(self, told: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """What models that did not train on a page's site say of its blocks.

        The folds are always the same: otherwise the labels of a page would reach it through its neighbours.
        """
        sites = sorted({example.site for example in self.examples})
        random.Random(1).shuffle(sites)
        fold = {site: number % _FOLDS for number, site in enumerate(sites)}
        folds = np.repeat([fold[example.site] for example in self.examples], np.diff(self.ends))
        said = np.zeros(len(self.features))
        for number in range(_FOLDS):
            rest, held = folds != number, folds == number
            if held.any():
                forest = flatten(_fit(self.features[rest], told[0][rest], told[1][rest]))
                said[held] = predict(self.features[held], *forest.values())
        return said


def flatten(models: Sequence[Any]) -> dict[str, np.ndarray]:
    """LightGBM models, their scores averaged, as ``forest_kernels.predict`` reads them: siblings side by side."""
    rows: list[list[float]] = []
    roots, depths = [], []
    for tree in (tree for model in models for tree in model.dump_model()["tree_info"]):
        roots.append(len(rows))
        level, depth = [tree["tree_structure"]], 0
        while level:
            first_child = len(rows) + len(level)
            below: list[dict[str, Any]] = []
            for node in level:
                if "split_feature" in node:
                    rows.append([node["split_feature"], node["threshold"], first_child + len(below), 0.0])
                    below += node["left_child"], node["right_child"]
                else:
                    rows.append([0, np.inf, len(rows), node["leaf_value"] / len(models)])
            level, depth = below, depth + bool(below)
        depths.append(depth)
    feature, threshold, left, value = zip(*rows, strict=True)
    return {
        "feature": np.array(feature, np.int32),
        "threshold": _rounded_down(np.array(threshold, np.float64)),
        "left": np.array(left, np.int32),
        "value": np.array(value, np.float32),
        "roots": np.array(roots, np.int32),
        "depths": np.array(depths, np.int32),
    }


def _rounded_down(threshold: np.ndarray) -> np.ndarray:
    """Thresholds in single precision that no single-precision figure passes otherwise than in double."""
    single = threshold.astype(np.float32)
    above = (single > threshold) & np.isfinite(threshold)
    return np.where(above, np.nextafter(single, np.float32(-np.inf)), single).astype(np.float32)


def texts_of(corpus: Corpus, said: np.ndarray, cfg: ExtractConfig) -> tuple[dict[str, str], int]:
    """The text that each page gets, by its URL, and how many pages got a second opinion."""
    found, asked = {}, 0
    for example, page in zip(corpus.examples, corpus.split(said.astype(np.float32)), strict=True):
        if len(page) and second_opinion.doubt_of(page, example.features) > cfg.min_doubt:
            second = second_opinion.vote(example.page, example.html, page, example.features)
            asked += second is not None
            page = page if second is None else second
        roles = block_roles(example.page.blocks, example.page.nodes)
        kept = choose(page, example.features, roles, cfg.threshold)
        found[example.gold["url"]] = "\n".join(text for text, keep in zip(example.texts, kept, strict=True) if keep)
    return found, asked


def train(corpus: Corpus) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The forest, and what models that did not see a page say of its blocks."""
    seen = None
    for _ in range(_ROUNDS):
        seen = corpus.unseen(corpus.labels(seen))
    told = corpus.labels(seen)
    return flatten(_fit(corpus.features, *told)), corpus.unseen(told)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the cross-validated figures as one JSON object, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--input", type=Path, default=WEB_PAGES, help="folder of pages.warc.gz and gold.jsonl")
    parser.add_argument("--output", type=Path, default=MODEL, help="where the model is written")
    parser.add_argument("--limit", type=int, help="pages to train on, for a trial")
    args = parser.parse_args(argv)
    corpus = Corpus(read_examples(args.input, args.limit))
    forest, said = train(corpus)
    save_model(forest, args.output)
    golds = [example.gold for example in corpus.examples]
    figures: dict[str, Any] = {"pages": len(golds), "blocks": len(said)}
    for name, cfg in (("alone", ExtractConfig(min_doubt=99)), ("with_second_opinion", ExtractConfig())):
        texts, asked = texts_of(corpus, said, cfg)
        figures[name] = score(golds, texts) | {"asked_ratio": round(asked / max(1, len(golds)), 3)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
