"""The trainer's errors: a message, and what to do about it."""

from __future__ import annotations


class TrainerError(Exception):
    """Something that the user can mend; nothing already written is harmed."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class DataChanged(TrainerError):
    """The data, the tokenizer or the recipe differs from what the checkpoint was trained on."""


class NothingHeldOut(TrainerError):
    """A source is there, but none of its documents is held out."""


class Diverged(TrainerError):
    """Too many steps in a row were skipped for a loss or a gradient that is no number or far too large."""
