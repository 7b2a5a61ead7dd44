"""The folder that a verb is about: OUT, as most verbs have it, or --output, as `explain` and `takedown` began with."""

from __future__ import annotations

import re

from governance.errors import UsageError

DEFAULT = "output"
_NO_OUTPUT = re.compile(r"\s*([0-9a-f]{32}|https?://.*)\s*", re.ASCII | re.IGNORECASE)


def output_of(out: str | None, output: str | None) -> str:
    """What the argument OUT or the flag --output names. Errors: UsageError where they name two things."""
    if out is not None and output is not None and out != output:
        raise UsageError(f"two outputs: OUT is {out!r}, and --output {output!r}", "name one of them")
    return out or output or DEFAULT


def explained(
    what: str | None, out: str | None, output: str | None, flagged: bool
) -> tuple[str | None, str]:  # fmt: skip
    """What is to be explained, None where a flag says it, and where. Errors: as ``output_of``.

    Args: flagged, whether --url or --domain is given: then the one argument that may be there is OUT.
    """
    if flagged and what is not None and out is None and not _NO_OUTPUT.fullmatch(what):
        what, out = None, what
    return what, output_of(out, output)
