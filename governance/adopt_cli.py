"""The verb `governance adopt`: parsing only. Merged into the top level, so it has no name of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from governance.plan_cli import Enter

app = typer.Typer()


@app.command()
def adopt(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Parquet or JSONL that another tool left; a glob, s3://.")
    ],
    output: Annotated[
        str, typer.Option(help="Folder or s3://, gs://, az:// URL of the corpus to take it up in.")
    ] = "output",
    tier: Annotated[
        Enter | None, typer.Option(help="Tier that the rows are. Default: L2 if they have a score, else L1.")
    ] = None,
    dump: Annotated[
        str | None, typer.Option(help="Its name. Default: default, or one a folder where their files share names.")
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Column of the text. Default: content, else text.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="CPUs to use. Default: all; 0 runs without Ray.")] = None,
    address: Annotated[str | None, typer.Option(help="Ray cluster, such as ray://head:10001.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,
) -> None:
    """Take up rows that datatrove or another tool left, as a tier, as they stand: no rule, score or search is run.

    They get a ledger, uids, hashes and a manifest; every verb then works on them. See docs/adopt.md.
    """
    import json

    from governance import adopt as taking
    from governance.progress import Progress, progress_mode

    body = taking.adopt(
        taking.Ask(folder, output, tier.value if tier else None, dump, text_column, workers, address),
        Progress(progress_mode(as_json)),
    )
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        taking.show(body)
