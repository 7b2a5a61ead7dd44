"""Run fastText's training in a process of its own: python fit.py '{"input": ..., "output": ..., "train": {...}}'.

With one thread fastText (0.9.2) fills only the first tenth of its matrix and reads the rest as it finds it. In a fresh
process a large matrix is memory that the kernel has just zeroed, so the same input gives the same model; in a process
that has lived, it is whatever lay there before: another model every time, or "Encountered NaN".
"""

from __future__ import annotations

import json
import sys


def main(job: dict) -> None:
    """Train one model by the job handed over: input, settings, quantisation, output."""
    import fasttext

    model = fasttext.train_supervised(job["input"], verbose=0, **job["train"])
    if job["quantise"] is not None:
        model.quantize(input=job["input"], qnorm=True, verbose=0, **job["quantise"])
    model.save_model(job["output"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
