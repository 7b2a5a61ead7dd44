"""Support by inference: each sentence of an output is asked of a model that tells what its passage entails.

Off unless a model is named, since it costs more than all other checks together. Only what passed these is asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
from pydantic import Field

from stages.contract import Config
from stages.verify import Verdict
from synth.checks import FREE_TASKS
from synth.entailment import Entailment
from synth.passages import sentences

FIGURES = pa.schema({"entailment.min": pa.float64(), "entailment.drop": pa.string()})
NOT_ENTAILED = "not_entailed"


class EntailmentConfig(Config):
    """A model of natural language inference that judges support beside the embedded checks."""

    model: str | None = None  # a folder or a Hugging Face id; None: off
    revision: str | None = None  # of an id
    min_probability: float = Field(default=0.5, ge=0, le=1)  # of entailment, of the least probable sentence


def judge_entailment(
    task: str, verdict: Verdict, passage: str, model: Entailment | None, cfg: EntailmentConfig
) -> Verdict:
    """The verdict after its sentences were asked of the model; as it was for what is rejected already, what is written
    freely, and where there is no model. Of a pair each sentence of the answer is asked after its question."""
    parsed = verdict.parsed
    if model is None or verdict.drop is not None or task in FREE_TASKS:
        return verdict
    said = parsed.text if parsed.answer is None else parsed.answer
    asked = [said[slice(*span)] for span in sentences(said)]
    if parsed.question is not None:
        asked = [f"{parsed.question} {one}" for one in asked]
    least = min(model.predict(passage, asked), default=0.0)
    drop = NOT_ENTAILED if least < cfg.min_probability else None
    found: dict[str, Any] = {"entailment.min": least, "entailment.drop": drop}
    return replace(verdict, figures=verdict.figures | found, drop=drop)
