"""The verb `governance publish`: parsing only, like cli.py. Merged into the top level, so it has no name of its own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer()


class Published(StrEnum):
    """The tiers that can be published."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"


@app.command(rich_help_panel="Hand over")
def publish(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder or s3:// URL that a run wrote to.")],
    repo_id: Annotated[str, typer.Option(help="Repository of the data set, ORG/NAME; made where there is none.")],
    tier: Annotated[
        list[Published] | None, typer.Option(help="Tier to publish. Repeatable. Default: L3, and L4 if sealed.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Refuse to publish where everybody can read it.")] = False,
    revision: Annotated[str, typer.Option(help="Branch to publish to; made where there is none.")] = "main",
    file_size: Annotated[
        int, typer.Option(min=1, max=10_000, help="Size of the files in MB; most are between this and twice this.")
    ] = 512,
    work: Annotated[
        str | None, typer.Option(help="Folder for files on their way. Default: below the user's cache folder.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option(help="Address for take-down requests. Default: the repository's discussions.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the files and show the card; ask no hub, write nothing.")
    ] = False,
    config: Annotated[
        str | None, typer.Option(help="TOML file whose gates the tiers must pass. Default: those of the run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,
) -> None:
    """Publish a sealed tier to the Hugging Face Hub: files of good size, a card in two languages, one commit.

    The token is HF_TOKEN or that of `hf auth login`. The same command goes on where it stopped, and again sends only
    what changed. See docs/publishing.md.
    """
    from governance import publish as publishing

    tiers = tuple(one.value for one in tier or ())
    ask = publishing.Ask(out, repo_id, tiers, private, revision, file_size, work, contact, dry_run, config)
    publishing.publish(ask, as_json)
