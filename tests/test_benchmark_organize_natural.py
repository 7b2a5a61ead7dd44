"""The pairs of the natural sample, and the figures that follow from them."""

from __future__ import annotations

from benchmarks.organize_natural import digest, figures, judge, read_pairs


def test_the_pairs_name_texts_by_page_and_hash_and_are_labelled() -> None:
    pairs = read_pairs()
    assert len(pairs) == 75 and sum(pair["says"] for pair in pairs) == 28
    assert all(len(pair[side]) == 16 and pair[f"{side}_page"] for pair in pairs for side in ("statement", "passage"))


def test_a_pair_is_judged_by_relation_and_by_what_its_statement_names() -> None:
    told = "The default port of PostgreSQL is 5432."
    texts = {told: told, "b": "PostgreSQL has the default port 5432.", "c": "Choose Edit - Paste Special."}
    pairs = [
        {"lang": "en", "statement_page": "p", "statement": digest(a),
         "passage_page": "q", "passage": digest(b), "says": s}
        for a, b, s in ((told, told, True), (texts["c"], texts["c"], False))
    ]  # fmt: skip
    found = {
        f"{page} {digest(text)}": {"text": text, "title": "", "lang": "en"} for text in texts.values() for page in "pq"
    }
    taken = judge(pairs, found)
    assert taken == [True, False]
    assert figures(pairs, taken)["all"] == {"pairs": 2, "say it": 1, "taken": 1, "taken rightly": 1}
