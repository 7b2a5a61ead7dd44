"""Which names are one entity, by the pairs that texts state: united where all pairs agree, kept apart where not.

- An alias with two names in one script (an acronym that is expanded in two ways) unites nothing: it is shared by both.
- A Chinese name with two Latin acronyms, or two Latin names, is no name but a common noun ("寄存器（GPR）" and
  "寄存器（FPR）"): its pairs with Latin names say nothing. Likewise a Latin name with two Chinese ones.
- An acronym does not by itself unite its Latin and its Chinese name, unless it has three letters or more and no text
  gives either another partner.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from stages.name_patterns import HAN
from stages.names import is_acronym

_MIN_CHAINED = 3  # letters of an acronym that unites two languages; shorter ones mean too many things


def groups_of(keys: pl.Series, pairs: pl.DataFrame) -> pl.DataFrame:
    """The group of each key: key, group, shared.

    keys: distinct. pairs: name, key, of, of_key: ``name`` is an alias of ``of``.
    A shared key is in several groups and makes none of its own.
    """
    said = _variants_as_one(
        _plain(pairs.filter(pl.col("key").is_in(keys.implode()) & pl.col("of_key").is_in(keys.implode())))
    )
    links = said.select("key", "of_key", "han", "of_han", "short").unique()
    cross = pl.col("han") != pl.col("of_han")
    partners = pl.col("key").n_unique().over("of_key", "han", "short")
    links = links.filter(~cross | (partners == 1))
    names = pl.col("of_key").n_unique().over("key", "of_han")
    full_name_with_two = cross & ~pl.col("short") & (names > 1)
    links = links.filter(~full_name_with_two)
    chained = _chains_too_far(links)
    links = links.with_columns(
        shared=(pl.col("of_key").n_unique().over("key", "of_han") > 1) | pl.col("key").is_in(chained.implode())
    )
    variants = said.filter(pl.col("of_key") != pl.col("of_spelled")).select(key="of_spelled", of_key="of_key")
    united = pl.concat([links.filter(~pl.col("shared")).select("key", "of_key"), variants]).unique()
    shared = links.filter("shared").select("key", "of_key").unique()
    return _grouped(keys, united, shared)


def _plain(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs with what their names are: han, of_han (Chinese), short (the alias is an acronym)."""
    acronyms = {name for name in pairs["name"].unique() if is_acronym(name)}
    return pairs.with_columns(
        han=pl.col("key").str.contains(HAN),
        of_han=pl.col("of_key").str.contains(HAN),
        short=pl.col("name").is_in(list(acronyms)),
    )


def _variants_as_one(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs whose ``of_key`` is the most frequent of the variants that one alias has; ``of_spelled`` is as it was.

    Variants in Latin: as many words, each with the same first four letters (Logical Volume Manager, Management). In
    Chinese: one ends in the other, which then is the name.
    """
    latin = pl.col("of_key").str.split(" ").list.eval(pl.element().str.slice(0, 4)).list.join(" ")
    pairs = pairs.with_columns(of_spelled="of_key", sign=pl.when("of_han").then("of_key").otherwise(latin))
    counts = pairs.group_by("key", "sign", "of_key").agg(pl.col("num_statements").sum())
    best = counts.sort("key", "sign", pl.col("num_statements") * -1, "of_key").unique(["key", "sign"], keep="first")
    pairs = pairs.drop("of_key").join(best.select("key", "sign", "of_key"), on=["key", "sign"]).drop("sign")
    han = pairs.filter("of_han").select("key", "of_key").unique()
    longer = han.join(han.with_columns(end="of_key").drop("of_key"), on="key").filter(
        (pl.col("of_key") != pl.col("end")) & pl.col("of_key").str.ends_with(pl.col("end"))
    )
    shortest = longer.sort("key", "of_key", pl.col("end").str.len_chars(), "end").unique(
        ["key", "of_key"], keep="first"
    )
    pairs = pairs.join(shortest, on=["key", "of_key"], how="left")
    # What stood before a Chinese name was no part of it, so it is no variant to unite.
    cut = pl.col("end").is_not_null()
    return pairs.with_columns(
        of_key=pl.coalesce("end", "of_key"), of_spelled=pl.when(cut).then("end").otherwise("of_spelled")
    ).drop("end")


def _chains_too_far(links: pl.DataFrame) -> pl.Series:
    """Acronyms that would unite a Latin and a Chinese name that no text pairs, although they must not."""
    short = links.filter("short")
    both = short.filter(~pl.col("of_han")).join(short.filter("of_han"), on="key", suffix="_zh")
    direct = links.filter(~pl.col("han") & pl.col("of_han") & ~pl.col("short"))
    paired = direct.select(of_key="key", of_key_zh="of_key", direct=pl.lit(True))
    both = both.join(paired, on=["of_key", "of_key_zh"], how="left").filter(pl.col("direct").is_null())
    taken = pl.col("of_key").is_in(direct["key"].implode()) | pl.col("of_key_zh").is_in(direct["of_key"].implode())
    return both.filter(taken | (pl.col("key").str.len_chars() < _MIN_CHAINED))["key"].unique()


def _grouped(keys: pl.Series, united: pl.DataFrame, shared: pl.DataFrame) -> pl.DataFrame:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ordered = keys.sort()
    number = pl.DataFrame({"key": ordered, "number": np.arange(len(ordered))})
    ends = united.join(number, on="key").join(number, left_on="of_key", right_on="key", suffix="_of")
    u, v = ends["number"].to_numpy(), ends["number_of"].to_numpy()
    graph = coo_array((np.ones(len(u), np.int8), (u, v)), shape=(len(ordered), len(ordered)))
    label = connected_components(graph, directed=False)[1] if len(ordered) else np.zeros(0, np.int32)
    groups = number.select("key", group=pl.Series(label.astype(np.int64)), shared=pl.lit(False))
    others = shared.join(groups, left_on="of_key", right_on="key").select("key", "group", shared=pl.lit(True)).unique()
    return pl.concat([groups.filter(~pl.col("key").is_in(shared["key"].implode())), others])
