"""A forecast beside the run that it foretold: ``python -m benchmarks.handover_plan``.

``governance plan`` looks at a sample of the bundled crawl, ``governance run`` builds it up to L2, and ``run.json`` sets
documents and bytes of each tier beside each other. CPU-hours are told and not judged: the crawl is so small that
start-up is most of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import report

BAR = 0.25
JUDGED = ("documents", "bytes")


def measure(seconds: float = 10.0) -> tuple[dict[str, Any], list[report.Bar]]:
    """Forecast and actual by tier, and the bar on the largest error. ``seconds``: of the sample, at most."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out")
        for verb in (("plan", "--save", "--seconds", str(seconds)), ("run",)):
            command = [sys.executable, "-m", "governance.cli", *verb, "--level", "L2", "--output", out, "--json"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        told = json.loads((Path(out) / "run.json").read_text(encoding="utf-8"))["forecast"]
    errors = {
        f"{tier} {name}": abs(told[tier][name]["forecast"]["value"] / told[tier][name]["actual"] - 1)
        for tier in ("L0", "L1", "L2")
        for name in JUDGED
    }
    worst = max(errors, key=lambda name: errors[name])
    figures = {"forecast": told, "errors": {name: round(error, 4) for name, error in errors.items()}, "worst": worst}
    return figures, [report.at_most(errors[worst], f"largest error of a forecast ({worst})", BAR, "of the actual")]


def main() -> None:
    """Measure and print."""
    figures, bars = measure()
    report.show(report.body("handover_plan", figures, bars))


if __name__ == "__main__":
    main()
