"""What can be demanded of a tier before the next one, or the hub, may use it. Settings only; policy.py checks them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from stages.contract import Config
from stages.policy import known_licence

NO_LICENCE = "none"  # stands in a list of licences for pages of which none was found, or one of no known name


def _known(licences: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one if one == NO_LICENCE else known_licence(one) for one in licences)


Licences = Annotated[tuple[str, ...], AfterValidator(_known)]


class Gates(Config):
    """Gates of a tier: none is on unless it is set; that the ledger balances is always demanded."""

    # false drops the gates that an earlier run of the same output set for this tier.
    enforce: bool = True
    max_error_rate: float | None = Field(default=None, ge=0, le=1)  # rows that broke a stage, of those that came in
    # compare.json of a `governance compare` whose candidate is this tier; its verdict must be "better".
    compare: str | None = None
    # With compare, in the place of the word: the whole interval of a headline must be better than 0 by more than this.
    min_gain: float | None = Field(default=None, ge=0)
    headline: str | None = None  # which headline min_gain is about; none: the first

    @model_validator(mode="after")
    def _compared(self) -> Gates:
        if self.compare is None and (self.min_gain is not None or self.headline is not None):
            raise ValueError("min_gain and headline need compare, the path of a compare.json")
        if self.headline is not None and self.min_gain is None:
            raise ValueError("headline needs min_gain")
        return self


class TextGates(Gates):
    """Gates of a tier of pages: none is on unless it is set; that the ledger balances is always demanded."""

    # Licences that the tier may hold: cc0, pdm, cc-by, cc-by-sa ..., links they begin with, and none for pages of
    # which none was found.
    licences: Licences | None = None
    max_pii_per_million_words: float | None = Field(default=None, ge=0)  # masked values in a million words


class SelectedGates(TextGates):
    """Gates of L2: none is on unless it is set; that the ledger balances is always demanded."""

    # Rows that hold an item of a question set, of those that were compared with the sets.
    max_contamination_share: float | None = Field(default=None, ge=0, le=1)


class RefinedGates(Gates):
    """Gates of L3: none is on unless it is set; that the ledger balances is always demanded."""

    # Licences of the pages that it may be written from: cc0, pdm, cc-by, cc-by-sa ..., links they begin with, and none
    # for pages of which none was found.
    licences: Licences | None = None
    max_contamination_share: float | None = Field(default=None, ge=0, le=1)  # outputs that hold an item of a set
    min_verified_share: float | None = Field(default=None, ge=0, le=1)  # outputs that passed every check


TIERS: dict[str, type[Gates]] = {"L0": Gates, "L1": TextGates, "L2": SelectedGates, "L3": RefinedGates, "L4": Gates}
