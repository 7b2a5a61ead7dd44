"""Which dumps are older than another: those whose names sort before it, as crawls are named by their dates.

A dump that is deduplicated across the corpus names the older ones, with their fingerprints, in its plan, so what it
holds does not depend on when it is built. A dump that comes to stand before one that was built without it is refused.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from governance.errors import CorpusError, UsageError
from manifests.store import Store
from stages.contract import Stage
from stages.dedup import DedupConfig


def older_dumps(store: Store, dump: str, signatures: Stage) -> dict[str, str]:
    """Names and fingerprints of the older dumps of L1, by age.

    signatures: the stage that makes them; those of all dumps are compared.
    Errors: UsageError for one that is not sealed or has other signatures, and for a younger one built without this.
    """
    found: dict[str, str] = {}
    for name in store.folders("L1"):
        plan = _read(store, f"L1/{name}/plan.json")
        if plan is None or name == dump:
            continue
        against = plan["plan"].get("against")
        if name > dump and against is not None and dump not in against:
            raise UsageError(
                f"dump {name!r} was deduplicated before there was {dump!r}, which is older by its name",
                f"give this one a --dump that sorts after {name!r}, or build into another --output, oldest first",
            )
        if name < dump and _read(store, f"L1/{name}/manifest.json") is None:
            raise UsageError(
                f"dump {name!r}, which is older than {dump!r} by its name, is not finished",
                "finish it first: run its command again",
            )
        if name < dump:
            _check_scheme(name, plan["plan"]["stages"]["dedup"], signatures)
            found[name] = plan["fingerprint"]
    return found


def _check_scheme(dump: str, stored: dict[str, Any], signatures: Stage) -> None:
    """Errors: UsageError for a dump whose signatures cannot be compared with those of a stage."""
    try:
        theirs = (stored["version"], DedupConfig.model_validate(stored["config"]).scheme)
    except ValidationError:
        theirs = (stored["version"], "of another version")
    ours = (signatures.version, DedupConfig.model_validate(signatures.config.model_dump()).scheme)
    if theirs != ours:
        raise UsageError(
            f"the signatures of dump {dump!r} are of scheme {theirs[1]!r} (version {theirs[0]}), those asked for of "
            f"{ours[1]!r} (version {ours[0]}); they cannot be compared",
            "set l1.dedup as it was there, build that dump again with --rebuild, or set l1.dedup.scope=dump",
        )


def _read(store: Store, path: str) -> dict[str, Any] | None:
    try:
        return json.loads(store.get(path))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CorpusError(f"{path} is damaged: {error}", "see `governance verify`") from error
