"""The verbs `governance what-if` and `governance diff`: parsing only, like cli.py. Merged into the top level."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer()


class Compared(StrEnum):
    """The tiers whose rows can be compared."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    L4 = "L4"


AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]


@app.command(name="what-if", rich_help_panel="Look and prove")
def what_if(
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder or s3:// URL that a run wrote to.")] = "output",
    set: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, e.g. l1.gopher_quality.en.min_words=80. Repeatable.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="TOML file of settings. Default: those that OUT was built with.")
    ] = None,
    tiers: Annotated[
        str | None, typer.Option(help="The file of own stages that OUT was built with, as for `run`.")
    ] = None,
    dump: Annotated[str | None, typer.Option(help="Dump to tell of, where OUT holds several.")] = None,
    examples: Annotated[int, typer.Option(min=0, max=1000, help="Rows of each kind to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Tell what other settings would keep and drop, from the annotations: no text is processed, nothing is written.

    A setting whose effect only a run can tell is refused. See docs/what-if.md.
    """
    from governance import whatif

    whatif.what_if(whatif.Ask(out, tuple(set or ()), config, dump, examples, tiers), as_json)


@app.command(rich_help_panel="Look and prove")
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="Folder or s3:// URL that a run wrote to.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one, of the same input.")],
    tier: Annotated[Compared, typer.Option(help="Tier whose rows are compared.")] = Compared.L1,
    dump: Annotated[
        list[str] | None, typer.Option(help="Dump to compare, where there are several. Twice: of A, then of B.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, max=1000, help="Rows of each kind to show.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Compare what became of every row in two outputs of the same input, their figures and their settings.

    At L4: the statements that only one of them holds, and those whose status is another.

    Exit 0 whether or not they differ. See docs/what-if.md.
    """
    from governance import diff as comparison
    from governance import diff_statements

    ask = comparison.Ask(a, b, tier.value, tuple(dump or ()), examples)
    compared = diff_statements.diff if tier is Compared.L4 else comparison.diff
    compared(ask, as_json)
