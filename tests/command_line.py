"""A command line in this process, what it answered, and how a refusal looks."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

import pytest

from governance import cli


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


def call(*words: str) -> Said:
    """Run a command line in this process, outside any test: for fixtures that last longer than one."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr("sys.argv", ["governance", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
    return Said(int(left.value.code or 0), out.getvalue(), err.getvalue())


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
