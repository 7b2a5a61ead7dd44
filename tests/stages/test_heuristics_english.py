"""English rules: every reason once, every option, edge cases, and agreement with datatrove on real pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.c4 import C4, C4Rules, c4, c4_stage
from stages.contract import Config, PlanError, check_plan
from stages.figures import figures, figures_of, figures_stage
from stages.fineweb import FineWeb, FineWebRules, fineweb, fineweb_stage
from stages.gopher import (
    GopherQuality,
    GopherQualityRules,
    GopherRepetition,
    GopherRepetitionRules,
    gopher_quality,
    gopher_quality_stage,
    gopher_repetition,
    gopher_repetition_stage,
)

_TOPICS = re.findall(
    r"\w+",
    "river mountain garden engine letter winter market doctor science window teacher village island forest kitchen "
    "music history bridge planet library castle harbour painter farmer sailor soldier valley temple palace desert",
)
# Thirty sentences, no two of which share a run of five words.
PROSE = "\n".join(
    "The old {} of the {} would be {} and {} that have {} with their {} books.".format(
        *(_TOPICS[(k + shift) % len(_TOPICS)] for shift in (0, 7, 13, 19, 3, 11))
    )
    for k in range(len(_TOPICS))
)
STAGES = {
    "gopher_quality": (gopher_quality, GopherQuality()),
    "gopher_repetition": (gopher_repetition, GopherRepetition()),
    "c4": (c4, C4()),
    "fineweb": (fineweb, FineWeb()),
}


def english(*texts: str | None) -> pa.Table:
    return pa.table(
        {"content": pa.array(texts, pa.string()), "lang": pa.array(["en"] * len(texts), pa.string())},
    )


def judged(stage: str, batch: pa.Table, cfg: Config | None = None) -> pa.Table:
    """The figures of a batch and one family's verdict on them."""
    fn, default = STAGES[stage]
    settings = {name: STAGES[name][1] for name in STAGES} | {stage: cfg or default}
    measures = figures_of(
        settings["gopher_quality"], settings["gopher_repetition"], settings["c4"], settings["fineweb"]
    )
    return fn(figures(batch, measures), settings[stage])


def drops(stage: str, *texts: str | None, cfg: Config | None = None) -> list[str | None]:
    return judged(stage, english(*texts), cfg)[f"{stage}.drop"].to_pylist()


ALL = figures_of(GopherQuality(), GopherRepetition(), C4(), FineWeb())


@pytest.mark.parametrize("stage", STAGES)
def test_ordinary_prose_passes_every_rule(stage: str) -> None:
    assert drops(stage, PROSE) == [None]


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("gopher_short_doc", "The cat and the dog."),
        ("gopher_below_avg_threshold", "the of it to be a an I we " * 10),
        ("gopher_above_avg_threshold", "internationalization of the characterization " * 20),
        ("gopher_too_many_hashes", PROSE.replace(" of ", " # # of # ")),
        ("gopher_too_many_ellipsis", PROSE.replace(" the ", " ... the … ").replace(" and ", " ... ")),
        ("gopher_too_many_bullets", "\n".join("- " + line for line in PROSE.split("\n"))),
        ("gopher_too_many_end_ellipsis", PROSE.replace(".\n", "...\n")),
        ("gopher_below_alpha_threshold", PROSE + " 1234 5678 12345" * 80),
        (
            "gopher_enough_stop_words",
            "Old mountain gardens look green while summer winds pass quiet villages. " * 9,
        ),
    ],
)
def test_gopher_quality_gives_each_reason(reason: str, text: str) -> None:
    assert drops("gopher_quality", text) == [reason]


def test_gopher_quality_gives_the_first_broken_rule() -> None:
    assert drops("gopher_quality", "# # #") == ["gopher_short_doc"]


def test_a_page_of_too_many_words_is_a_long_doc() -> None:
    cfg = GopherQuality(en=GopherQualityRules(max_words=100))
    assert drops("gopher_quality", PROSE, cfg=cfg) == ["gopher_long_doc"]


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("min_words", 10_000, "gopher_short_doc"),
        ("max_words", 50, "gopher_long_doc"),
        ("min_mean_word_length", 9.0, "gopher_below_avg_threshold"),
        ("max_mean_word_length", 2.0, "gopher_above_avg_threshold"),
        ("max_symbol_ratio", -1.0, "gopher_too_many_hashes"),
        ("max_bullet_lines_ratio", -1.0, "gopher_too_many_bullets"),
        ("max_ellipsis_lines_ratio", -1.0, "gopher_too_many_end_ellipsis"),
        ("min_alpha_words_ratio", 1.0, "gopher_below_alpha_threshold"),
        ("min_stop_words", 9, "gopher_enough_stop_words"),
        ("stop_words", ("xylophone", "zebra"), "gopher_enough_stop_words"),
        ("min_stop_ratio", 0.9, "gopher_low_stop_ratio"),
    ],
)
def test_each_option_of_gopher_quality_changes_the_outcome(option: str, value: object, reason: str) -> None:
    assert drops("gopher_quality", PROSE, cfg=GopherQuality(en=GopherQualityRules(**{option: value}))) == [reason]


def _sentences(first: int, last: int) -> str:
    return "\n\n".join(PROSE.split("\n")[first:last])


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("empty", ""),
        ("dup_para_frac", "one\n\n" * 20 + _sentences(0, 30)),
        ("dup_para_char_frac", "\n\n".join([_sentences(0, 20), *[PROSE.split("\n")[0]] * 8])),
        ("dup_line_frac", "one\n" * 20 + PROSE),
        ("dup_line_char_frac", "\n".join([PROSE, *PROSE.split("\n")[:9]])),
        ("top_2_gram", "wonderful butterflies " * 3 + "and " + "wonderful butterflies then we saw them. " * 2),
        ("duplicated_5_n_grams", " ".join([PROSE, "and so on", *PROSE.split("\n")[:8]])),
    ],
)
def test_gopher_repetition_gives_each_reason(reason: str, text: str) -> None:
    assert drops("gopher_repetition", text) == [reason]


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("max_dup_para_frac", -1.0, "dup_para_frac"),
        ("max_dup_para_char_frac", -1.0, "dup_para_char_frac"),
        ("max_dup_line_frac", -1.0, "dup_line_frac"),
        ("max_dup_line_char_frac", -1.0, "dup_line_char_frac"),
        ("top_n_grams", ((3, 0.0),), "top_3_gram"),
        ("dup_n_grams", ((6, -1.0),), "duplicated_6_n_grams"),
    ],
)
def test_each_option_of_gopher_repetition_changes_the_outcome(option: str, value: object, reason: str) -> None:
    rules = GopherRepetitionRules(**{option: value})
    assert drops("gopher_repetition", PROSE, cfg=GopherRepetition(en=rules)) == [reason]


def test_the_sizes_of_n_grams_name_the_columns_that_are_added() -> None:
    rules = GopherRepetitionRules(top_n_grams=((7, 0.5),), dup_n_grams=())
    repetition = GopherRepetition(en=rules, zh=rules)
    stage = figures_stage(figures_of(GopherQuality(), repetition, C4(), FineWeb()))
    assert [name for name in stage.adds if "gram" in name] == ["gopher_repetition.top_7_gram"]
    assert "gopher_repetition.top_7_gram" in gopher_repetition_stage(repetition).needs


def test_the_n_grams_of_the_other_language_are_null() -> None:
    table = figures(english(PROSE), ALL)
    assert table["gopher_repetition.top_2_gram"].null_count == 0
    assert table["gopher_repetition.duplicated_16_n_grams"].null_count == 1


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("lorem_ipsum", PROSE + "\nLorem Ipsum dolor sit amet."),
        ("curly_bracket", PROSE + "\nThe function body is { x }."),
        ("curly_bracket", PROSE + "\nA { comes first here.\nThen lorem ipsum comes."),
        ("lorem_ipsum", PROSE + "\nThe lorem ipsum comes first.\nThen comes { x }."),
        ("too_few_sentences", "One short line of text.\nAnother short line here."),
        ("too_few_sentences", ""),
    ],
)
def test_c4_gives_each_reason(reason: str, text: str) -> None:
    assert drops("c4", text) == [reason]


def _five(line: str) -> str:
    return "\n".join([line] * 5)


@pytest.mark.parametrize(
    ("text", "rules", "off", "on"),
    [
        (_five("All of this ends well. [12]"), {"remove_citations": True}, "too_few_sentences", "too_few_sentences"),
        (_five("All of this ends well.[12]"), {"remove_citations": False}, None, "too_few_sentences"),
        (_five("All of this ends well.[citation needed]"), {"remove_citations": False}, None, "too_few_sentences"),
        (_five("All of this has no end"), {"require_terminal_punctuation": False}, "too_few_sentences", None),
        (_five("All of this trails off..."), {"require_terminal_punctuation": False}, "too_few_sentences", None),
        (_five("Two words."), {"min_words_per_line": 2}, "too_few_sentences", None),
        (_five("This is " + "x" * 1001 + "."), {"max_word_length": -1}, "too_few_sentences", None),
        (_five("Here is lorem ipsum."), {"drop_lorem_ipsum": False}, "lorem_ipsum", None),
        (_five("Please enable Javascript now."), {"drop_javascript": False}, "too_few_sentences", None),
        (_five("Here is { x }."), {"drop_curly_bracket": False}, "curly_bracket", None),
        (_five("Read our Privacy Policy now."), {"drop_policy": False}, "too_few_sentences", None),
        (_five("Read our house rules now."), {"policy_phrases": ("house rules",)}, None, "too_few_sentences"),
        (_five("All of this ends well."), {"min_sentences": 6}, None, "too_few_sentences"),
    ],
)
def test_each_option_of_c4_changes_the_outcome(text: str, rules: dict, off: str | None, on: str | None) -> None:
    assert drops("c4", text) == [off]
    assert drops("c4", text, cfg=C4(en=C4Rules(**rules))) == [on]


@pytest.mark.parametrize("phrase", ["", "Privacy", " cookies"])
def test_a_policy_phrase_that_could_never_match_is_refused(phrase: str) -> None:
    with pytest.raises(ValidationError, match="policy_phrases"):
        C4Rules(policy_phrases=(phrase,))


def test_an_n_gram_of_no_words_is_refused() -> None:
    with pytest.raises(ValidationError, match="top_n_grams"):
        GopherRepetitionRules(top_n_grams=((0, 0.1),))


def test_a_stop_word_may_be_long_or_a_symbol() -> None:
    rules = GopherQualityRules(stop_words=("internationally", "!"), min_stop_words=2)
    text = PROSE + " Internationally internationally known!"
    assert drops("gopher_quality", text, PROSE, cfg=GopherQuality(en=rules)) == [None, "gopher_enough_stop_words"]


def test_words_longer_than_any_table_are_compared_whole() -> None:
    """A repeated n-gram of 3,000 characters is found, one that differs in its last letter is not."""
    long = ["x" * 3000 + tail for tail in ("a", "b", "a", "c")]
    rules = GopherRepetition(en=GopherRepetitionRules(top_n_grams=((1, 0.3),), dup_n_grams=()))
    assert drops("gopher_repetition", " ".join(long), cfg=rules) == ["top_1_gram"]
    assert drops("gopher_repetition", " ".join(long[1:]), cfg=rules) == ["top_1_gram"]
    table = judged("gopher_repetition", english(" ".join(long[1:])), rules)
    assert table["gopher_repetition.top_1_gram"].to_pylist() == [pytest.approx(3001 / 9005)]


def test_c4_counts_sentences_inside_a_line() -> None:
    table = judged("c4", english("One is here. Two is here! Is three here? Yes. Five."))
    assert table["c4.sentences"].to_pylist() == [5.0]
    assert table["c4.kept_lines"].to_pylist() == [1.0]


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("empty", " \n\t\n"),
        ("line_punct_ratio", PROSE.replace(".", "")),
        ("short_line_ratio", "\n".join(f"Item number {k} is here." for k in range(30))),
        ("char_dup_ratio", "\n".join([PROSE, PROSE.split("\n")[0]])),
        ("list_ratio", PROSE + "\n" * 400),
    ],
)
def test_fineweb_gives_each_reason(reason: str, text: str) -> None:
    assert drops("fineweb", text) == [reason]


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("min_line_punct_ratio", 1.1, "line_punct_ratio"),
        ("short_line_length", 1000, "short_line_ratio"),
        ("max_short_line_ratio", -1.0, "short_line_ratio"),
        ("max_char_dup_ratio", -1.0, "char_dup_ratio"),
        ("max_list_ratio", 0.0, "list_ratio"),
    ],
)
def test_each_option_of_fineweb_changes_the_outcome(option: str, value: object, reason: str) -> None:
    assert drops("fineweb", PROSE, cfg=FineWeb(en=FineWebRules(**{option: value}))) == [reason]


def test_rows_of_other_languages_and_null_text_have_no_figures_and_no_verdict() -> None:
    batch = pa.table(
        {"content": pa.array(["x", None, "x"], pa.string()), "lang": pa.array(["de", "en", None], pa.string())}
    )
    for stage in STAGES:
        result = judged(stage, batch)
        for name in result.column_names[2:]:
            assert result[name].null_count == 3, name


@pytest.mark.parametrize("make", [gopher_quality_stage, gopher_repetition_stage, c4_stage, fineweb_stage])
def test_a_stage_adds_the_columns_it_declares_to_an_empty_table_too(make: Callable) -> None:
    cfg = {gopher_quality_stage: GopherQuality(), gopher_repetition_stage: GopherRepetition(), c4_stage: C4()}
    stages = (figures_stage(ALL), make(cfg.get(make, FineWeb())))
    check_plan(stages, ["content", "lang"])
    with pytest.raises(PlanError):
        check_plan(stages[1:], ["content", "lang"])
    full, empty = english(PROSE, None, ""), english()
    for stage in stages:
        full, empty = stage.fn(full, stage.config), stage.fn(empty, stage.config)
    assert tuple(full.column_names[2:]) == (*stages[0].adds, *stages[1].adds)
    assert empty.schema == full.schema


def test_num_words_counts_white_space_words() -> None:
    table = figures(english("Don't  stop\n the-music now.", "", None), ALL)
    assert table["num_words"].to_pylist() == [4, 0, None]


@given(st.lists(st.text(max_size=120), max_size=4), st.integers(0, 3))
def test_a_row_is_judged_alone_whatever_stands_beside_it(texts: list[str], cut: int) -> None:
    texts = [t.encode("utf-8", "ignore").decode() for t in texts]
    whole = figures(english(*texts), ALL)
    chunked = pa.concat_tables([english(*texts[:cut]), english(*texts[cut:])])
    assert whole.equals(figures(chunked, ALL).combine_chunks())
    for k, text in enumerate(texts):
        assert figures(english(text), ALL).equals(whole.slice(k, 1))


def test_citations_are_taken_out_of_each_line_that_has_some() -> None:
    """Copies of such lines stand behind the page, each judged in its place."""
    cited = "Here is java[12]script now.\nThis line stays as it is.\nIt is said[1] so. And[edit] more![citation needed]"
    row = figures(english(cited), ALL).to_pylist()[0]
    assert (row["c4.lines"], row["c4.kept_lines"]) == (3, 2)  # without its mark the first names javascript
    assert row["c4.sentences"] == 3
    assert row["c4.kept_chars"] == len("This line stays as it is.It is said so. And more!")


@given(st.text(alphabet="ab .\n\r…-#[1]{", max_size=60))
def test_lines_and_words_are_those_of_python(text: str) -> None:
    row = figures(english(text), ALL).to_pylist()[0]
    assert row["c4.lines"] == len(text.splitlines())
    assert row["num_words"] == len(text.split())
    assert row["fineweb.lines"] == sum(1 for line in text.split("\n") if line.strip())
    assert row["gopher_repetition.chars"] == len(text)


@given(st.lists(st.sampled_from("ab"), max_size=40), st.integers(1, 4))
def test_repeated_n_grams_are_those_that_datatrove_counts(words: list[str], size: int) -> None:
    """Words of one length, which joining without spaces cannot confuse."""
    rules = GopherRepetitionRules(top_n_grams=((size, 1.0),), dup_n_grams=((size, 1.0),))
    row = judged("gopher_repetition", english(" ".join(words)), GopherRepetition(en=rules)).to_pylist()[0]
    grams = [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
    length = max(len(" ".join(words)), 1)
    top = max((grams.count(gram) for gram in grams), default=0) * (2 * size - 1)
    seen, chars, i = set(), 0, 0
    while i < len(grams):
        known = grams[i] in seen
        seen.add(grams[i])
        chars += size if known else 0
        i += size if known else 1
    assert row[f"gopher_repetition.top_{size}_gram"] == pytest.approx(top / length)
    assert row[f"gopher_repetition.duplicated_{size}_n_grams"] == pytest.approx(chars / length)


def _real_pages(shared_data: Path) -> list[str]:
    """Main text of about 100 real English pages: 60 of the web, 40 of documentation."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    pages = []
    for name, step, limit in (("web-pages/pages", 3, 60), ("docs-pages/en", 40, 40)):
        found = []
        with (shared_data / f"{name}.warc.gz").open("rb") as stream:
            for number, record in enumerate(ArchiveIterator(stream, record_types=WarcRecordType.response)):
                if number % step or len(found) == limit:
                    continue
                body = record.reader.read()
                text = extract_plain_text(bytes_to_str(body, detect_encoding(body)), main_content=True)
                found += [text] if text.count(" the ") >= 3 else []
        pages += found
    return pages


def test_decisions_agree_with_datatrove_on_real_pages(shared_data: Path) -> None:
    pytest.importorskip("spacy", reason="datatrove's English words need spacy (extra bench)")
    from datatrove.data import Document
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.pipeline.filters.c4_filters import C4QualityFilter

    recipe = C4(en=C4Rules(require_terminal_punctuation=False))  # FineWeb's own setting of C4
    peers = (
        ("gopher_quality", None, GopherQualityFilter()),
        ("gopher_repetition", None, GopherRepetitionFilter()),
        ("fineweb", None, FineWebQualityFilter()),
        ("c4", None, C4QualityFilter()),
        ("c4", recipe, C4QualityFilter(filter_no_terminal_punct=False)),
    )
    pages = _real_pages(shared_data)
    assert len(pages) == 100
    # A page goes through all peers before the next one: datatrove keeps the words of the last few pages.
    verdicts = [[peer.filter(Document(text=page, id="")) for _, _, peer in peers] for page in pages]
    for k, (stage, cfg, _) in enumerate(peers):
        theirs = [None if row[k] is True else row[k][1] for row in verdicts]
        differences = [pair for pair in zip(drops(stage, *pages, cfg=cfg), theirs, strict=True) if len(set(pair)) > 1]
        assert len(differences) <= 1, (stage, differences)
