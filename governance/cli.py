"""The command line: parsing and printing only. Heavy imports happen inside the commands, so that --help is instant."""

from __future__ import annotations

import difflib
import errno
import sys
from typing import Annotated, Any

import typer

from governance.adopt_cli import app as adopt_app
from governance.classifier_cli import app as classifier_app
from governance.errors import GovernanceError
from governance.export_cli import app as export_app
from governance.plan_cli import Enter, Level
from governance.plan_cli import app as plan_app
from governance.publish_cli import app as publish_app
from governance.report_cli import app as report_app
from governance.search_cli import app as search_app
from governance.takedown_cli import app as takedown_app
from governance.training_cli import app as training_app
from governance.whatif_cli import app as whatif_app

app = typer.Typer(
    name="governance",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Raw web pages to verified, traceable pre-training data: "
    "L0 text, L1 clean, L2 selected, L3 rewritten and checked against its own source.",
    epilog="Begin with `governance run --level L2`: the bundled crawl, in a minute. Then `governance status`, "
    "`governance report`, and `governance VERB --help`. A page for each verb and each task: docs/README.md.",
)
app.add_typer(classifier_app, name="classifier", rich_help_panel="Train and compare")
app.add_typer(training_app)
app.add_typer(publish_app)
app.add_typer(report_app)
app.add_typer(export_app)
app.add_typer(takedown_app)
app.add_typer(whatif_app)
app.add_typer(plan_app)
app.add_typer(adopt_app)
app.add_typer(search_app)


_INTERRUPTED = 130

# click's own error, which typer carries under a private name: a wrong flag, value or command
_CommandLineError: Any = typer.BadParameter.__base__

Output = Annotated[str, typer.Argument(metavar="OUT", help="Folder or s3:// URL that a run wrote to.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]


@app.command(rich_help_panel="Build")
def run(
    level: Annotated[Level, typer.Option(help="Highest tier to build.")] = Level.L3,
    input: Annotated[
        list[str] | None,
        typer.Option(
            help="WARC, JSONL or Parquet: file, folder, glob, .txt list, s3:// or hf:// URL. Default: a bundled crawl."
        ),
    ] = None,
    output: Annotated[str, typer.Option(help="Folder or s3://, gs://, az:// URL to write to.")] = "output",
    config: Annotated[str | None, typer.Option(help="TOML file of settings; `governance init` writes one.")] = None,
    tiers: Annotated[
        str | None, typer.Option(help="Your own stages, as my_tiers.py:tiers: see docs/own-tiers.md.")
    ] = None,
    enter: Annotated[Enter, typer.Option(help="Tier at which JSONL or Parquet rows enter.")] = Enter.L0,
    dump: Annotated[str | None, typer.Option(help="Name of this crawl. Default: from the archive's name.")] = None,
    model: Annotated[str | None, typer.Option(help="L3: Hugging Face id or folder. Default: SmolLM2-135M.")] = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            help="L3: URL of an OpenAI-compatible server, ending in /v1, or local for vLLM here. Repeatable: "
            "all of them work at once."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="L3: documents to write from, at most, the best.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="L3: show the prompts of five documents and the forecast; ask nothing.")
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster, e.g. ray://head:10001 or auto. Default: RAY_ADDRESS, else this machine."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="CPUs of the local Ray. 0: run inside this process, for debugging.")
    ] = None,
    set: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, e.g. l1.gopher_quality.en.min_words=80. Repeatable.")
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Replace tiers that were built with other settings.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build the tiers up to LEVEL. What is built with the same input and settings is reused.

    After a crash or a kill, the same command goes on where it stopped.
    """
    from governance import commands

    overrides = [*(set or []), *commands.overrides_of(model, tuple(endpoint or ()), limit, tiers)]
    ask = commands.Ask(
        level.value, tuple(input or ()), output, config, enter.value, dump, address, workers, tuple(overrides), rebuild
    )
    (commands.dry_run if dry_run else commands.run)(ask, as_json)


@app.command(rich_help_panel="Build")
def status(out: Output = "output", as_json: AsJson = False) -> None:
    """Say what is built in OUT, what is under way and how far."""
    from governance import commands

    commands.status(out, as_json)


@app.command(rich_help_panel="Look and prove")
def verify(
    out: Output = "output",
    config: Annotated[
        str | None, typer.Option(help="TOML file whose gates are shown. Default: those of the run.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Re-count the ledger, checksums, schemas and lineage of OUT, and show its gates. Exit 1 and name what is wrong."""
    from governance import commands

    commands.verify(out, as_json, config)


@app.command(rich_help_panel="Look and prove")
def explain(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[UID|URL|DOMAIN]", help="A row's uid (32 hex digits), a page's address, or a host."),
    ] = None,
    out: Annotated[
        str | None, typer.Argument(metavar="[OUT]", help="Folder or s3:// URL that a run wrote to. Default: output.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Address of a page: all captures of it.")] = None,
    domain: Annotated[str | None, typer.Option(help="Host: it and all hosts below it.")] = None,
    output: Annotated[str | None, typer.Option(help="The same as OUT, by a flag.")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell a row's whole path, from its archive record through every verdict to what was made of it.

    Of a page or a site: every capture, its fate at every tier, the rows written from it and where they lie. With --url
    or --domain the argument is OUT.
    """
    from governance import commands
    from governance.outputs import explained

    what, place = explained(what, out, output, url is not None or domain is not None)
    commands.explain(what, url, domain, place, as_json)


@app.command(rich_help_panel="Build")
def doctor(
    as_json: AsJson = False, address: Annotated[str | None, typer.Option(help="Ray cluster to check.")] = None
) -> None:
    """Check this environment and name the fix for whatever is wrong. Exit 1 if something is."""
    from governance import commands

    commands.doctor(as_json, address)


@app.command(rich_help_panel="Build")
def init(
    path: Annotated[str, typer.Argument(help="TOML file to write.")] = "governance.toml",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a TOML file with every setting, its default and what it means."""
    from governance import commands

    commands.init(path, force)


def main() -> None:
    """Entry point: known errors become one message with a remedy and an exit code, bugs keep their traceback."""
    try:
        code = app(args=sys.argv[1:] or ["--help"], prog_name="governance", standalone_mode=False)
    except _CommandLineError as error:
        _fail(error.format_message().replace("Value error, ", ""), _command_remedy(error), 2)  # pydantic's words
    except GovernanceError as error:
        _fail(str(error), error.remedy, error.exit_code)
    except Exception as error:
        remedy = _storage_remedy(error)
        if remedy is None:
            raise
        _fail(str(error).splitlines()[0], remedy, 1)
    if code == _INTERRUPTED:  # click catches the signal and answers with the code that shells know
        _fail("interrupted", "everything committed is kept; the same command goes on from there", code)
    sys.exit(code)


def _command_remedy(error: Any) -> str:
    """The nearest right name of a flag that is none, how the verb takes its folder, else where the flags are listed."""
    command = error.ctx.command_path if error.ctx else "governance"
    listed = f"see {command} --help"
    params = error.ctx.command.params if error.ctx else []
    known = [name for param in params for name in param.opts if name.startswith("--")]
    if "unexpected extra argument" in error.format_message() and "--output" in known:
        return f"did you mean --output? {listed}"
    wrong = getattr(error, "option_name", "")
    if wrong == "--output" and any(param.metavar == "OUT" for param in params):
        return f"write the folder without a flag: {command} output"
    near = difflib.get_close_matches(wrong, known, 1, 0.5)
    return f"did you mean {near[0]}? {listed}" if near else listed


def _storage_remedy(error: Exception) -> str | None:
    """What to do about a disk or an object store that does not do its part; None for every other error."""
    from manifests.store_faults import StoreError

    if isinstance(error, StoreError):
        return error.remedy
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "free some space and run the same command again; everything committed is kept"
    if isinstance(error, PermissionError):
        return "give this user the right to it, or choose another place"
    remote = isinstance(error, FileNotFoundError) and "://" in str(error.filename)
    if remote or type(error).__module__.startswith("obstore"):
        return "check that the bucket is there, the credentials, and the network; everything committed is kept"
    return None


def _fail(message: str, remedy: str, code: int) -> None:
    """Print one message on stderr and leave."""
    print(f"error: {message}", file=sys.stderr)
    if remedy:
        print(f"  fix: {remedy}", file=sys.stderr)
    sys.stderr.flush()
    sys.exit(code)


if __name__ == "__main__":
    main()
