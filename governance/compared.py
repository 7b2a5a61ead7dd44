"""What a ``compare.json`` says of a tier: whether it is about the tier, and whether the tier is worth adding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests.store import Store, is_local, local_path


@dataclass(frozen=True)
class Comparison:
    """The verdict of a comparison against a limit. ``value`` is its word, or the low end of a gain; None: neither."""

    value: Any
    holds: bool
    told: str


def comparison(store: Store, tier: str, path: str, min_gain: float | None, headline: str | None) -> Comparison:
    """The verdict of a file. One that cannot be read, or is about other data, does not hold and says why.

    Args: tier, as ``L2/web``; min_gain, which the whole interval of a headline must be beyond, None: the word decides.
    """
    try:
        body = json.loads(_read(path))
        candidates = body["settings"]["candidate"]
        pair = next(pair for pair in body["pairs"] if pair["one"] == "candidate")
        other = [place for place in candidates if not _is_about(store, tier, place)]
        if not candidates or other:
            return Comparison(
                None, False, f"{path} compares {', '.join(other) or 'nothing'}, not {tier} of {store.url}"
            )
        return _word(pair) if min_gain is None else _gain(pair, min_gain, headline)
    except FileNotFoundError:
        return Comparison(None, False, f"there is no {path}; write it with `governance compare`")
    except (OSError, KeyError, ValueError, TypeError, StopIteration) as error:
        return Comparison(None, False, f"{path} is not what `governance compare` writes: {type(error).__name__}")


def _read(path: str) -> bytes:
    if is_local(path):
        return Path(local_path(path)).read_bytes()
    folder, _, name = path.rpartition("/")
    return Store(folder).get(name)


def _is_about(store: Store, tier: str, place: str) -> bool:
    """Whether a place that was compared is the tier, its dump, or what the tier publishes."""
    root, name = _whole(store.url), tier.partition("/")[0]
    wanted, found = f"{root}/{name}", _whole(place)
    inside = [f"{root}/{tier}", *([f"{root}/L3/data"] if name == "L3" else [])]
    return found == wanted or any(f"{found}/".startswith(f"{one}/") for one in inside)


def _whole(place: str) -> str:
    return str(local_path(place)) if is_local(place) else place.rstrip("/")


def _word(pair: Mapping[str, Any]) -> Comparison:
    return Comparison(pair["word"], pair["word"] == "better", f"it must be better. {pair['sentence']}")


def _gain(pair: Mapping[str, Any], min_gain: float, name: str | None) -> Comparison:
    rows = {row["name"]: row for row in pair["headlines"]}
    if name is not None and name not in rows:
        return Comparison(None, False, f"it has no headline {name!r}; its headlines: {', '.join(rows)}")
    row = rows[name] if name is not None else pair["headlines"][0]
    ends = (-row["high"], -row["low"]) if row["lower_is_better"] else (row["low"], row["high"])
    gain = -row["value"] if row["lower_is_better"] else row["value"]
    told = f"{row['name']} is better by {gain:+.4f} ({ends[0]:+.4f} to {ends[1]:+.4f}); the limit is {min_gain:g}"
    return Comparison(ends[0], ends[0] > min_gain, told)
