# make run    sets everything up in .venv, then builds L0 to L3 from the bundled crawl
# make test   sets everything up in .venv, then runs the tests
# make lint   ruff and the type checker; make setup only installs; make clean removes .venv
# make docs   writes the pages in docs/verbs anew, from the command line
#
# PYTHON=/path/to/python picks the interpreter; ARGS="..." is passed on to `governance run` or to pytest:
# make test ARGS="-n 0 -x --pdb" runs the tests in one process, in which a debugger can be used.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH_INDEX := https://download.pytorch.org/whl/cpu
# Ours is frozen: pip's notice of a newer pip is noise.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP := $(BIN)/python -m pip install --quiet
# uv compiles nothing when it installs. Where this is set, every process that starts would compile what it imports anew.
unexport PYTHONDONTWRITEBYTECODE

# Two processes take the test files in turn, in the order of their names, so that what a file builds is built once.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

# The first interpreter of a version we support that can also make a virtual environment.
SUPPORTED := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
FIND_PYTHON = for p in python3.11 python3.12 python3 python; do "$$p" -c "$(SUPPORTED)" 2>/dev/null && echo "$$p" && break; done

.PHONY: setup run test lint format docs clean
.DEFAULT_GOAL := run

run: $(STAMP)
	$(BIN)/governance run --level L3 $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ty check

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)
	$(BIN)/python -m docs.make_verbs

setup: $(STAMP)

clean:
	rm -rf $(VENV)

# The stamp is written last, so a set-up that was interrupted is taken up again by the next make.
$(STAMP): constraints.txt pyproject.toml
	@if [ "$$(uname -s)" != Linux ]; then \
	  echo "make: this runs on Linux (x86-64 or arm64); elsewhere use a Linux container, or WSL" >&2; exit 1; \
	fi
	@python="$${PYTHON:-$$($(FIND_PYTHON))}"; \
	if [ -z "$$python" ] || ! "$$python" -c "$(SUPPORTED)"; then \
	  echo "make: no usable Python 3.11 or 3.12 with venv and pip ($${python:-none found})." >&2; \
	  echo "      Debian, Ubuntu: apt install python3.11 python3.11-venv" >&2; \
	  echo "      or name one: make PYTHON=/path/to/python3.11" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version): 3.5 GB on disk, about a minute on a fast network"; \
	"$$python" -m venv $(VENV)
	@$(PIP) --constraint constraints.txt uv
	@# pip, not uv, for torch: a machine whose pip configuration knows a CPU wheel then needs no other index. Few retries,
	@# so that where the PyTorch index cannot be reached the answer comes in seconds.
	@echo "Installing the CPU build of torch"
	@$(PIP) --no-deps --retries 1 --timeout 20 --extra-index-url $(TORCH_INDEX) --constraint constraints.txt torch
	@echo "Installing the frozen set in constraints.txt"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --requirement constraints.txt || { \
	  echo "uv did not find everything; trying pip, which reads your pip configuration (some minutes)" >&2; \
	  $(PIP) --no-deps --requirement constraints.txt; }
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
