"""Single rows of a corpus by their uids: of the parts of their shards only the row groups that hold them are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.errors import CorpusError
from governance.inputs import shard_key
from governance.job import annotation_parts, data_parts
from governance.output_duplicates import STEP as DUPLICATES
from governance.parts import read_parts
from governance.report_draw import Drawn
from governance.report_tiers import STEPS, Tier, step_parts
from manifests.records import Part, Record, read_record
from manifests.store import Store
from manifests.tombstones import OWNERS, Tombstones, read_tombstones
from stages.uids import UID

MAX_CHARS = 50_000  # of a text; what a person reads of it is far less
TEXTS, NOTES = "texts", "notes"
_TWIN = ("uid", "survivor", "survivor_dump", "reason", "similarity")


class Rows:
    """Finds rows by level, dump and uid."""

    def __init__(self, store: Store, tiers: Sequence[Tier]) -> None:
        self._store, self._tombstones = store, read_tombstones(store)
        self._tiers = {(tier.name, tier.dump): tier for tier in tiers}
        self._shards: dict[tuple[str, str], list[int]] = {}  # (dump, first 8 digits of uids) -> numbers
        named = {tier.dump: tier.plan["inputs"] for tier in tiers if tier.plan.get("inputs")}
        for dump, names in named.items():
            for number, name in enumerate(sorted(names)):
                self._shards.setdefault((dump, shard_key(dump, name)), []).append(number)

    def read(
        self, level: str, dump: str, kind: str, uids: Iterable[str], columns: Sequence[str] | None = None,
        chars: int = MAX_CHARS,
    ) -> dict[str, dict[str, Any]]:  # fmt: skip
        """Rows by uid, those that are not there or were taken down left out; strings of more than ``chars`` are cut.

        Args: kind, TEXTS or NOTES; columns, all but bytes and hashes where None. Errors: CorpusError.
        """
        if (level, dump) not in self._tiers:
            return {}
        by_shard: dict[int, list[str]] = {}
        for uid in sorted(set(uids)):
            for number in self._shards.get((dump, uid[:8]), ()):
                by_shard.setdefault(number, []).append(uid)
        found: dict[str, dict[str, Any]] = {}
        for number, wanted in sorted(by_shard.items()):
            for part in self._parts(level, dump, kind, number):
                found |= _rows_of(self._store, self._tombstones, part, pa.array(wanted, pa.string()), columns, chars)
        return found

    def duplicates(self, level: str, drawn: Iterable[Drawn]) -> dict[str, dict[str, Any]]:
        """Of rows that went as duplicates, by uid: survivor, survivor_dump, similarity and reason."""
        by_dump: dict[str, list[str]] = {}
        for one in drawn:
            by_dump.setdefault(one.dump, []).append(one.uid)
        found: dict[str, dict[str, Any]] = {}
        for dump, uids in by_dump.items():
            keys = pa.array([bytes.fromhex(uid) for uid in uids], UID)
            parts = step_parts(self._store, self._tiers[level, dump], DUPLICATES)
            for table in read_parts(self._store, parts, _TWIN):
                some = table.filter(pc.and_(pc.is_in(table["uid"], value_set=keys), pc.is_valid(table["reason"])))
                for row in some.to_pylist():
                    row["survivor"] = row["survivor"].hex()
                    found[row["uid"].hex()] = row | {"survivor_dump": row["survivor_dump"] or dump}
        return found

    def _parts(self, level: str, dump: str, kind: str, number: int) -> Iterator[Part]:
        for step in STEPS[level]:
            record = self._record(f"{level}/{dump}", step, number)
            if record is not None:
                yield from (data_parts(record) if kind == TEXTS else annotation_parts(record))

    def _record(self, base: str, step: str, number: int) -> Record | None:
        try:
            return read_record(self._store, base, step, number)
        except FileNotFoundError:
            return None


def _rows_of(
    store: Store, tombstones: Tombstones, part: Part, wanted: pa.Array, columns: Sequence[str] | None, chars: int
) -> dict[str, dict[str, Any]]:
    try:
        with store.map(part.path) as stream:
            file = pq.ParquetFile(stream, page_checksum_verification=True)
            there = file.schema_arrow.names
            names = _readable(file.schema_arrow) if columns is None else ["uid", *columns]
            names = [name for name in names if name in there]
            owners = [name for name in OWNERS if name in there and name not in names]
            found: dict[str, dict[str, Any]] = {}
            for group in range(file.num_row_groups):
                uids = file.read_row_group(group, ["uid"], use_threads=False)["uid"]
                mask = pc.is_in(uids, value_set=wanted)
                if pc.any(mask).as_py():
                    table = file.read_row_group(group, [*names, *owners], use_threads=False).filter(mask)
                    table = tombstones.visible(table).select(names)
                    found |= {row["uid"]: row for row in _cut(table, chars).to_pylist()}
            return found
    except (FileNotFoundError, pa.ArrowInvalid, OSError) as error:
        raise CorpusError(
            f"cannot read {part.path}: {str(error).splitlines()[0]}", "run `governance verify` to see what is damaged"
        ) from error


def _readable(schema: pa.Schema) -> list[str]:
    """The columns that hold no bytes."""
    return [field.name for field in schema if not pa.types.is_fixed_size_binary(field.type)]


def _cut(table: pa.Table, chars: int) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            cut = pc.utf8_slice_codeunits(table[field.name], 0, chars)
            table = table.set_column(place, field.name, cut)
    return table
