"""`l4.index` of the settings reaches whoever makes or asks the index, and no tier's identity."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance import config, index_settings
from governance.errors import CorpusError
from governance.index import bring_up_to_date, read_state, refresh
from governance.index_config import IndexConfig
from governance.plan import organize_identity
from governance.progress import Progress
from manifests.store import Store
from tests.children import copy, tree
from tests.command_line import call
from tests.llm_server import llm_server
from tests.organized_corpus import pages, run
from tests.statements_corpus import write_corpus

SILENT = Progress("silent")


def state(store: Store, *overrides: str) -> None:
    """What a run does with its settings."""
    index_settings.record(store, config.load(None, overrides))


def embedder(store: Store) -> str:
    found = read_state(store)
    assert found is not None
    return found.config["embedder"]


def test_a_run_records_the_settings_of_the_index_builds_no_tier_anew_and_the_verbs_go_by_them(
    organized_pages: Path, organized: str, tmp_path: Path
) -> None:  # fmt: skip
    output = str(tmp_path)
    copy(organized, output)
    before = tree(output)
    run(organized_pages, output, more=('l4.index.embedder="none"', "l4.index.context_chars=0"))
    assert tree(output).items() - before.items() == {(index_settings.FILE, tree(output)[index_settings.FILE])}
    said = call("search", "createuser", "--output", output, "--json")
    assert said.code == 0, said
    assert embedder(Store(output)) == "none" and not json.loads(said.out)["answers"][0]["evidence"][0]["before"]
    assert call("search", "createuser", "--output", output, "--no-refresh").code == 0


def test_a_settings_file_names_the_embedder_and_a_later_run_another(tmp_path: Path) -> None:
    store = write_corpus(str(tmp_path / "corpus"))
    file = tmp_path / "web.toml"
    file.write_text('[l4.index]\nembedder = "none"\nmax_evidence = 1\n', encoding="utf-8")
    index_settings.record(store, config.load(str(file)))
    bring_up_to_date(store, SILENT)
    assert embedder(store) == "none"
    state(store, "l4.index.embedder=wordllama")
    bring_up_to_date(store, SILENT)
    found = read_state(store)
    assert found is not None and (found.config["embedder"], found.config["max_evidence"]) == ("wordllama", 1)


def test_a_flag_rules_over_what_a_run_stated_until_a_run_states_it_again(tmp_path: Path) -> None:
    store = write_corpus(str(tmp_path))
    state(store, "l4.index.embedder=wordllama")
    assert call("index", str(tmp_path), "--embedder", "none").code == 0
    assert embedder(store) == "none"
    bring_up_to_date(store, SILENT)
    assert call("search", "backup", "--output", str(tmp_path)).code == 0
    assert embedder(store) == "none"
    state(store, "l4.index.embedder=wordllama")
    bring_up_to_date(store, SILENT)
    assert embedder(store) == "wordllama"


def test_settings_that_say_nothing_of_the_index_leave_no_trace_and_an_index_as_it_is(tmp_path: Path) -> None:
    store = write_corpus(str(tmp_path))
    refresh(store, IndexConfig(embedder="none"), SILENT)
    state(store, "l4.organize.max_words=20")
    assert index_settings.recorded(store) == {} and not store.exists(index_settings.FILE)
    assert bring_up_to_date(store, SILENT).embedded == 0 and embedder(store) == "none"


@pytest.mark.parametrize("kind", ["", "static:"])
def test_a_model_in_a_folder_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path)
    store = Store(str(tmp_path / "corpus"))
    state(store, f'l4.index.embedder="{kind}models"')
    assert index_settings.recorded(store) == {"embedder": f"{kind}{tmp_path / 'models'}"}


def test_the_index_is_no_part_of_what_l4_is() -> None:
    one, other = (config.load(None, (f"l4.index.embedder={name}",)) for name in ("none", "wordllama"))
    assert one != other and organize_identity(one.l4.organize) == organize_identity(other.l4.organize)


def test_recorded_settings_that_are_damaged_are_named_with_the_remedy(tmp_path: Path) -> None:
    store = write_corpus(str(tmp_path))
    for damage in (b"{", b"[1]", b'{"embeder": "none"}'):
        store.put(index_settings.FILE, damage)
        with pytest.raises(CorpusError, match="is damaged"):
            bring_up_to_date(store, SILENT)


def test_evaluate_rag_makes_the_index_by_what_a_run_stated(tmp_path: Path) -> None:
    said = "Postfix is a mail server that was written by Wietse Venema at IBM."
    (tmp_path / "in").mkdir()
    rows = [row | {"text": f"{said} {row['text']}"} for row in pages()[:1]]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in" / "a.parquet")
    output = str(tmp_path / "out")
    run(tmp_path / "in", output, more=("l4.index.embedder=none",))
    with llm_server() as server:
        server.write = lambda shown: f"{said} [1]" if said in shown else "I do not know."
        told = call("evaluate", "echo", "--rag", output, "--limit", "2", "--endpoint", server.endpoint, "--json")
    assert told.code == 0 and json.loads(told.out)["figures"]["accuracy with the index"]["value"] == 1, told
    assert embedder(Store(output)) == "none"
