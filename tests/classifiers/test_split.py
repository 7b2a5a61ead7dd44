"""Sets that share no text and no site, and accounts that balance."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from classifiers.similar import digest
from classifiers.split import DOCUMENTS, REASONS, Quota, Sets, SplitConfig, prepare
from tests.classifiers.documents import menus, rows, sentences, table

SITES = [f"site{i}.org" for i in range(20)]
TEXTS = [*sentences(40, 1), *menus(40, 2), "", " \n", "短", "two words", "the same five words here now"]
# Class and place of a source are its own, as in a seed list; the last is of both classes.
KINDS = {"good": (True, False), "bad": (False, False), "new good": (True, True), "new bad": (False, True)}
DOCUMENT = st.fixed_dictionaries(
    {
        "content": st.one_of(st.none(), st.sampled_from(TEXTS)),
        "source": st.sampled_from(sorted(KINDS)),
        "site": st.one_of(st.none(), st.sampled_from(SITES[:6])),
    }
)
CONFIGS = st.builds(
    SplitConfig,
    held_out=st.sampled_from([0.1, 0.5, 0.9]),
    ratio=st.sampled_from([None, 0.5, 1.0, 3.0]),
    seed=st.integers(0, 5),
    on_overlap=st.just("drop"),
    similarity=st.sampled_from([0.3, 0.75, 1.0]),
    max_overlap=st.just(1.0),
)
QUOTAS = st.fixed_dictionaries(
    {"good": st.builds(Quota, st.one_of(st.none(), st.integers(1, 30)), st.sampled_from([0.5, 1.0, 1.5, 3.0]))}
)


def labelled(documents: list[dict]) -> pa.Table:
    known = [one | dict(zip(("positive", "test"), KINDS[one["source"]], strict=True)) for one in documents]
    return pa.Table.from_pylist(known, schema=DOCUMENTS)


def prepared(documents: pa.Table, cfg: SplitConfig, quotas: dict[str, Quota]) -> Sets:
    try:
        return prepare(documents, cfg, quotas)
    except ValueError:  # too little of one class is refused, and tested below
        assume(False)
        raise


def parts(sets: Sets) -> tuple[pa.Table, pa.Table, pa.Table]:
    return sets.train, sets.held_out, sets.other_sources


@settings(deadline=None, max_examples=60)
@given(st.lists(DOCUMENT, min_size=30, max_size=120), CONFIGS, QUOTAS)
def test_no_site_and_no_text_is_on_both_sides_and_the_counts_balance(
    documents: list[dict], cfg: SplitConfig, quotas: dict[str, Quota]
) -> None:
    documents = [*documents, *({"content": text, "source": "good", "site": None} for text in sentences(9, 3))]
    documents += [{"content": text, "source": "bad", "site": None} for text in menus(9, 4)]
    sets = prepared(labelled(documents), cfg, quotas)
    train, *measured = (set(part["site"].to_pylist()) - {None} for part in parts(sets))
    texts = [{digest(text) for text in part["content"].to_pylist()} for part in parts(sets)]
    assert all(not train & sites for sites in measured)
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    for name, counts in {**sets.counts["sources"], "total": sets.counts["total"]}.items():
        assert counts["in"] == sum(counts[fate] for fate in (*REASONS, "train", "held_out", "other_sources")), name
    assert sets.counts["total"]["in"] == len(documents)
    assert len(texts[0]) == sets.counts["total"]["train"]
    assert sum(sets.counts["lines"].values()) == sets.train.num_rows
    assert {True, False} == set(sets.train["positive"].to_pylist()) == set(sets.held_out["positive"].to_pylist())


@settings(deadline=None, max_examples=30)
@given(st.lists(DOCUMENT, min_size=30, max_size=80), CONFIGS, QUOTAS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_is_nothing(
    documents: list[dict], cfg: SplitConfig, quotas: dict[str, Quota], source: random.Random
) -> None:
    sets = prepared(labelled(documents), cfg, quotas)
    again = prepare(labelled(source.sample(documents, len(documents))), cfg, quotas)
    assert again.counts == sets.counts
    assert [part.to_pylist() for part in parts(again)] == [part.to_pylist() for part in parts(sets)]


def two(number: int = 100, sites: list[str] | tuple[None] = (None,)) -> tuple[list[dict], list[dict]]:
    return rows(sentences(number, 1), True, "good", sites), rows(menus(number, 2), False, "bad", sites)


def test_another_seed_makes_other_sets() -> None:
    first, second = (prepare(table(*two()), SplitConfig(seed=seed)) for seed in (0, 1))
    assert first.held_out.to_pylist() != second.held_out.to_pylist()


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_each_source_gives_its_share_to_the_held_out_set(share: float) -> None:
    counts = prepare(table(*two()), SplitConfig(held_out=share)).counts["sources"]
    assert [counts[name]["held_out"] for name in ("good", "bad")] == [100 * share] * 2
    assert {counts[name]["split_by"] for name in counts} == {"document"}


def test_sites_are_held_out_whole_even_if_they_have_both_classes() -> None:
    sets = prepare(table(*two(sites=SITES)), SplitConfig(held_out=0.2))
    assert set(sets.held_out["site"].to_pylist()) & set(sets.train["site"].to_pylist()) == set()
    assert sets.counts["sources"]["good"]["held_out"] == 20
    assert sets.counts["sources"]["good"]["split_by"] == "site"


def test_where_every_site_is_larger_than_the_share_the_smallest_is_held_out() -> None:
    good = [*rows(sentences(60, 1), True, "good", ["a.org"]), *rows(sentences(40, 5), True, "good", ["b.org"])]
    sets = prepare(table(good, two()[1]), SplitConfig(ratio=None))
    assert set(sets.held_out.filter(sets.held_out["positive"])["site"].to_pylist()) == {"b.org"}


def test_a_class_from_one_site_is_refused_by_its_name() -> None:
    good, bad = two()
    with pytest.raises(ValueError, match=r"the positives all come from one\.org.*from more sites, or write site"):
        prepare(table([row | {"site": "one.org"} for row in good], bad), SplitConfig())


@pytest.mark.parametrize(("ratio", "negatives"), [(0.5, 50), (1.0, 100), (2.0, 200), (None, 300)])
def test_the_ratio_is_negatives_a_positive(ratio: float | None, negatives: int) -> None:
    good, bad = rows(sentences(100, 1), True, "good"), rows(menus(300, 2), False, "bad")
    counts = prepare(table(good, bad), SplitConfig(ratio=ratio)).counts["sources"]
    assert counts["bad"]["in"] - counts["bad"]["balance"] == negatives
    assert counts["good"]["balance"] == 0


def test_the_class_with_too_many_positives_is_balanced_too() -> None:
    good, bad = rows(sentences(300, 1), True, "good"), rows(menus(100, 2), False, "bad")
    counts = prepare(table(good, bad), SplitConfig(ratio=2.0)).counts["sources"]
    assert counts["good"]["in"] - counts["good"]["balance"] == 50


def test_caps_and_weights_below_one_take_less_of_a_source() -> None:
    quotas = {"good": Quota(cap=30), "bad": Quota(weight=0.5)}
    counts = prepare(table(*two()), SplitConfig(ratio=None), quotas).counts["sources"]
    assert (counts["good"]["cap"], counts["good"]["weight"]) == (70, 0)
    assert 30 < counts["bad"]["weight"] < 70


def test_a_weight_above_one_repeats_what_is_trained_on_and_nothing_else() -> None:
    sets = prepare(table(*two()), SplitConfig(ratio=None), {"good": Quota(weight=2.5)})
    assert sets.counts["sources"]["good"]["train"] == 90
    assert 200 < sets.counts["lines"]["positives"] < 250
    assert sets.counts["lines"]["negatives"] == 90
    assert sets.held_out.num_rows == len(set(sets.held_out["content"].to_pylist()))


def test_equal_and_nearly_equal_texts_are_one_and_nothing_is_no_text() -> None:
    good, bad = two()
    text = good[0]["content"]
    same = rows([f"  {text.upper()}\n", f"{text} Once more.", None, " "], True, "good")
    counts = prepare(table(good, same, bad), SplitConfig()).counts["sources"]["good"]
    assert (counts["duplicate"], counts["empty"]) == (2, 2)


def test_similarity_says_what_is_nearly_equal() -> None:
    good, bad = two()
    half = " ".join(good[0]["content"].split()[:28]) + " " + sentences(1, 50)[0][:40]
    given = table(good, rows([half], True, "good"), bad)
    found = [prepare(given, SplitConfig(similarity=s)).counts["total"]["duplicate"] for s in (0.3, 0.9)]
    assert found == [1, 0]


def test_a_text_in_both_classes_is_refused_with_its_places_or_left_out() -> None:
    good, bad = two()
    given = table(good, bad, rows([good[7]["content"].upper()], False, "bad"))
    given = given.append_column("file", pa.array(["one.jsonl"] * 100 + ["two.jsonl"] * 101))
    with pytest.raises(ValueError, match=r"1 texts are in both classes.*'good' \(one.jsonl\) and 'bad' \(two.jsonl\)"):
        prepare(given, SplitConfig())
    counts = prepare(given, SplitConfig(on_overlap="drop")).counts["sources"]
    assert [counts[name]["both_classes"] for name in ("good", "bad")] == [1, 1]


@pytest.mark.parametrize("given", [two()[0], two()[1], []])
def test_one_class_only_is_refused(given: list[dict]) -> None:
    with pytest.raises(ValueError, match=r"the training sources have .*give seeds of both classes"):
        prepare(table(given), SplitConfig())


def test_a_class_left_empty_is_refused() -> None:
    good, bad = two()
    given = table(rows([good[0]["content"]] * 5, True, "good"), bad)
    with pytest.raises(ValueError, match=r"after de-duplication.* 1 positives and 0 negatives"):
        prepare(given, SplitConfig(ratio=0.1))
    with pytest.raises(ValueError, match="the positives are a single document"):
        prepare(given, SplitConfig(ratio=None))


def test_what_training_has_is_left_out_of_a_test_source_or_refused_with_its_place() -> None:
    good, bad = two()
    new = rows([*sentences(18, 8), good[0]["content"], good[1]["content"] + " Yes."], True, "new good", test=True)
    given = table(good, bad, new, rows(menus(20, 9), False, "new bad", test=True))
    given = given.append_column("file", pa.array(["seeds.jsonl"] * 200 + ["test.jsonl"] * 40))
    with pytest.raises(
        ValueError, match=r"'new good' \(test.jsonl\) overlaps.*2 of its 20 .*'good' \(seeds.jsonl\).*max_"
    ):
        prepare(given, SplitConfig())
    sets = prepare(given, SplitConfig(max_overlap=0.1))
    assert sets.counts["sources"]["new good"]["leaked"] == 2
    assert sets.other_sources.num_rows == 38
    assert sets.counts["sources"]["good"]["leaked"] == 0


def test_a_site_that_is_trained_on_is_no_test_of_new_sites() -> None:
    good, bad = two(sites=SITES[:10])
    new = rows(sentences(20, 8), True, "new good", [SITES[0], SITES[15]], test=True)
    sets = prepare(table(good, bad, new, rows(menus(20, 9), False, "new bad", test=True)), SplitConfig())
    trained = SITES[0] in sets.train["site"].to_pylist()
    assert sets.counts["sources"]["new good"]["site_in_train"] == 10 * trained
    assert SITES[15] in sets.other_sources["site"].to_pylist()


def test_test_sources_of_one_class_are_refused() -> None:
    with pytest.raises(ValueError, match="test sources have 5 positives and 0 negatives"):
        prepare(table(*two(), rows(sentences(5, 8), True, "new good", test=True)), SplitConfig())


def test_reasons_of_the_caller_are_counted_beside_the_others() -> None:
    given = table(*two())
    given = given.append_column("drop", pa.array(["contaminated", *[None] * 199], pa.string()))
    counts = prepare(given, SplitConfig(ratio=None)).counts
    assert counts["sources"]["good"]["contaminated"] == 1
    assert counts["total"]["train"] + counts["total"]["held_out"] == 199


@pytest.mark.parametrize("wrong", [{"held_out": 0}, {"ratio": 0}, {"on_overlap": "keep"}, {"similarity": 2}])
def test_settings_outside_their_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        SplitConfig(**wrong)
