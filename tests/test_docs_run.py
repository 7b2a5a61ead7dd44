"""Every command of README and docs is run, page by page, in a folder that holds what the page speaks of.

The command line is the real one, in this process; `publish` runs in a process of its own, against a hub on loopback.
Stand-ins: a server that plays the language model, an S3 server for buckets, and a hundredth of the tokens in training.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import shutil
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from governance.config import Settings, validated
from manifests.store import Store
from tests import docs_world as world
from tests import knowledge_corpus
from tests.command_line import Said, call
from tests.conftest import S3Server
from tests.docs_author import Author
from tests.docs_blocks import PAGES, ROOT, Block, blocks
from tests.hub_server import HubServer, hub_server
from tests.llm_server import llm_server
from tests.publisher import Publisher, environment
from tests.tiny_models import save_tiny_model

FIRST = ["run", "--level", "L3"]  # README's first command, from which every page goes on
BUCKETS = ("crawl", "my-crawl", "corpus", "my-corpus", "my-bucket", "bucket")
# Pages that begin without the folder `corpus`, because they build it.
BUILD_CORPUS = ("README.md", "quickstart.md", "running.md", "scale.md")


@dataclass(frozen=True)
class Stand:
    """The stand-ins of a session, and the folder that pages are given a copy of."""

    folder: Path
    llm: str
    hub: HubServer
    publisher: Publisher


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("world")
    world.furnish_crawls(folder)
    with (
        llm_server() as llm,
        hub_server(tmp_path_factory.mktemp("hub")) as hub,
        Publisher(hub.endpoint, tmp_path_factory.mktemp("publisher")) as publisher,
    ):
        llm.write = Author()
        made = Stand(folder, llm.endpoint, hub, publisher)
        with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
            at_home(patch, folder)
            said = governance(FIRST, made)
        assert said.code == 0, said
        world.furnish_rows(folder)
        yield made


def at_home(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """The bundled crawl is that of the folder, and the smallest preset smaller still."""
    from annealing import shape
    from governance import commands

    patch.setattr(commands, "BUNDLED_CRAWL", folder / "examples" / "crawl")
    tiny = dataclasses.replace(shape.PRESETS["5m"], hidden_size=32, intermediate_size=64, num_hidden_layers=1)
    patch.setitem(shape.PRESETS, "5m", tiny)


@pytest.fixture
def here(stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, in which a page's commands are typed."""
    folder = tmp_path / "world"
    shutil.copytree(stand.folder, folder)
    for name in ("corpus", "before", "after", "output-before"):
        shutil.copytree(folder / "output", folder / name)
    at_home(monkeypatch, folder)
    monkeypatch.chdir(folder)
    stand.hub.repos = {}
    monkeypatch.syspath_prepend(str(folder))  # PYTHONPATH=.
    return folder


@pytest.fixture
def buckets(here: Path, s3_server: S3Server) -> None:
    """The buckets that pages name, with a crawl or a corpus in them."""
    from tests.children import copy

    for name in BUCKETS:
        request = urllib.request.Request(f"{s3_server.endpoint}/{name}", method="PUT")
        urllib.request.urlopen(request, timeout=30).close()
        store = Store(f"s3://{name}")
        store.delete([item.path for item in store.list("")])
    for name in ("crawl", "my-crawl"):
        copy(str(here / "crawl"), f"s3://{name}")
    for name in ("corpus", "my-corpus"):
        if (here / "corpus").exists():
            copy(str(here / "corpus"), f"s3://{name}")


def governance(words: list[str], stand: Stand, *more: str) -> Said:
    """Run a command as it stands on a page, but for what two cores cannot do in seconds."""
    if words[0] == "publish":
        return stand.publisher(*words, cwd=str(Path.cwd()))
    smaller = SMALLER.get(" ".join(words[:2])) or SMALLER.get(words[0])
    return call(*(smaller(words, stand) if smaller else words), *more)


def _run(words: list[str], stand: Stand) -> list[str]:
    """In this process, and with the server that plays the model; what that writes repeats what it is shown."""
    words = [stand.llm if word.startswith("http://") else word for word in words]
    writes = words[words.index("--level") + 1] == "L3" if "--level" in words else True
    if writes and "--dry-run" not in words and "--endpoint" not in words:
        words += ["--endpoint", stand.llm]
    if writes:
        words += ["--set", "l3.synthesize.checks.max_copied_ratio=1.0", "--set", "l3.synthesize.max_passages=1"]
    return [*words, "--workers", "0"]


def _plan(words: list[str], stand: Stand) -> list[str]:
    return [*words, "--seconds", "1"] if "--seconds" not in words else words


def _train(words: list[str], stand: Stand) -> list[str]:
    return words if "--dry-run" in words else [*words, "--tokens", "8000"]


def _compare(words: list[str], stand: Stand) -> list[str]:
    return words if "--dry-run" in words else [*words, "--tokens", "2000", "--seeds", "1"]


def _label(words: list[str], stand: Stand) -> list[str]:
    words = [stand.llm if word.startswith("http://") else word for word in words]
    return [*words, "--rounds", "1"]


SMALLER: dict[str, Callable[[list[str], Stand], list[str]]] = {
    "run": _run,
    "plan": _plan,
    "anneal": _train,
    "compare": _compare,
    "ladder": _compare,
    "classifier iterate": _label,
    "adopt": lambda words, _: [*words, "--workers", "0"],
    "classifier score": lambda words, _: [*words, "--workers", "0"],
}


def _own_sources(here: Path) -> None:
    """The sources that a reader names in the list."""
    shutil.copytree(world.EXAMPLES / "classifier", here / "my-classifier", dirs_exist_ok=True)


def _own_tokenizer(here: Path) -> None:
    shutil.copytree(here / "anneal" / "tokenizer", here / "my-tokenizer")


def _a_checkpoint(here: Path) -> None:
    """The checkpoint that the page names, whatever the number of its step."""
    last = sorted((here / "anneal" / "checkpoints").iterdir())[-1]
    last.rename(here / "anneal" / "checkpoints" / "step-000000100")


# What no test runs, and why; the text around such a block says it to readers where it is not plain.
NOT_RUN = [
    ("annealing.md", "needs the weights of MiniCPM5-1B-Base, and GPUs for 300 billion tokens"),
    ("annealing.md", "needs a machine of eight GPUs"),
    ("classifier.md", "needs a package index"),
    ("compare.md", "needs lm-evaluation-harness and the data of its tasks"),
    ("compare.md", "needs the weights of MiniCPM5-1B-Base, and GPUs for 10 billion tokens a run"),
    ("compare.md", "needs a machine of eight GPUs"),
    ("compare.md", "needs a GPU"),
    ("extending.md", "needs a GPU"),
    ("running.md", "needs a Ray cluster of other machines"),
    ("scale.md", "needs a Ray cluster of other machines"),
    ("scale.md", "needs a Ray cluster of other machines"),
    ("scale.md", "needs a Kubernetes"),
    ("storage.md", "needs buckets of others"),
    ("synthesis.md", "needs a GPU"),
    ("synthesis.md", "needs a machine of eight GPUs"),
    ("synthesis.md", "needs a machine of eight GPUs"),
    ("synthesis.md", "needs a Slurm cluster"),
    ("synthesis.md", "needs a Slurm cluster"),
]
# Of commands that are trained through elsewhere in other words, the plan alone.
PLANNED = (
    "governance compare --candidate mine.parquet --mix output/L2 --share 0.5 --seeds 5 --output mine",
    "governance compare --candidate with-best/L2 --mix with-first/L2 --output gate",
    "governance ladder output --tiers L1,L2 --language en --output two-tiers",
    "governance anneal --data output/L3 --mix output/L2 --preset 5m --tokens 200000 --share 0.5 --seed 1"
    " --output other",
)
# What a reader does before a line, in the words of its page.
BEFORE: dict[str, Callable[[Path], None]] = {
    "governance classifier train my-classifier/seeds.toml --output my-classifier/model.bin": _own_sources,
    "governance anneal --data fineweb.parquet --preset 60m --tokenizer ./my-tokenizer --output big --dry-run --json": (
        _own_tokenizer
    ),
    "governance anneal --data output/L3 --mix output/L2 --from anneal/checkpoints/step-000000100 --output branch": (
        _a_checkpoint
    ),
}


def _knowledge(here: Path) -> None:
    knowledge_corpus.write(Store(str(here / "corpus")), knowledge_corpus.tables())


def _searched(here: Path) -> None:
    knowledge_corpus.write(Store(str(here / "output")), knowledge_corpus.tables())


def _settings(here: Path) -> None:
    assert call("init", str(here / "web.toml")).code == 0


def _models(here: Path) -> None:
    """Two models to measure."""
    texts = pq.read_table(here / "held.parquet")["text"].to_pylist()
    for name in ("anneal", "other"):
        save_tiny_model(here / name, texts)
    _own_tokenizer(here)


def _german(here: Path) -> None:
    """Pages in German, and a classifier that says it is one of German."""
    shutil.copyfile(ROOT / "classifiers" / "models" / "en.ftz", here / "de.bin")
    world.write_lines(here / "pages-de" / "a.jsonl", [{"text": text} for text in world.GERMAN])


def _rows_of_others(here: Path) -> None:
    """Rows as other tools leave them, in a folder and in a bucket."""
    world.write_lines(here / "rows" / "a.jsonl", [{"body": text} for text in world.GERMAN])
    store = Store("s3://my-bucket")
    store.put("filtered/a.jsonl.gz", gzip.compress((here / "rows" / "a.jsonl").read_bytes().replace(b"body", b"text")))


def _without_l3(here: Path) -> None:
    shutil.rmtree(here / "corpus" / "L3")


def _later_dump(here: Path) -> None:
    archive = "crawl-2026-47/*.warc.gz"
    said = call(
        "run", "--level", "L0", "--input", archive, "--dump", "CC-MAIN-2026-47", "--output", "corpus", "--workers", "0"
    )
    assert said.code == 0, said


def _again(here: Path) -> None:
    said = call("run", "--level", "L1", "--input", "crawl", "--dump", "again", "--output", "corpus", "--workers", "0")
    assert said.code == 0, said
    _settings(here)


# What a page's commands find beside what all pages do.
FURNITURE: dict[str, Callable[[Path], None]] = {
    "search.md": _searched,
    "adopt.md": _rows_of_others,
    "compare.md": _models,
    "extending.md": _german,
    "knowledge.md": _knowledge,
    "plan.md": _settings,
    "synthesis.md": _without_l3,
    "takedown.md": _later_dump,
    "what-if.md": _again,
}


def type_in(words: list[str], stand: Stand, patch: pytest.MonkeyPatch) -> None:
    """Run one line of a bash block. Errors: AssertionError where it fails, or where nobody knows how to run it."""
    program, rest, line = words[0], words[1:], " ".join(words)
    if program == "export":
        return patch.setenv(*rest[0].split("=", 1))
    if program == "make":
        said = subprocess.run(["make", "-n", "-o", ".venv/.installed", *rest], cwd=ROOT, capture_output=True, text=True)
        assert said.returncode == 0 and ".venv/bin" in said.stdout, said
        return None
    assert program == "governance", f"no way to run {program}"
    BEFORE.get(line, lambda _: None)(Path.cwd())
    said = governance(rest, stand, *(["--dry-run"] if line in PLANNED else []))
    assert "Traceback" not in said.err + said.out, said.err
    assert said.code == 0, f"{line}\n{said.out[-2000:]}\n{said.err}"
    return None


def read(block: Block, stand: Stand, names: dict[str, object]) -> None:
    """Run a Python block: in this process, or where it asks the hub in one that is on line."""
    if "my-org/" not in block.text:
        exec(compile(block.text, "docs", "exec"), names)
        return
    env = environment(stand.publisher.endpoint, stand.publisher.folder)
    said = subprocess.run([sys.executable, "-c", block.text], env=env, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr[-2000:]


def settings(block: Block) -> None:
    """What a TOML block sets is there to be set. Errors: UsageError; other files than that of a run are only read."""
    values = tomllib.loads(block.text)
    if values.keys() <= Settings.model_fields.keys():
        validated(values)


def test_what_is_not_run_is_known_and_says_why() -> None:
    found = [(page.name, block.not_run) for page in PAGES for block in blocks(page) if block.not_run]
    assert sorted(found) == sorted(NOT_RUN)


def test_every_test_that_a_page_names_is_there() -> None:
    named = {block.run_by for page in PAGES for block in blocks(page) if block.run_by}
    assert named and all((ROOT / name).is_file() for name in named)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_of_a_page_runs(
    page: Path, stand: Stand, here: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if page.name in BUILD_CORPUS:
        shutil.rmtree(here / "corpus")
    if "s3://" in page.read_text():
        request.getfixturevalue("buckets")
    FURNITURE.get(page.name, lambda _: None)(here)
    names: dict[str, object] = {}
    for block in blocks(page):
        for name in block.files:
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(block.text, encoding="utf-8")
        if block.not_run or block.run_by or block.files:
            continue
        if block.language == "python":
            read(block, stand, names)
        if block.language == "toml":
            settings(block)
        for words in block.lines:
            type_in(words, stand, monkeypatch)
