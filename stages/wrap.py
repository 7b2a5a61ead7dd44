"""Any datatrove filter as a stage."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stages.contract import Config, Stage

if TYPE_CHECKING:
    from datatrove.pipeline.filters.base_filter import BaseFilter


def datatrove_stage(
    name: str,
    make_filter: Callable[[Any], BaseFilter],
    config: Config,
    metadata: Mapping[str, str] | None = None,
    rewrites: bool = False,
) -> Stage:
    """Wrap a datatrove filter: what it removes gets a reason, nothing is removed.

    Args: name, of the stage; make_filter, config -> filter, called once per worker, a function of a module so that
        workers can load it; metadata, our column -> the key under which the filter looks in Document.metadata, such as
        {"lang": "language"}; rewrites, whether the text as the filter leaves it replaces content, which C4 needs.
    Out: a stage that adds "<name>.drop": the filter's reason in snake_case, "dropped" where it gives none, "no_text".
    """
    columns = dict(metadata or {})
    drop = f"{name}.drop"
    return Stage(
        name=name,
        fn=partial(_filter_rows, drop=drop, metadata=columns, rewrites=rewrites),
        config=config,
        needs=("uid", "content", *columns),
        adds=(drop,),
        replaces=("content",) if rewrites else (),
        reject_on=drop,
        load=make_filter,
        identity=partial(_identity, make_filter=make_filter),
    )


def _filter_rows(
    batch: pa.Table, config: Config, model: BaseFilter, *, drop: str, metadata: Mapping[str, str], rewrites: bool
) -> pa.Table:
    """Ask the filter about each row; in and out as datatrove_stage says."""
    from datatrove.data import Document

    texts = batch["content"].to_pylist()
    extra = batch.select(list(metadata)).rename_columns(list(metadata.values())).to_pylist() or [{}] * len(texts)
    uids = batch["uid"].to_pylist()
    places = [place for place, text in enumerate(texts) if text]
    documents = [Document(text=texts[place], id=uids[place], metadata=extra[place]) for place in places]
    reasons: list[str | None] = [None if text else "no_text" for text in texts]
    for place, answer in zip(places, _answers(model, documents), strict=True):
        reasons[place] = reason_of(answer)
    if rewrites:
        for place, document in zip(places, documents, strict=True):
            texts[place] = document.text
        batch = batch.set_column(batch.schema.get_field_index("content"), "content", pa.array(texts, pa.string()))
    return batch.append_column(drop, pa.array(reasons, pa.string()))


def _answers(model: BaseFilter, documents: list[Any]) -> list[bool | tuple[bool, str]]:
    """What the filter says of each document, in batches of the size it asks for."""
    size = max(1, model.batch_size)
    batches = [documents[start : start + size] for start in range(0, len(documents), size)]
    return [answer for batch in batches for answer in model.filter_batch(batch)]


def reason_of(answer: bool | tuple[bool, str]) -> str | None:
    """A datatrove answer as a verdict: null keeps; "too < 3 words" becomes "too_below_3_words"."""
    keep, reason = answer if isinstance(answer, tuple) else (answer, "")
    if keep:
        return None
    spelled = (reason or "").replace("<", " below ").replace(">", " above ")
    return re.sub(r"\W+", "_", spelled).strip("_").lower() or "dropped"


def _identity(config: Config, make_filter: Callable[[Any], BaseFilter]) -> dict[str, str]:
    name = getattr(make_filter, "__qualname__", type(make_filter).__qualname__)
    return {"filter": f"{make_filter.__module__}.{name}", "datatrove": version("datatrove")}
