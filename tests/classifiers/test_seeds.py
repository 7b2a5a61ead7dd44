"""The seed list: what may stand in it, and what is said of what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifiers.seeds import Seeds, load_seeds

HEAD = 'language = "en"\ntitle = "T"\n'
SOURCES = """
[[source]]
name = "good"
label = "positive"
path = "good.jsonl"
[[source]]
name = "bad"
label = "negative"
path = ["a.jsonl", "b/*.parquet"]
cap = 10
weight = 0.5
test = false
"""


def load(text: str, folder: Path) -> Seeds:
    path = folder / "seeds.toml"
    path.write_text(text, encoding="utf-8")
    return load_seeds(path)


def test_a_short_list_has_the_published_defaults(tmp_path: Path) -> None:
    seeds = load(HEAD + SOURCES, tmp_path)
    model = seeds.model
    assert (model.dim, model.lr, model.word_ngrams, model.min_count, model.epochs) == (256, 0.1, 3, 5, 3)
    assert [source.path for source in seeds.source] == [("good.jsonl",), ("a.jsonl", "b/*.parquet")]
    assert [source.positive for source in seeds.source] == [True, False]
    assert (seeds.source[1].quota.cap, seeds.source[1].quota.weight) == (10, 0.5)
    assert (seeds.split.on_overlap, seeds.split.ratio, seeds.contamination.sets) == ("refuse", 1.0, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + SOURCES + 'licens = "MIT"', "unknown setting source.bad.licens; did you mean licence?"),
        (HEAD + "[modle]\ndim = 3" + SOURCES, "unknown setting modle; did you mean model?"),
        (HEAD + "[model]\nepoch = 3" + SOURCES, "unknown setting model.epoch; did you mean epochs?"),
        (HEAD + "[model.static]\nembedding = 'x'" + SOURCES, "model.static.embeddings is missing"),
        (HEAD + "[split]\nzzz = 3" + SOURCES, "unknown setting split.zzz; known: held_out, ratio"),
        (HEAD + "[split]\nheld_out = 2" + SOURCES, "split.held_out = 2: Input should be less than 1"),
        (HEAD + "[contamination]\nset = []" + SOURCES, "unknown setting contamination.set; did you mean sets?"),
        (HEAD + SOURCES.replace("negative", "bad"), "source.bad.label = 'bad': Input should be 'positive' or"),
        (HEAD + SOURCES.replace("weight = 0.5", "weight = 0"), "source.bad.weight = 0: Input should be greater"),
        (HEAD + SOURCES.replace("cap = 10", "cap = 0"), "source.bad.cap = 0"),
        (HEAD + SOURCES.replace('"good"', '"bad"'), "two sources are named 'bad'"),
        (HEAD + SOURCES.replace("negative", "positive"), "no source with label 'negative' to train on"),
        (HEAD + SOURCES.replace("test = false", "test = true"), "no source with label 'negative' to train on"),
        (HEAD + "[model]\nbucket = 10" + SOURCES, "bucket 10 is too small for dim 256"),
        (HEAD, "source is missing"),
        ('title = "T"' + SOURCES, "language is missing"),
        (HEAD + "[[source]]\nlabel = 'positive'", "source.0.name is missing"),
        ("language = ", "is no TOML"),
        ("source = 3\n" + HEAD, "source = 3: Input should be a valid tuple"),
    ],
)
def test_what_may_not_stand_in_a_list_is_named_with_the_remedy(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:
        load(text, tmp_path)
    assert message in str(error.value)
    assert "seeds.toml" in str(error.value)


def test_a_list_that_is_not_there_or_is_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read the seed list .*none\.toml.*No such file"):
        load_seeds(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"binary\.toml is no TOML"):
        load_seeds(tmp_path / "binary.toml")
