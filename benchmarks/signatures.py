"""From text to MinHash signature beside datasketch, datatrove and gaoya: ``python -m benchmarks.signatures``.

CPU time of one process each, on the same texts in the same run; then how far the estimate is from the true similarity
of real near-duplicates, beside what theory says.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.dedup_pairs import Pairs, shingle_matrix, true_pairs
from benchmarks.measure import in_turns, run_side
from benchmarks.pages import read_pages
from benchmarks.signatures_sides import CONFIG, SIDES, sign_texts
from stages.language import LanguageConfig, language_stage
from stages.minhash import collision_probability, estimate_jaccard

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "docs-pages"
INPUTS = {"en": DATA / "en.warc.gz", "zh": DATA / "zh.warc.gz"}
NAMES = {"en": "English", "zh": "Chinese"}
SPEED = {"en": 80.0, "zh": 30.0}
RATIO = 20.0
PEERS = ("datasketch", "datatrove")
ERROR = ("error of the estimate over theory's, the worst tenth of similarity", 1.1, "x")
COLLISIONS = ("pages that share a band, share off the curve, the worst tenth of similarity", 0.02, "of the pairs")
_PASSES = {"ours": 3}  # of one round; ours are short
_BINS = np.arange(0.3, 1.01, 0.1)
_PAIRS_A_BIN = 500  # of a language
_SEED = 1


def texts_of(archive: Path, lang: str) -> pa.Table:
    """What L0 makes of an archive's pages, where it is in the language: columns content and lang."""
    stage = language_stage(LanguageConfig())
    assert stage.load is not None
    model = stage.load(stage.config)
    found = [stage.fn(rows, stage.config, model) for rows in read_pages(archive)]
    return pa.concat_tables([rows.filter(pc.equal(rows["lang"], lang)).select(["content", "lang"]) for rows in found])


def spread(table: pa.Table, count: int) -> pa.Table:
    """At most so many rows, evenly from all of the table."""
    return table.take(np.unique(np.linspace(0, len(table) - 1, min(count, len(table))).astype(np.int64)))


def rates(texts: Path, lang: str, rounds: int, limit_s: float) -> dict[str, dict[str, Any] | str]:
    """MB/s of one core of each side by what it did, medians of all passes; a side that failed is a string."""
    size = text_bytes(pq.read_table(texts))
    sides = {
        name: lambda _, name=name: run_side(
            "benchmarks.signatures_sides", [name, str(texts), lang, str(_PASSES.get(name, 1))], limit_s
        )
        for name in SIDES
    }
    found: dict[str, dict[str, Any] | str] = {}
    for name, runs in in_turns(sides, rounds).items():
        if isinstance(runs, str):
            found[name] = runs
            continue
        seconds = {what: [value for side in runs for value in side.result[what]] for what in runs[0].result}
        medians = {what: statistics.median(values) for what, values in seconds.items()}
        speeds = {what: round(size / max(value, 1e-9) / 1e6, 2) for what, value in medians.items()}
        found[name] = {"mb_per_s_core": speeds, "cpu_s": seconds}
    if isinstance(mine := found["ours"], dict):
        speeds = mine["mb_per_s_core"]
        # How much of the time would stay if nothing but this were done.
        shares = {what: round(speeds["signatures"] / speeds[what], 4) for what in ("hashes_alone", "sum_bytes")}
        mine |= {"share_of": shares, "cpu_hours_per_tb_of_text": round(1e6 / speeds["signatures"] / 3600, 3)}
    return found


def text_bytes(table: pa.Table) -> int:
    """UTF-8 bytes of the texts."""
    return pc.sum(pc.binary_length(table["content"])).as_py() or 0


def sampled_pairs(texts: pa.Table, lang: str) -> Pairs:
    """Pairs of pages by their true similarity: at most so many of each tenth, none of them equal."""
    pairs = true_pairs(shingle_matrix(texts["content"].to_pylist(), lang), float(_BINS[0]))
    pairs = pairs.where(pairs.jaccard < 1)
    order = np.random.Generator(np.random.PCG64(_SEED)).permutation(len(pairs.a))
    tenth = np.digitize(pairs.jaccard, _BINS)[order]
    chosen = [order[tenth == number][:_PAIRS_A_BIN] for number in range(1, len(_BINS))]
    return pairs.where(np.sort(np.concatenate(chosen)))


def deviations(texts: pa.Table, pairs: Pairs, seeds: int) -> pa.Table:
    """Of each pair and seed: the true similarity, the error of the estimate, and whether a band is shared."""
    rows, places = np.unique(np.concatenate([pairs.a, pairs.b]), return_inverse=True)
    some = texts.take(rows).combine_chunks()
    a, b = np.split(places, 2)
    bands, width = CONFIG.banding
    tables = []
    for seed in range(seeds):
        values, _ = sign_texts(some, CONFIG.model_copy(update={"seed": seed}))
        shared = (values[a] == values[b]).reshape(-1, bands, width).all(axis=2).any(axis=1)
        error = estimate_jaccard(values[a], values[b]) - pairs.jaccard
        tables.append(pa.table({"jaccard": pairs.jaccard, "error": error, "shared": shared}))
    return pa.concat_tables(tables)


def by_tenth(table: pa.Table) -> list[dict[str, float]]:
    """Errors and collisions of each tenth of similarity that has pairs, beside theory."""
    jaccard, error, shared = (table[name].to_numpy() for name in ("jaccard", "error", "shared"))
    found = []
    for low in _BINS[:-1]:
        mask = (jaccard >= low) & (jaccard < low + 0.1)
        if not mask.any():
            continue
        s = jaccard[mask]
        spread_of = float(np.sqrt((s * (1 - s)).mean() / CONFIG.num_hashes))
        rms = float(np.sqrt((error[mask] ** 2).mean()))
        curve = float(np.mean(collision_probability(s, *CONFIG.banding)))
        row = {"from": low, "pairs_and_seeds": int(mask.sum()), "bias": float(error[mask].mean()), "error": rms}
        row |= {"theory": spread_of, "error_over_theory": rms / spread_of}
        row |= {"share_a_band": float(shared[mask].mean()), "curve": curve}
        found.append({name: round(value, 5) for name, value in row.items()})
    return found


def bars(figures: dict[str, Any]) -> list[report.Bar]:
    """The bars, from the figures of each language and of the estimate; a side that is a string did not run."""
    found = []
    for lang, name in NAMES.items():
        sides = figures.get(lang, "no input")
        mine = sides if isinstance(sides, str) else sides["ours"]
        speed = (f"signatures of {name} text, MB/s of one core", SPEED[lang], "MB/s")
        best = None if isinstance(mine, str) else mine["mb_per_s_core"]["signatures"]
        found.append(report.unmeasured(mine, *speed) if best is None else report.at_least(best, *speed))
        for peer in PEERS:
            bar = (f"signatures of {name} text, ratio to {peer}", RATIO, "x")
            theirs = sides if isinstance(sides, str) else sides[peer]
            if best is None or isinstance(theirs, str):
                found.append(report.unmeasured(theirs if isinstance(theirs, str) else mine, *bar))
            else:
                # Against the fastest of what the peer was tried with.
                found.append(report.at_least(round(best / max(theirs["mb_per_s_core"].values()), 1), *bar))
    rows = figures.get("estimate", [])
    if not rows:
        return [*found, *(report.unmeasured("no pair of pages is alike", *bar) for bar in (ERROR, COLLISIONS))]
    off = max(abs(row["share_a_band"] - row["curve"]) for row in rows)
    worst = max(row["error_over_theory"] for row in rows)
    return [*found, report.at_most(round(worst, 3), *ERROR), report.at_most(round(off, 4), *COLLISIONS)]


def measure(inputs: dict[str, Path], sample: int, rounds: int, seeds: int, limit_s: float) -> dict[str, Any]:
    """Rates on a sample of each language's pages, and the estimate on pairs of all of them; the object to print."""
    figures: dict[str, Any] = {}
    errors = []
    for lang, archive in inputs.items():
        if not archive.is_file():
            figures[lang] = f"no input at {archive}; name a WARC with --{NAMES[lang].lower()}"
            continue
        texts = texts_of(archive, lang)
        some = spread(texts, sample)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "texts.parquet")
            pq.write_table(some, path)
            figures[lang] = {"pages": len(some), "bytes": text_bytes(some)} | rates(path, lang, rounds, limit_s)
        errors.append(deviations(texts, sampled_pairs(texts, lang), seeds))
    if errors:
        figures["estimate"] = by_tenth(pa.concat_tables(errors))
    return report.body("signatures", figures, bars(figures))


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.signatures", description=__doc__)
    for lang, name in NAMES.items():
        help_text = f"a WARC with {name} pages (default: the shared documentation pages)"
        parser.add_argument(f"--{name.lower()}", type=Path, default=INPUTS[lang], dest=lang, help=help_text)
    parser.add_argument("--sample", type=int, default=2000, help="pages of a language whose signing is timed")
    parser.add_argument("--runs", type=int, default=3, help="rounds in which the sides take turns")
    parser.add_argument("--seeds", type=int, default=100, help="hash families that the estimate is judged over")
    parser.add_argument("--limit-s", type=float, default=900, help="seconds after which a side is given up")
    options = parser.parse_args(arguments)
    inputs = {lang: getattr(options, lang) for lang in NAMES}
    report.show(measure(inputs, options.sample, options.runs, options.seeds, options.limit_s))


if __name__ == "__main__":
    main()
