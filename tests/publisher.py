"""Runs `governance publish` in forked children of one process that has imported everything, with an environment each.

The hub's client reads its address once, when it is imported, so the parent starts with the address of the server that
all tests of a session share. The tests' own process is offline and stays so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.command_line import Said
from tests.hub_handler import TOKEN

ROOT = Path(__file__).resolve().parent.parent


def environment(endpoint: str, home: Path) -> dict[str, str]:
    """The variables of a user who is on line, with a token, and a cache of his own."""
    kept = {name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "HF_TOKEN")}
    return kept | {
        "HF_ENDPOINT": endpoint, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(home / "hf"),
        "XDG_CACHE_HOME": str(home / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip


@dataclass
class Publisher:
    """The parent of the children."""

    endpoint: str
    folder: Path
    children: int = 0
    _process: Any = field(default=None, repr=False)

    def __enter__(self) -> Publisher:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.publisher"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment(self.endpoint, self.folder), cwd=ROOT,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()

    def start(self, *words: str, cwd: str = str(ROOT), **env: str) -> int:
        """Begin a command in a folder; returns the child's process id. ``wait`` must follow."""
        self.children += 1
        said = str(self.folder / f"said-{self.children}")
        told = {"words": words, "cwd": cwd, "env": {**_of_s3(), **env}, "said": said}
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def wait(self) -> Said:
        """What the command answered; a code below 0 is the signal that ended it."""
        code = int(self._process.stdout.readline())
        out, err = (self.folder / f"said-{self.children}.{name}" for name in ("out", "err"))
        return Said(code, out.read_text(), err.read_text())

    def __call__(self, *words: str, cwd: str = str(ROOT), **env: str) -> Said:
        """Run a command to its end."""
        self.start(*words, cwd=cwd, **env)
        return self.wait()


def _of_s3() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def _child(told: dict[str, Any]) -> None:
    """Become the command. Errors: SystemExit."""
    os.environ.update({name: value for name, value in told["env"].items() if value})
    for name in [name for name, value in told["env"].items() if not value]:
        os.environ.pop(name, None)
    for stream, name in ((1, "out"), (2, "err")):
        target = os.open(f"{told['said']}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(target, stream)
    sys.stdin.close()
    os.chdir(told["cwd"])
    sys.argv = ["governance", *told["words"]]
    from governance.cli import main

    main()


def _serve() -> None:
    import httpx2
    import huggingface_hub.hf_api
    import jinja2

    from governance import publish

    loaded = (httpx2, huggingface_hub.hf_api, jinja2, publish)
    assert all(loaded)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                _child(json.loads(line))
            except SystemExit as left:
                code = left.code
            except BaseException:
                import traceback

                traceback.print_exc()
                code = 70
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(code or 0))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
