"""Entities: names that are one thing, within a language by their folded form, across languages where a text says so.

Computed in parts: ``partial_entities`` counts the names and the pairs of one shard, ``merge_entities`` makes entities
of the counts of all, and ``link`` finds them in the statements of a shard. Any cut into shards gives the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pyarrow as pa

from stages.aliases import alias_pairs
from stages.mentions import mentions_of
from stages.names import entity_uid, fold_names, is_acronym, language_of
from stages.unions import groups_of

VERSION = 1  # bump if entities or links change for the same statements
# Counts of one shard. A name: how many statements hold it, and in how many its form alone makes it a name. A pair: the
# same with ``of``, what ``name`` is an alias of.
PARTIAL = pa.schema(
    {"name": pa.string(), "key": pa.string(), "of": pa.string(), "of_key": pa.string()}
    | {"num_statements": pa.int64(), "num_sure": pa.int64()}
)
ENTITIES = pa.schema(
    {"uid": pa.string(), "name": pa.string(), "lang": pa.string(), "aliases": pa.list_(pa.string())}
    | {"num_statements": pa.int64()}
)
LINKED = pa.schema({"uid": pa.string(), "entity": pa.string(), "start": pa.int64(), "end": pa.int64()})
# Of the statements that hold a name. Of "Returns" or "Select" most are sentences that open with the verb.
_MIN_SURE_RATIO = 0.3
_ROW = ["name", "key", "of", "of_key"]


def partial_entities(statements: pa.Table) -> pa.Table:
    """Counts of the names in statements, and of the pairs that they say are one thing: PARTIAL.

    In: uid, statement, lang: string (n,), without nulls.
    """
    names, pairs = _found(statements)
    each = names.group_by("uid", "name", "key").agg(pl.col("sure").any())
    said = pairs.select(
        "uid", name="alias", key="alias_key", of="name", of_key="name_key", sure=pl.lit(True)
    ).unique()  # fmt: skip
    both = pl.concat([each, said], how="diagonal")
    return _summed(both.with_columns(num_statements=pl.lit(1), num_sure=pl.col("sure")))


def merge_partials(partials: pa.Table) -> pa.Table:
    """PARTIAL of several shards as one, so that counts come together in any number of steps."""
    return _summed(_frame(partials))


def _summed(rows: pl.DataFrame) -> pa.Table:
    counts = rows.group_by(_ROW).agg(pl.col("num_statements", "num_sure").cast(pl.Int64).sum())
    return counts.sort(_ROW).select(PARTIAL.names).to_arrow().cast(PARTIAL)


def _found(statements: pa.Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Names and pairs of statements; both sides of a pair are names that are sure."""
    pairs = _frame(alias_pairs(statements))
    names = [_frame(mentions_of(statements)).select("uid", "name", "key", "start", "end", "sure")]
    for side in ("alias", "name"):
        start = pl.col(f"{side}_start")
        names.append(
            pairs.select(
                "uid", name=side, key=f"{side}_key", start=start, end=start + pl.col(side).str.len_chars(),
                sure=pl.lit(True),
            )
        )  # fmt: skip
    return pl.concat(names, how="vertical_relaxed"), pairs


def merge_entities(partials: pa.Table) -> pa.Table:
    """The entities of the counts of all shards: ENTITIES, by uid.

    An entity is a key that is sure often enough, with the keys that pairs unite with it (see ``unions``). Its uid is
    the hash of the first of its keys by code points, those of acronyms last; its name is the most frequent. A name that
    belongs to several entities, as an acronym that is expanded in two ways does, is an alias of each.
    ``num_statements`` counts a statement once for each of the entity's names in it; ``with_counts`` mends that.
    """
    rows = _frame(merge_partials(partials))
    names = rows.filter(pl.col("of").is_null()).drop("of", "of_key")
    sure, every = (pl.col(name).sum().over("key") for name in ("num_sure", "num_statements"))
    names = names.filter((sure > 0) & (sure >= _MIN_SURE_RATIO * every))
    groups = groups_of(names["key"].unique(), rows.filter(pl.col("of").is_not_null()))
    names = names.join(groups, on="key").with_columns(short=_each("name", is_acronym, pl.Boolean))
    keys = names.filter(~pl.col("shared")).group_by("group", "key").agg(pl.col("short").all())
    first = keys.sort("group", "short", "key").group_by("group", maintain_order=True).agg(pl.col("key").first())
    uids = first.select("group", uid=_each("key", entity_uid, pl.String))
    return _described(names.join(uids, on="group"))


def _described(names: pl.DataFrame) -> pa.Table:
    """ENTITIES of names with the uid of their entity."""
    order = names.sort("uid", "shared", "num_statements", "name", descending=[False, False, True, False])
    spelled = order.unique(["uid", "name"], keep="first", maintain_order=True)
    # Spellings of one Latin key differ by case, marks or a plural; of a Chinese one, by the script readers search in.
    han = _each("name", language_of, pl.String) == "zh"
    spelled = spelled.filter(han | pl.struct("uid", "key").is_first_distinct())
    own = pl.col("num_statements").filter(~pl.col("shared")).sum()
    found = (
        spelled.group_by("uid", maintain_order=True)
        .agg(pl.col("name").first(), aliases=pl.col("name").slice(1))
        .join(names.group_by("uid").agg(own), on="uid")
        .with_columns(lang=_each("name", language_of, pl.String))
    )
    return found.sort("uid").select(ENTITIES.names).to_arrow().cast(ENTITIES)


def link(statements: pa.Table, entities: pa.Table) -> pa.Table:
    """Where statements name entities: LINKED, by uid and start; names that lie in longer ones are left out.

    A name that several entities have links to the one of them that the statement names otherwise too, else to none.
    """
    names = _found(statements)[0].drop("sure", "name").unique()
    known = (
        _frame(entities).select(entity="uid", name=pl.concat_list(pl.concat_list("name"), "aliases")).explode("name")
    )
    known = known.with_columns(key=pl.Series(fold_names(known["name"].to_arrow()))).unique(["entity", "key"])
    found = names.join(known.drop("name"), on="key").with_columns(
        several=pl.col("entity").n_unique().over("uid", "start", "end", "key") > 1
    )
    plain = found.filter(~pl.col("several")).select("uid", "entity").unique()
    told = found.filter("several").join(plain, on=["uid", "entity"], how="semi")
    told = told.filter(pl.col("entity").n_unique().over("uid", "start", "end") == 1)
    links = pl.concat([found.filter(~pl.col("several")), told]).sort("uid", "start", -pl.col("end").cast(pl.Int64))
    reach = pl.col("end").cum_max().shift(1).over("uid")
    links = links.filter(reach.is_null() | (pl.col("start") >= reach))
    return links.select(LINKED.names).to_arrow().cast(LINKED)


def entities_column(uids: pa.Array | pa.ChunkedArray, linked: pa.Table) -> pa.Array:
    """The entities of each statement in the order in which it names them, each once: list of string (n,)."""
    lists = _frame(linked).group_by("uid").agg(pl.col("entity").unique(maintain_order=True))
    column = pl.DataFrame({"uid": pl.Series(uids, dtype=pl.String)}).join(
        lists, on="uid", how="left", maintain_order="left"
    )
    return column["entity"].fill_null([]).to_arrow().cast(pa.list_(pa.string()))


def count_links(linked: pa.Table) -> pa.Table:
    """How many statements of a shard name each entity: entity, num_statements."""
    counts = _frame(linked).group_by("entity").agg(num_statements=pl.col("uid").n_unique().cast(pl.Int64))
    return counts.sort("entity").to_arrow().cast(pa.schema({"entity": pa.string(), "num_statements": pa.int64()}))


def with_counts(entities: pa.Table, counts: pa.Table) -> pa.Table:
    """Entities with what ``count_links`` counted in all shards; those that no statement links to are left out."""
    total = _frame(counts).group_by("entity").agg(pl.col("num_statements").sum())
    found = _frame(entities).drop("num_statements").join(total, left_on="uid", right_on="entity")
    return found.sort("uid").select(ENTITIES.names).to_arrow().cast(ENTITIES)


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _each(column: str, function: Callable[[str], Any], kind: Any) -> pl.Expr:
    """A function of each name of a column, as an expression."""
    return pl.col(column).map_elements(function, return_dtype=kind)
