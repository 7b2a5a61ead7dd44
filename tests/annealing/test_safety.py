"""What can happen to a run: other numbers of processes, a kill in the middle of a save, SIGTERM, and switches."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from annealing import checkpoint, recipe, report
from annealing.errors import TrainerError
from annealing.recipe import Data, Optimizer, Recipe, Safety

from ..conftest import S3Server
from .conftest import losses, stop_at, train

ROOT = Path(__file__).parents[2]


def shorter(recipe: Recipe, steps: int, **changes: Any) -> Recipe:
    """The first phase alone, of so many steps."""
    phase = replace(recipe.phases[0], tokens=steps * 256, warmup_tokens=0, **changes)
    return replace(recipe, phases=(phase,), safety=Safety(every_steps=7))


def write_toml(path: Path, start: str, data: str) -> Path:
    """Thirty steps of four rows, with an average of the weights."""
    path.write_text(f'''
start = "{start}"
[machine]
log_every = 1
compile = "no"
[optimizer]
ema = 0.9
[[phase]]
name = "all"
tokens = {30 * 256}
seq_len = 64
batch_tokens = 256
lr = 3e-3
[[phase.data]]
path = "{data}"
''')
    return path


def two_processes(toml: Path, output: Path, stop: int = 0) -> str:
    """Train under torchrun, FSDP2 over gloo; with ``stop``, torchrun gets SIGTERM once that step is told of."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m",
               "annealing", str(toml), "--output", str(output)]  # fmt: skip
    child = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert child.stderr is not None
    told = []
    for line in child.stderr:
        told.append(line)
        if stop and line.startswith(f"{stop}/"):
            child.send_signal(signal.SIGTERM)
    child.wait()
    child.stderr.close()
    assert stop or child.returncode == 0, "".join(told)[-3000:]
    return "".join(told)


def test_a_run_is_stopped_and_goes_on_with_another_number_of_processes(recipe: Recipe, tmp_path: Path) -> None:
    """Two processes, then one, then two: the rows of the unbroken run, and its losses but for rounding."""
    toml = write_toml(tmp_path / "r.toml", recipe.start, recipe.phases[0].data[0].path)
    whole = load(toml, tmp_path / "whole")
    train(whole)
    output = tmp_path / "run"
    two_processes(toml, output, stop=6)
    saved = [path.name for path in checkpoint.listed(output)]
    assert len(saved) == 1, "SIGTERM of several processes is one save"
    step = int(saved[0].removeprefix("step-"))
    assert 6 <= step < 29 and not (output / "run.json").exists()
    assert train(load(toml, output), stop_at(step + 1))["stopped"]
    told = two_processes(toml, output)
    assert told.count("goes on at step") == 1, "one process speaks"
    assert [number for number, _ in losses(output)] == [str(number) for number in range(1, 31)]
    pairs = zip(losses(output), losses(tmp_path / "whole"), strict=True)
    assert max(abs(float(one) / float(other) - 1) for (_, one), (_, other) in pairs) < 1e-3
    one, other = (checkpoint.read_state(checkpoint.listed(place)[-1]) for place in (output, tmp_path / "whole"))
    assert one["data"] == other["data"], "the same rows were drawn"
    for name in ("model", "model-ema"):
        one, other = (load_file(place / name / "model.safetensors") for place in (output, tmp_path / "whole"))
        assert all(torch.allclose(one[key], other[key], atol=2e-3) for key in other)
    json.loads((output / "run.json").read_text())


def load(toml: Path, output: Path) -> Recipe:
    return replace(recipe.load(str(toml)), output=str(output))


# How a process is killed while it saves: half of a file, all but the name, all but the old one's removal.
_KILLER = """
import os, pathlib, pickle, shutil, sys
from annealing import checkpoint, loop, plan
die = lambda *rest, **more: os.kill(os.getpid(), 9)
remove = shutil.rmtree
if sys.argv[1] == "file":
    checkpoint.save_file = lambda tensors, path: (path.write_bytes(b"half"), die())
elif sys.argv[1] == "name":
    pathlib.Path.rename = die
else:
    shutil.rmtree = lambda path, **more: die() if path.name.startswith("step-") and path.exists() else None
loop.run(plan.make(pickle.load(sys.stdin.buffer)))
"""


def test_a_kill_in_the_middle_of_a_save_leaves_the_checkpoint_before_and_the_same_run(
    recipe: Recipe, tmp_path: Path
) -> None:
    recipe = replace(shorter(recipe, 14), safety=Safety(every_steps=5, keep_last=1))
    train(replace(recipe, output=str(tmp_path / "whole")))
    left = {"file": [], "name": [], "removal": ["step-000000005", "step-000000010"]}
    for point, expected in left.items():
        done = subprocess.run([sys.executable, "-c", _KILLER, point], input=pickle.dumps(recipe), cwd=ROOT, timeout=120)
        assert done.returncode == -signal.SIGKILL
        assert [path.name for path in checkpoint.listed(tmp_path / "run")] == expected
    for path in checkpoint.listed(tmp_path / "run"):
        assert checkpoint.read_state(path)["step"] and load_file(path / checkpoint.MOMENTS)
    train(recipe)
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    assert not list((tmp_path / "run" / "checkpoints").glob(".writing-*"))


def test_a_run_stopped_before_its_first_step_was_taken_goes_on(recipe: Recipe, tmp_path: Path) -> None:
    recipe = replace(shorter(recipe, 8), safety=Safety(every_steps=2, skip_steps=(0, 1, 2)))
    assert train(recipe, lambda event: os.kill(os.getpid(), signal.SIGTERM))["stopped"]
    train(recipe)
    train(replace(recipe, output=str(tmp_path / "whole")))
    assert losses(tmp_path / "run") == losses(tmp_path / "whole") and len(losses(tmp_path / "run")) == 5


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_the_deterministic_mode_gives_the_same_bits_twice_and_over_a_stop(
    recipe: Recipe, tmp_path: Path, name: str
) -> None:
    recipe = replace(shorter(recipe, 16), optimizer=Optimizer(name))
    recipe = replace(recipe, machine=replace(recipe.machine, deterministic=True))
    curves = []
    try:
        for place in ("one", "other"):
            one = replace(recipe, output=str(tmp_path / place))
            if place == "other":
                assert train(one, stop_at(9))["stopped"]
            assert torch.are_deterministic_algorithms_enabled() or place == "one"
            train(one)
            curves.append((losses(tmp_path / place), load_file(tmp_path / place / "model" / "model.safetensors")))
    finally:
        torch.use_deterministic_algorithms(False)
    assert curves[0][0] == curves[1][0]
    assert all(torch.equal(weight, curves[1][1][key]) for key, weight in curves[0][1].items())
    steps = [float(loss) for _, loss in curves[0][0]]
    assert sum(steps[-4:]) < 0.9 * sum(steps[:4])


def test_without_tensorboard_asking_for_it_says_what_to_install(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainerError, match="tensorboard is not installed") as caught:
        train(replace(shorter(recipe, 2), machine=replace(recipe.machine, tensorboard=True)))
    assert "pip install tensorboard" in caught.value.remedy


def test_with_tensorboard_every_logged_step_is_written_to_it(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, float, int]] = []

    class Board:  # takes what torch's own writer takes, which needs the package
        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def close(self) -> None:
            written.append(("closed", 0.0, 0))

    monkeypatch.setattr(report, "_board", lambda output: Board())
    train(replace(shorter(recipe, 3), machine=replace(recipe.machine, tensorboard=True)))
    curve = [value for name, value, _ in written if name == "loss"]
    assert curve == [float(loss) for _, loss in losses(tmp_path / "run")] and written[-1][0] == "closed"


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT"])
def test_data_on_s3_gives_the_run_that_the_same_data_on_disk_gives(
    recipe: Recipe, corpus: Path, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    from manifests.store import Store

    prefix = f"{s3_server.url}/{uuid.uuid4().hex}"
    for path in corpus.rglob("*.*"):
        Store(prefix).put(str(path.relative_to(corpus)), path.read_bytes())
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv(variable, s3_server.endpoint)
    data = (Data(f"{prefix}/web", 0.7, 9, name="web"), Data(f"{prefix}/refined", 0.3, 9, name="refined"))
    here = tuple(replace(one, path=str(corpus / one.name)) for one in data)
    for place, sources in (("run", data), ("disk", here)):
        summary = train(replace(shorter(recipe, 4, data=sources), output=str(tmp_path / place)))
        assert set(summary["sources"]) == {"web", "refined"}
    assert losses(tmp_path / "run") == losses(tmp_path / "disk")
    with pytest.raises(TrainerError, match="not there"):
        train(shorter(recipe, 4, data=(Data(f"{prefix}/none"),)))


def test_a_run_with_mup_is_written_as_the_plain_llama_that_transformers_reads(
    recipe: Recipe, tmp_path: Path, tokenizer: Any
) -> None:
    import transformers

    from annealing import weights
    from annealing.model import Model
    from annealing.shape import read_shape

    mup = replace(shorter(recipe, 2), start="5m", tokenizer=str(tokenizer.folder), mup=True)
    train(mup)
    newest = checkpoint.listed(tmp_path / "run")[-1]
    shape = read_shape(newest)  # a checkpoint keeps the factors, for the run that goes on from it
    assert shape.mup
    trained = Model(shape)
    weights.load(newest, trained)
    plain = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model", dtype=torch.float32)
    assert type(plain).__name__ == "LlamaForCausalLM"
    ids = torch.randint(0, tokenizer.size, (1, 40))
    with torch.no_grad():
        ours, theirs = trained.logits(ids), plain(ids).logits
    assert torch.nn.functional.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 0.9999
    assert (ours - theirs).abs().max() < 0.02 * ours.abs().max()  # the model is written in bfloat16
