"""The verb `governance plan`: parsing only, like cli.py. Merged into the top level, so it has no name of its own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer()


class Level(StrEnum):
    """The tiers that can be built."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"


class Enter(StrEnum):
    """The tiers at which rows can enter."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"


@app.command(rich_help_panel="Build")
def plan(
    level: Annotated[Level, typer.Option(help="Highest tier to build.")] = Level.L3,
    input: Annotated[list[str] | None, typer.Option(help="As for `run`. Default: the bundled crawl.")] = None,
    output: Annotated[str, typer.Option(help="Folder or s3://, gs://, az:// URL a run would write to.")] = "output",
    config: Annotated[str | None, typer.Option(help="TOML file of settings; `governance init` writes one.")] = None,
    tiers: Annotated[
        str | None, typer.Option(help="Your own stages, as my_tiers.py:tiers: see docs/own-tiers.md.")
    ] = None,
    enter: Annotated[Enter, typer.Option(help="Tier at which JSONL or Parquet rows enter.")] = Enter.L0,
    dump: Annotated[str | None, typer.Option(help="Name of this crawl. Default: from the archive's name.")] = None,
    model: Annotated[str | None, typer.Option(help="L3: Hugging Face id or folder. Default: SmolLM2-135M.")] = None,
    endpoint: Annotated[
        list[str] | None, typer.Option(help="L3: URL of an OpenAI-compatible server, or local. Repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="L3: documents to write from, at most, the best.")] = None,
    set: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, e.g. l1.gopher_quality.en.min_words=80. Repeatable.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0, help="Most seconds to read a sample for the forecast. 0: no forecast.")
    ] = 30.0,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the forecast in OUTPUT, so that the run tells how good it was.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")] = False,
) -> None:
    """Say what `governance run` would build, what it would reuse and why, and about what it would take. Builds nothing.

    See docs/plan.md.
    """
    from governance import plan_command as planning
    from governance.commands import Ask, overrides_of

    overrides = (*(set or []), *overrides_of(model, tuple(endpoint or ()), limit, tiers))
    ask = Ask(level.value, tuple(input or ()), output, config, enter.value, dump, None, 0, overrides, False)
    planning.plan(ask, seconds, save, as_json)
