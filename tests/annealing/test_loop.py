"""Training runs: they learn, resume bit by bit after any stop, skip what goes wrong, and save what others can load."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from annealing import checkpoint, plan
from annealing.errors import DataChanged, Diverged, TrainerError
from annealing.model import Model
from annealing.recipe import Data, Optimizer, Recipe, Safety

from .conftest import losses, stop_at, train, write_jsonl


def test_a_run_learns_and_says_what_it_used(recipe: Recipe, tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    summary = train(recipe, said.append)
    curve = [float(loss) for _, loss in losses(tmp_path / "run")]
    assert len(curve) == 40 and sum(curve[-5:]) < 0.8 * sum(curve[:5])
    assert summary["tokens"] == 40 * 256 and len(summary["sources"]) == 2
    assert sum(one["rows"] for one in summary["sources"].values()) == 40 * 4
    assert {"loss", "lr", "tokens_per_s", "data_wait", "memory_gib", "left_s"} <= said[-1].keys()


def test_a_stopped_run_goes_on_bit_by_bit_once_twice_and_three_times(recipe: Recipe, tmp_path: Path) -> None:
    whole = replace(recipe, output=str(tmp_path / "whole"))
    train(whole)
    for step in (3, 19, 31):
        assert train(recipe, stop_at(step))["stopped"]
        recipe = replace(recipe, machine=replace(recipe.machine, threads=step))
    train(recipe)
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    one, other = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("run", "whole"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_killed_run_goes_on_bit_by_bit_and_what_it_was_writing_is_removed(recipe: Recipe, tmp_path: Path) -> None:
    recipe = replace(recipe, safety=replace(recipe.safety, every_steps=2))
    train(replace(recipe, output=str(tmp_path / "whole")))
    script = (
        "import pickle, sys\nfrom annealing import loop, plan\n"
        "loop.run(plan.make(pickle.load(sys.stdin.buffer)), lambda event: print('step', flush=True))"
    )
    import pickle

    for lines in (3, 8, 15):
        child = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(pickle.dumps(recipe))
        child.stdin.close()
        for _ in range(lines):
            child.stdout.readline()
        child.kill()
        child.wait()
        child.stdout.close()
    torn = tmp_path / "run" / "checkpoints" / ".writing-step-000000039"
    torn.mkdir(parents=True, exist_ok=True)
    train(recipe)
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    assert not torn.exists()


def test_a_finished_run_is_not_trained_again(recipe: Recipe) -> None:
    first = train(recipe)
    assert train(recipe, lambda event: pytest.fail("it trained")) == first


def test_other_data_and_another_recipe_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "own" / "a.jsonl", range(300))
    phase = replace(recipe.phases[0], data=(Data(str(tmp_path / "own"), max_epochs=20),))
    recipe = replace(recipe, phases=(phase,))
    assert train(recipe, stop_at(9))["stopped"]
    with pytest.raises(DataChanged, match="another recipe"):
        train(replace(recipe, seed=1))
    write_jsonl(tmp_path / "own" / "b.jsonl", range(300, 310))
    with pytest.raises(DataChanged, match="or data"):
        train(recipe)


def test_checkpoints_are_pruned_and_milestones_kept(recipe: Recipe, tmp_path: Path) -> None:
    train(replace(recipe, safety=Safety(every_steps=4, keep_last=2, milestone_tokens=256 * 16)))
    names = [path.name for path in checkpoint.listed(tmp_path / "run")]
    assert names == ["step-000000016-kept", "step-000000032-kept", "step-000000036", "step-000000040"]


def test_what_is_saved_loads_in_transformers_and_writes_text(recipe: Recipe, tmp_path: Path) -> None:
    import transformers

    train(recipe)
    for folder in (tmp_path / "run" / "model", checkpoint.listed(tmp_path / "run")[-1]):
        model = transformers.AutoModelForCausalLM.from_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        ids = tokenizer("The river", return_tensors="pt", return_token_type_ids=False)
        found = model.generate(**ids, max_new_tokens=8, do_sample=False, pad_token_id=1)
        assert tokenizer.decode(found[0]).startswith("The river")


def test_the_loss_is_that_of_a_plain_loop(recipe: Recipe, start: Path, tmp_path: Path) -> None:
    """200 steps of plain PyTorch with transformers' model, on the rows that the stream gives."""
    import transformers

    # Calm enough that rounding does not grow into another course, and no step is left out.
    phase = replace(recipe.phases[0], tokens=200 * 256, warmup_tokens=2560, lr=1e-3)
    recipe = replace(recipe, phases=(phase,), safety=Safety(every_steps=1000, spike_deviations=1e9))
    assert train(recipe)["skipped"] == 0
    ready = plan.make(recipe)
    from annealing.pool import Pool
    from annealing.stream import Stream

    stream = Stream(ready.mix(phase), Pool(ready.tokenizer, holdout=recipe.holdout), 64, recipe.seed)
    model = transformers.AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    matrices = [weight for weight in model.parameters() if weight.dim() == 2]
    norms = [weight for weight in model.parameters() if weight.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=1e-8)
    for step, (_, ours) in enumerate(losses(tmp_path / "run")):
        batch = stream.batch(4)
        assert batch is not None
        logits = model(torch.from_numpy(batch.tokens)).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(batch.targets).flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = ready.decays[0].at(step)
        optimizer.step()
        assert float(ours) == pytest.approx(loss.item(), rel=1e-3), f"step {step}"
    assert step == 199


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_step_that_is_no_number_is_skipped_and_counted(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plain, calls = Model.forward, [0]

    def forward(self: Model, *rest: Any) -> Any:
        calls[0] += 1
        return plain(self, *rest) * (float("nan") if calls[0] == 6 else 1.0)

    monkeypatch.setattr(Model, "forward", forward)
    summary = train(replace(recipe, optimizer=Optimizer(name)))
    curve = [float(loss) for _, loss in losses(tmp_path / "run")]
    assert summary["skipped"] == 1
    assert [number for number, loss in enumerate(curve) if loss != loss] == [5]
    assert curve[-1] < curve[0]


def test_a_run_that_only_skips_gives_up(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Model.forward
    monkeypatch.setattr(Model, "forward", lambda self, *rest: plain(self, *rest) * float("inf"))
    with pytest.raises(Diverged, match="in a row"):
        train(replace(recipe, safety=Safety(max_skipped=5)))


def test_batches_on_the_list_are_drawn_and_not_trained_on(recipe: Recipe, tmp_path: Path) -> None:
    summary = train(replace(recipe, safety=Safety(skip_steps=(4, 5))))
    assert len(losses(tmp_path / "run")) == 38 and summary["steps"] == 40


def test_a_run_branches_from_a_checkpoint_with_its_moments_and_its_rate(recipe: Recipe, tmp_path: Path) -> None:
    train(replace(recipe, safety=Safety(every_steps=10, keep_last=9)))
    trunk = tmp_path / "run" / "checkpoints" / "step-000000010"
    decay = replace(recipe.phases[1], name="branch")
    branch = replace(recipe, phases=(decay,), start=str(trunk), output=str(tmp_path / "branch"))
    assert plan.make(branch).decays[0].lr == pytest.approx(3e-3)
    assert train(branch)["steps"] == 20
    with pytest.raises(TrainerError, match="no learning rate"):
        plan.make(replace(recipe, phases=(decay,)))


def test_data_too_short_for_the_schedule_is_refused_before_anything_runs(recipe: Recipe) -> None:
    phase = replace(recipe.phases[0], tokens=10**7)
    with pytest.raises(TrainerError, match="all epochs counted") as caught:
        plan.make(replace(recipe, phases=(phase,)))
    assert "set its tokens to" in caught.value.remedy


def test_a_preset_needs_a_tokenizer_that_fits(recipe: Recipe) -> None:
    with pytest.raises(TrainerError, match="no tokenizer of its own"):
        plan.make(replace(recipe, start="5m"))
    with pytest.raises(TrainerError, match="neither a preset nor a folder"):
        plan.make(replace(recipe, start="9m"))


def test_a_wrong_recipe_ends_with_one_message_and_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('strat = "5m"\n')
    done = subprocess.run(
        [sys.executable, "-m", "annealing", str(tmp_path / "r.toml")], capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 1 and "did you mean start?" in done.stderr and "Traceback" not in done.stderr


def test_a_spike_is_skipped_and_an_ordinary_step_is_not() -> None:
    from annealing.optimizer import Guard

    guard, chance = Guard(6.0, torch.device("cpu")), torch.Generator().manual_seed(0)
    for _ in range(300):  # norms over two orders of magnitude, as small batches have them
        loss, norm = 3.0 + 0.1 * torch.randn((), generator=chance), torch.randn((), generator=chance).exp()
        assert guard.judge(loss, norm).item() == 0.0
    for loss, norm in ((9.0, 1.0), (3.0, 1e6), (float("nan"), 1.0), (3.0, float("inf"))):
        assert guard.judge(torch.tensor(loss), torch.tensor(norm)).item() == 1.0
    assert guard.judge(torch.tensor(3.0), torch.tensor(1.0)).item() == 0.0
    assert guard.skipped.item() == 4 and guard.in_a_row.item() == 0
