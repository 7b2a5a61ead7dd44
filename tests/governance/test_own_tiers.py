"""A user's own stages, out of one file: they judge, are proven, told apart by their text, and refused when wrong."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from governance import tiers
from governance.config import Settings, commented_toml, load
from governance.explain import explain
from manifests.store import Store
from stages.contract import Stage
from tests.children import tree
from tests.command_line import Said, call, refused
from tests.corpora import pages_of
from tests.docs_blocks import ROOT, blocks

(PAGE,) = [block.text for block in blocks(ROOT / "docs" / "own-tiers.md") if block.files == ("my_tiers.py",)]
NAMED = "my_tiers.py:tiers"
HEAD = """
from governance.tiers import after, l0, l1, l2
from stages.contract import Config, Stage
import pyarrow as pa

class Word(Config):
    word: str = "none"

def mark(batch, cfg):
    found = [cfg.word if cfg.word in (text or "") else None for text in batch["content"].to_pylist()]
    return batch.append_column("mine.drop", pa.array(found, pa.string()))

def mine(**more):
    about = {"needs": ("content",), "adds": ("mine.drop",), "reject_on": "mine.drop", "fn": mark, "config": Word()}
    return Stage(**{"name": "mine", **about, **more})
"""


def written(folder: Path, body: str, name: str = "own.py") -> str:
    """A file of own tiers, and how it is named."""
    (folder / name).write_text(HEAD + body, encoding="utf-8")
    return f"{folder / name}:tiers"


def run(output: Path, archive: Path, *more: str, level: str = "L2") -> Said:
    return call("run", "--level", level, "--input", str(archive), "--output", str(output), "--workers", "0", *more)


def fates(output: Path, tier: str) -> dict[str, int]:
    parts = [part for part in Path(output, tier).rglob("*.parquet") if "annotations" in str(part)]
    table = pl.concat([pl.read_parquet(part, columns=["uid", "fate"]) for part in parts])
    return dict(table.group_by(pl.col("fate").fill_null("kept")).len().rows())


def share(output: str, *more: str) -> dict[str, Any]:
    """What what-if says, as JSON."""
    said = call("what-if", output, *more, "--json")
    assert said.code == 0, said
    return json.loads(said.out)["tiers"]["L1"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of a manual, enough for some to pass all rules."""
    path = tmp_path_factory.mktemp("in") / "a.warc.gz"
    path.write_bytes(pages_of(ROOT / "examples" / "crawl" / "en.warc.gz", 40))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where my_tiers.py of the page lies."""
    place = tmp_path_factory.mktemp("own")
    (place / "my_tiers.py").write_text(PAGE, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def built(folder: Path, archive: Path) -> Path:
    """L1 and L2 by the file of the page, with a limit at which some pages go and some stay."""
    done = run(folder / "out", archive, "--tiers", f"{folder}/{NAMED}", "--set", "own.shouting.max_upper_ratio=0.035")
    assert done.code == 0, done
    return folder / "out"


def test_a_rule_of_ones_own_rejects_is_explained_and_its_text_stands_in_the_plan(built: Path) -> None:
    found = fates(built, "L1")
    assert found["shouting.upper_ratio"] > 0 and found["kept"] > 0
    assert call("verify", str(built)).code == 0
    plan = json.loads((next(built.glob("L1/*")) / "plan.json").read_text())["plan"]
    assert plan["tiers"]["source"] == PAGE and plan["tiers"]["own"] == {"shouting": {"max_upper_ratio": 0.035}}
    assert plan["order"].index("upper") == plan["order"].index("language") + 1
    assert all("tiers" not in json.loads((next(built.glob(f"{tier}/*")) / "plan.json").read_text())["plan"]
               for tier in ("L0", "L2"))  # fmt: skip
    columns = ["uid", "fate", "shouting.upper_ratio"]
    notes = pl.concat([pl.read_parquet(part, columns=columns) for part in built.glob("L1/*/annotations/*.parquet")])
    dropped = notes.filter(pl.col("fate") == "shouting.upper_ratio")
    assert dropped["shouting.upper_ratio"].min() > 0.035
    assert "shouting.upper_ratio" in json.dumps(explain(Store(str(built)), dropped["uid"][0]), default=str)


def test_the_same_text_from_anywhere_is_the_same_plan_and_another_is_refused(
    built: Path, folder: Path, archive: Path, tmp_path: Path
) -> None:
    setting = ("--set", "own.shouting.max_upper_ratio=0.035")
    (tmp_path / "my_tiers.py").write_text(PAGE, encoding="utf-8")
    before = tree(str(built))
    again = run(built, archive, "--tiers", f"{tmp_path}/{NAMED}", *setting)
    assert again.code == 0 and tree(str(built)) == before
    refused(run(built, archive, "--tiers", f"{folder}/{NAMED}"), 2, "own.shouting", "--rebuild")
    refused(run(built, archive), 2, "differently", "--rebuild")
    (tmp_path / "my_tiers.py").write_text(PAGE + "\n# another text\n", encoding="utf-8")
    refused(run(built, archive, "--tiers", f"{tmp_path}/{NAMED}", *setting), 2, "tiers.", "--rebuild")


def test_what_if_moves_an_own_threshold_as_a_run_would_and_runs_no_text_out_of_a_corpus(
    built: Path, folder: Path, archive: Path, tmp_path: Path
) -> None:
    setting = ("--set", "own.shouting.max_upper_ratio=0.5")
    refused(call("what-if", str(built), *setting), 2, "own stages", f"--tiers {NAMED}", "plan.json")
    (tmp_path / "my_tiers.py").write_text(PAGE + "\n# another text\n", encoding="utf-8")
    refused(call("what-if", str(built), "--tiers", f"{tmp_path}/{NAMED}", *setting), 2, "another")
    told = share(str(built), "--tiers", f"{folder}/{NAMED}", *setting)
    other = tmp_path / "out"
    assert run(other, archive, "--tiers", f"{folder}/{NAMED}", *setting, level="L1").code == 0
    kept = fates(other, "L1")["kept"] - fates(built, "L1")["kept"]
    assert told["newly_kept_rows"] == kept > 0 and told["newly_dropped_rows"] == 0


def test_what_if_over_built_in_stages_refuses_a_file(archive: Path, folder: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "out", archive, level="L1").code == 0
    said = call("what-if", str(tmp_path / "out"), "--tiers", f"{folder}/{NAMED}", "--set", "own.x=1")
    refused(said, 2, "nothing here was built with")


def test_plan_names_what_comes_with_a_file_and_what_goes_without_it(built: Path, folder: Path, archive: Path) -> None:
    words = ("plan", "--level", "L2", "--input", str(archive), "--output", str(built), "--seconds", "0")
    said = call(*words, "--tiers", f"{folder}/{NAMED}", "--set", "own.shouting.max_upper_ratio=0.035")
    assert said.code == 0 and "rebuilt" not in said.out
    said = call(*words)
    assert "stage shouting: gone" in said.out and said.out.count("own stages") == 1 and "source" not in said.out


def test_stages_of_ones_own_at_l0_and_l2_judge_there(archive: Path, tmp_path: Path) -> None:
    for tier, before in (("L0", "extract"), ("L2", "quality")):
        made = (
            f'def tiers(cfg): return {{"{tier}": after("{before}", {tier.lower()}(cfg), mine(config=Word(word="e")))}}'
        )
        named = written(tmp_path, made)
        done = run(tmp_path / tier, archive, "--tiers", named)
        assert done.code == 0, done
        assert fates(tmp_path / tier, tier)["mine.e"] > 0
        assert call("verify", str(tmp_path / tier)).code == 0


def test_a_stage_that_raises_quarantines_its_rows(archive: Path, tmp_path: Path) -> None:
    named = written(
        tmp_path,
        """
def some(batch, cfg):
    if any("backup" in (text or "") for text in batch["content"].to_pylist()):
        raise ValueError("of this page I know nothing")
    return mark(batch, cfg)

def tiers(cfg): return {"L1": after("language", l1(cfg), mine(fn=some))}
""",
    )
    done = run(tmp_path / "out", archive, "--tiers", named, "--set", "run.max_error_rate=1", level="L1")
    assert done.code == 0, done
    assert fates(tmp_path / "out", "L1").get("quarantined", 0) > 0
    assert call("verify", str(tmp_path / "out")).code == 0


def test_a_worker_has_the_stages_without_the_file(folder: Path) -> None:
    settings = load(None, [f'tiers="{folder / NAMED}"'])
    code = (
        "import pickle, sys; from governance import tiers; settings = pickle.load(sys.stdin.buffer);"
        "print([stage.name for stage in tiers.stages_of(settings, 'L1')][3:6])"
    )
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(settings), capture_output=True, cwd=ROOT)
    assert done.stdout.decode().strip() == "['language', 'upper', 'shouting']", done.stderr.decode()


@pytest.mark.parametrize(
    ("gives", "fault"),
    [
        ("1 / 0", "fails on a table without rows too: ZeroDivisionError"),
        ("None", "returned NoneType, no table"),
        ("batch", "without the column 'mine.drop'"),
        ("mark(batch, cfg).select(['mine.drop'])", "without the column"),
        ("mark(batch, cfg).slice(1)", "rows for"),
        ("mark(batch, cfg).take(list(range(batch.num_rows))[::-1])", "its rows in another order"),
    ],
)
def test_a_stage_that_breaks_its_contract_ends_the_run_by_its_name(
    gives: str, fault: str, archive: Path, tmp_path: Path
) -> None:
    made = f'def tiers(cfg): return {{"L1": after("language", l1(cfg), mine(fn=lambda batch, cfg: {gives}))}}'
    said = run(tmp_path / "out", archive, "--tiers", written(tmp_path, made), level="L1")
    assert said.code == 1 and "stage 'mine'" in said.err and fault in said.err and "Traceback" not in said.err


@pytest.mark.parametrize(
    ("body", "pieces"),
    [
        ("def other(cfg): return {}", ["no function 'tiers'", "FILE:FUNCTION"]),
        ("def tiers(:", ["SyntaxError", "own.py, line"]),
        ("import no_such_module_at_all", ["ModuleNotFoundError", "no_such_module_at_all"]),
        ("def tiers(cfg): return cfg.l9", ["AttributeError", "l9"]),
        ("def tiers(cfg): return l1(cfg)", ["no dictionary of stages by tier"]),
        ('def tiers(cfg): return {"L3": ()}', ["no dictionary of stages by tier"]),
        ('def tiers(cfg): return {"L1": [1]}', ["L1 is no tuple of stages"]),
        ('def tiers(cfg): return {"L1": l1(cfg)[1:]}', ["L1 must keep", "takedown, language, dedup"]),
        ('def tiers(cfg): return {"L1": l1(cfg)[::-1]}', ["L1 must keep", "in this order"]),
        ('def tiers(cfg): return {"L2": (*l2(cfg), l2(cfg)[0])}', ["two stages called 'takedown'"]),
        ('def tiers(cfg): return {"L1": after("langage", l1(cfg))}', ["no stage 'langage'", "language"]),
        ('def tiers(cfg): return {"L1": after("pii", l1(cfg), mine(config=Word(wort="x")))}', ["Word.wort"]),
        ('def tiers(cfg): return {"L1": after("pii", l1(cfg), mine(needs=("txt",)))}', ["stage 'mine' reads", "'txt'"]),
        ('def tiers(cfg): return {"L1": after("pii", l1(cfg), mine(makes_rows=True))}', ["'mine' makes rows"]),
        ('def tiers(cfg): return {"L1": after("pii", l1(cfg), mine(scope="all"))}', ["'mine' asks for rows of 'all'"]),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_named_with_its_fault_before_anything_is_written(
    body: str, pieces: list[str], archive: Path, tmp_path: Path
) -> None:
    refused(run(tmp_path / "out", archive, "--tiers", written(tmp_path, body)), 2, *pieces)
    assert not (tmp_path / "out" / "L1").exists()


@pytest.mark.parametrize(
    ("named", "pieces"),
    [
        ("none.py:tiers", ["none.py cannot be read: No such file"]),
        ("none.py", ["FILE:FUNCTION"]),
        (":tiers", ["cannot be read"]),
        ("none.py:a b", ["FILE:FUNCTION"]),
    ],
)
def test_a_wrong_name_of_a_file_is_refused(named: str, pieces: list[str], archive: Path, tmp_path: Path) -> None:
    refused(run(tmp_path / "out", archive, "--tiers", named), 2, *pieces)


def test_a_settings_file_that_init_wrote_takes_the_file_and_a_table_of_its_own_settings(folder: Path) -> None:
    text = commented_toml(Settings()).replace("# tiers =", f'tiers = "{folder / NAMED}"')
    (folder / "mine.toml").write_text(text + "\n[own.shouting]\nmax_upper_ratio = 0.25\n", encoding="utf-8")
    settings = load(str(folder / "mine.toml"), ["own.since=2026-03-31"])
    assert json.loads(json.dumps(tiers.own_of(settings, "L1")))["own"]["since"] == "2026-03-31"
    assert settings.tiers is not None and settings.tiers.source == PAGE
    stages = {stage.name: stage for stage in tiers.stages_of(settings, "L1")}
    assert stages["shouting"].config.model_dump() == {"max_upper_ratio": 0.25}


def test_settings_without_a_file_give_the_built_in_stages() -> None:
    settings = Settings()
    for tier, built_in in (("L0", tiers.l0), ("L1", tiers.l1), ("L2", tiers.l2)):
        assert [stage.name for stage in tiers.stages_of(settings, tier)] == [stage.name for stage in built_in(settings)]
        assert tiers.own_of(settings, tier) is None


def test_after_puts_stages_behind_one_and_leaves_the_others_in_order() -> None:
    settings = Settings()
    more = Stage(name="more", fn=lambda batch, cfg: batch, config=settings.run, needs=())
    names = [stage.name for stage in tiers.after("language", tiers.l1(settings), more)]
    assert names[names.index("language") + 1] == "more"
    assert [name for name in names if name != "more"] == [stage.name for stage in tiers.l1(settings)]
