"""What a command answered, and how a refusal looks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


def refused(said: Said, code: int, *pieces: str) -> None:
    """One error and its fix on stderr, each piece in it, and nothing else."""
    assert said.code == code, said
    assert "Traceback" not in said.err + said.out
    assert said.out == ""
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    fixes = [line for line in said.err.splitlines() if line.startswith("  fix: ")]
    assert len(errors) == len(fixes) == 1, said.err
    for piece in pieces:
        assert piece in said.err
