"""Signatures: what they ignore, what they tell apart, and how well they estimate similarity."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHashLSH
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from xxhash import xxh3_128_digest

from stages.codepoints import HAN, WORD, flag_table, lower_table
from stages.contract import check_plan
from stages.minhash import (
    DedupConfig,
    choose_bands,
    collision_probability,
    decode_signatures,
    estimate_jaccard,
    hash_family,
    shingle_sets,
    sign,
    signature_stage,
)
from stages.minhash_kernels import BLOCK

CFG = DedupConfig()
FOX = "The quick brown fox jumps over the lazy dog near the river bank."
ZH = "敏捷的棕色狐狸跳过了河边那只懒洋洋的狗，然后回家睡觉。"


def signed(texts: list[str | None], lang: str | None = "en", cfg: DedupConfig = CFG) -> pa.Table:
    strings = pa.array(texts, pa.string()), pa.array([lang] * len(texts), pa.string())
    addresses = pa.nulls(len(texts), pa.string())
    return sign(pa.table([*strings, addresses, addresses], ["content", "lang", "url", "canonical_url"]), cfg)


def signatures(texts: list[str], lang: str = "en", cfg: DedupConfig = CFG) -> np.ndarray:
    return decode_signatures(signed(texts, lang, cfg)["dedup.signature"])


def column(texts: list[str | None], name: str, lang: str = "en", cfg: DedupConfig = CFG) -> list:
    return signed(texts, lang, cfg)[f"dedup.{name}"].to_pylist()


def test_the_stage_adds_what_it_declares_to_an_empty_table_too() -> None:
    stage = signature_stage(CFG)
    check_plan([stage], ["content", "lang", "url", "canonical_url"])
    full, empty = signed([FOX, None, ""]), signed([])
    assert tuple(full.column_names[4:]) == stage.adds
    assert empty.schema == full.schema
    assert full.schema.field("dedup.signature").type == pa.binary(448)
    assert full.schema.field("dedup.exact").type == pa.binary(16)
    assert stage.costly


def test_case_spacing_and_punctuation_do_not_change_an_english_signature() -> None:
    a, b = signatures([FOX, FOX.upper().replace(" ", "  ").replace(".", " !?")])
    assert (a == b).all()


def test_spaces_and_punctuation_do_not_change_a_chinese_signature() -> None:
    a, b = signatures([ZH, ZH.replace("，", " ").replace("。", "！\n")], "zh")
    assert (a == b).all()


def test_chinese_is_cut_into_characters_only_where_the_language_says_so() -> None:
    assert (signatures([ZH], "zh") != signatures([ZH], "en")).any()
    # A Han character inside an English page is a word of its own.
    assert (signatures(["a b c d 中文"]) == signatures(["a b c d 中 文"])).all()


def test_a_language_without_rules_is_cut_into_words() -> None:
    assert (signatures([FOX], "de") == signatures([FOX], "en")).all()


def test_the_exact_hash_is_xxh3_of_lower_cased_text_with_single_spaces() -> None:
    assert column(["  Ein ÄPFEL\n\tZwei  𝔘x "], "exact") == [xxh3_128_digest("ein äpfel zwei 𝔘x".encode())]


# Letters of one to four bytes, marks, signs, capitals that change length in UTF-8, and spaces of all kinds.
MIXED = st.text(st.sampled_from("aZ09_-. \n\t\x1c\u00a0\u3000éÉİȺ\u0301中文𠀀𝔘。，😀\u200b"), max_size=60)


def _lowered(text: str) -> str:
    return "".join(chr(lower_table()[ord(c)]) for c in text)


@given(st.lists(MIXED, max_size=4))
def test_the_exact_text_is_that_of_python(texts: list[str]) -> None:
    normal = [" ".join(_lowered(text).split()) for text in texts]
    assert column(texts, "exact") == [xxh3_128_digest(text.encode()) if text else None for text in normal]


def _units(text: str) -> list[str]:
    """Runs of letters, digits and marks, and each Han character, one by one in Python."""
    units, inside = [], False
    for c in text:
        flags = flag_table()[ord(c)]
        if flags & WORD and inside and not flags & HAN:
            units[-1] += c
        elif flags & WORD:
            units.append(c)
        inside = bool(flags & WORD) and not flags & HAN
    return units


@given(MIXED)
def test_words_are_cut_as_python_would(text: str) -> None:
    """Words set apart anew give the same shingles, and as many as there are pairs of neighbours."""
    cfg, words = DedupConfig(word_ngram=2), _units(text)
    table = pa.table({"content": [text, " ".join(words)], "lang": ["en", "en"]})
    one, two = shingle_sets(table, cfg).to_pylist()
    assert one == two
    assert len(one) == len({tuple(_lowered(word) for word in pair) for pair in pairwise(words)})


@given(MIXED)
def test_characters_are_cut_as_python_would(text: str) -> None:
    cfg, signs = DedupConfig(character_ngram=2), _lowered("".join(_units(text)))
    (found,) = shingle_sets(pa.table({"content": [text], "lang": ["zh"]}), cfg).to_pylist()
    assert len(found) == len(set(pairwise(signs)))


@pytest.mark.parametrize("shingles", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_a_signature_is_the_minima_of_the_documented_hashes(shingles: int) -> None:
    text = " ".join(f"w{number}" for number in range(shingles + CFG.word_ngram - 1))
    (low,) = shingle_sets(pa.table({"content": [text], "lang": ["en"]}), CFG).to_pylist()
    flips, factors = hash_family(CFG)
    hashes = (np.array(low, np.uint32)[:, None] ^ flips) * factors
    assert len(low) == shingles
    assert (signatures([text])[0] == hashes.min(axis=0)).all()


def test_the_exact_hash_keeps_punctuation() -> None:
    a, b = column(["one two.", "one two"], "exact")
    assert a != b


def test_a_text_shorter_than_a_shingle_has_an_exact_hash_but_no_signature() -> None:
    assert column(["one two three four", "one two three four five"], "signature")[0] is None
    assert column(["one two three four five"], "signature")[0] is not None
    assert column(["一二三四五六七"], "signature", "zh") == [None]
    assert column(["一二三四五六七八"], "signature", "zh") != [None]
    assert None not in column(["one two three four", "一"], "exact")


def test_text_of_nothing_but_white_space_has_no_hashes() -> None:
    assert column(["", " \n\t"], "exact") == [None, None]
    assert column(["", " \n\t"], "signature") == [None, None]
    assert column(["", " \n\t"], "length") == [0, 3]


def test_null_text_is_null_everywhere() -> None:
    assert [column([None], name) for name in ("exact", "url", "signature", "length", "scheme")] == [[None]] * 5


def test_length_counts_characters() -> None:
    assert column(["中文a", "𝔘"], "length") == [3, 1]


@pytest.mark.parametrize(("option", "value"), [("word_ngram", 3), ("seed", 2), ("hashes", 64), ("threshold", 0.8)])
def test_each_option_changes_the_signature_and_the_scheme(option: str, value: float) -> None:
    cfg = DedupConfig.model_validate({option: value})
    assert column([FOX], "signature", cfg=cfg) != column([FOX], "signature")
    assert column([FOX], "scheme", cfg=cfg) == [cfg.scheme] != [CFG.scheme]


def test_the_character_option_changes_chinese_only() -> None:
    cfg = DedupConfig(character_ngram=5)
    assert column([ZH], "signature", "zh", cfg) != column([ZH], "signature", "zh")
    assert column([FOX], "signature", "en", cfg) == column([FOX], "signature", "en")


def test_bands_and_rows_may_be_set_together_and_not_alone() -> None:
    assert DedupConfig(bands=7, rows=4).scheme == "minhash1-w5-c8-7x4-seed1"
    assert decode_signatures(signed([FOX], cfg=DedupConfig(bands=7, rows=4))["dedup.signature"]).shape == (1, 28)
    with pytest.raises(ValidationError, match="both bands and rows"):
        DedupConfig(bands=7)


@pytest.mark.parametrize("change", [{"confirm": "none"}, {"url_similarity": 0.5}, {"scope": "corpus"}])
def test_what_is_decided_later_is_no_part_of_the_scheme(change: dict[str, Any]) -> None:
    assert DedupConfig(**change).scheme == CFG.scheme


@pytest.mark.parametrize("option", ["word_ngram", "character_ngram", "bands", "rows", "hashes", "threshold"])
def test_an_option_of_zero_is_refused(option: str) -> None:
    with pytest.raises(ValidationError, match=option):
        DedupConfig.model_validate({option: 0})


def test_the_scheme_pins_its_values() -> None:
    """A change of hashing without a new version would make stored signatures lie: then raise FAMILY_VERSION."""
    assert CFG.scheme == "minhash1-w5-c8-14x8-seed1"
    assert signatures([FOX])[0, :4].tolist() == [504770104, 96303306, 846871941, 134662374]
    assert signatures([ZH], "zh")[0, :4].tolist() == [378187387, 370738229, 448328429, 27520447]


def test_factors_are_odd_and_hashes_differ() -> None:
    flips, factors = hash_family(CFG)
    assert (factors % 2 == 1).all()
    assert len(set(zip(flips.tolist(), factors.tolist(), strict=True))) == CFG.num_hashes


@given(st.lists(st.text(max_size=80), max_size=4), st.sampled_from(["en", "zh", "de", None]))
def test_a_row_is_signed_alone_whatever_stands_beside_it(texts: list[str], lang: str | None) -> None:
    texts = [t.encode("utf-8", "ignore").decode() for t in texts]
    whole = signed(texts, lang)
    for k, text in enumerate(texts):
        assert signed([text], lang).equals(whole.slice(k, 1))


def _words(rng: np.random.Generator, count: int, lang: str) -> list[str]:
    """Random words; Chinese ones of 1 to 3 characters, 1.65 on average."""
    if lang == "en":
        return [f"w{k}" for k in rng.integers(0, 5000, count)]
    sizes = rng.choice([1, 2, 3], count, p=[0.42, 0.51, 0.07])
    characters = map(chr, rng.integers(0x4E00, 0x4E00 + 3000, sizes.sum()).tolist())
    return ["".join(islice(characters, size)) for size in sizes.tolist()]


def _edited(rng: np.random.Generator, words: list[str], share: float, lang: str) -> list[str]:
    """The words with a share of them replaced."""
    spare = _words(rng, len(words), lang)
    return [b if flip else a for a, b, flip in zip(words, spare, rng.random(len(words)) < share, strict=True)]


def _shingles(words: list[str], lang: str) -> set[tuple[str, ...]]:
    units, size = (words, CFG.word_ngram) if lang == "en" else (list("".join(words)), CFG.character_ngram)
    return {tuple(units[k : k + size]) for k in range(len(units) - size + 1)}


def _pairs(lang: str, count: int, shares: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signatures of both sides and the true Jaccard of random pairs of about 300 words."""
    rng = np.random.default_rng(7)
    firsts, seconds, truth = [], [], []
    for k in range(count):
        words = _words(rng, 300, lang)
        other = _edited(rng, words, shares[k % len(shares)], lang)
        a, b = _shingles(words, lang), _shingles(other, lang)
        joint = " " if lang == "en" else ""
        firsts.append(joint.join(words))
        seconds.append(joint.join(other))
        truth.append(len(a & b) / len(a | b))
    return signatures(firsts, lang), signatures(seconds, lang), np.array(truth)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_estimate_is_unbiased_and_as_precise_as_theory_says(lang: str) -> None:
    a, b, truth = _pairs(lang, 520, (0.01, 0.03, 0.06, 0.1))
    a, b, truth = (values[truth < 1] for values in (a, b, truth))
    score = (estimate_jaccard(a, b) - truth) / np.sqrt(truth * (1 - truth) / CFG.num_hashes)
    assert abs(score.mean()) < 0.2  # about 500 scores of variance 1: 4.5 standard errors
    assert 0.8 < score.std() < 1.15  # a finite shingle set is sampled without replacement: slightly below 1


def test_pairs_share_a_band_as_often_as_theory_says() -> None:
    a, b, truth = _pairs("en", 900, (0.02, 0.03, 0.04, 0.05))
    bands = (a == b).reshape(-1, *CFG.banding).all(axis=2).any(axis=1)
    expected = collision_probability(truth, *CFG.banding)
    assert abs(bands.mean() - expected.mean()) < 0.05


def test_the_same_share_of_edited_words_costs_both_languages_the_same_similarity() -> None:
    means = {lang: _pairs(lang, 60, (0.05,))[2].mean() for lang in ("en", "zh")}
    assert abs(means["en"] - means["zh"]) < 0.05


def test_unrelated_texts_share_almost_nothing() -> None:
    rng = np.random.default_rng(3)
    values = signatures([" ".join(_words(rng, 300, "en")) for _ in range(40)])
    assert estimate_jaccard(values[:20], values[20:]).max() < 0.05


def test_collision_probability_of_fineweb_is_the_published_one() -> None:
    assert round(collision_probability(0.8, 14, 8), 3) == 0.924
    assert round(collision_probability(0.75, 14, 8), 2) == 0.77


def test_chosen_bands_are_the_best_that_fit() -> None:
    grid = np.linspace(0.0005, 0.9995, 1000)

    def error(bands: int, rows: int, threshold: float) -> float:
        hit = collision_probability(grid, bands, rows)
        return float(np.where(grid < threshold, 0.2 * hit, 0.8 * (1 - hit)).mean())

    for threshold in (0.5, 0.75, 0.9):
        bands, rows = choose_bands(threshold, 112)
        assert bands * rows <= 112
        best = min(error(b, r, threshold) for r in range(1, 113) for b in range(1, 112 // r + 1))
        assert error(bands, rows, threshold) < best * 1.02
    assert choose_bands(0.75, 112) == (14, 8)
    lsh = MinHashLSH(threshold=0.75, num_perm=112, weights=(0.2, 0.8))
    assert (lsh.b, lsh.r) == choose_bands(0.75, 112)
