"""What a tier must satisfy before the next one, or the hub, may use it: its gates, checked on manifest and columns.

The gates are settings (governance/gates.py). ``policy.json`` beside the tiers keeps those that a run stated, so that
``publish`` and ``verify`` hold a tier to them without being told again. No text is read: figures come from ledgers and
from a few narrow columns, a row group at a time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from governance.compared import comparison
from governance.config import Settings
from governance.contamination import check_of
from governance.errors import CorpusError, RunError
from governance.gates import NO_LICENCE, TIERS, Gates
from governance.job import data_parts
from governance.parts import read_parts
from manifests import ledger as accounts
from manifests.records import read_records
from manifests.store import Store, is_local, local_path
from stages.decontaminate import CONTAMINATED
from stages.policy import allowed, licence_names

FILE = "policy.json"
_SHOWN = 5  # licences that a message names
_UNREADABLE = (KeyError, ValueError, TypeError, IndexError)


@dataclass(frozen=True)
class Gate:
    """One gate of one tier. ``value`` is None where it was not measured; then the gate does not hold."""

    name: str
    value: Any
    limit: Any
    holds: bool
    told: str  # the figures in words

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def states(gates: Gates) -> bool:
    """Whether settings say anything about the gates of a tier."""
    return gates != type(gates)()


def stated(settings: Settings) -> dict[str, Gates]:
    """The gates that settings say something about, by tier."""
    found = {tier: getattr(settings, tier.lower()).gates for tier in TIERS}
    return {tier: gates for tier, gates in found.items() if states(gates)}


def recorded(store: Store) -> dict[str, Gates]:
    """The gates that runs of this output stated, by tier. Errors: CorpusError."""
    try:
        return {tier: TIERS[tier].model_validate(body) for tier, body in json.loads(store.get(FILE)).items()}
    except FileNotFoundError:
        return {}
    except (ValidationError, *_UNREADABLE) as error:
        message = f"{FILE} is not what a run writes: {type(error).__name__}: {error}"
        raise CorpusError(message, f"restore {FILE}, or state the gates again in the settings of a run") from error


def in_force(store: Store, settings: Settings | None = None) -> dict[str, Gates]:
    """The gates by tier: those that the settings state, else those that are recorded."""
    return recorded(store) | (stated(settings) if settings else {})


def record(store: Store, settings: Settings) -> dict[str, Gates]:
    """Keep the gates that the settings state, each tier's in the place of its earlier ones; returns those in force."""
    gates = in_force(store, settings)
    if stated(settings):
        gates = {tier: _settled(one) for tier, one in gates.items() if one.enforce}
        body = {tier: one.model_dump(mode="json", exclude_defaults=True) for tier, one in sorted(gates.items())}
        store.put(FILE, json.dumps(body, indent=1, ensure_ascii=False).encode())
    return gates


def _settled(gates: Gates) -> Gates:
    """With the path of a local file written so that it is found from any folder."""
    if gates.compare is None or not is_local(gates.compare):
        return gates
    return gates.model_copy(update={"compare": str(local_path(gates.compare))})


def demand(store: Store, manifest: Mapping[str, Any], gates: Gates | None, purpose: str) -> None:
    """Errors: RunError naming every gate of the tier that does not hold, with its figures."""
    failed = [gate for gate in check(store, manifest, gates) if not gate.holds]
    if failed:
        tier = f"{manifest['tier']}/{manifest['dump']}"
        told = "; ".join(f"{gate.name}: {gate.told}" for gate in failed)
        raise RunError(
            f"{tier} does not pass its gates, so {purpose}: {told}",
            f"build {manifest['tier']} with other settings, or move the gate in [{manifest['tier'].lower()}.gates]; "
            "`governance verify` shows all gates",
        )


def check(store: Store, manifest: Mapping[str, Any], gates: Gates | None = None) -> list[Gate]:
    """Every gate of a sealed tier that is on, the balance of the ledger first."""
    ledger = accounts.load(manifest["ledger"])
    found = [_balance(ledger)]
    if gates is None or not gates.enforce:
        return found
    found += _of_ledger(manifest, ledger, gates)
    if getattr(gates, "max_pii_per_million_words", None) is not None or getattr(gates, "licences", None) is not None:
        found += _of_rows(store, manifest, gates)
    if gates.compare is not None:
        tier, limit = f"{manifest['tier']}/{manifest['dump']}", gates.min_gain
        compared = comparison(store, tier, gates.compare, limit, gates.headline)
        name = "compare" if limit is None else "min_gain"
        found.append(Gate(name, compared.value, "better" if limit is None else limit, compared.holds, compared.told))
    return found


def report(store: Store, bases: Iterable[str], gates: Mapping[str, Gates]) -> list[dict[str, Any]]:
    """All gates of sealed tiers, named as ``L1/web``, as JSON values; of a damaged tier one that does not hold."""
    found: list[dict[str, Any]] = []
    for base in bases:
        try:
            manifest = json.loads(store.get(f"{base}/manifest.json"))
            checked = check(store, manifest, gates.get(manifest["tier"]))
        except (CorpusError, *_UNREADABLE) as error:
            told = f"not measured, for the tier is damaged: {error}"
            checked = [Gate("all", None, None, False, told)]
        found += [{"tier": base, **gate.to_json()} for gate in checked]
    return found


def _balance(ledger: accounts.Ledger) -> Gate:
    faults = accounts.faults(ledger)
    came = ledger[0].came.rows if ledger else 0
    told = faults[0] if faults else f"{came:,} came in, and each is kept, rejected or quarantined"
    return Gate("balance", len(faults), 0, not faults, told)


def _of_ledger(manifest: Mapping[str, Any], ledger: accounts.Ledger, gates: Gates) -> Iterator[Gate]:
    """The gates that manifests alone decide."""
    if gates.max_error_rate is not None:
        failed, came = sum(one.quarantined.rows for one in ledger), ledger[0].came.rows if ledger else 0
        yield _at_most("max_error_rate", failed, came, gates.max_error_rate, "rows broke a stage", "no row came in")
    limit = getattr(gates, "max_contamination_share", None)
    if limit is not None:
        hit, compared, why = _contaminated(manifest, ledger)
        yield _at_most("max_contamination_share", hit, compared, limit, "hold an item of a question set", why)
    least = getattr(gates, "min_verified_share", None)
    if least is not None:
        yield _verified(manifest["figures"].get("passed", 0), manifest["figures"].get("outputs", 0), least)


def _at_most(name: str, part: int, whole: int, limit: float, what: str, why: str) -> Gate:
    """A share with an upper limit; without anything to measure it on the gate does not hold, and ``why`` says so."""
    if not whole:
        return Gate(name, None, limit, False, f"not measured, for {why}; the limit is {limit:g}")
    share = part / whole
    return Gate(
        name, share, limit, share <= limit, f"{part:,} of {whole:,} {what}, {share:.4g}; the limit is {limit:g}"
    )


def _contaminated(manifest: Mapping[str, Any], ledger: accounts.Ledger) -> tuple[int, int, str]:
    """Rows or outputs that were found contaminated, those that were compared, and why there are none."""
    told = check_of(dict(manifest["plan"]))
    if not told["sets"]:
        return 0, 0, told["not_checked"]
    stage = accounts.OUTPUTS if manifest["tier"] == "L3" else "decontaminate"
    of = [account for account in ledger if account.stage == stage]
    hit = sum(account.rejected[CONTAMINATED].rows for account in of if CONTAMINATED in account.rejected)
    return hit, sum(account.came.rows for account in of), "nothing was there to compare"


def _verified(passed: int, outputs: int, least: float) -> Gate:
    name = "min_verified_share"
    if not outputs:
        return Gate(name, None, least, False, f"not measured, for the model wrote nothing; the limit is {least:g}")
    told = f"{passed:,} of {outputs:,} outputs passed every check, {passed / outputs:.4g}; the limit is {least:g}"
    return Gate(name, passed / outputs, least, passed / outputs >= least, told)


def _of_rows(store: Store, manifest: Mapping[str, Any], gates: Gates) -> Iterator[Gate]:
    """The gates that narrow columns of the tier's rows decide: counts of masked values and of words, and licences."""
    limit, licences = getattr(gates, "max_pii_per_million_words", None), getattr(gates, "licences", None)
    columns = [
        *(("pii_masked", "num_words") if limit is not None else ()),
        *(("licence",) if licences is not None else ()),
    ]
    sums: Counter[str] = Counter()
    links: Counter[str | None] = Counter()
    for record in read_records(store, f"{manifest['tier']}/{manifest['dump']}", "data"):
        for table in read_parts(store, data_parts(record), columns):
            if limit is not None:
                sums.update(_counted(table))
            if licences is not None:
                links.update({one["values"]: one["counts"] for one in pc.value_counts(table["licence"]).to_pylist()})
    if limit is not None:
        yield _personal(sums, limit)
    if licences is not None:
        yield _licensed(links, licences)


def _counted(table: pa.Table) -> dict[str, int]:
    return {
        "masked": pc.sum(table["pii_masked"]).as_py() or 0,
        "words": pc.sum(table["num_words"]).as_py() or 0,
        "unknown": max(table["pii_masked"].null_count, table["num_words"].null_count),
    }


def _personal(sums: Mapping[str, int], limit: float) -> Gate:
    name = "max_pii_per_million_words"
    words, unknown = sums.get("words", 0), sums.get("unknown", 0)
    if unknown or not words:
        why = f"{unknown:,} rows entered from outside and were not looked at" if unknown else "there are no words"
        return Gate(name, None, limit, False, f"not measured, for {why}; the limit is {limit:g}")
    rate = sums["masked"] / words * 1_000_000
    told = f"{sums['masked']:,} values masked in {words:,} words, {rate:.4g} in a million; the limit is {limit:g}"
    return Gate(name, rate, limit, rate <= limit, told)


def _licensed(links: Mapping[str | None, int], licences: tuple[str, ...]) -> Gate:
    """How many rows have a licence that is not on the list; one of no known name counts as none found."""
    column = pa.array(list(links), pa.string())
    names = licence_names(column)
    fine = allowed(column, names, licences).to_pylist()
    wrong: Counter[str] = Counter()
    for link, name, listed in zip(links, names.to_pylist(), fine, strict=True):
        if not (listed or (name is None and NO_LICENCE in licences)):
            wrong[name or "none found"] += links[link]
    rows, total = sum(wrong.values()), sum(links.values())
    which = ", ".join(f"{name} ({count:,})" for name, count in wrong.most_common(_SHOWN))
    told = f"{rows:,} of {total:,} rows have another licence than {', '.join(licences) or 'any'}"
    return Gate("licences", rows, list(licences), not rows, told + (f": {which}" if which else ""))
