"""Faults that the checks of L3 catch, and sound outputs that they reject: ``python -m benchmarks.checks``.

Sound outputs are written by hand, freely, over passages of the bundled crawl. Faulty ones are made from them by an edit
each (benchmarks/checks_edits.py, which was looked at while the checks were made, and benchmarks/checks_unseen.py, which
was not), or written so by hand. Outputs of two small models are labelled, with the words that decide it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.checks_edits import LOOKED_AT, Case, Editor
from benchmarks.checks_unseen import UNSEEN
from stages.verify import Checker, Verdict, open_checker
from synth.checks import ChecksConfig
from synth.embeddings import EmbeddingsNotFound

DATA = Path(__file__).resolve().parent / "checks"
HELD_OUT = "held_out"  # sound outputs over passages not looked at
GROUPS = ("sound", "real", "looked_at", "unseen", HELD_OUT)
CAUGHT_LOOKED_AT = ("faults caught, of the kinds looked at and of real outputs", 0.95, "share")
CAUGHT_UNSEEN = ("faults caught, of the kinds not looked at", 0.90, "share")
FALSE_ALARMS = ("sound outputs rejected", 0.10, "share")
FALSE_ALARMS_UNSEEN = ("sound outputs rejected, over passages not looked at", 0.10, "share")
RATE_PLAIN = ("outputs of one core without embeddings", 500.0, "outputs/s")
RATE = ("outputs of one core with embeddings", 50.0, "outputs/s")
_SHOWN = 400  # characters of an output that is printed as an error


def load(name: str) -> list[Case]:
    """The cases of one file: id, origin, language, task, title, passage, output, fault (none: sound); of a pair
    question and answer; of a fault ``put``, the words at fault; of a labelled output ``evidence``, words of its
    passage."""
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [{"fault": None, **json.loads(line)} for line in file]


def edited(sound: Sequence[Case], editors: Mapping[str, Editor], draws: int, seed: int) -> list[Case]:
    """For each kind and language up to ``draws`` sound outputs with that fault put in, drawn by the seed."""
    everything, made = list(sound), []
    for kind, editor in editors.items():
        for language in ("en", "zh"):
            rng = random.Random(f"{seed} {kind} {language}")
            fitting = [case for case in everything if case["language"] == language]
            found: list[Case] = []
            for case in rng.sample(fitting, len(fitting)):
                edit = editor(case, rng, everything) if len(found) < draws else None
                if edit is not None and edit.output != case["output"]:
                    name = f"{case['id']}.{kind}"
                    found.append(
                        case | {"output": edit.output, "put": edit.put, "fault": kind, "id": name, "of": case["id"]}
                    )
            made += found
    return made


def all_cases(draws: int, seed: int) -> dict[str, list[Case]]:
    """Every case by group; sound outputs of models stand in "real"."""
    sound = load("sound")
    return {
        "sound": sound,
        "real": load("real"),
        "looked_at": edited(sound, LOOKED_AT, draws, seed),
        "unseen": load("unseen") + edited(sound, UNSEEN, draws, seed),
    }


def judge(case: Case, checker: Checker) -> Verdict:
    """The verdict on one case. What small models wrote is held to the sentences of its passage, as their prompts are;
    what is written freely is not."""
    parser = "question_answer" if case["task"] == "qa" else "rewrite"
    free = case["origin"] in ("written", "hand")
    told = (case["task"], case["language"], parser, case["passage"], case["output"])
    (first, *_) = checker.verify(*told, title=case["title"], free=free)
    return first


def measure(cases: Mapping[str, Sequence[Case]], checker: Checker) -> tuple[dict[str, list[str | None]], float]:
    """The reason of every case, by group, and how many outputs a second of CPU time were judged."""
    start = time.process_time()
    reasons = {group: [judge(case, checker).drop for case in some] for group, some in cases.items()}
    return reasons, sum(map(len, cases.values())) / max(time.process_time() - start, 1e-9)


def _share(hits: Sequence[bool]) -> float:
    return round(sum(hits) / len(hits), 4) if hits else 0.0


def figures(cases: Mapping[str, Sequence[Case]], reasons: Mapping[str, Sequence[str | None]]) -> dict[str, Any]:
    """Counts, and shares caught and rejected: by group, kind, language and task."""
    pairs = [
        (group, case, reason is not None)
        for group, some in cases.items()
        for case, reason in zip(some, reasons[group], strict=True)
    ]
    passing = {case["id"] for _, case, said_no in pairs if case["fault"] is None and not said_no}
    faults, alarms, beyond = defaultdict(list), defaultdict(list), defaultdict(list)
    for group, case, said_no in pairs:
        if case["fault"] is None:
            tasks = "pairs" if case["task"] == "qa" else "rewrites"
            passages = "passages looked at" if case.get("looked_at") else HELD_OUT
            for name in ("all", group, passages, f"{case['language']} {tasks}"):
                alarms[name].append(said_no)
        else:
            for name in (group, f"{group} {case['language']}", f"{group} {case['fault']}"):
                faults[name].append(said_no)
            if case.get("of") in passing:
                beyond[group].append(said_no)
    return {
        "cases": {group: len(some) for group, some in cases.items()},
        "sound_share": _share([case["fault"] is None for _, case, _ in pairs]),
        "caught": {name: {"of": len(hits), "share": _share(hits)} for name, hits in sorted(faults.items())},
        # Of edits in outputs that pass without the edit: no false alarm is counted as a catch.
        "caught_in_what_passes": {
            name: {"of": len(hits), "share": _share(hits)} for name, hits in sorted(beyond.items())
        },
        "rejected": {name: {"of": len(hits), "share": _share(hits)} for name, hits in sorted(alarms.items())},
        "reasons_of_false_alarms": dict(
            Counter(
                reason
                for group, some in cases.items()
                for case, reason in zip(some, reasons[group], strict=True)
                if case["fault"] is None and reason
            ).most_common()
        ),
    }


def bars(found: Mapping[str, Any], rate_plain: float, rate: float | None) -> list[report.Bar]:
    """The bars, of the figures. Args: rate with embeddings, none where their table is missing."""
    caught, rejected = found["caught"], found["rejected"]
    known = [caught[group] for group in ("looked_at", "real") if group in caught]
    total = max(sum(one["of"] for one in known), 1)
    share = round(sum(one["of"] * one["share"] for one in known) / total, 4)
    with_table = (
        report.at_least(round(rate, 1), *RATE)
        if rate is not None
        else report.unmeasured("no table of embeddings", *RATE)
    )
    return [
        report.at_least(share, *CAUGHT_LOOKED_AT),
        report.at_least(caught["unseen"]["share"], *CAUGHT_UNSEEN),
        report.at_most(rejected["all"]["share"], *FALSE_ALARMS),
        report.at_most(rejected[HELD_OUT]["share"], *FALSE_ALARMS_UNSEEN),
        report.at_least(round(rate_plain, 1), *RATE_PLAIN),
        with_table,
    ]


def show_errors(group: str, cases: Mapping[str, Sequence[Case]], reasons: Mapping[str, Sequence[str | None]]) -> None:
    """Print what was judged wrongly: faults that passed, sound outputs that did not, those held out apart."""
    held_out, name = group == HELD_OUT, "sound" if group == HELD_OUT else group
    for case, reason in zip(cases[name], reasons[name], strict=True):
        if name == "sound" and case["looked_at"] == held_out:
            continue
        if (case["fault"] is None) == (reason is None):
            continue
        what = f"missed {case['fault']}: {case['put']}" if case["fault"] else f"rejected: {reason}"
        print(f"{case['id']} {case['language']} {case['task']} {what}")
        print(f"    {case['output'][:_SHOWN]!r}\n    of {case['passage'][:_SHOWN]!r}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge all cases and print the figures, last as one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checks", description=__doc__)
    parser.add_argument("--draws", type=int, default=6, help="edited outputs of each kind and language")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("--errors", choices=GROUPS, help="print what was judged wrongly in one group")
    parser.add_argument("--plain", action="store_true", help="figures without embeddings too; they cost accuracy")
    options = parser.parse_args(arguments)
    cases = all_cases(options.draws, options.seed)
    plain_reasons, rate_plain = measure(cases, open_checker(ChecksConfig(embeddings=False)))
    reasons, rate = plain_reasons, None
    try:
        checker = open_checker(ChecksConfig())
        judge(cases["sound"][0], checker)  # loads
        reasons, rate = measure(cases, checker)
    except EmbeddingsNotFound as problem:
        print(problem)
    if options.errors:
        show_errors(options.errors, cases, reasons)
    found = figures(cases, reasons)
    if options.plain:
        found["without_embeddings"] = figures(cases, plain_reasons)
    report.show(report.body("checks", found, bars(found, rate_plain, rate)))


if __name__ == "__main__":
    main()
