"""The verb `governance report`: parsing only, like cli.py."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode="markdown")


@app.command(rich_help_panel="Look and prove")
def report(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder or s3:// URL that a run wrote to.")] = "output",
    output: Annotated[
        str | None,
        typer.Option(help="File or s3:// URL of the page. Default: report.html in OUT, or here where OUT is remote."),
    ] = None,
    dump: Annotated[str | None, typer.Option(help="One dump alone. Default: all of them together.")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="OTHER", help="Another output, to tell what changed from it to OUT.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, max=100, help="Rows that are shown of each rule, at most.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of drawing them: another seed shows other rows.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as one JSON object on stdout.")] = False,
) -> None:
    """Write one page that explains OUT: the funnel, every rule's rejects with real rows, figures, what L3 wrote."""
    from governance import report as handover

    handover.report(handover.Ask(out, output, dump, against, examples, seed), as_json)
