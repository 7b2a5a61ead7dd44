"""What was taken down does not come back: rows of a site, an address, a licence or a document that is to stay out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.addresses import canonical_host, canonical_page, page_key, page_keys, site_range
from stages.contract import Config, Stage
from stages.policy import LICENCES, licence_names

NAME = "takedown"
KINDS = ("domain", "url", "licence", "uid")


class TakedownConfig(Config):
    """Nothing to set: what is taken down is said by `governance takedown`, not by a configuration."""


@dataclass(frozen=True)
class Takedowns:
    """What is to stay out of a corpus. ``uids`` gives for a column of uids the rule each was taken down by, or null."""

    domains: tuple[str, ...] = ()  # canonical hosts; those below them are meant too
    urls: tuple[str, ...] = ()  # canonical pages
    licences: tuple[str, ...] = ()  # short names, or links they begin with
    uids: Mapping[str, str] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Whether no row can be meant."""
        return not (self.domains or self.urls or self.licences or self.uids)


def takedown_stage(cfg: TakedownConfig) -> Stage:
    """Reject what was taken down."""
    return Stage(
        name=NAME,
        fn=takedown,
        config=cfg,
        needs=("uid", "url"),
        adds=("takedown.drop",),
        reject_on="takedown.drop",
        load=no_takedowns,
    )


def no_takedowns(_: TakedownConfig) -> Takedowns:
    """Nothing taken down: the runner puts what the corpus says in its place."""
    return Takedowns()


def takedown(batch: pa.Table, _: TakedownConfig, out: Takedowns) -> pa.Table:
    """Mark rows of what was taken down.

    In:     uid string, url string and, where there is one, licence string (a link), all (n,)
    Out:    the same rows with takedown.drop string: domain, url, licence, or, of a row that was taken down itself, the
            rule that did it (uid, or copy: a duplicate of such a row); null keeps
    Errors: none from content.
    """
    drop = pa.nulls(batch.num_rows, pa.string())
    if out.nothing or batch.num_rows == 0:
        return batch.append_column("takedown.drop", drop)
    if out.uids:
        known = pa.array(list(out.uids), pa.string())
        place = pc.index_in(batch["uid"].combine_chunks(), value_set=known)
        drop = pa.array(list(out.uids.values()), pa.string()).take(place)
    for kind, mask in matches(batch, out).items():
        drop = pc.coalesce(drop, pc.if_else(pa.array(mask), pa.scalar(kind), pa.scalar(None, pa.string())))
    return batch.append_column("takedown.drop", drop)


def matches(batch: pa.Table, out: Takedowns) -> dict[str, np.ndarray]:
    """By kind of rule, which rows one of them means, bool (n,)."""
    found: dict[str, np.ndarray] = {}
    if out.domains or out.urls:
        keys = page_keys(batch["url"])
        found["domain"] = _on_sites(keys, out.domains)
        wanted = pa.array([page_key(page) for page in out.urls], pa.string())
        found["url"] = pc.is_in(keys, value_set=wanted).to_numpy(zero_copy_only=False)
    if out.licences and "licence" in batch.column_names:
        found["licence"] = has_licence(batch["licence"], out.licences)
    return found


def _on_sites(keys: pa.Array, hosts: tuple[str, ...]) -> np.ndarray:
    """Which keys of pages lie in the range of a site."""
    hit = np.zeros(len(keys), bool)
    for host in hosts:
        low, high = site_range(host)
        inside = pc.and_(pc.greater_equal(keys, low), pc.less(keys, high))
        hit |= pc.fill_null(inside, False).to_numpy(zero_copy_only=False)
    return hit


def has_licence(links: pa.ChunkedArray, licences: tuple[str, ...]) -> np.ndarray:
    """Which rows name one of the licences, by its short name or by how its link begins, bool (n,)."""
    names = licence_names(links.combine_chunks())
    short = pa.array([name for name in licences if "://" not in name], pa.string())
    hit = pc.fill_null(pc.is_in(names, value_set=short, skip_nulls=True), False)
    for link in licences:
        if "://" in link:
            hit = pc.or_(hit, pc.fill_null(pc.starts_with(links.combine_chunks(), link), False))
    return hit.to_numpy(zero_copy_only=False)


def canonical_rule(kind: str, value: str) -> str:
    """The value of a rule in the spelling in which it is stored and compared.

    Errors: ValueError saying what is wrong with it.
    """
    value = value.strip()
    if kind == "domain":
        return canonical_host(value)
    if kind == "url":
        return canonical_page(value)
    if kind == "licence":
        return _canonical_licence(value)
    if len(value) != 32 or set(value.lower()) - set("0123456789abcdef"):
        raise ValueError(f"{value!r} is no uid: it has 32 hex digits")
    return value.lower()


def _canonical_licence(value: str) -> str:
    if "://" in value:
        return value
    if value.lower() not in LICENCES:
        raise ValueError(f"{value!r} is no licence: give a link, or one of {', '.join(LICENCES)}")
    return value.lower()


def rules_of(rules: Mapping[str, tuple[str, ...]], uids: Mapping[str, str]) -> Takedowns:
    """The rules of a corpus, by kind, and the uids of some rows, as the stage takes them."""
    kinds: dict[str, Any] = {"domains": "domain", "urls": "url", "licences": "licence"}
    return Takedowns(**{name: tuple(rules.get(kind, ())) for name, kind in kinds.items()}, uids=uids)
