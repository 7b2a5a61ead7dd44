"""L1: what may be used. The publisher's opt-outs and licence, and lists of adult and spam addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from stages.contract import Config, Stage
from stages.url_lists import KINDS, UrlLists, bundled_lists, listed, lists_identity, no_lists, read_lists

OptOut = Literal["noai", "noimageai", "noindex", "tdm"]
LICENCES = ("cc0", "pdm", "cc-by", "cc-by-sa", "cc-by-nd", "cc-by-nc", "cc-by-nc-sa", "cc-by-nc-nd")
_LINK = r"creativecommons\.org/(?:licen[sc]es|publicdomain)/(?P<terms>by(?:-n[cd]|-sa)*|zero|mark)(?:[/?#]|$)"


class PolicyConfig(Config):
    """Which signals of a publisher reject a page, and which lists of addresses."""

    # Opt-outs that reject: noai and tdm speak of training; noindex is about search, noimageai about images.
    reject_opt_outs: tuple[OptOut, ...] = ("noai", "tdm")
    # Licences that are allowed, none: all, and pages that name none; cc0, pdm, cc-by, cc-by-sa ..., or links they
    # begin with.
    licences: tuple[str, ...] = ()
    bundled_url_lists: bool = True  # adult and spam domains, addresses and words, as datatrove carries them
    domains: str | None = None  # path of your own list, an entry a line: registered domains and hosts
    urls: str | None = None  # the same: whole addresses
    hard_words: str | None = None  # the same: words of an address, of which one is enough
    soft_words: str | None = None  # the same: words of which min_soft_words must meet
    subwords: str | None = None  # the same: anywhere among the letters and digits of an address
    min_soft_words: int = Field(default=2, ge=1)  # different ones in one address

    @field_validator("licences")
    @classmethod
    def _known(cls, licences: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(known_licence(licence) for licence in licences)


def known_licence(licence: str) -> str:
    """The short name of a licence, or a link, as it is. Errors: ValueError for what is neither."""
    if licence not in LICENCES and "://" not in licence:
        raise ValueError(f"{licence!r} is no licence; use a link or one of {', '.join(LICENCES)}")
    return licence


def policy_stage(cfg: PolicyConfig) -> Stage:
    """Act on the signals."""
    return Stage(
        name="policy",
        fn=policy,
        config=cfg,
        needs=("url", "licence", "opt_out"),
        adds=("policy.licence", "policy.listed", "policy.drop"),
        reject_on="policy.drop",
        load=load_lists,
        identity=policy_identity,
    )


def load_lists(cfg: PolicyConfig) -> UrlLists:
    """The lists that a configuration names."""
    own = read_lists(_paths(cfg))
    return (bundled_lists() if cfg.bundled_url_lists else no_lists()) | own


def policy_identity(cfg: PolicyConfig) -> dict[str, str]:
    """The sha256 of each list. Errors: OSError when one cannot be read."""
    return lists_identity(cfg.bundled_url_lists, _paths(cfg))


def _paths(cfg: PolicyConfig) -> dict[str, str]:
    return {kind: path for kind in KINDS if (path := getattr(cfg, kind)) is not None}


def policy(batch: pa.Table, cfg: PolicyConfig, lists: UrlLists) -> pa.Table:
    """Mark pages whose publisher opted out, whose licence is not allowed, or whose address is on a list.

    In:     url string, licence string (a link), opt_out string (comma-joined), all (n,)
    Out:    the same rows with policy.licence string (its short name: cc-by-sa; null for no or another licence),
            policy.listed string (the first list that the address is on, null for none: domain, subdomain, url,
            hardword, softwords, subword) and policy.drop string: noai, noimageai, noindex, tdm, licence, or the list.
    Source: the lists and their decisions are datatrove 0.10.1's URLFilter, which takes them from RefinedWeb
            (arXiv:2306.01116, appendix G.1). Two are spelled apart: a row without an address is on no list, where
            datatrove stops; and the public suffixes are those that tldextract carries, where datatrove fetches newer
            ones if it can. The addresses among datatrove's lists have no "http://" before them, so that, there as
            here, they never are the whole of a web page's address.
    Errors: none from content.
    """
    names = licence_names(batch["licence"].combine_chunks())
    on = pa.array(listed(batch["url"], lists, cfg.min_soft_words), pa.string())
    drop = pa.nulls(batch.num_rows, pa.string())
    for opt_out in cfg.reject_opt_outs:
        said = pc.match_substring_regex(batch["opt_out"].combine_chunks(), rf"(?:^|,){opt_out}(?:,|$)")
        drop = pc.coalesce(drop, _where(said, opt_out))
    if cfg.licences:
        drop = pc.coalesce(
            drop, _where(pc.invert(allowed(batch["licence"].combine_chunks(), names, cfg.licences)), "licence")
        )
    batch = batch.append_column("policy.licence", names).append_column("policy.listed", on)
    return batch.append_column("policy.drop", pc.coalesce(drop, on))


def _where(mask: pa.Array, reason: str) -> pa.Array:
    return pc.if_else(pc.fill_null(mask, False), pa.scalar(reason), pa.scalar(None, pa.string()))


def licence_names(links: pa.Array) -> pa.Array:
    """The short name of a Creative Commons link, null for others."""
    terms = pc.struct_field(pc.extract_regex(pc.utf8_lower(links), _LINK), "terms")
    public = pc.if_else(pc.equal(terms, "zero"), "cc0", pc.if_else(pc.equal(terms, "mark"), "pdm", None))
    return pc.coalesce(public, pc.binary_join_element_wise("cc", terms, "-"))


def allowed(links: pa.Array, names: pa.Array, licences: Sequence[str]) -> pa.Array:
    """Whether a licence is one of those allowed, by its name or by how its link begins; bool (n,)."""
    found = pc.is_in(names, value_set=pa.array([name for name in licences if "://" not in name], pa.string()))
    for link in licences:
        if "://" in link:
            found = pc.or_(found, pc.fill_null(pc.starts_with(links, link), False))
    return found
