"""The exceptions of this project.

GovernanceError
├── UsageError      the command, its input or its configuration: exit code 2
└── RunError        the run: exit code 1
    └── CorpusError what lies in the output folder is not what its records say
"""

from __future__ import annotations


class GovernanceError(Exception):
    """Base of all. ``remedy`` says what to do about it, in one sentence."""

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class UsageError(GovernanceError):
    """The command, its input or its configuration is wrong; nothing was started."""

    exit_code = 2


class RunError(GovernanceError):
    """The run cannot go on; what is committed stays, and the same command goes on from there."""


class CorpusError(RunError):
    """What lies in the output folder is not what its records say."""
