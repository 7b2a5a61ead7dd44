"""The verbs `takedown` and `compact`: parsing only, like cli.py."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()

Out = Annotated[
    str | None, typer.Argument(metavar="[OUT]", help="Folder or s3:// URL that a run wrote to. Default: output.")
]
Output = Annotated[str | None, typer.Option(help="The same as OUT, by a flag.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]


@app.command(rich_help_panel="Hand over")
def takedown(
    out: Out = None,
    domain: Annotated[
        list[str] | None, typer.Option(help="Host: all of its pages and those of hosts below it. Repeatable.")
    ] = None,
    url: Annotated[list[str] | None, typer.Option(help="Address of a page: all captures of it. Repeatable.")] = None,
    uid: Annotated[list[str] | None, typer.Option(help="One document, or one row of L3. Repeatable.")] = None,
    licence: Annotated[
        list[str] | None, typer.Option(help="Pages of a licence: cc-by-nc, or how its link begins. Repeatable.")
    ] = None,
    output: Output = None,
    dump: Annotated[str | None, typer.Option(help="Only in this dump. Default: in all, also those to come.")] = None,
    reason: Annotated[str, typer.Option(help="Why, in your words; it stands in the receipt.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show counts and five examples; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take pages down: out of every tier at once, with all that was written from them, and never in again.

    The bytes go with `governance compact`. See docs/takedown.md.
    """
    from governance import commands
    from governance.outputs import output_of

    given = {"domain": domain, "url": url, "uid": uid, "licence": licence}
    values = [(kind, value) for kind, some in given.items() for value in some or ()]
    commands.takedown(values, output_of(out, output), dump, reason, dry_run, as_json)


@app.command(rich_help_panel="Hand over")
def compact(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder or s3:// URL that a run wrote to.")] = "output",
    as_json: AsJson = False,
) -> None:
    """Rewrite the parts of OUT that hold what was taken down without it. After a kill, run it again: it goes on."""
    from governance import commands

    commands.compact(out, as_json)
