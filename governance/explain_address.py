"""All that was made of a page or a site: its captures in every dump, their fate at every tier, and the rows written."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance import url_table
from governance.cluster import Cluster
from governance.errors import RunError, UsageError
from governance.explain import printable
from governance.status import dumps
from governance.url_lookup import neighbours, pages_between
from manifests.store import Store
from manifests.tombstones import Tombstones, read_rules, read_tombstones
from stages.addresses import page_key, registered, site_key, site_range
from stages.takedown import canonical_rule

BLOCKS = 3  # blocks of row groups that are read of one dump: with footer, records and manifests at most ten reads
MAX_PAGES = 1_000  # that are told one by one
_SHOWN = 20  # of them, on a terminal
_TIERS = url_table.TIERS


@dataclass(frozen=True)
class Address:
    """What somebody asks about: ``kind`` is url or domain, ``value`` its canonical spelling."""

    kind: str
    value: str

    @property
    def host(self) -> str:
        """The host of it."""
        return self.value.partition("/")[0].partition("?")[0]

    @property
    def keys(self) -> tuple[str, str]:
        """The range of its keys in the table."""
        if self.kind == "domain":
            return site_range(self.host)
        key = page_key(self.value)
        return key, f"{key}\0"


def address(kind: str, text: str) -> Address:
    """An address as it is looked up. Errors: UsageError for what is none."""
    try:
        return Address(kind, canonical_rule(kind, text))
    except ValueError as error:
        example = "www.example.org" if kind == "domain" else "https://www.example.org/page"
        raise UsageError(str(error), f"write it like {example}, without wildcards") from error


def explain_address(store: Store, asked: Address) -> dict[str, Any]:
    """Everything the corpus holds of a page or a site.

    Returns ``pages``, one for each capture with its ``tiers`` (fate, part, survivor, score, rows, and of L4 how many
    statements rest on it with a few of their uids), at most MAX_PAGES of them; ``counts``, by tier and fate, of all
    that were read; ``more``, whether a dump holds pages that were not read.
    Of each dump at most ten ranges of bytes are read. Errors: RunError where nothing is found.
    """
    found, out = _Found(), read_tombstones(store)
    with Cluster(None, 0) as cluster:
        for dump in sorted({dump for _, dump in dumps(store)}):
            table = url_table.ensure(store, dump, cluster)
            if table is not None:
                found.take(pages_between(table, asked.host, *asked.keys), dump, out)
    ruled = [f"{rule.kind} {rule.value}" for rule in read_rules(store) if _covers(rule.kind, rule.value, asked)]
    if not found.pages and not ruled:
        raise nothing_found(store, asked)
    counts = {tier: dict(sorted(count.items())) for tier, count in found.counts.items() if count}
    return {
        asked.kind: asked.value, "taken_down_by": ruled, "counts": counts, "pages": found.pages, "more": found.more
    }  # fmt: skip


class _Found:
    """What is found, dump by dump."""

    def __init__(self) -> None:
        self.pages: list[dict[str, Any]] = []
        self.counts: dict[str, Counter[str]] = {tier: Counter() for tier in _TIERS}
        self.more = False

    def take(self, blocks: Iterator[pa.Table], dump: str, out: Tombstones) -> None:
        """Take up the pages of a dump."""
        for number, block in enumerate(blocks):
            self._count(block)
            self.pages += [_page(row, dump, out) for row in block.slice(0, MAX_PAGES - len(self.pages)).to_pylist()]
            if number + 1 == BLOCKS:
                self.more = True
                return

    def _count(self, block: pa.Table) -> None:
        for tier in _TIERS[:3]:
            told = block[f"{tier}.fate"].drop_null().value_counts().to_pylist()
            self.counts[tier].update({one["values"]: one["counts"] for one in told})
        rows = pc.sum(pc.list_value_length(block["L3.rows"])).as_py() or 0
        asked = pc.sum(block["L3.requests"]).as_py() or 0
        self.counts["L3"].update({name: count for name, count in (("requests", asked), ("rows", rows)) if count})
        if said := pc.sum(block["L4.statements"]).as_py():
            self.counts["L4"]["statements"] += said


def _page(row: dict[str, Any], dump: str, out: Tombstones) -> dict[str, Any]:
    """One capture of a page, with what there is of it at each tier."""
    tiers: dict[str, dict[str, Any]] = {}
    for tier in _TIERS[:3]:
        if row[f"{tier}.fate"] is not None:
            tiers[tier] = {"fate": row[f"{tier}.fate"]}
            if row[f"{tier}.part"]:
                tiers[tier]["part"] = f"{tier}/{dump}/data/{row[f'{tier}.part']}"
    if row["survivor"]:
        tiers["L1"]["survivor"] = row["survivor"]
    if row["L2.score"] is not None:
        tiers["L2"]["score"] = row["L2.score"]
    if row["L3.requests"]:
        pairs = zip(row["L3.rows"] or (), row["L3.parts"] or (), strict=True)
        tiers["L3"] = {
            "requests": row["L3.requests"],
            "rows": [{"uid": uid, "part": f"L3/data/{part}"} for uid, part in pairs],
        }
    if row["L4.statements"]:
        tiers["L4"] = {"statements": row["L4.statements"], "uids": row["L4.uids"]}
    rules = out.of(row["uid"], row["uid"]) if out else None
    by = dict(zip(rules["uid"].to_pylist(), rules["rule"].to_pylist(), strict=True)).get(row["uid"]) if rules else None
    return {"url": row["url"], "uid": row["uid"], "dump": dump, "taken_down": by, "tiers": tiers}


def _covers(kind: str, value: str, asked: Address) -> bool:
    """Whether a rule takes down all of what is asked about."""
    if kind == "domain":
        return asked.host == value or asked.host.endswith(f".{value}")
    return kind == "url" == asked.kind and value == asked.value


def nothing_found(store: Store, asked: Address) -> RunError:
    """What to say where no page is found: the site or page that is spelled most like it."""
    near: list[str] = []
    with Cluster(None, 0) as cluster:
        for dump in sorted({dump for _, dump in dumps(store)}):
            table = url_table.ensure(store, dump, cluster)
            keys = neighbours(table, asked.host, asked.keys[0]) if table else []
            pairs = [key.partition("/") for key in keys]
            near += [site_key(site) + (f"/{rest}" if asked.kind == "url" else "") for site, _, rest in pairs]
            near += [registered(site_key(site)) for site, _, _ in pairs if asked.kind == "domain"]
    best = difflib.get_close_matches(asked.value, sorted(set(near)), 1, 0.6)
    remedy = f"did you mean {best[0]}?" if best else "check the spelling and --output"
    return RunError(f"nothing found of the {asked.kind} {asked.value} in {store.url}", remedy)


def show(body: dict[str, Any]) -> None:
    """Print what was made of a page or site as a tree."""
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    kind = "domain" if "domain" in body else "url"
    count = f"{len(body['pages']):,} {'or more ' if body['more'] or len(body['pages']) == MAX_PAGES else ''}captures"
    tree = Tree(Text(printable(f"{body[kind]}  {count}")))
    for rule in body["taken_down_by"]:
        tree.add(Text(printable(f"taken down by the rule {rule}: rows of it do not come in any more")))
    for tier, fates in body["counts"].items():
        tree.add(Text(f"{tier}  " + ", ".join(f"{fate} {number:,}" for fate, number in fates.items())))
    for page in body["pages"][:_SHOWN]:
        branch = tree.add(Text(printable(page["url"])))
        branch.add(Text(f"uid {page['uid']}  dump {page['dump']}"))
        if page["taken_down"]:
            branch.add(Text(f"taken down ({page['taken_down']})"))
        for tier, told in page["tiers"].items():
            _tier(branch, tier, told)
    if len(body["pages"]) > _SHOWN:
        tree.add(Text(f"and {len(body['pages']) - _SHOWN:,} more: --json tells up to {MAX_PAGES:,}"))
    Console().print(tree)


def _tier(branch: Any, tier: str, told: dict[str, Any]) -> None:
    from rich.text import Text

    if tier == "L3":
        below = branch.add(Text(f"L3  {told['requests']:,} requests, {len(told['rows']):,} rows"))
        for row in told["rows"]:
            below.add(Text(f"{row['uid']}  {row['part']}"))
        return
    if tier == "L4":
        more = told["statements"] - len(told["uids"])
        below = branch.add(Text(f"L4  {told['statements']:,} statements rest on it"))
        for uid in told["uids"]:
            below.add(Text(uid))
        if more > 0:
            below.add(Text(f"and {more:,} more: explain with the uid of the page tells all of them"))
        return
    score = f", score {told['score']:.4f}" if "score" in told else ""
    of = f", a duplicate of {told['survivor']}" if "survivor" in told else ""
    below = branch.add(Text(printable(f"{tier}  {told['fate']}{of}{score}")))
    if "part" in told:
        below.add(Text(told["part"]))
