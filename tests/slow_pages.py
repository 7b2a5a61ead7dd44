"""Runs in which one stage is too slow on planted pages, or on none: timing as a test can command it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from governance import tiers
from stages.contract import Config, Stage
from stages.limits import TOO_SLOW, TooSlow, cpu_limit
from tests import children
from tests.corpora import CRAWL, pages_of

MARK = b"Slowpagezebrafinch"
PLANTED = 3


class BurnConfig(Config):
    """The same for both, so that runs whose pages are slow or not have one fingerprint."""

    max_cpu_s: float = 0.03


def burn_stage(slow: bool) -> Stage:
    """A stage that burns CPU on the marked pages without end, where ``slow``."""

    def burn(batch: pa.Table, cfg: BurnConfig) -> pa.Table:
        drops = []
        for text, known in zip(batch["content"].to_pylist(), batch["burn.slow"].to_pylist(), strict=True):
            drop = TOO_SLOW if known else None
            try:
                with cpu_limit(cfg.max_cpu_s if slow else 60):
                    while slow and not known and text and MARK.decode() in text:
                        pass
            except TooSlow:
                drop = TOO_SLOW
            drops.append(drop)
        return batch.append_column("burn.drop", pa.array(drops, pa.string()))

    return Stage(
        name="burn",
        fn=burn,
        config=BurnConfig(),
        needs=("content", "burn.slow"),
        adds=("burn.drop",),
        reject_on="burn.drop",
    )


def plant(folder: Path) -> Path:
    """Two archives; pages of the first are marked, neighbours of sound ones."""
    (folder / "b.warc.gz").write_bytes(pages_of(CRAWL / "zh.warc.gz", 4))
    members = [gzip.compress(_record(n, MARK.decode() if n % 3 == 1 else "Goldfinch")) for n in range(9)]
    (folder / "a.warc.gz").write_bytes(b"".join(members))
    return folder


def _record(number: int, word: str) -> bytes:
    sentence = f"The {word} number {number} sat on a branch of the old tree and sang for the whole of the evening. "
    days = (f"<p>On day {day} of year {number} the wind turned and {sentence}</p>" for day in range(12))
    body = f"<html><title>Page {number}</title><body><article>{''.join(days)}</article></body></html>".encode()
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nWARC-Target-URI: http://birds.example/{number}\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return head.encode() + http + b"\r\n\r\n"


def build(slow: bool, *arguments: Any) -> None:
    """``children.build`` with the planted stage at the end of L0."""
    real = tiers.l0
    tiers.l0 = lambda cfg: (*real(cfg), burn_stage(slow))
    try:
        children.build(*arguments)
    finally:
        tiers.l0 = real


def child(
    crawl: Path, output: str, slow: bool, overrides: tuple[str, ...] = (), kill_before: int | None = None
) -> tuple[int, int]:
    """(exit code, writes) of one run to L0."""
    count = children.CHILDREN.Value("i", 0)
    arguments = (slow, str(crawl), output, "L0", overrides, kill_before, 9, count, dict(os.environ))
    process = children.CHILDREN.Process(target=build, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode, count.value
