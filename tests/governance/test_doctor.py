"""The doctor names what is wrong and how to mend it, and passes what is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from governance import doctor
from governance.doctor import Check
from governance.errors import RunError


def test_this_environment_has_everything_that_is_installed() -> None:
    """What `make` installed must pass; disk and the files of the checkout are not its business."""
    failed = [check for check in doctor.checks() if check.required and not check.ok]
    assert [check for check in failed if check.name not in ("disk", "classifiers")] == []


def test_the_bundled_classifiers_are_found() -> None:
    check = doctor.bundled_classifiers()
    assert check.ok, check.found


def test_checks_leave_heavy_modules_alone() -> None:
    code = "import sys; from governance import doctor; doctor.checks(); print([m for m in {!r} if m in sys.modules])"
    heavy = ["torch", "vllm", "ray", "fasttext", "pyarrow", "transformers", "numba"]
    done = subprocess.run([sys.executable, "-c", code.format(heavy)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_failing_check_names_a_remedy(tmp_path: Path) -> None:
    failing = [
        doctor.python_version((3, 10)),
        doctor.platform_supported("darwin", "arm64"),
        doctor.platform_supported("linux", "aarch64"),
        doctor.version_within("pytest", "1", "2", "a reason"),
        doctor.version_within("no-such-package-at-all", "1", "2", "a reason"),
        doctor.ray_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "absent")}),
        doctor.s3_credentials({}),
        doctor.imports("no_such_module_at_all"),
    ]
    assert [(check.name, check.ok) for check in failing if check.ok or not check.remedy or not check.found] == []


@pytest.mark.parametrize(("running", "ok"), [((3, 10), False), ((3, 11), True), ((3, 12), True), ((3, 13), False)])
def test_python_is_within_what_the_frozen_set_has_wheels_for(running: tuple[int, int], ok: bool) -> None:
    assert doctor.python_version(running).ok is ok


def test_version_bounds_are_lower_inclusive_and_upper_exclusive() -> None:
    found = doctor.version_within("pytest", "0", "999", "").found
    assert doctor.version_within("pytest", found, "999", "").ok
    assert not doctor.version_within("pytest", "0", found, "").ok


def test_frozen_set_names_what_differs_and_heeds_markers(tmp_path: Path) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text("# a comment\n\npytest==0.1\nno-such-package==1.0 ; sys_platform == 'plan9'\n")
    check = doctor.frozen_set(file)
    assert not check.ok
    assert "pytest==0.1" in check.found
    assert "no-such-package" not in check.found


def test_frozen_set_without_a_file_compares_nothing(tmp_path: Path) -> None:
    check = doctor.frozen_set(tmp_path / "constraints.txt")
    assert check.ok
    assert "not compared" in check.found


def test_fasttext_predict_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"fasttext-predict": "0.9.2"}
    monkeypatch.setattr(doctor, "_version", versions.get)
    check = doctor.fasttext_trains()
    assert not check.ok
    assert "uninstall" in check.remedy


def test_a_fasttext_module_that_cannot_train_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "FastText.py").write_text("def load_model(path): ...\n")
    monkeypatch.setattr(doctor, "_folder", lambda _: tmp_path)
    assert not doctor.fasttext_trains().ok


@pytest.mark.parametrize(
    ("cuda", "gpu", "ok", "required"),
    [
        ("None", False, True, False),
        ("'12.8'", True, True, False),
        ("None", True, False, False),
        ("'12.8'", False, False, True),
    ],
)
def test_torch_build_fits_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cuda: str, gpu: bool, ok: bool, required: bool
) -> None:
    """A CUDA build without a GPU is a fault; a CPU build beside a GPU only leaves it idle."""
    (tmp_path / "version.py").write_text(f"__version__ = '2.13.0'\ncuda: Optional[str] = {cuda}\n")
    monkeypatch.setattr(doctor, "_folder", lambda _: tmp_path)
    monkeypatch.setattr(doctor, "has_gpu", lambda: gpu)
    check = doctor.torch_build()
    assert check.ok is ok
    assert ok or check.required is required


def test_a_missing_module_is_reported_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_folder", lambda _: None)
    monkeypatch.setattr(doctor, "_version", lambda _: None)
    found = [doctor.torch_build(), doctor.vllm_installed(), doctor.language_model(), doctor.writing_model()]
    assert [check.name for check in found if not check.ok] == ["torch", "vllm", "language model", "writing model"]
    assert not doctor.fasttext_trains().ok
    assert not doctor.bundled_classifiers().ok


def test_linux_on_arm_is_untested_and_other_systems_are_not_supported() -> None:
    assert doctor.platform_supported("linux", "x86_64").ok
    assert not doctor.platform_supported("linux", "aarch64").required
    assert doctor.platform_supported("darwin", "arm64").required


def test_disk_space_is_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert str(tmp_path) in doctor.disk_space(str(tmp_path / "not" / "yet" / "there")).found


def test_too_little_disk_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "MIN_DISK_GIB", 1e9)
    check = doctor.disk_space(str(tmp_path))
    assert not check.ok
    assert check.required


def test_shared_memory_that_is_not_mounted_is_no_fault(tmp_path: Path) -> None:
    assert doctor.shared_memory(tmp_path / "absent").ok


def test_checks_ask_for_token_and_keys_only_where_they_are_needed() -> None:
    here = {check.name for check in doctor.checks()}
    away = {check.name for check in doctor.checks(output="s3://bucket/corpus", address="ray://head:10001")}
    assert away - here == {"ray token", "s3 credentials"}


def test_ray_token_is_found_in_a_variable_or_a_file(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    assert doctor.ray_token({"RAY_AUTH_TOKEN": "secret"}).ok
    assert doctor.ray_token({"RAY_AUTH_TOKEN_PATH": str(token)}).ok
    assert doctor.ray_token({"RAY_AUTH_MODE": "disabled"}).ok
    assert "secret" not in doctor.ray_token({"RAY_AUTH_TOKEN": "secret"}).found


def test_half_of_an_s3_key_is_found_out() -> None:
    assert not doctor.s3_credentials({"AWS_ACCESS_KEY_ID": "a"}).ok
    assert doctor.s3_credentials({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}).ok
    assert doctor.s3_credentials({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}).ok


def test_a_profile_is_found_and_one_without_keys_is_told(tmp_path: Path) -> None:
    keys = tmp_path / "credentials"
    keys.write_text("[crawls]\naws_access_key_id = a\naws_secret_access_key = b\n")
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(keys), "HOME": str(tmp_path), "AWS_PROFILE": "crawls"}
    assert doctor.s3_credentials(env).ok
    missing = doctor.s3_credentials(env | {"AWS_PROFILE": "other"})
    assert not missing.ok and "'other' holds no keys" in missing.found


def test_only_required_checks_make_the_machine_unhealthy() -> None:
    fine = Check("a", True, "")
    slow = Check("b", False, "", required=False)
    broken = Check("c", False, "")
    assert doctor.healthy([fine, slow])
    assert not doctor.healthy([fine, broken])


BROKEN = Check("c [1]", False, "gone [2]", "get it back")


def test_report_prints_each_finding_and_raises_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "checks", lambda *_: [Check("a", True, "fine"), BROKEN])
    with pytest.raises(RunError, match=r"1 of 2 checks failed: c \[1\]") as raised:
        doctor.report()
    assert raised.value.remedy == "get it back"
    printed = capsys.readouterr().out
    assert "fine" in printed
    assert "gone [2]" in printed
    assert "fix: get it back" in printed


def test_report_as_json_is_one_object(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "checks", lambda *_: [Check("a", True, "fine")])
    doctor.report(as_json=True)
    body = json.loads(capsys.readouterr().out)
    assert body["healthy"] is True
    assert body["checks"][0]["found"] == "fine"
