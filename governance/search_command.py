"""The verbs of search, from the parsed command line to what is printed."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

from governance.classifier_report import printable
from governance.errors import UsageError
from governance.index import Change, read_state, refresh
from governance.index_config import IndexConfig
from governance.progress import Progress, progress_mode
from governance.search import Query, Searcher
from manifests.store import Store, is_local, local_path

_STYLES = {"corroborated": "green", "supported": "blue", "contradicted": "red", "unsupported": "yellow"}
_EVIDENCE = 3  # rows of it shown of each answer; all of them with --json


def search(query: Query, out: str, fresh: bool, as_json: bool) -> None:
    """Ask and print."""
    query.check()
    searcher = opened(out, fresh, as_json)
    start = time.monotonic()
    answers = searcher.search(query)
    seconds = time.monotonic() - start
    if as_json:
        body = {"question": query.text, "stale": searcher.stale(), "seconds": round(seconds, 4), "answers": answers}
        print(json.dumps(body, ensure_ascii=False, indent=1))
        return
    _show(answers, searcher, seconds)


def serve(out: str, host: str, port: int, fresh: bool) -> None:
    """Serve until interrupted."""
    from governance.serve import run

    run(opened(out, fresh, as_json=False), host, port)


def index(out: str, embedder: str | None, rebuild: bool, as_json: bool) -> None:
    """Make the index, or bring it up to date, and say what was done."""
    store = _store(out)
    config = _config(store, rebuild)
    config = config if embedder is None else config.model_copy(update={"embedder": embedder})
    change = refresh(store, config, Progress(progress_mode(as_json)), rebuild)
    if as_json:
        print(json.dumps(asdict(change)))
    else:
        print(_in_words(change))


def opened(out: str, fresh: bool, as_json: bool) -> Searcher:
    """The index of an output, made or brought up to date where that is asked for."""
    store = _store(out)
    if fresh:
        refresh(store, _config(store), Progress(progress_mode(as_json)))
    return Searcher(store)


def _store(out: str) -> Store:
    if is_local(out) and not local_path(out).is_dir():
        raise UsageError(f"no folder {out!r}", "name the --output of a run")
    return Store(out)


def _config(store: Store, rebuild: bool = False) -> IndexConfig:
    """The settings of the index that is there, else the defaults."""
    state = None if rebuild and not store.exists("_index/current.json") else read_state(store)
    return IndexConfig() if state is None else IndexConfig(**state.config)


def _in_words(change: Change) -> str:
    told = f"{change.rows:,} statements in the index: {change.added:,} came in, {change.removed:,} went"
    return f"{told}, {change.embedded:,} were embedded, in {change.seconds:.1f} s."


def _show(answers: list[dict[str, Any]], searcher: Searcher, seconds: float) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for number, row in enumerate(answers, 1):
        line = Text(f"{number}. ", "bold") + Text(printable(row["statement"]), "bold")
        console.print(line + Text(f"  {row['status']}", _STYLES[row["status"]]) + Text(f"  {row['reason']}", "dim"))
        for other in row["contradictions"]:
            console.print(Text(f"   but: {printable(other['statement'])} ({other['status']})", "red"))
        for one in row["evidence"][:_EVIDENCE]:
            console.print(Text(f"   {one['role']}: ", "dim") + _marked(one))
            console.print(Text(f"   {printable(one['url'])}  {one['date']}", "dim"), soft_wrap=True)
        if len(row["evidence"]) > _EVIDENCE:
            console.print(Text(f"   and {row['num_evidence'] - _EVIDENCE:,} more", "dim"))
        console.print()
    told = (
        f"{len(answers)} of {searcher.state.rows:,} statements, {1000 * seconds:.0f} ms"
        if answers
        else "Nothing found."
    )
    console.print(
        told + (" The index is older than L4: governance index brings it up to date." if searcher.stale() else "")
    )


def _marked(one: dict[str, Any]) -> Any:
    """A piece of evidence between what stands around it."""
    from rich.text import Text

    before, text, after = (" ".join(printable(one[name]).split()) for name in ("before", "text", "after"))
    return (
        Text(f"…{before} " if before else "", "dim")
        + Text(f"⟦{text}⟧", "bold")
        + Text(f" {after}…" if after else "", "dim")
    )
