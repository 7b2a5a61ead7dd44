"""The rule filters of L1 in the order of FineWeb's recipe: each writes its figures and the first rule it breaks."""

from __future__ import annotations

from stages.c4 import C4, C4Rules, c4, c4_stage
from stages.contract import Config, Stage
from stages.fineweb import FineWeb, FineWebRules, fineweb, fineweb_stage
from stages.gopher import (
    GopherQuality,
    GopherQualityRules,
    GopherRepetition,
    GopherRepetitionRules,
    gopher_quality,
    gopher_quality_stage,
    gopher_repetition,
    gopher_repetition_stage,
)

__all__ = [
    "C4",
    "C4Rules",
    "FineWeb",
    "FineWebRules",
    "GopherQuality",
    "GopherQualityRules",
    "GopherRepetition",
    "GopherRepetitionRules",
    "Heuristics",
    "c4",
    "c4_stage",
    "fineweb",
    "fineweb_stage",
    "gopher_quality",
    "gopher_quality_stage",
    "gopher_repetition",
    "gopher_repetition_stage",
    "heuristic_stages",
]


class Heuristics(Config):
    """Configurations of the four rule filters."""

    gopher_repetition: GopherRepetition = GopherRepetition()
    gopher_quality: GopherQuality = GopherQuality()
    c4: C4 = C4()
    fineweb: FineWeb = FineWeb()


def heuristic_stages(cfg: Heuristics) -> tuple[Stage, ...]:
    """The four stages; all need ``content`` and ``lang``."""
    return (
        gopher_repetition_stage(cfg.gopher_repetition),
        gopher_quality_stage(cfg.gopher_quality),
        c4_stage(cfg.c4),
        fineweb_stage(cfg.fineweb),
    )
