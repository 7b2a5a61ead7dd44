"""The card tells what manifests and rows say, in two languages; Croissant metadata that its own checker takes."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from governance import card, croissant
from governance.card_facts import licence_names
from governance.compaction import survey
from governance.publish import Entry
from governance.publish_plan import plan
from manifests.store import Store
from tests.published_corpus import BY_ND, BY_SA, NAMES, PROMPTS, rows_of, write_l3


def told(store: Store, contact: str | None = None) -> dict[str, Any]:
    """The facts of a corpus, without compacting it."""
    found = plan(store, ("L3",), 512)
    files = [Entry(one.key, f"{one.folder}/x.parquet", one.about, "", survey(store, one)) for one in found.bundles]
    return card.facts(store, found, files, "acme/web", contact)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    store = Store(str(tmp_path_factory.mktemp("corpus")))
    write_l3(store, {"a": rows_of("web", "a", 24)})
    return told(store)


def head(text: str) -> dict[str, Any]:
    """The YAML of a card."""
    return yaml.safe_load(text.split("---\n")[1])


def test_the_head_names_configurations_licence_languages_and_size(facts: dict[str, Any]) -> None:
    found = head(card.render(facts))
    assert [one["config_name"] for one in found["configs"]] == NAMES
    assert found["configs"][0]["default"] and sum("default" in one for one in found["configs"]) == 1
    assert found["configs"][0]["data_files"] == [
        {"split": "train", "path": "data/ultrafineweb_en_l3/qa/*.parquet"}
    ]  # fmt: skip
    assert found["license"] == "other" and "license_link" in found
    assert found["language"] == ["en", "zh"] and found["size_categories"] == ["n<1K"] and "synthetic" in found["tags"]


@pytest.mark.parametrize("language", ["### Configurations", "### 配置"])
def test_both_languages_carry_the_figures(facts: dict[str, Any], language: str) -> None:
    text = card.render(facts)
    start = text.index(language)
    page = text[start : text.index("## 中文")] if language == "### Configurations" else text[start:]
    for one in facts["configurations"]:
        assert f"| `{one['name']}` | L3 | {one['rows']}" in page
    for prompt, digest in PROMPTS.items():
        assert f"| {prompt} | `{digest[:12]}` | 5 | 5 | 4 | 80.0% |" in page
    for piece in ("outputs.copied 1", "org/model", "1234", '"temperature": 0.7', BY_SA, "robots.txt", "load_dataset"):
        assert piece in page, piece
    assert f"| {BY_ND} | 6 |" in page


def test_what_must_be_read_is_said_to_whoever_publishes(facts: dict[str, Any]) -> None:
    text = "\n".join(card.warnings(facts))
    assert f"6 rows come from pages under {BY_ND}, which forbids sharing adapted text" in text
    assert "6 of 24 rows come from pages on which no licence was found" in text
    assert "no tier of this corpus masked personal data" in text


@pytest.mark.parametrize(
    ("licences", "expected", "share_alike"),
    [((BY_SA,), "cc-by-sa-4.0", True), ((BY_SA, "https://creativecommons.org/licenses/by/4.0/"),
      ["cc-by-4.0", "cc-by-sa-4.0"], True), (("https://creativecommons.org/publicdomain/zero/1.0/",), "cc0-1.0", False),
     (("https://creativecommons.org/licenses/by-sa/3.0/de/",), "other", True), ((None,), "other", False)],
)  # fmt: skip
def test_the_licence_is_that_of_the_pages(
    tmp_path: Path, licences: tuple[str | None, ...], expected: Any, share_alike: bool
) -> None:
    store = Store(str(tmp_path))
    write_l3(store, {"a": rows_of("web", "a", 4, licences)})
    text = card.render(told(store))
    assert head(text)["license"] == expected
    assert ("a rewrite of CC BY-SA text is CC BY-SA" in text) is share_alike


def test_no_rows_have_no_licence_of_their_own() -> None:
    assert licence_names([]) == ["other"]


def test_the_same_corpus_has_the_same_card_and_an_address_for_take_downs(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_l3(Store(str(tmp_path / name)), {"a": rows_of("web", "a", 12), "b": rows_of("web", "b", 12)})
    one, two = (told(Store(str(tmp_path / name)), "data@example.org") for name in ("one", "two"))
    assert card.render(one) == card.render(two) and croissant.render(one) == croissant.render(two)
    assert card.render(one).count("data@example.org") == 2


@pytest.mark.parametrize("rows", [0, 999, 1000, 9_999_999, 320_112_563, 10**13])
def test_sizes_are_told_by_the_names_of_the_hub(rows: int) -> None:
    expected = {0: "n<1K", 999: "n<1K", 1000: "1K<n<10K", 9_999_999: "1M<n<10M", 320_112_563: "100M<n<1B"}
    assert card.size_category(rows) == expected.get(rows, "n>1T")


@settings(max_examples=15)
@given(st.text(max_size=40))
def test_no_name_breaks_out_of_a_table(facts: dict[str, Any], name: str) -> None:
    origin = [facts["origin"][0] | {"inputs": [f"{name}|<script>\n# x"]}]
    text = card.render(facts | {"styles": {f"{name}|<script>\n# x": 1}, "origin": origin})
    assert "\n# x" not in text and "<script" not in text.replace("\\<script", "")
    assert text.count("\n## ") == 2 and text.count("\n| `Ultra-FineWeb-L3-en-QA-Synthetic`") == 2


def test_croissant_metadata_is_valid_by_its_own_checker(facts: dict[str, Any], tmp_path: Path) -> None:
    import mlcroissant

    logging.getLogger("absl").setLevel(logging.ERROR)
    path = tmp_path / "croissant.json"
    path.write_text(croissant.render(facts), encoding="utf-8")
    metadata = mlcroissant.Dataset(jsonld=str(path)).metadata
    assert metadata.ctx.issues.errors == set()
    assert [one.name for one in metadata.record_sets] == NAMES
    assert [field.name for field in metadata.record_sets[0].fields] == [one["name"] for one in facts["columns"]["L3"]]
    globs = {one["includes"] for one in json.loads(path.read_text())["distribution"] if "includes" in one}
    assert globs == {f"{one['folder']}/*.parquet" for one in facts["configurations"]}
    broken = json.loads(path.read_text())
    broken["recordSet"][0]["field"][0]["source"]["fileSet"]["@id"] = "no such files"
    path.write_text(json.dumps(broken), encoding="utf-8")
    with pytest.raises(mlcroissant.ValidationError):
        mlcroissant.Dataset(jsonld=str(path))
