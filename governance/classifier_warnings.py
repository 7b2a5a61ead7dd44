"""What in an evaluation a reader must not overlook, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MIN_OF_A_CLASS = 100  # documents; below, an AUC of 0.95 is uncertain by more than 0.04
NEAR_LENGTH = 0.05  # AUC above that of the bare length
LONG_LENGTH = 0.8  # AUC of the bare length from which the sets themselves are lopsided
FAR_CALIBRATION = 0.1  # expected calibration error
WEAK_SOURCE, SURE_SOURCE = 0.8, 20  # AUC of a source, and documents from which it is told
MUCH_LEFT_OUT = 0.01  # share of texts with nothing left to score


def warnings_of(report: dict[str, Any]) -> list[str]:
    """Sentences, the gravest first; none for an evaluation that means what it says."""
    found = report["figures"]
    return [*(_of_labels(found) if found else ()), *_of_scores(report)]


def _of_labels(found: dict[str, Any]) -> Iterator[str]:
    if found["auc"] < 0.5:
        yield f"The AUC is {found['auc']}, worse than chance: are the labels turned round?"
    elif found["auc"] - found["auc_of_length"] < NEAR_LENGTH:
        yield (
            f"The bare length of a text reaches an AUC of {found['auc_of_length']}, the model {found['auc']}: on this "
            "set it shows no more than that it can tell long texts from short ones."
        )
    elif found["auc_of_length"] > LONG_LENGTH:
        yield (
            f"The bare length of a text reaches an AUC of {found['auc_of_length']}: positives and negatives of this "
            "set differ much in length, so part of the model's AUC may be length."
        )
    yield from _of_sources(found)
    negatives = found["documents"] - found["positives"]
    for name, count in (("positives", found["positives"]), ("negatives", negatives)):
        if count < MIN_OF_A_CLASS:
            yield f"Only {count} {name}: too few for a figure to lean on, whatever its interval says."
    if found["interval_of"]["unit"] == "documents":
        yield (
            "The classes have fewer than five sources or sites each, so the intervals are of further pages from these; "
            "for a source that is not here they promise too much."
        )
    if found["calibration"]["ece"] > FAR_CALIBRATION:
        yield (
            f"The score is no probability here: on average it lies {found['calibration']['ece']} beside the share of "
            "positives. Choose the threshold by keep share or precision, not by what the number seems to say."
        )


def _of_sources(found: dict[str, Any]) -> Iterator[str]:
    sources = found["sources"]
    if len(sources) > 1 and all(row["positives"] in (0, row["documents"]) for row in sources.values()):
        yield (
            "No source holds both classes, so a model that only tells the sources apart (by topic or by format) would "
            "score as well. Add a source with good and bad texts of one kind."
        )
    weak = [
        f"{name} ({row['auc']})"
        for name, row in sorted(sources.items(), key=lambda item: (item[1]["auc"] or 0, item[0]))
        if row["auc"] is not None and row["auc"] < WEAK_SOURCE and row["documents"] >= SURE_SOURCE
    ]
    if weak:
        more = f" and {len(weak) - 5} more" if len(weak) > 5 else ""
        yield f"Weak on: {', '.join(weak[:5])}{more}. Read their texts among the errors below."


def _of_scores(report: dict[str, Any]) -> Iterator[str]:
    if report["nothing_left"] > MUCH_LEFT_OUT * report["documents"]:
        yield (
            f"{report['nothing_left']:,} of {report['documents']:,} texts could not be scored, because normalisation "
            "leaves nothing of them; they are in no figure."
        )
    missed = [row for row in report["keep_shares"] if row["keep_share"] - row["wanted"] > max(0.01, row["wanted"] / 4)]
    if missed and report["documents"] - report["nothing_left"] > MIN_OF_A_CLASS:
        yield (
            f"Many texts have equal scores: a keep share of {missed[0]['wanted']:g} keeps {missed[0]['keep_share']:g}."
        )
