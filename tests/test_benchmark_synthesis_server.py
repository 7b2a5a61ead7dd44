"""The benchmark of failing servers at a tiny size. No test here looks at a time."""

from __future__ import annotations

import json

import pytest

from benchmarks import synthesis_server
from benchmarks.synthesis_server import Watch, memory_of, throughput
from benchmarks.synthesis_server_model import SENTENCES
from benchmarks.synthesis_server_passages import row
from synth.passages import cut_passages


def test_every_generated_document_is_one_passage_whose_sentences_the_server_finds() -> None:
    documents = [str(row(number)["content"]) for number in range(200)]
    assert len(set(documents)) == 200
    for text in documents:
        per = 1 if text.isascii() else 3
        (passage,) = cut_passages(text, 200 // per, 1200 // per, 60 // per, 0.9)
        found = SENTENCES.findall(f"Some words before.\n\n{text[slice(*passage)]}")
        assert "".join(found).replace(" ", "") == text.replace(" ", "")
    assert sum(text.isascii() for text in documents) == 100


def test_the_survivors_rate_counts_from_when_it_had_settled_and_while_it_had_work() -> None:
    watch = Watch(died_at=10.0, last={"answered": 100, "answer_s": 50.0})
    watch.seen = [(float(at), 5 * at, at, 100 << 20) for at in range(0, 100, 2)]
    rate, capacity = throughput(watch, 400, 8)
    assert rate == 1.0 and capacity == 16.0
    watch.died_at = None
    assert throughput(watch, 400, 8)[0] is None


def test_memory_is_told_by_tenths_of_the_answers_and_after_them() -> None:
    mib = 1 << 20
    watch = Watch(seen=[(0, 5, 0, 100 * mib), (1, 10, 0, 110 * mib), (2, 19, 0, 90 * mib), (3, 100, 0, 300 * mib)])
    assert memory_of(watch, 100) == {"by_tenth": [100.0, 110.0, *[0.0] * 8], "afterwards": 300.0}


def test_nothing_is_lost_or_doubled_at_a_tiny_size(capsys: pytest.CaptureFixture[str]) -> None:
    synthesis_server.main(["--passages", "80", "--slots", "8"])
    body = json.loads(capsys.readouterr().out.splitlines()[-1])
    bars = {bar["name"]: bar for bar in body["bars"]}
    for name, *_ in (synthesis_server.LOST, synthesis_server.DOUBLED, synthesis_server.FAULTY):
        assert bars[name]["holds"], bars[name]
    assert body["figures"]["questions_answered"] == 80
