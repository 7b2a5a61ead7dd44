"""What the verbs do between the parsed command line and the modules that do the work."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from governance import compact as compaction
from governance import config as settings_file
from governance import doctor as checks
from governance import dry_run as rehearsal
from governance import explain as biography
from governance import explain_address as sites
from governance import funnel, outlook, policy, preflight, rates, url_table
from governance import status as state
from governance import takedown as removal
from governance import verify as audit
from governance.cluster import Cluster
from governance.config import Settings
from governance.errors import RunError, UsageError
from governance.inputs import check_entry, check_one_crawl, dump_of, find_shards
from governance.pipeline import Outcome, Request, plan_tiers, read_manifest
from governance.pipeline import run as run_pipeline
from governance.progress import Progress, progress_mode
from manifests.store import Store, is_local, local_path

BUNDLED_CRAWL = Path(__file__).resolve().parent.parent / "examples" / "crawl"


@dataclass(frozen=True)
class Ask:
    """The flags of ``governance run``."""

    level: str
    inputs: tuple[str, ...]
    output: str
    config: str | None
    enter: str
    dump: str | None
    address: str | None
    workers: int | None
    overrides: tuple[str, ...]
    rebuild: bool


def overrides_of(
    model: str | None = None, endpoints: tuple[str, ...] = (), limit: int | None = None, tiers: str | None = None
) -> list[str]:
    """The settings that some flags are short for."""
    pairs = {
        "l3.engine.model": model,
        "l3.engine.endpoints": endpoints or None,
        "l3.max_documents": limit,
        "tiers": tiers,
    }
    # JSON of these is TOML, but for the surrogates by which it escapes what is beyond 16 bits.
    return [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in pairs.items() if value is not None]


def run(ask: Ask, as_json: bool) -> None:
    """Build the tiers, show the funnel and what to type next."""
    start = time.monotonic()
    settings = settings_file.load(ask.config, ask.overrides)
    request = request_of(ask, settings, open_output)
    address = address_of(ask)
    _check(request, address)
    store, dump = request.store, request.dump
    with Cluster(address, ask.workers, settings.run.straggler_after_s) as cluster:
        outcome = run_pipeline(request, cluster, Progress(progress_mode(as_json)))
        url_table.ensure(store, dump, cluster)
    seconds = time.monotonic() - start
    work = rates.engine_work(outcome, settings.l3) if "L3" in outcome.built else None
    _write_times(store, outcome, work, seconds)
    body = funnel.as_json(store, outcome, ask.output, dump, seconds, work)
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        funnel.show(body)


def dry_run(ask: Ask, as_json: bool) -> None:
    """Show the prompts of five documents and the forecast; writes nothing and asks no model."""
    if ask.level != "L3":
        raise UsageError(f"--dry-run shows what L3 would ask, and the level is {ask.level}", "add --level L3")
    settings = settings_file.load(ask.config, ask.overrides)
    # Without --address inside this process: a look at a few documents is no work for a cluster.
    with Cluster(ask.address, ask.workers if ask.address else 0) as cluster:
        body = rehearsal.dry_run(request_of(ask, settings, readable), cluster)
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        rehearsal.show(body)


def address_of(ask: Ask) -> str | None:
    """The Ray cluster to run on, None for this machine. ``ray job submit`` names its own in RAY_ADDRESS.

    Errors: UsageError."""
    if ask.address and ask.workers:
        raise UsageError("--workers is about this machine, and --address names a cluster", "leave one of them out")
    return ask.address or (os.environ.get("RAY_ADDRESS") if ask.workers is None else None)


def request_of(ask: Ask, settings: Settings, opened: Callable[[str], Store]) -> Request:
    """What is asked for, with its input found and then its output opened. Errors: UsageError."""
    inputs = ask.inputs or _bundled()
    dump = dump_of(inputs) if ask.dump is None else ask.dump
    shards = find_shards(inputs, dump)
    check_entry(shards, ask.enter)
    if ask.dump is None:
        check_one_crawl(shards)
    return Request(ask.level, shards, opened(ask.output), dump, settings, ask.enter, ask.rebuild)


def _check(request: Request, address: str | None) -> None:
    """Try everything that can be tried before work starts. Errors: UsageError, RunError."""
    settings, levels = request.settings, tuple(plan.tier for plan in plan_tiers(request))
    preflight.check_classifiers(settings, levels)
    preflight.check_question_sets(settings, levels)
    if "L3" in levels and read_manifest(request.store, "L3", request.dump) is None:
        preflight.check_gpus(settings.l3, address)
        preflight.check_engine(settings.l3.engine)
        preflight.check_inference(settings)


def _bundled() -> tuple[str, ...]:
    if not BUNDLED_CRAWL.is_dir():
        raise UsageError("no --input, and the bundled crawl is not in this installation", "give --input")
    return (str(BUNDLED_CRAWL),)


def open_output(output: str) -> Store:
    """The store of an output folder, made where there is none. Errors: UsageError."""
    _check_output(output)
    if is_local(output):
        folder = local_path(output)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot create {output!r}: {error.strerror}", "choose another --output") from error
    return _store(output)


def readable(output: str) -> Store:
    """The store of an output folder that a run wrote to. Errors: UsageError when there is none."""
    _check_output(output)
    if is_local(output) and not local_path(output).is_dir():
        raise UsageError(f"no folder {output!r}", "name the --output of a run, or build one with --level L2 first")
    return _store(output)


def _check_output(output: str) -> None:
    """Errors: UsageError for what can be no output."""
    if "://" in output and output.partition("://")[0] not in ("s3", "gs", "az", "file"):
        raise UsageError(f"cannot write to {output!r}", "use a local folder, s3://, gs:// or az://")
    if is_local(output) and local_path(output).is_file():
        raise UsageError(f"--output {output!r} is a file", "give a folder")


def _store(output: str) -> Store:
    store = Store(output if "://" in output else str(local_path(output)))
    store.reach()
    return store


def _write_times(store: Store, outcome: Outcome, work: dict[str, Any] | None, seconds: float) -> None:
    """Times of the last run that built something, and what its engines did in them, apart from the manifests, which
    hold no clock."""
    if not outcome.built:
        return
    body: dict[str, Any] = {"built": outcome.built, "steps_s": outcome.seconds, "wall_s": round(seconds, 2)}
    if (compared := outlook.against_actual(store, outcome)) is not None:
        body["forecast"] = compared
    if work is not None:
        body["engine"] = work
    store.put(rates.TIMES, json.dumps(body | {"ended": time.time()}, indent=1).encode())


def status(out: str, as_json: bool) -> None:
    """Print what is built."""
    body = state.read(existing(out))
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        state.show(body, out)


def verify(out: str, as_json: bool, config: str | None = None) -> None:
    """Print what is wrong and how the gates stand, those of a settings file or of the run; raises for what is wrong."""
    store = existing(out)
    gates = policy.in_force(store, settings_file.load(config))
    report = audit.audit(store, Progress(progress_mode(as_json)), gates)
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        audit.show(report)
    if report["faults"]:
        raise RunError(
            f"{out}: {len(report['faults'])} faults, the first: {report['faults'][0]}",
            "restore the named objects, or build into a new --output",
        )


def explain(what: str | None, url: str | None, domain: str | None, out: str, as_json: bool) -> None:
    """Print a row's path, or what was made of a page or a site."""
    kind, value = asked_about(what, url, domain)
    store = existing(out)
    if kind == "uid":
        body, show = biography.explain(store, value), biography.show
    else:
        body, show = sites.explain_address(store, sites.address(kind, value)), sites.show
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1, default=str))
    else:
        show(body)


def asked_about(what: str | None, url: str | None, domain: str | None) -> tuple[str, str]:
    """(uid, url or domain, what it is): an argument is a uid by its 32 hex digits, an address by a slash, else a host.

    Errors: UsageError for none of them, or several.
    """
    given = [(kind, value) for kind, value in (("", what), ("url", url), ("domain", domain)) if value is not None]
    if len(given) != 1:
        remedy = "give a uid, or a URL or a domain; see governance explain --help"
        raise UsageError("nothing to explain" if not given else "several things to explain at once", remedy)
    kind, value = given[0]
    if kind:
        return kind, value
    bare = value.strip()
    if "/" in bare:
        return "url", bare
    return ("domain", bare) if "." in bare else ("uid", bare)


def takedown(
    values: list[tuple[str, str]], out: str, dump: str | None, reason: str, dry_run: bool, as_json: bool
) -> None:  # fmt: skip
    """Take down what rules match, and print the receipt."""
    rules = removal.rules_from(values, reason, dump)
    body = removal.take_down(existing(out), rules, dry_run)
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        removal.show(body)


def compact(out: str, as_json: bool) -> None:
    """Rewrite what holds rows that were taken down, and print what was done."""
    body = compaction.compact(existing(out), Progress(progress_mode(as_json)))
    if as_json:
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        compaction.show(body)


def doctor(as_json: bool, address: str | None) -> None:
    """Print the state of the environment; raises when something must be mended."""
    checks.report(as_json, address)


def init(path: str, force: bool) -> None:
    """Write the commented settings file."""
    target = Path(path)
    if target.exists() and not force:
        raise UsageError(f"{path} is there already", "choose another name, or add --force")
    try:
        target.write_text(settings_file.commented_toml(Settings()), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path!r}: {error.strerror}", "name a file in a folder that is there") from error
    print(f"wrote {path}; use it with: governance run --config {path}")


def existing(out: str) -> Store:
    """The store of a corpus. Errors: UsageError when there is none."""
    if is_local(out) and not local_path(out).is_dir():
        raise UsageError(f"no folder {out!r}", "name the --output of a run")
    store = _store(out)
    if next(iter(store.list("")), None) is None:
        raise UsageError(f"nothing in {out!r}", "name the --output of a run")
    return store
