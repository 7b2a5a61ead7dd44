"""Support by a model of inference: off by default, asked of what passed, its worst sentence decides.

The model is a real one of transformers, saved and loaded from a folder, but tiny and untrained: its answer to every
sentence is put into its last bias. What a trained one is worth is not measured here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from governance.config import load as load_settings
from governance.errors import UsageError
from governance.preflight import check_inference
from governance.synthesis import synthesis_identity
from stages.entailment import EntailmentConfig, judge_entailment
from stages.notes import to_table
from stages.synthesize import plan_row
from stages.verify import Verdict
from synth.entailment import Entailment, check_entailment, load_entailment
from synth.models import ModelNotFound
from synth.parsed import Parsed
from tests.stages.test_synthesize import GOOD, answer, conversation, drive, l2_row

PASSAGE = "Cron runs commands at fixed times. It was written in 1975."


def save(folder: Path, entailed: float, labels: tuple[str, ...] = ("contradiction", "neutral", "entailment")) -> Path:
    """A model that finds everything entailed, or nothing: by the bias of its last layer."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *PASSAGE.lower().replace(".", " .").split()]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    named = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=128, **named).save_pretrained(folder)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(
        vocab_size=len(vocabulary), max_position_embeddings=128, id2label=dict(enumerate(labels)), **size
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0] * (len(labels) - 1) + [entailed]))
    model.save_pretrained(folder)
    return folder


class Told:
    """Stands in for the model where only its answers matter: what each sentence gets, and what was asked."""

    def __init__(self, *probabilities: float) -> None:
        self.left, self.asked = list(probabilities), []

    def predict(self, passage: str, sentences: Any) -> list[float]:
        self.asked += sentences
        return [self.left.pop(0) for _ in sentences]


def judged(parsed: Parsed, model: Any, drop: str | None = None, task: str = "blog", least: float = 0.5) -> Verdict:
    verdict = Verdict(parsed, {"format.drop": drop}, drop)
    return judge_entailment(task, verdict, PASSAGE, model, EntailmentConfig(min_probability=least))


def test_the_least_probable_sentence_decides() -> None:
    text = Parsed("Cron runs commands. It is old.")
    kept, dropped = judged(text, Told(0.9, 0.6)), judged(text, Told(0.9, 0.4))
    assert kept.drop is None and kept.figures["entailment.min"] == 0.6
    assert dropped.drop == dropped.figures["entailment.drop"] == "not_entailed"
    assert judged(text, Told(0.9, 0.4), least=0.3).drop is None


def test_a_sentence_of_an_answer_is_asked_after_its_question() -> None:
    model = Told(0.9, 0.9)
    judged(Parsed("", "Was it written in 1975?", "Yes. It was written in 1975."), model, task="qa")
    assert model.asked == ["Was it written in 1975? Yes.", "Was it written in 1975? It was written in 1975."]


@pytest.mark.parametrize("change", [{"drop": "copied"}, {"task": "exercise"}])
def test_what_is_rejected_already_or_invents_its_numbers_is_not_asked(change: dict[str, str]) -> None:
    model = Told()
    assert "entailment.min" not in judged(Parsed("Cron runs."), model, **change).figures and not model.asked


@pytest.mark.parametrize(("entailed", "kept"), [(9.0, True), (-9.0, False)])
def test_a_model_of_a_folder_judges_the_outputs_of_a_run(tmp_path: Path, entailed: float, kept: bool) -> None:
    folder = save(tmp_path / "nli", entailed)
    talk = conversation(tasks=("blog",), max_rewrites=1, entailment=EntailmentConfig(model=str(folder)))
    (done,) = drive(plan_row(l2_row(), talk)[:1], talk, lambda asked: answer(asked, GOOD["rewrite"]))
    (row,) = to_table(done.annotations).to_pylist()
    assert (row["fate"] is None, row["entailment.drop"] is None) == (kept, kept)
    assert (row["entailment.min"] > 0.9) == kept


def test_a_passage_longer_than_the_model_takes_is_read_in_windows(tmp_path: Path) -> None:
    model = load_entailment(str(save(tmp_path / "nli", 9.0)))
    assert isinstance(model, Entailment)
    found = model.predict(f"{PASSAGE} " * 40, ["cron runs commands .", "it was written", "不存在 😀 \x00"])
    assert len(found) == 3 and min(found) > 0.99
    assert model.predict("", ["x"])[0] > 0.99


def test_a_model_that_is_not_there_or_tells_no_entailment_stops_the_run_before_it_starts(tmp_path: Path) -> None:
    other = save(tmp_path / "other", 1.0, ("bad", "good"))
    with pytest.raises(ModelNotFound, match="none of them entailment"):
        check_entailment(str(other))
    for where, said in ((str(other), "none of them entailment"), ("no model", "is not there")):
        with pytest.raises(UsageError, match=said):
            check_inference(load_settings(None, [f'l3.synthesize.entailment.model="{where}"']))
    check_inference(load_settings(None, []))


def test_the_weights_of_the_model_are_part_of_the_plan(tmp_path: Path) -> None:
    def identity(*options: str) -> Any:
        return synthesis_identity(load_settings(None, list(options)))["entailment"]

    assert identity() is None
    folder = save(tmp_path / "nli", 1.0)
    before = identity(f'l3.synthesize.entailment.model="{folder}"')
    save(folder, 2.0)
    assert before["name"] == "nli" and identity(f'l3.synthesize.entailment.model="{folder}"') != before
