"""The manifest for KubeRay: what its API demands, what our command understands, and room for what our workers ask."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import ray
import typer
import yaml

from governance import cli
from governance.cluster import _room
from governance.config import Settings
from governance.shuffle import _NEEDS
from governance.tiers import stages_of
from stages.contract import Resources, needs_of

MANIFEST = Path(__file__).resolve().parents[2] / "examples" / "kuberay" / "governance.yaml"
GIB = 1 << 30


@pytest.fixture
def spec() -> dict[str, Any]:
    manifest = yaml.safe_load(MANIFEST.read_text())
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayJob")
    return manifest["spec"]


def test_it_has_what_the_api_of_kuberay_demands(spec: dict[str, Any]) -> None:
    """RayJobSpec and RayClusterSpec of ray.io/v1: known names only, the required ones, and one container a group."""
    assert set(spec) <= {
        "entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "rayClusterSpec",
    }  # fmt: skip
    cluster = spec["rayClusterSpec"]
    assert set(cluster) <= {
        "rayVersion", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec", "workerGroupSpecs",
    }  # fmt: skip
    assert cluster["enableInTreeAutoscaling"] is True
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        (container,) = group["template"]["spec"]["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert container["envFrom"] == [{"secretRef": {"name": "governance-store"}}]
    for group in cluster["workerGroupSpecs"]:
        assert group["groupName"] and group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_its_ray_is_the_one_that_is_installed(spec: dict[str, Any]) -> None:
    assert spec["rayClusterSpec"]["rayVersion"] == ray.__version__


def test_its_command_is_one_of_ours(spec: dict[str, Any]) -> None:
    program, verb, *rest = shlex.split(spec["entrypoint"])
    group: Any = typer.main.get_command(cli.app)
    assert program == "governance"
    group.commands[verb].make_context(verb, rest)


def test_its_head_takes_no_work_and_its_workers_have_room_for_every_kind(spec: dict[str, Any]) -> None:
    cluster = spec["rayClusterSpec"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    rooms = {group["groupName"]: _resources(group) for group in cluster["workerGroupSpecs"]}
    for tier in ("L0", "L1", "L2"):
        assert _fits(rooms["cpu"], needs_of(stages_of(Settings(), tier))) == 16
    assert _fits(rooms["cpu"], _NEEDS) >= 16
    assert _fits(rooms["gpu"], Resources(1, 1, 4)) == 1


def _resources(group: dict[str, Any]) -> dict[str, float]:
    """What Ray has for tasks on a node of a group, if it keeps 30 % of the memory for its object store."""
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    memory = int(limits["memory"].removesuffix("Gi")) * GIB
    return {"CPU": float(limits["cpu"]), "GPU": float(limits.get("nvidia.com/gpu", 0)), "memory": 0.7 * memory}


def _fits(node: dict[str, float], needs: Resources) -> int:
    return _room(node, {"CPU": needs.cpus, "GPU": needs.gpus, "memory": needs.memory_gib * GIB})
