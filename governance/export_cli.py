"""The verb `governance export`: parsing only, like cli.py."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.command(rich_help_panel="Hand over")
def export(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder or s3:// URL that a run wrote to.")],
    to: Annotated[
        str,
        typer.Option("--to", help="File or s3:// URL; its ending says the format: .nt, .jsonld, or these with .gz."),
    ],
    dump: Annotated[str | None, typer.Option(help="One dump alone. Default: all of them together.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,
) -> None:
    """Write L4 as a knowledge graph: claims with their evidence, entities with their names, topics and relations.

    Without what was taken down. See docs/knowledge.md.
    """
    from governance import export as exporting

    exporting.export(exporting.Ask(out, to, dump), as_json)
