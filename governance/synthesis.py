"""Who writes L3, with which prompts and checks: what decides its content, and with it the fingerprint of the tier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from governance.config import Settings
from stages.conversation import VERSION
from stages.decontaminate import VERSION as DECONTAMINATE
from stages.decontaminate import questions_identity
from stages.synthesize import Conversation, open_conversation
from synth.engines import EngineConfig, engine_languages
from synth.models import ALL_LANGUAGES, model_identity, model_scale, resolve_model


def synthesis_identity(settings: Settings) -> dict[str, Any]:
    """What decides what is written: model, sampling, prompts, passages and checks. Where it runs decides nothing."""
    talk = conversation(settings)
    engine = settings.l3.engine
    return {
        "version": VERSION,
        "model": talk.model,
        "revision": talk.revision,
        "languages": list(talk.languages),
        "seed": engine.seed,
        "structured_output": engine.structured_output,
        "max_documents": settings.l3.max_documents,
        "synthesize": settings.l3.synthesize.model_dump(mode="json"),
        "prompts": {prompt.id: prompt.sha256 for prompt in talk.prompts.values()},
        "entailment": _inferred_by(settings),
        "decontaminate": {
            "version": DECONTAMINATE,
            "config": settings.l2.decontaminate.model_dump(mode="json"),
            "model": questions_identity(settings.l2.decontaminate),
        },
    }


def conversation(settings: Settings, identity: Mapping[str, str] | None = None) -> Conversation:
    """The prompts and the model that all tasks share.

    Args: name and revision of the model, where they need not be looked for.
    Errors: ValueError for a language to write in that the checks do not know.
    """
    identity = identity or written_by(settings.l3.engine)
    languages = engine_languages(settings.l3.engine)
    unknown = sorted(set(languages) - set(ALL_LANGUAGES))
    if unknown:
        known = " and ".join(ALL_LANGUAGES)
        raise ValueError(
            f"the checks of L3 know {known}, not {unknown[0]!r} of l3.engine.languages: nothing unchecked is written"
        )
    return open_conversation(
        settings.l3.synthesize,
        identity["name"],
        identity["revision"],
        languages,
        settings.l1.language.languages,
        model_scale(settings.l3.engine.model),
    )


def _inferred_by(settings: Settings) -> dict[str, str] | None:
    """Name and revision of the model of inference, if one is configured."""
    cfg = settings.l3.synthesize.entailment
    return model_identity(resolve_model(cfg.model), cfg.revision) if cfg.model else None


def written_by(engine: EngineConfig) -> dict[str, str]:
    """Name and revision of the model, the same before and after it was downloaded: of a server or a hub id, which may
    move, the revision is what the settings say; of a folder it is the hash of its weights."""
    if engine.servers:
        return {"name": engine.model, "revision": engine.revision or "served"}
    model = resolve_model(engine.model)
    if not Path(model).is_dir():
        return {"name": model, "revision": engine.revision or "main"}
    return model_identity(model, engine.revision)
