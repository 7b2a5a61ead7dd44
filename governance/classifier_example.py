"""A commented seed list to begin with: `governance classifier train --example FOLDER`."""

from __future__ import annotations

from pathlib import Path

from governance.errors import UsageError

NAME = "seeds.toml"
EXAMPLE = """\
# What a quality classifier of your own is taught. Edit the sources, then:
#   governance classifier train seeds.toml --output model.bin
# Relative paths start at the folder of this file. docs/classifier.md explains every setting.

language = "en"  # ISO 639-1; every source must be in it
title = "My classifier"
about = \"\"\"
Good for: which pages, of which topics.
Not good for: what the seeds below do not show.
\"\"\"

# [model]  # the defaults are the released Ultra-FineWeb classifiers', a file of 2 GB; smaller:
# dim = 64
# bucket = 200_000
# quantise = true   # a tenth of the size
# threads = 8       # faster, and another model every time

[split]
held_out = 0.1         # share of the documents kept for the figures, by site
ratio = 1.0            # negatives per positive
on_overlap = "refuse"  # or "drop": what to do about a text in both classes

# [contamination]
# sets = ["questions/*.jsonl"]  # seeds that hold their items are left out

# A few thousand documents a side are a start. path: Parquet, JSON Lines or .txt (one document a file); a file, folder,
# glob, s3:// URL, or a list of them.
[[source]]
name = "handbooks"
label = "positive"
path = "positives/*.jsonl"
licence = "CC-BY-4.0"

[[source]]
name = "raw pages"
label = "negative"
path = "negatives/*.parquet"
text = "text"       # column; default: content, else text
cap = 20_000        # documents, at most
licence = "ODC-By"

# Never trained on: what the model is worth on sources it has not seen. Take some of both classes.
[[source]]
name = "other handbooks"
label = "positive"
path = "test/positives.jsonl"
licence = "CC-BY-4.0"
test = true

[[source]]
name = "other raw pages"
label = "negative"
path = "test/negatives.jsonl"
licence = "ODC-By"
test = true
"""


def write_example(folder: str, force: bool) -> None:
    """Write FOLDER/seeds.toml. Errors: UsageError when it is there, or cannot be written."""
    target = Path(folder).expanduser() / NAME
    if target.exists() and not force:
        raise UsageError(f"{target} is there already", "choose another folder, or add --force")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(EXAMPLE, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {str(target)!r}: {error.strerror}", "name a folder that can be made") from error
    print(f"wrote {target}: name your sources in it, then: governance classifier train {target} --output model.bin")
