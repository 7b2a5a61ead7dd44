"""Which settings the index of a corpus is made by: `l4.index` of the last run that stated them, and flags over them.

``_index/settings.json`` keeps what a run stated, so that `governance index`, `search`, `serve` and `evaluate --rag`
need no settings file. A flag of `governance index` takes the place of what was stated, until a run states it again.
They are no part of what L4 is: another embedder builds another index, and no tier anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from governance.config import Settings
from governance.errors import CorpusError
from governance.index_config import IndexConfig
from governance.index_table import FOLDER
from manifests.store import Store, is_local

FILE = f"{FOLDER}/settings.json"
_STATIC = "static:"


def record(store: Store, settings: Settings) -> None:
    """Keep what the settings state of the index beside what earlier ones did; nothing is written where they do not."""
    told = _settled(settings.l4.index).model_dump(exclude_unset=True)
    if told:
        _write(store, recorded(store) | told)


def recorded(store: Store) -> dict[str, Any]:
    """What runs and flags stated, by name. Errors: CorpusError."""
    try:
        found = json.loads(store.get(FILE))
        IndexConfig(**found)
        return found
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, ValidationError) as error:
        raise CorpusError(f"{FILE} is damaged: {error}", f"remove {FILE}, and state l4.index again in a run") from error


def asked(store: Store, config: IndexConfig, before: dict[str, Any] | None) -> IndexConfig:
    """The settings to make the index by: what is recorded, but where ``config`` was given by hand, that.

    Args: before, the settings of the index that is there, None where there is none. Where config differs from them, it
        was given by hand, and is recorded in the place of what was stated.
    """
    stated = recorded(store)
    known = IndexConfig(**(before or {})).model_dump()
    by_hand = {name: value for name, value in config.model_dump().items() if value != known[name]}
    overruled = {name: value for name, value in by_hand.items() if name in stated and stated[name] != value}
    if overruled:
        _write(store, stated | overruled)
    return config.model_copy(update=stated | by_hand)


def _write(store: Store, told: dict[str, Any]) -> None:
    store.put(FILE, json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False).encode())


def _settled(config: IndexConfig) -> IndexConfig:
    """With the folder of a model written so that it is found from any folder."""
    if "embedder" not in config.model_fields_set:
        return config
    kind = _STATIC if config.embedder.startswith(_STATIC) else ""
    place = config.embedder.removeprefix(kind)
    if not is_local(place) or not Path(place).expanduser().is_dir():
        return config
    return config.model_copy(update={"embedder": f"{kind}{Path(place).expanduser().resolve()}"})
